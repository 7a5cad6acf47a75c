//! What the configuration says.

use std::collections::BTreeMap;

use json_scan::Path;
use serde::{Deserialize, Deserializer};
use sluicebox_plugin::Stage;

use crate::Set;
use crate::time::Unit;

/// The stage's `config:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    key: Option<FromConfig>,
    #[serde(default)]
    headers: BTreeMap<String, Option<FromConfig>>,
    timestamp: Option<TimestampConfig>,
    tee: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FromConfig {
    field: Option<String>,
    value: Option<String>,
    #[serde(default, deserialize_with = "present")]
    missing: Option<Missing>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimestampConfig {
    field: String,
    unit: Unit,
    #[serde(default)]
    missing: MissingTime,
}

/// What becomes of a key or header whose field is null or missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Missing {
    /// It stays what it is.
    #[default]
    Keep,
    /// The key becomes null, the headers go. Written as null or as its name.
    Null,
    /// The record is rejected.
    Reject,
}

/// What becomes of a timestamp whose field is null or missing: there is none that is null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MissingTime {
    #[default]
    Keep,
    Reject,
}

/// Reads a key that is there, so that `null` is a value and not the same as no key.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Missing>, D::Error> {
    Ok(Some(Option::deserialize(deserializer)?.unwrap_or(Missing::Null)))
}

/// Where something comes from.
#[derive(Debug)]
pub(crate) enum From {
    Field(Field),
    Value(String),
}

/// A field of the value.
#[derive(Debug)]
pub(crate) struct Field {
    pub path: Path,
    /// As it is written.
    pub name: String,
    pub missing: Missing,
}

/// Where the timestamp comes from.
#[derive(Debug)]
pub(crate) struct Timestamp {
    pub field: Path,
    /// The field as it is written.
    pub name: String,
    pub unit: Unit,
    pub missing: MissingTime,
}

impl Config {
    /// Checks everything. The error names the key.
    pub(crate) fn resolve(self, stage: &Stage) -> Result<Set, String> {
        if self.key.is_none() && self.headers.is_empty() && self.timestamp.is_none() && self.tee.is_none() {
            return Err("config: nothing is set; give at least one of `key`, `headers`, `timestamp` and `tee`".into());
        }
        if let Some(output) = &self.tee {
            stage.check_output(output).map_err(|error| format!("config.tee: {error}"))?;
        }
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, from) in self.headers {
            let from = from.map(|from| from.resolve(&format!("config.headers.{name}"))).transpose()?;
            headers.push((name, from));
        }
        let timestamp = |timestamp: TimestampConfig| {
            let field = Path::parse(&timestamp.field).map_err(|error| format!("config.timestamp.field: {error}"))?;
            let TimestampConfig { field: name, unit, missing } = timestamp;
            Ok::<_, String>(Timestamp { field, name, unit, missing })
        };
        Ok(Set {
            key: self.key.map(|key| key.resolve("config.key")).transpose()?,
            headers,
            timestamp: self.timestamp.map(timestamp).transpose()?,
            tee: self.tee,
        })
    }
}

impl FromConfig {
    fn resolve(self, key: &str) -> Result<From, String> {
        match (self.field, self.value) {
            (Some(name), None) => {
                let path = Path::parse(&name).map_err(|error| format!("{key}.field: {error}"))?;
                Ok(From::Field(Field { path, name, missing: self.missing.unwrap_or_default() }))
            }
            (None, Some(_)) if self.missing.is_some() => {
                Err(format!("{key}.missing: a `value` is never missing; it goes with `field`"))
            }
            (None, Some(value)) => Ok(From::Value(value)),
            (Some(_), Some(_)) => Err(format!("{key}: give `field` or `value`, not both")),
            (None, None) => Err(format!("{key}: give `field` (of a JSON value) or `value`")),
        }
    }
}
