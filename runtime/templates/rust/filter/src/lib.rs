//! Keeps the records whose value contains a text, and drops the others.

use sluicebox_plugin::{Error, Fields, Plugin, Record, Stage, Verdict};

/// The stage's `config:`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// What the value has to contain.
    contains: String,
}

struct Filter {
    contains: String,
}

impl Plugin for Filter {
    type Config = Config;
    const NEEDS: Fields = Fields::VALUE;

    fn init(config: Config, _stage: &Stage) -> Result<Self, Error> {
        Ok(Filter { contains: config.contains })
    }

    fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
        let Some(value) = record.value() else { return Ok(Verdict::Keep) };
        let contains = String::from_utf8_lossy(value).contains(&self.contains);
        Ok(if contains { Verdict::Keep } else { Verdict::Drop })
    }
}

sluicebox_plugin::export!(Filter);
