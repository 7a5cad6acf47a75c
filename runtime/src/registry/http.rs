//! Requests to a registry by HTTP: several addresses, credentials, TLS, and redirects.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::IgnoredAny;
use serde_json::Value;
use ureq::http::{Method, Request, Response, Uri};
use ureq::tls::ClientCert;
use ureq::{Agent, Body};

use super::error::{RegistryError, RegistryErrorKind};
use crate::config::plan::{Login, SchemaRegistry};
use crate::http::{agent, certificates, private_key, roots};

/// How long one address may take to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// The largest answer.
const LARGEST: u64 = 16 << 20;
/// Redirects that are followed.
const REDIRECTS: usize = 5;
/// What is accepted, and what is sent.
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// An answer: its status, and its body as text.
pub(super) struct Answer {
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) body: String,
}

/// Asks one of several addresses: first the one that has answered last.
pub(super) struct Client {
    urls: Vec<String>,
    current: AtomicUsize,
    authorization: Option<String>,
    // With the client's certificate, for our addresses alone.
    agent: Agent,
    // Without, for where they redirect to.
    stranger: Agent,
}

impl Client {
    /// # Errors
    /// A file of certificates cannot be read.
    pub(super) fn new(plan: &SchemaRegistry) -> anyhow::Result<Client> {
        let roots = roots(plan.ca.as_deref())?;
        let client = match &plan.certificate {
            None => None,
            Some((certificate, key)) => {
                Some(ClientCert::new_with_certs(&certificates(certificate)?, private_key(key)?))
            }
        };
        let authorization = plan.login.as_ref().map(|login| match login {
            Login::Basic(user, password) => format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))),
            Login::Bearer(token) => format!("Bearer {token}"),
        });
        Ok(Client {
            urls: plan.urls.clone(),
            current: AtomicUsize::new(0),
            authorization,
            agent: agent(roots.clone(), client, ANSWER),
            stranger: agent(roots, None, ANSWER),
        })
    }

    /// Asks for a path below one of the addresses, with a JSON body where there is one.
    pub(super) fn ask(&self, method: &Method, path: &str, body: Option<&str>) -> Result<Answer, RegistryError> {
        let first = self.current.load(Ordering::Relaxed);
        let mut absent = None;
        for turn in 0..self.urls.len() {
            let index = (first + turn) % self.urls.len();
            let url = format!("{}{path}", self.urls[index]);
            match self.ask_url(method, &url, body) {
                Ok(answer) if answer.is_of_a_registry() => {
                    self.current.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Ok(answer) => absent = Some(answer.as_absence()),
                Err(error) => absent = Some(error),
            }
        }
        Err(absent.unwrap_or_else(|| RegistryError::new(RegistryErrorKind::Absent, "no address")))
    }

    fn ask_url(&self, method: &Method, url: &str, body: Option<&str>) -> Result<Answer, RegistryError> {
        let absent = |url: &str, why: &dyn std::fmt::Display| {
            RegistryError::new(RegistryErrorKind::Absent, format!("{url}: {why}"))
        };
        let own: Uri = url.parse().map_err(|error| absent(url, &error))?;
        let mut at = own.clone();
        for _ in 0..=REDIRECTS {
            let is_ours = same_host(&own, &at);
            let mut request = Request::builder().method(method.clone()).uri(at.clone()).header("accept", MEDIA_TYPE);
            if let (Some(authorization), true) = (&self.authorization, is_ours) {
                request = request.header("authorization", authorization);
            }
            if body.is_some() {
                request = request.header("content-type", MEDIA_TYPE);
            }
            let agent = if is_ours { &self.agent } else { &self.stranger };
            let request = request.body(body.unwrap_or_default().to_owned()).map_err(|error| absent(url, &error))?;
            let mut response = agent.run(request).map_err(|error| absent(url, &error))?;
            let status = response.status().as_u16();
            if let (300..400, Some(to)) = (status, location(&at, &response)) {
                // What would be written is not sent to whoever is named on the way.
                if body.is_some() && !same_host(&own, &to) {
                    return Err(absent(url, &format!("it redirects a {method} to another host")));
                }
                at = to;
                continue;
            }
            let text = response.body_mut().with_config().limit(LARGEST).read_to_string();
            let body = text.map_err(|error| absent(url, &error))?;
            return Ok(Answer { url: url.to_owned(), status, body });
        }
        Err(absent(url, &format!("more than {REDIRECTS} redirects")))
    }
}

impl Answer {
    /// Returns whether a registry has answered what was asked, and not something in its place: a proxy, a page, a
    /// refusal of the caller, a registry that is in trouble.
    fn is_of_a_registry(&self) -> bool {
        match self.status {
            200..300 => serde_json::from_str::<IgnoredAny>(&self.body).is_ok(),
            // A server that has no such path may say so in JSON, with the status for a code.
            404 | 409 | 422 => serde_json::from_str::<Value>(&self.body)
                .is_ok_and(|body| body["error_code"].as_u64().is_some_and(|code| code != 404)),
            _ => false,
        }
    }

    /// Returns it as the error that says that no registry has answered.
    pub(super) fn as_absence(&self) -> RegistryError {
        let what = match self.status {
            401 => "401, the credentials are refused".to_owned(),
            403 => "403, the user may not do this".to_owned(),
            429 => "429, too many requests".to_owned(),
            status => format!("{status}, and not as a registry does"),
        };
        let start: String = self.body.chars().take(100).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let said = if start.trim().is_empty() { String::new() } else { format!(": {}", start.trim()) };
        RegistryError::new(RegistryErrorKind::Absent, format!("{}: it answers {what}{said}", self.url))
    }
}

fn same_host(one: &Uri, other: &Uri) -> bool {
    let port = |uri: &Uri| uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    one.scheme() == other.scheme() && one.host() == other.host() && port(one) == port(other)
}

/// Returns where a redirect leads to: an address, or a path of the same host.
fn location(from: &Uri, response: &Response<Body>) -> Option<Uri> {
    let to = response.headers().get("location")?.to_str().ok()?;
    if to.starts_with('/') && !to.starts_with("//") {
        let (scheme, authority) = (from.scheme_str()?, from.authority()?);
        return format!("{scheme}://{authority}{to}").parse().ok();
    }
    let to: Uri = to.parse().ok()?;
    (matches!(to.scheme_str(), Some("http" | "https")) && to.host().is_some()).then_some(to)
}
