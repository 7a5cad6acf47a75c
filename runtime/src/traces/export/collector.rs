//! The collector: one request, and what its answer means by OTLP's rules.

use std::sync::Arc;
use std::time::Duration;

use jiff::fmt::rfc2822;
use prost::Message as _;
use ureq::http::{HeaderMap, Request};
use ureq::tls::ClientCert;
use ureq::{Agent, Body};

use crate::config::plan::Traces;
use crate::http::{agent, certificates, private_key, roots};
use crate::rt;
use crate::traces::otlp::message::{Refusal, Response};

const MEDIA_TYPE: &str = "application/x-protobuf";
/// The largest answer that is read.
const LARGEST: u64 = 64 << 10;
/// How much of an answer is shown.
const SHOWN: usize = 200;

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The spans were taken, but for so many.
    Taken {
        /// How many spans were not taken.
        rejected: usize,
        /// Why.
        why: String,
    },
    /// The request may be taken later.
    TryAgain {
        /// When that is, where the collector says so.
        after: Option<Duration>,
        /// Why the request was not taken.
        why: String,
    },
    /// The request will never be taken.
    Refused(String),
}

/// Where spans are sent.
pub(in crate::traces) struct Collector {
    pipeline: Arc<str>,
    url: String,
    headers: Vec<(String, String)>,
    timeout: Duration,
    agent: Agent,
}

impl Collector {
    /// # Errors
    /// A file of certificates cannot be read.
    pub(in crate::traces) fn new(pipeline: &Arc<str>, traces: &Traces) -> anyhow::Result<Collector> {
        let client = match &traces.certificate {
            None => None,
            Some((certificate, key)) => {
                Some(ClientCert::new_with_certs(&certificates(certificate)?, private_key(key)?))
            }
        };
        Ok(Collector {
            pipeline: pipeline.clone(),
            url: traces.endpoint.clone(),
            headers: traces.headers.clone(),
            timeout: traces.timeout,
            agent: agent(roots(traces.ca.as_deref())?, client, traces.timeout),
        })
    }

    /// The pipeline whose spans these are.
    pub(super) fn pipeline(&self) -> &Arc<str> {
        &self.pipeline
    }

