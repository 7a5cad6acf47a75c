//! The log: its last warnings and errors, and its filter.

use axum::Json;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, header};

use crate::admin::access::Right;
use crate::admin::api::{Level, LogFilter, LogLine, LogLines, Problem};
use crate::admin::route::Routes;
use crate::log;

pub(super) fn add(routes: &mut Routes) {
    let operation = routes.add(Method::GET, "/api/v1/log", Right::Full, lines);
    operation.about("The last 200 warnings and errors.").json::<LogLines>(200);
    let operation = routes.add(Method::PUT, "/api/v1/log-level", Right::Full, set_filter);
    operation.about("Change what is logged.").takes::<LogFilter>().json::<LogFilter>(200);
}

async fn lines() -> Json<LogLines> {
    let line = |line: log::KeptLine| LogLine {
        time: line.time.to_string(),
        level: if line.is_error { Level::Error } else { Level::Warn },
        pipeline: line.pipeline,
        stage: line.stage,
        message: line.message,
        fields: line.fields,
    };
    Json(LogLines { lines: log::kept_lines().into_iter().map(line).collect() })
}

async fn set_filter(headers: HeaderMap, body: Bytes) -> Result<Json<LogFilter>, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the body as application/json"));
    }
    let wrong = |error: &dyn std::fmt::Display| Problem::new(StatusCode::BAD_REQUEST, format!("the body: {error}"));
    let wanted: LogFilter = serde_json::from_slice(&body).map_err(|error| wrong(&error))?;
    log::set_filter(&wanted.filter)
        .map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("this is no filter: {error}")))?;
    tracing::info!(target: "admin", filter = wanted.filter, "the log's filter was changed by an operator");
    Ok(Json(wanted))
}
