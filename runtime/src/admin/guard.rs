//! What is refused of every request, whatever it asks for: names that are not ours (DNS rebinding), and requests that
//! pages of others make.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::address::Address;
use super::api::Problem;

/// Paths that load balancers and collectors ask for, by names that we do not know.
const PUBLIC: [&str; 3] = ["/livez", "/readyz", "/metrics"];
/// What a page of ours may do: nothing but load its own parts and ask its own server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Which names the endpoint answers to.
#[derive(Clone, Debug)]
pub struct Names {
    /// Whether only this machine can reach it; none: it is a socket, which no browser can reach.
    is_loopback: Option<bool>,
    names: Vec<String>,
}

impl Names {
    /// The names for an address, and others that are known.
    pub fn new(address: &Address, names: Vec<String>) -> Names {
        let is_loopback = match address {
            Address::Tcp(address) => Some(address.ip().is_loopback()),
            Address::Unix(_) => None,
        };
        Names { is_loopback, names }
    }

    fn takes(&self, host: &str) -> bool {
        let Some(is_loopback) = self.is_loopback else { return true };
        let name = without_port(host);
        if self.names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return true;
        }
        let ip = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match (is_loopback, ip) {
            (true, Ok(ip)) => ip.is_loopback(),
            (false, Ok(_)) => true,
            (true, Err(_)) => name.eq_ignore_ascii_case("localhost"),
            (false, Err(_)) => false,
        }
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// Refuses what is not for us, and says in each answer what a browser may do with it.
pub(super) async fn guard(State(names): State<Names>, request: Request, next: Next) -> Response {
    let refused = refusal(&names, &request);
    let mut response = match refused {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    let mut set = |name: header::HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CACHE_CONTROL, "no-store");
    set(header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    response
}

fn refusal(names: &Names, request: &Request) -> Option<Problem> {
    let (headers, path) = (request.headers(), request.uri().path());
    let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"));
    let host = text(header::HOST).unwrap_or_default();
    let is_public = names.is_loopback == Some(false) && PUBLIC.contains(&path);
    let is_twice = headers.get_all(header::HOST).iter().count() > 1;
    if (!names.takes(host) || is_twice) && !is_public {
        let detail = "this Host is not one of this endpoint: name it with --admin-host, or ask by IP address";
        return Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
    }
    if !path.starts_with("/api") {
        return None;
    }
    if text(header::HeaderName::from_static("sec-fetch-site")) == Some("cross-site") || is_foreign(headers, host) {
        return Some(Problem::new(StatusCode::FORBIDDEN, "requests of other sites' pages are refused"));
    }
    None
}

/// Returns whether a page of another origin asks.
fn is_foreign(headers: &HeaderMap, host: &str) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    origins.any(|origin| {
        let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest);
        authority.is_none_or(|authority| !authority.eq_ignore_ascii_case(host))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_address() {
        let names = |address: &str, more: &[&str]| {
            Names::new(&address.parse().unwrap(), more.iter().map(|name| (*name).to_owned()).collect())
        };
        let loopback = names("127.0.0.1:9646", &[]);
        for host in ["localhost", "LOCALHOST:9646", "127.0.0.1:1", "[::1]:9646", "[::1]"] {
            assert!(loopback.takes(host), "{host}");
        }
        for host in ["", "example.com", "localhost.example.com", "10.0.0.1", "evil:9646", "[::2]"] {
            assert!(!loopback.takes(host), "{host}");
        }
        let everywhere = names("0.0.0.0:9646", &["sluice.example.com"]);
        for host in ["10.0.0.1:9646", "sluice.example.com:9646", "[2001:db8::1]"] {
            assert!(everywhere.takes(host), "{host}");
        }
        assert!(!everywhere.takes("localhost") && !everywhere.takes("example.com"));
        assert!(names("unix:/run/x", &[]).takes("anything"));
    }
}
