//! `identity` keeps every record: what benchmarks stand on.
//!
//! It asks for all that a record is made of, so that the way into the plugin costs what it can cost. With
//! `config: { echo: true }` it sends the value back too, as a plugin does that changes it.

use serde::Deserialize;
use sluicebox_plugin::{Error, Fields, Plugin, Record, Stage, Verdict, emit};

/// The stage's `config:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    echo: bool,
}

/// The plugin.
#[derive(Debug)]
pub struct Identity {
    echo: bool,
}

impl Plugin for Identity {
    type Config = Config;
    const NEEDS: Fields = Fields::KEY.and(Fields::VALUE).and(Fields::HEADERS).and(Fields::TIMESTAMP);

    fn init(config: Config, _stage: &Stage) -> Result<Self, Error> {
        Ok(Identity { echo: config.echo })
    }

    fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
        Ok(if self.echo { emit().value(record.value()).into() } else { Verdict::Keep })
    }
}

sluicebox_plugin::export!(Identity);

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_plugin::Bytes;
    use sluicebox_plugin::testing::{Message, start};

    #[test]
    fn every_record_is_kept() {
        let mut identity = start::<Identity>("null", &["default"]).expect("it needs no configuration");
        assert_eq!(identity.run(Message::new("x").key("k").header("h", "v")), Verdict::Keep);
    }

    #[test]
    fn with_echo_the_value_comes_back() {
        let mut identity = start::<Identity>(r#"{"echo": true}"#, &["default"]).expect("the configuration is right");
        assert_eq!(identity.run(Message::new("x").key("k")), emit().value("x").into());
        assert_eq!(identity.run(Message::tombstone()), emit().value(Bytes::NULL).into());
    }
}
