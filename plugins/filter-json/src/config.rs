//! The configuration: what `README.md` documents.

use regex_lite::Regex;
use serde::{Deserialize, Deserializer};

use crate::condition::{Condition, Scalar};

/// The stage's `config:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub(crate) field: String,
    one_of: Option<Vec<Scalar>>,
    #[serde(default, deserialize_with = "present")]
    equals: Option<Scalar>,
    matches: Option<String>,
    exists: Option<bool>,
    #[serde(default)]
    pub(crate) invert: bool,
    #[serde(default)]
    pub(crate) tombstones: Tombstones,
}

/// What becomes of a record without a value.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tombstones {
    #[default]
    Keep,
    Drop,
    Reject,
}

/// Reads a key that is there, so that `null` is a value and not the same as no key.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Scalar>, D::Error> {
    Scalar::deserialize(deserializer).map(Some)
}

impl Config {
    /// The one condition that is given.
    pub(crate) fn condition(self) -> Result<Condition, String> {
        match (self.one_of, self.equals, self.matches, self.exists) {
            (Some(list), None, None, None) => Ok(Condition::OneOf(list)),
            (None, Some(scalar), None, None) => Ok(Condition::OneOf(vec![scalar])),
            (None, None, Some(pattern), None) => Regex::new(&pattern)
                .map(Condition::Matches)
                .map_err(|error| format!("config.matches: not a regular expression: {error}")),
            (None, None, None, Some(exists)) => Ok(Condition::Exists(exists)),
            (one_of, equals, matches, exists) => {
                let given = [
                    one_of.map(|_| "`one_of`"),
                    equals.map(|_| "`equals`"),
                    matches.map(|_| "`matches`"),
                    exists.map(|_| "`exists`"),
                ];
                let given: Vec<_> = given.into_iter().flatten().collect();
                let given =
                    if given.is_empty() { "there is none".into() } else { format!("there are {}", given.join(", ")) };
                Err(format!("config: give exactly one of `one_of`, `equals`, `matches` and `exists`; {given}"))
            }
        }
    }
}
