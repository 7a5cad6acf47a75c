//! Sends the records whose value contains a text to an output of the pipeline; the others go on.

use sluicebox_plugin::{Error, Fields, Plugin, Record, Stage, Verdict, emit};

/// The stage's `config:`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// What the value has to contain.
    contains: String,
    /// The output that such records go to.
    output: String,
}

struct Route {
    contains: String,
    output: String,
}

impl Plugin for Route {
    type Config = Config;
    const NEEDS: Fields = Fields::VALUE;

    fn init(config: Config, stage: &Stage) -> Result<Self, Error> {
        stage.check_output(&config.output).map_err(|error| format!("config.output: {error}"))?;
        Ok(Route { contains: config.contains, output: config.output })
    }

    fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
        let Some(value) = record.value() else { return Ok(Verdict::Keep) };
        let contains = String::from_utf8_lossy(value).contains(&self.contains);
        Ok(if contains { emit().to(&self.output).into() } else { Verdict::Keep })
    }
}

sluicebox_plugin::export!(Route);
