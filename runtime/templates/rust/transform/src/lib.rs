//! Puts a text before every value.

use sluicebox_plugin::{Error, Fields, Plugin, Record, Stage, Verdict, emit};

/// The stage's `config:`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// What goes before the value.
    prefix: String,
}

struct Transform {
    prefix: String,
    /// The new value; its memory stays for the next record.
    value: Vec<u8>,
}

impl Plugin for Transform {
    type Config = Config;
    const NEEDS: Fields = Fields::VALUE;

    fn init(config: Config, _stage: &Stage) -> Result<Self, Error> {
        Ok(Transform { prefix: config.prefix, value: Vec::new() })
    }

    fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
        let Some(value) = record.value() else { return Ok(Verdict::Keep) };
        if value.is_empty() {
            return Ok(Verdict::reject("the value is empty"));
        }
        self.value.clear();
        self.value.extend_from_slice(self.prefix.as_bytes());
        self.value.extend_from_slice(value);
        Ok(emit().value(&self.value).into())
    }
}

sluicebox_plugin::export!(Transform);
