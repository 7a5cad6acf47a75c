//! What the configuration says.

use std::collections::BTreeMap;

use json_scan::Path;
use serde::Deserialize;
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
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimestampConfig {
    field: String,
    unit: Unit,
}

/// Where something comes from.
#[derive(Debug)]
pub(crate) enum From {
    Field(Path),
    Value(String),
}

/// Where the timestamp comes from.
#[derive(Debug)]
pub(crate) struct Timestamp {
    pub field: Path,
    pub unit: Unit,
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
            Ok::<_, String>(Timestamp { field, unit: timestamp.unit })
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
            (Some(field), None) => {
                Path::parse(&field).map(From::Field).map_err(|error| format!("{key}.field: {error}"))
            }
            (None, Some(value)) => Ok(From::Value(value)),
            (Some(_), Some(_)) => Err(format!("{key}: give `field` or `value`, not both")),
            (None, None) => Err(format!("{key}: give `field` (of a JSON value) or `value`")),
        }
    }
}