    /// The collector's address.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Sends a request, and waits for the answer as long as the plan says, or until `left` is over.
    pub(super) fn post(&self, body: &[u8], left: Option<Duration>) -> Answer {
        let mut request = Request::builder().method("POST").uri(&self.url).header("content-type", MEDIA_TYPE);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = match request.body(body) {
            Ok(request) => request,
            // The plan has checked its parts.
            Err(error) => return Answer::Refused(error.to_string()),
        };
        let timeout = left.map_or(self.timeout, |left| left.min(self.timeout));
        let request = self.agent.configure_request(request).timeout_global(Some(timeout)).build();
        let mut response = match self.agent.run(request) {
            Ok(response) => response,
            Err(error) => return Answer::TryAgain { after: None, why: error.to_string() },
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        match read(response.body_mut()) {
            Ok(body) => understand(status, &headers, &body),
            // Whether it has taken the spans is not known; a collector takes them again.
            Err(error) => Answer::TryAgain { after: None, why: error.to_string() },
        }
    }
}

fn read(body: &mut Body) -> Result<Vec<u8>, ureq::Error> {
    body.with_config().limit(LARGEST).read_to_vec()
}

/// What an answer means.
fn understand(status: u16, headers: &HeaderMap, body: &[u8]) -> Answer {
    match status {
        200..300 => {
            let partial = Response::decode(body).ok().and_then(|response| response.partial_success);
            let (rejected, why) = partial.map_or((0, String::new()), |partial| {
                (usize::try_from(partial.rejected_spans).unwrap_or(0), partial.error_message)
            });
            Answer::Taken { rejected, why }
        }
        429 | 502 | 503 | 504 => {
            Answer::TryAgain { after: retry_after(headers), why: format!("it answers {status}{}", said(headers, body)) }
        }
        300..=399 => Answer::Refused(format!(
            "it answers {status}, and redirects are not followed: write the address that it names into \
             `traces.endpoint`"
        )),
        401 | 403 => Answer::Refused(format!("it answers {status}{}: see `traces.headers`", said(headers, body))),
        404 | 405 => Answer::Refused(format!(
            "it answers {status}{}: the path in `traces.endpoint` is mostly /v1/traces",
            said(headers, body)
        )),
        _ => Answer::Refused(format!("it answers {status}{}", said(headers, body))),
    }
}

/// What an answer says of itself, as the end of a sentence.
fn said(headers: &HeaderMap, body: &[u8]) -> String {
    let is_protobuf =
        headers.get("content-type").is_some_and(|value| value.as_bytes().starts_with(MEDIA_TYPE.as_bytes()));
    let refusal = if is_protobuf { Refusal::decode(body).ok() } else { None };
    let text = refusal.map_or_else(|| String::from_utf8_lossy(body).into_owned(), |refusal| refusal.message);
    let text = clean(&text);
    if text.is_empty() { text } else { format!(" ({text})") }
}

/// The beginning of a foreign text, as it may be logged.
pub(super) fn clean(text: &str) -> String {
    let text: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.trim().to_owned()
}

/// How long to wait, in seconds or until a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    let ms = at.as_millisecond().saturating_sub(rt::unix_ms());
    Some(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderValue;

    use super::*;
    use crate::traces::otlp::message::PartialSuccess;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn an_answer_is_understood_by_its_status() {
        let none = HeaderMap::new();
        assert_eq!(understand(200, &none, b""), Answer::Taken { rejected: 0, why: String::new() });
        for status in [429, 502, 503, 504] {
            let why = format!("it answers {status} (busy)");
            assert_eq!(understand(status, &none, b"busy\n"), Answer::TryAgain { after: None, why });
        }
        for status in [301, 307, 400, 401, 404, 408, 413, 500, 501] {
            assert!(matches!(understand(status, &none, b""), Answer::Refused(_)), "{status}");
        }
    }

    #[test]
    fn a_partial_success_says_how_many_spans_were_not_taken() {
        let partial = PartialSuccess { rejected_spans: 3, error_message: "too old".to_owned() };
        let body = Response { partial_success: Some(partial) }.encode_to_vec();
        assert_eq!(understand(200, &HeaderMap::new(), &body), Answer::Taken { rejected: 3, why: "too old".to_owned() });
        let partial = PartialSuccess { rejected_spans: -3, error_message: String::new() };
        let body = Response { partial_success: Some(partial) }.encode_to_vec();
        assert_eq!(understand(200, &HeaderMap::new(), &body), Answer::Taken { rejected: 0, why: String::new() });
        // A collector that answers with something else has taken them all the same.
        assert_eq!(understand(200, &HeaderMap::new(), b"{}"), Answer::Taken { rejected: 0, why: String::new() });
    }

    #[test]
    fn a_collector_says_when_to_try_again() {
        assert_eq!(retry_after(&headers("retry-after", "7")), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(&headers("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")), Some(Duration::ZERO));
        let far = retry_after(&headers("retry-after", "Fri, 01 Jan 2100 00:00:00 GMT")).unwrap();
        assert!(far > Duration::from_secs(86_400));
        for wrong in ["", "soon", "-1", "1.5"] {
            assert_eq!(retry_after(&headers("retry-after", wrong)), None, "{wrong}");
        }
    }

    #[test]
    fn what_a_refusal_says_is_shown_on_one_line_and_not_without_end() {
        let refusal = Refusal { code: 3, message: "no such\ntenant".to_owned() }.encode_to_vec();
        let shown = said(&headers("content-type", "application/x-protobuf"), &refusal);
        assert_eq!(shown, " (no such tenant)");
        let page = "<html>\u{1b}[31m".to_owned() + &"x".repeat(10_000);
        let shown = said(&HeaderMap::new(), page.as_bytes());
        assert!(shown.len() < 250 && !shown.contains('\u{1b}'), "{shown}");
    }
}
