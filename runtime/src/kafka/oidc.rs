//! SASL/OAUTHBEARER with tokens of an OAuth token endpoint: what the properties say. Their names are librdkafka's,
//! whose own client for this is not in this build; see `librdkafka/tokens.rs`.

use std::fmt;
use std::path::PathBuf;

use super::Properties;

/// How tokens are obtained: `oidc`.
pub const METHOD: &str = "sasl.oauthbearer.method";
/// The client's id.
pub const CLIENT_ID: &str = "sasl.oauthbearer.client.id";
/// The client's secret.
pub const CLIENT_SECRET: &str = "sasl.oauthbearer.client.secret";
/// Where tokens are obtained.
pub const ENDPOINT: &str = "sasl.oauthbearer.token.endpoint.url";
/// What is asked for; the endpoint decides where it is missing.
pub const SCOPE: &str = "sasl.oauthbearer.scope";
/// What is sent to brokers beside the token: `key=value,...`.
pub const EXTENSIONS: &str = "sasl.oauthbearer.extensions";
/// The certificate authorities of the endpoint.
pub const CA: &str = "https.ca.location";

/// The properties that librdkafka is not given.
const OURS: [&str; 7] = [METHOD, CLIENT_ID, CLIENT_SECRET, ENDPOINT, SCOPE, EXTENSIONS, CA];

/// Whether a property is for the program itself, and not for librdkafka.
pub fn is_ours(name: &str) -> bool {
    OURS.contains(&name)
}

/// What a token is obtained with.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// Where.
    pub endpoint: String,
    /// The client's id.
    pub id: String,
    /// The client's secret.
    pub secret: String,
    /// What is asked for.
    pub scope: Option<String>,
    /// The certificate authorities of the endpoint; none: the system's.
    pub ca: Option<PathBuf>,
}

/// Shows no secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("endpoint", &self.endpoint).field("id", &self.id).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Those that a client's properties name; none where it does not log in by tokens of an endpoint.
    pub fn of(properties: &Properties) -> Option<Credentials> {
        let value = |name: &str| properties.get(name).filter(|value| !value.is_empty()).cloned();
        let is = |name: &str, word: &str| value(name).is_some_and(|value| value.eq_ignore_ascii_case(word));
        let uses_sasl = value("security.protocol").is_some_and(|name| name.to_ascii_lowercase().starts_with("sasl"));
        if !uses_sasl || !is("sasl.mechanism", "OAUTHBEARER") || !is(METHOD, "oidc") {
            return None;
        }
        Some(Credentials {
            endpoint: value(ENDPOINT)?,
            id: value(CLIENT_ID)?,
            secret: value(CLIENT_SECRET)?,
            scope: value(SCOPE),
            ca: value(CA).map(PathBuf::from),
        })
    }
}

/// Reads extensions: `key=value`, with commas between them.
///
/// # Errors
/// What is wrong with them, without the values.
pub fn extensions(text: &str) -> Result<Vec<(String, String)>, String> {
    let extension = |(number, part): (usize, &str)| {
        let (key, value) = part.split_once('=').ok_or_else(|| format!("has no = in its part {}", number + 1))?;
        let key = key.trim();
        if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphabetic()) {
            return Err(format!("has a key of other characters than letters in its part {}", number + 1));
        }
        if key == "auth" {
            return Err("has the key auth, which is the token's own".to_owned());
        }
        if !value.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
            return Err(format!("has a value of other characters than ASCII's in its part {}", number + 1));
        }
        Ok((key.to_owned(), value.to_owned()))
    };
    text.split(',').filter(|part| !part.trim().is_empty()).enumerate().map(extension).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(of: &[(&str, &str)]) -> Properties {
        of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn credentials_are_there_where_the_login_is_by_tokens_of_an_endpoint() {
        let all = [
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "oauthbearer"),
            (METHOD, "OIDC"),
            (CLIENT_ID, "id"),
            (CLIENT_SECRET, "hunter2"),
            (ENDPOINT, "https://idp/token"),
            (SCOPE, ""),
        ];
        let found = Credentials::of(&properties(&all)).unwrap();
        assert_eq!((found.id.as_str(), &found.scope, &found.ca), ("id", &None, &None));
        assert!(!format!("{found:?}").contains("hunter2"));
        for (missing, _) in &all[..6] {
            let rest: Vec<_> = all.iter().copied().filter(|(name, _)| name != missing).collect();
            assert_eq!(Credentials::of(&properties(&rest)), None, "{missing}");
        }
    }

    #[test]
    fn extensions_are_pairs() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            extensions("logicalCluster=lkc-1, poolId=p=1").unwrap(),
            [pair("logicalCluster", "lkc-1"), pair("poolId", "p=1")]
        );
        assert_eq!(extensions("").unwrap(), []);
        for wrong in ["a", "=x", "auth=x", "a1=x", "a=\u{1}", "ok=1,b"] {
            assert!(extensions(wrong).is_err(), "{wrong}");
        }
    }
}
