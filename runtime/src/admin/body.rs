//! What is asked for in a request's body or query: JSON and parameters of a known shape, or a problem that says what is
//! wrong.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::{DeserializeOwned, Error as _, IgnoredAny};
use serde_json::Value;

use super::api::Problem;

/// A body of JSON.
#[derive(Clone, Copy, Debug)]
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<JsonBody<T>, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "the body has to be JSON: send \"Content-Type: application/json\""));
        }
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|error| Problem::new(error.status(), error.body_text()))?;
        read(&bytes).map(JsonBody).map_err(|error| {
            let status = if error.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
            Problem::new(status, format!("the body: {error}"))
        })
    }
}

/// Reads a JSON object, where a number such as 5.0 is an integer, as JSON Schema has it.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    if bytes.trim_ascii_start().starts_with(b"[") {
        // serde would take a list of the fields.
        serde_json::from_slice::<IgnoredAny>(bytes)?;
        return Err(serde_json::Error::custom("expected an object, found a list"));
    }
    serde_json::from_slice(bytes).or_else(|error| {
        let mut value: Value = if error.is_data() { serde_json::from_slice(bytes)? } else { return Err(error) };
        if with_integers(&mut value) { serde_json::from_value(value).map_err(|_| error) } else { Err(error) }
    })
}

/// Writes numbers without a fraction as integers. Returns whether there were others.
fn with_integers(value: &mut Value) -> bool {
    /// Up to here every integer is a number of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) => {
            let float = if number.is_f64() { number.as_f64() } else { None };
            let whole = float.filter(|float| float.fract() == 0.0 && float.abs() <= EXACT);
            let Some(whole) = whole else { return false };
            *value = Value::from(whole as i64);
            true
        }
        Value::Array(items) => items.iter_mut().fold(false, |any, item| with_integers(item) | any),
        Value::Object(fields) => fields.values_mut().fold(false, |any, field| with_integers(field) | any),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Parameters of a query.
#[derive(Clone, Copy, Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Params<T>, Problem> {
        let Query(params) = Query::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.body_text()))?;
        Ok(Params(params))
    }
}

#[cfg(test)]
mod tests {
    use super::super::api::{ExplainRequest, ReplayRequest};
    use super::*;

    #[test]
    fn a_number_without_a_fraction_is_an_integer() {
        let request: ReplayRequest = read(br#"{"limit": 5.0, "partition": 1e1, "offset": 9007199254740993}"#).unwrap();
        assert_eq!(
            (request.limit, request.partition, request.offset),
            (Some(5), Some(10), Some(9_007_199_254_740_993))
        );
        let request: ExplainRequest = read(br#"{"dead_letter": {"partition": 0.0, "offset": 7}}"#).unwrap();
        assert_eq!(request.dead_letter.map(|place| (place.partition, place.offset)), Some((0, 7)));
        for wrong in
            ["{\"limit\": 5.5}", "{\"limit\": -1.0}", "{\"limit\": 1.0, \"limit\": 2, \"x\": 1}", "{\"limit\": \"5\"}"]
        {
            assert!(read::<ReplayRequest>(wrong.as_bytes()).unwrap_err().is_data(), "{wrong}");
        }
        for list in ["[]", "[\"stage\"]", " [null]"] {
            assert!(read::<ReplayRequest>(list.as_bytes()).unwrap_err().is_data(), "{list}");
        }
        for list in [
            r#"{"record": [null, null]}"#,
            r#"{"record": {"headers": [["a", ["aGk="]]]}}"#,
            r#"{"dead_letter": [0, 1]}"#,
        ] {
            assert!(read::<ExplainRequest>(list.as_bytes()).unwrap_err().is_data(), "{list}");
        }
        assert!(!read::<ReplayRequest>(b"{").unwrap_err().is_data());
    }
}
