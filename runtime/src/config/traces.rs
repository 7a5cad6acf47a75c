//! `traces`: from what is written to what can be run.

use std::path::Path;
use std::time::Duration;

use super::file;
use super::plan::Traces;
use super::planner::Planner;
use super::secret::masked;
use super::tls_files::TlsFiles;
use super::written::{Map, Written};

/// Where collectors take traces.
const PATH: &str = "/v1/traces";
/// The port that collectors take OTLP over gRPC at.
const GRPC: &str = ":4317";
/// The share of records without a context that is traced by default.
const SAMPLE: f64 = 0.01;
/// How long a request may take by default, and the shortest and the longest that may be set.
const TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUTS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(300));
/// Headers that belong to the protocol.
const OURS: [&str; 6] =
    ["connection", "content-encoding", "content-length", "content-type", "host", "transfer-encoding"];

/// Reads `traces`. `connects`: its files have to be there.
pub(super) fn traces(planner: &mut Planner<'_>, written: &file::Traces, folder: &Path, connects: bool) -> Traces {
    let endpoint = endpoint(planner, &written.endpoint);
    let sample = sample(planner, written.sample.as_ref());
    let headers = headers(planner, &written.headers);
    let attributes = attributes(planner, &written.attributes);
    let timeout = planner.within_or("traces.timeout", written.timeout.as_ref(), TIMEOUTS.0..=TIMEOUTS.1, TIMEOUT);
    let files = TlsFiles { ca: &written.ca, certificate: &written.certificate, key: &written.key };
    let (ca, certificate) = files.read(planner, "traces", folder, connects);
    let propagate = planner.read_or("traces.propagate", written.propagate.as_ref(), false);
    Traces { endpoint, sample, propagate, headers, attributes, timeout, ca, certificate }
}

fn endpoint(planner: &mut Planner<'_>, written: &Written<String>) -> String {
    let key = "traces.endpoint";
    let Some(read) = planner.read(key, written) else { return String::new() };
    // What came of the environment is not shown, and so nothing is suggested that is made of it.
    let example = format!("an address is like http://collector:4318{PATH}");
    let suggested = |address: String| if read.replaced { example.clone() } else { format!("did you mean {address}?") };
    let url = &read.value;
    let Some(address) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        let help = match url.split_once("://") {
            Some((_, rest)) => suggested(format!("http://{rest}")),
            None if url.is_empty() || url.contains(' ') => example.clone(),
            None => suggested(format!("http://{url}")),
        };
        planner.error_with_help(read.at, format!("{key}: {} is no http:// or https:// address", read.shown), help);
        return String::new();
    };
    let host_end = address.find(['/', '?', '#']).unwrap_or(address.len());
    let (host, path) = address.split_at(host_end);
    if host.contains('@') {
        let message = format!("{key}: credentials do not belong into a URL");
        planner.error_unquoted(
            read.at,
            message,
            "use traces: { headers: { authorization: \"Basic ${CREDENTIALS}\" } }",
        );
    } else if host.is_empty() || url.parse::<ureq::http::Uri>().is_err() || path.contains('#') {
        planner.error_with_help(read.at, format!("{key}: {} is no address of a collector", read.shown), example);
    } else if path.is_empty() || path == "/" {
        let address = format!("{}{PATH}", url.trim_end_matches('/'));
        let message = format!("{key}: {} has no path", read.shown);
        planner.error_with_help(read.at, message, suggested(address));
    } else if host.ends_with(GRPC) {
        let message = format!(
            "{key}: {} has the port that collectors take gRPC at; OTLP over HTTP is mostly at 4318",
            read.shown
        );
        planner.warn(read.at, message);
    }
    read.value
}

fn sample(planner: &mut Planner<'_>, written: Option<&Written<f64>>) -> f64 {
    let Some(read) = written.and_then(|written| planner.read("traces.sample", written)) else { return SAMPLE };
    if !(0.0..=1.0).contains(&read.value) {
        let message = format!("traces.sample: {} is out of bounds; it may be 0 to 1", read.shown);
        if read.value > 1.0 && read.value <= 100.0 && !read.replaced {
            let share = read.value / 100.0;
            planner.error_with_help(read.at, message, format!("{} % is written {share}", read.value));
        } else {
            planner.error(read.at, message);
        }
        return SAMPLE;
    }
    read.value
}

