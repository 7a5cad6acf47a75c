//! What the properties for SASL need as a whole.

use super::native;
use super::planner::{Planner, Value};
use super::properties::Entry;
use crate::kafka::oidc;

/// Kerberos is the default mechanism, and most builds lack it; OAUTHBEARER needs to know where its tokens come from.
pub(super) fn sasl(planner: &mut Planner<'_>, entries: &[Entry]) {
    let uses_sasl = |own: &&Value<String>| own.value.to_ascii_lowercase().starts_with("sasl");
    match (value(entries, "sasl.mechanism"), value(entries, "security.protocol").filter(uses_sasl)) {
        (Some(mechanism), _) if is(Some(mechanism), "OAUTHBEARER") => {
            let has_tokens = is(value(entries, "enable.sasl.oauthbearer.unsecure.jwt"), "true");
            if !has_tokens && !is(value(entries, oidc::METHOD), "oidc") {
                let message = "kafka.sasl.mechanism: OAUTHBEARER needs to know where tokens come from";
                let help = "add sasl.oauthbearer.method: oidc, sasl.oauthbearer.token.endpoint.url, \
                            sasl.oauthbearer.client.id and sasl.oauthbearer.client.secret";
                planner.error_with_help(mechanism.at, message, help);
            }
        }
        (None, Some(protocol)) if !native::sasl_mechanisms().contains(&"GSSAPI") => {
            let message = format!("kafka.security.protocol: {} needs a sasl.mechanism", protocol.shown);
            let help = "add sasl.mechanism: SCRAM-SHA-512 (or SCRAM-SHA-256, PLAIN), sasl.username and sasl.password";
            planner.error_with_help(protocol.at, message, help);
        }
        _ => {}
    }
}

/// What a login by tokens of an endpoint needs, and what of it is not used. `is_written` says whether a property is in
/// the file: one with a wrong value is not among the entries, and is not missing.
pub(super) fn token_login(planner: &mut Planner<'_>, entries: &[Entry], is_written: &dyn Fn(&str) -> bool) {
    let ours = || entries.iter().filter(|entry| oidc::is_ours(entry.name));
    let method = value(entries, oidc::METHOD);
    if !is(method, "oidc") {
        if let Some(entry) = ours().find(|entry| entry.name != oidc::METHOD) {
            let message = format!("{}: not used, because {} is not oidc", entry.key, oidc::METHOD);
            planner.warn(entry.at, message);
        }
        return;
    }
    let Some(method) = method else { return };
    if !is(value(entries, "sasl.mechanism"), "OAUTHBEARER") {
        let message = format!("{}: oidc is a way to log in by OAUTHBEARER", oidc::METHOD);
        planner.error_with_help(method.at, message, "add sasl.mechanism: OAUTHBEARER");
    }
    let is_empty = |name: &str| value(entries, name).is_some_and(|value| value.value.is_empty());
    let is_missing = |name: &&str| !is_written(name) || is_empty(name);
    let missing: Vec<&str> =
        [oidc::ENDPOINT, oidc::CLIENT_ID, oidc::CLIENT_SECRET].into_iter().filter(is_missing).collect();
    if !missing.is_empty() {
        let message = format!("{}: oidc also needs {}", oidc::METHOD, missing.join(", "));
        let help = "tokens are obtained by client credentials; the secret may be ${file:PATH}";
        planner.error_with_help(method.at, message, help);
    }
    if let Some(endpoint) = value(entries, oidc::ENDPOINT).filter(|own| is_in_the_clear(&own.value)) {
        let message = format!("{}: the client's secret is sent in the clear; use https", oidc::ENDPOINT);
        planner.warn(endpoint.at, message);
    }
}

/// Whether an address is not encrypted, and of another machine.
fn is_in_the_clear(url: &str) -> bool {
    let url = url.to_ascii_lowercase();
    let Some(rest) = url.strip_prefix("http://") else { return false };
    !["localhost", "127.", "[::1]"].iter().any(|own| rest.starts_with(own))
}

fn value<'e>(entries: &'e [Entry], name: &str) -> Option<&'e Value<String>> {
    entries.iter().find(|entry| entry.name == name).map(|entry| &entry.value)
}

fn is(value: Option<&Value<String>>, word: &str) -> bool {
    value.is_some_and(|own| own.value.eq_ignore_ascii_case(word))
}
