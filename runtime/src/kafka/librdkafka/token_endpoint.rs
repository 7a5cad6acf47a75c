//! Tokens for SASL/OAUTHBEARER: a client's credentials are exchanged for one at an OAuth token endpoint (RFC 6749,
//! section 4.4). Tokens are shared by the clients of the process that have the same credentials.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::http;
use crate::kafka::oidc::Credentials;

/// How long the endpoint may take to answer: less than a question to brokers, so that it is known why that failed.
const ANSWER: Duration = Duration::from_secs(4);
/// The largest answer.
const LARGEST: u64 = 1 << 20;
/// How long a token is taken to last where neither the answer nor the token says it.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
/// The part of its lifetime after which a token is replaced.
const REFRESH_AFTER: f64 = 0.8;
/// Characters of what the endpoint says that are passed on.
const SAID: usize = 200;

/// A token.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) value: String,
    /// Whom it is about.
    pub(super) principal: String,
    /// When it ends.
    pub(super) expires: SystemTime,
    /// When it is replaced.
    pub(super) refresh: SystemTime,
}

/// Returns a token that is fresh: one that another client has obtained, or a new one.
///
/// # Errors
/// Why there is none, with the endpoint's address and no secret.
pub(super) fn token(credentials: &Credentials) -> Result<Token, String> {
    type Slot = Arc<Mutex<Option<Token>>>;
    static TOKENS: LazyLock<Mutex<HashMap<Credentials, Slot>>> = LazyLock::new(Mutex::default);
    let slot = {
        let mut tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
        if !tokens.contains_key(credentials) {
            // Nobody asks for those of credentials that were exchanged.
            tokens.retain(|_, slot| Arc::strong_count(slot) > 1 || is_fresh(slot));
        }
        tokens.entry(credentials.clone()).or_default().clone()
    };
    // Whoever else wants the same token waits for it here.
    let mut kept = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(token) = kept.as_ref().filter(|token| SystemTime::now() < token.refresh) {
        return Ok(token.clone());
    }
    let token = request(credentials)?;
    *kept = Some(token.clone());
    Ok(token)
}

fn is_fresh(slot: &Mutex<Option<Token>>) -> bool {
    let kept = slot.lock().unwrap_or_else(PoisonError::into_inner);
    kept.as_ref().is_some_and(|token| SystemTime::now() < token.refresh)
}

fn request(credentials: &Credentials) -> Result<Token, String> {
    let endpoint = &credentials.endpoint;
    let failed = |why: &dyn std::fmt::Display| format!("{endpoint}: {why}");
    let roots = http::roots(credentials.ca.as_deref()).map_err(|error| format!("https.ca.location: {error:#}"))?;
    let agent = http::agent(roots, None, ANSWER);
    let login = BASE64_STANDARD.encode(format!("{}:{}", credentials.id, credentials.secret));
    let mut body = "grant_type=client_credentials".to_owned();
    if let Some(scope) = &credentials.scope {
        body += &format!("&scope={}", encoded(scope));
    }
    let request = agent
        .post(endpoint)
        .header("accept", "application/json")
        .header("authorization", format!("Basic {login}"))
        .content_type("application/x-www-form-urlencoded");
    let now = SystemTime::now();
    let mut answer = request.send(&body).map_err(|error| failed(&error))?;
    let status = answer.status().as_u16();
    let text = answer.body_mut().with_config().limit(LARGEST).read_to_string().map_err(|error| failed(&error))?;
    if status != 200 {
        return Err(failed(&refusal(status, &text)));
    }
    read(&text, &credentials.id, now).map_err(|why| failed(&why))
}

/// What an endpoint says that gives no token.
fn refusal(status: u16, body: &str) -> String {
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    let part = |name: &str| json.get(name).and_then(Value::as_str).map(one_line).filter(|text| !text.is_empty());
    let said = [part("error"), part("error_description")].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let said = if said.is_empty() { String::new() } else { format!(" ({said})") };
    match status {
        300..400 => {
            format!("it answers {status}: it redirects, which is not followed with a secret; name the address itself")
        }
        400 | 401 | 403 => format!(
            "it answers {status}{said}: check `sasl.oauthbearer.client.id`, `sasl.oauthbearer.client.secret` and \
             `sasl.oauthbearer.scope`"
        ),
        _ => format!("it answers {status}{said}, and not with a token"),
    }
}