/// Values of headers are secrets, so no line with one is shown.
fn headers(planner: &mut Planner<'_>, written: &Map<Written<String>>) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in &written.entries {
        let lower = name.text.to_ascii_lowercase();
        let key = format!("traces.headers.{lower}");
        let Some(read) = planner.read_secret(&key, value) else { continue };
        planner.record(key.clone(), masked(&value.text).to_owned());
        if OURS.contains(&&*lower) {
            let help = "leave it out; here are headers that the collector asks for, such as authorization";
            planner.error_unquoted(name.at, format!("{key}: this header belongs to the protocol"), help);
        } else if ureq::http::HeaderName::try_from(&*lower).is_err() {
            let help = "a name is letters, digits and -, such as authorization or x-api-key";
            planner.error_unquoted(name.at, format!("{key}: this is no name of a header"), help);
        } else if ureq::http::HeaderValue::try_from(&*read.value).is_err() {
            let help = "a value is one line of text; ${file:PATH} leaves out one line break at the end";
            planner.error_unquoted(value.at, format!("{key}: its value cannot be sent in a header"), help);
        } else if headers.iter().any(|(own, _)| *own == lower) {
            planner.error_unquoted(
                name.at,
                format!("{key}: this header is here twice"),
                "names differ in more than case",
            );
        } else {
            headers.push((lower, read.value));
        }
    }
    headers
}

fn attributes(planner: &mut Planner<'_>, written: &Map<Written<String>>) -> Vec<(String, String)> {
    let mut attributes = Vec::new();
    for (name, value) in &written.entries {
        let key = format!("traces.attributes.{}", name.text);
        if name.text.trim().is_empty() {
            planner.error(name.at, "traces.attributes: an attribute needs a name");
        }
        attributes.extend(planner.read(&key, value).map(|read| (name.text.clone(), read.value)));
    }
    attributes
}

#[cfg(test)]
mod tests {
    use crate::config::plan::Plan;
    use crate::config::{PlanOptions, load_text, print};

    const REST: &str = "\nname: copy\nkafka: { bootstrap.servers: localhost }\ninput: { topics: [a] }\n\
                        outputs: { default: { topic: b } }\n";

    fn planned(traces: &str) -> Result<(Plan, Vec<String>), String> {
        let env = |name: &str| match name {
            "TOKEN" => Some("hunter2".to_owned()),
            "LINES" => Some("hunter2\n3".to_owned()),
            "URL" => Some("http://hunter2".to_owned()),
            _ => None,
        };
        let text = format!("traces: {traces}{REST}");
        let planned = load_text("p.yaml".as_ref(), &text, &env, &PlanOptions::default());
        let planned = planned.map_err(|errors| errors.to_string())?;
        Ok((planned.0, planned.1.iter().map(ToString::to_string).collect()))
    }