fn one_line(text: &str) -> String {
    text.chars().take(SAID).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// Reads an answer. `client` is whom an opaque token is about.
fn read(answer: &str, client: &str, now: SystemTime) -> Result<Token, String> {
    let json: Value = serde_json::from_str(answer).map_err(|_| "it answers 200 with what is not JSON".to_owned())?;
    let value = json.get("access_token").and_then(Value::as_str).filter(|value| !value.is_empty());
    let value = value.ok_or("it answers 200 without an access_token")?;
    if !value.chars().all(|c| c.is_ascii_graphic()) {
        return Err("the access_token has characters that no token has".to_owned());
    }
    let claims = claims(value);
    let seconds =
        |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|s| s.is_finite() && *s >= 0.0);
    let told = json.get("expires_in").and_then(seconds).and_then(|s| Duration::try_from_secs_f64(s).ok());
    let told = told.and_then(|lifetime| now.checked_add(lifetime));
    let claimed = claims.get("exp").and_then(seconds).and_then(|s| Duration::try_from_secs_f64(s).ok());
    let claimed = claimed.and_then(|since| UNIX_EPOCH.checked_add(since));
    let expires = [told, claimed].into_iter().flatten().min().unwrap_or(now + DEFAULT_LIFETIME);
    let left = expires.duration_since(now).unwrap_or_default();
    if left.is_zero() {
        return Err("the token that it gives has expired; compare the clocks of the two machines".to_owned());
    }
    let principal = claims.get("sub").and_then(Value::as_str).filter(|sub| !sub.is_empty()).unwrap_or(client);
    Ok(Token {
        value: value.to_owned(),
        principal: principal.replace('\0', ""),
        expires,
        refresh: now + left.mul_f64(REFRESH_AFTER),
    })
}

/// What a JSON Web Token claims; nothing where it is another kind of token. The broker is who verifies it.
fn claims(token: &str) -> Value {
    let payload =
        token.split('.').nth(1).and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok());
    payload.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// A value of a form.
fn encoded(text: &str) -> String {
    let mut form = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => form.push(char::from(byte)),
            b' ' => form.push('+'),
            _ => form += &format!("%{byte:02X}"),
        }
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.", part(r#"{"alg":"none"}"#), part(claims))
    }

    fn lifetime(answer: &str) -> Duration {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        read(answer, "me", now).unwrap().expires.duration_since(now).unwrap()
    }

    #[test]
    fn a_token_lasts_as_long_as_the_answer_and_the_token_say() {
        let token = jwt(r#"{"sub":"alice","exp":1060}"#);
        let answer = |more: &str| format!(r#"{{"access_token":"{token}"{more}}}"#);
        assert_eq!(lifetime(&answer("")).as_secs(), 60);
        assert_eq!(lifetime(&answer(r#","expires_in":30"#)).as_secs(), 30);
        assert_eq!(lifetime(&answer(r#","expires_in":"3600""#)).as_secs(), 60);
        assert_eq!(lifetime(r#"{"access_token":"opaque"}"#), DEFAULT_LIFETIME);
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let read_token = read(&answer(""), "me", now).unwrap();
        assert_eq!((read_token.principal.as_str(), read_token.value.as_str()), ("alice", token.as_str()));
        assert_eq!(read_token.refresh.duration_since(now).unwrap().as_secs(), 48);
        assert_eq!(read(r#"{"access_token":"opaque"}"#, "me", now).unwrap().principal, "me");
    }

    #[test]
    fn an_answer_without_a_token_says_what_it_is() {
        let now = SystemTime::now();
        for (answer, why) in [
            ("<html>", "not JSON"),
            ("{}", "without an access_token"),
            (r#"{"access_token":"a\u0001b"}"#, "characters"),
            (r#"{"access_token":"x","expires_in":0}"#, "has expired"),
        ] {
            let said = read(answer, "me", now).err().unwrap();
            assert!(said.contains(why), "{said}");
        }
        let refused = refusal(401, r#"{"error":"invalid_client","error_description":"no such\nclient"}"#);
        assert!(
            refused.contains("401 (invalid_client: no such client)") && refused.contains("client.secret"),
            "{refused}"
        );
        assert_eq!(refusal(503, "down"), "it answers 503, and not with a token");
        assert!(refusal(302, "").contains("redirects"));
    }

    #[test]
    fn a_scope_is_encoded_as_a_form_is() {
        assert_eq!(encoded("api://x/.default a&b"), "api%3A%2F%2Fx%2F.default+a%26b");
    }
}