    #[test]
    fn an_endpoint_is_enough() {
        let (plan, warnings) = planned("{ endpoint: http://collector:4318/v1/traces }").unwrap();
        let traces = plan.traces.unwrap();
        assert_eq!((traces.sample, traces.propagate, traces.timeout.as_secs()), (0.01, false, 10));
        assert!(warnings.is_empty() && traces.headers.is_empty() && traces.files().next().is_none());
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_write() {
        for (traces, said) in [
            ("{ endpoint: http://c:4318 }", "help: did you mean http://c:4318/v1/traces?"),
            ("{ endpoint: http://c:4318/ }", "help: did you mean http://c:4318/v1/traces?"),
            ("{ endpoint: c:4318/v1/traces }", "help: did you mean http://c:4318/v1/traces?"),
            ("{ endpoint: grpc://c:4317/x }", "help: did you mean http://c:4317/x?"),
            ("{ endpoint: \"\" }", "help: an address is like http://collector:4318/v1/traces"),
            ("{ endpoint: http:///v1/traces }", "is no address of a collector"),
            ("{ endpoint: http://a b/v1 }", "is no address of a collector"),
            ("{ endpoint: http://a/v1#x }", "is no address of a collector"),
            ("{ endpoint: http://bob:hunter2@c/v1/traces }", "credentials do not belong into a URL"),
            ("{ endpoint: \"${URL}\" }", "has no path"),
            ("{ endpoint: http://c/x, sample: 1.5 }", "help: 1.5 % is written 0.015"),
            ("{ endpoint: http://c/x, sample: -1 }", "is out of bounds; it may be 0 to 1"),
            ("{ endpoint: http://c/x, sample: often }", "is not a number"),
            ("{ endpoint: http://c/x, timeout: 10 }", "add a unit, such as 10s"),
            ("{ endpoint: http://c/x, smaple: 1 }", "did you mean \"sample\"?"),
            ("{ endpoint: http://c/x, ca: gone.pem }", "is no file"),
            ("{ endpoint: http://c/x, headers: { content-type: hunter2 } }", "belongs to the protocol"),
            ("{ endpoint: http://c/x, headers: { \"a b\": hunter2 } }", "no name of a header"),
            ("{ endpoint: http://c/x, headers: { a: \"${LINES}\" } }", "cannot be sent in a header"),
            ("{ endpoint: http://c/x, headers: { a: hunter2, A: hunter2 } }", "is here twice"),
            ("{ endpoint: http://c/x, headers: { a: hunter2 }, sample: 2 }", "is out of bounds"),
            ("{ endpoint: http://c/x, headers: { authorization: hunter2 }, smaple: 2 }", "unknown key"),
            ("{ endpoint: http://c/x, headers: { x-team: hunter2 }, smaple: 2 }", "unknown key"),
            ("{ endpoint: http://c/x, headers: { a: [hunter2] } }", "a single value"),
            ("{ sample: 1 }", "the key \"endpoint\" is missing"),
        ] {
            let errors = planned(traces).expect_err(traces);
            assert!(errors.contains(said), "{traces}: {errors}");
            assert!(errors.starts_with("p.yaml:1:") && !errors.contains("hunter2"), "{traces}: {errors}");
        }
    }

    #[test]
    fn a_port_of_grpc_is_a_warning() {
        let (_, warnings) = planned("{ endpoint: http://c:4317/v1/traces }").unwrap();
        assert!(warnings[0].contains("mostly at 4318"), "{warnings:?}");
    }

    #[test]
    fn what_is_printed_means_the_same_and_shows_no_header() {
        let traces = "{ endpoint: https://c/v1/traces, sample: 0.5, propagate: true, timeout: 2s, \
                      attributes: { a.b: c }, headers: { Authorization: \"Bearer ${TOKEN}\", x-key: \"${TOKEN}\", x-plain: hunter2 } }";
        let plan = planned(traces).unwrap().0;
        let headers = &plan.traces.as_ref().unwrap().headers;
        assert_eq!(headers[0], ("authorization".to_owned(), "Bearer hunter2".to_owned()));
        let printed = print(&plan);
        assert!(!printed.contains("hunter2") && !format!("{plan:?}").contains("hunter2"), "{printed}");
        for line in [
            "  sample: 0.5\n",
            "  propagate: true\n",
            "    x-key: ${TOKEN}\n",
            "    x-plain: \"***\"\n",
            "    a.b: c\n",
        ] {
            assert!(printed.contains(line), "{line} {printed}");
        }
        let env = |_: &str| Some("x".to_owned());
        let again = load_text("p.yaml".as_ref(), &printed, &env, &PlanOptions::default()).unwrap().0;
        let (one, other) = (plan.traces.unwrap(), again.traces.unwrap());
        assert_eq!((one.endpoint, one.sample, one.attributes), (other.endpoint, other.sample, other.attributes));
        assert_eq!(one.headers.len(), other.headers.len());
    }
}
