//! `exercise` does what a record's value tells it to: for the tests that every language's SDK has to pass.
//!
//! The value is `COMMAND[ ARGUMENT]`, where the argument is all behind the first space. A null value and any other command: keep.
//!
//! | value | what happens |
//! |---|---|
//! | `drop` | drop |
//! | `set TEXT`, `null`, `empty` | emits with that value |
//! | `key TEXT`, `null-key` | emits with that key |
//! | `headers` | emits with the headers that came in, then `added` = `1`, then `none` = null |
//! | `no-headers` | emits without headers |
//! | `timestamp N` | emits with that timestamp |
//! | `to OUTPUT` | emits to that output |
//! | `two` | emits the value `one`, and the value `two` to the output `audit` |
//! | `nothing` | emits an empty list |
//! | `reject REASON`, `retry REASON` | the verdicts |
//! | `fail-retry REASON`, `fail-fatal REASON` | fails the batch |
//! | `throw TEXT` | a panic, two calls deep |
//! | `log LEVEL TEXT`, `count NAME N` | writes to the log, adds to a counter; then keep |
//! | `greet`, `stage`, `outputs` | emits the configured greeting, the stage's name, the outputs' names |
//! | `echo` | emits all fields of the record as text |

mod echo;

use serde::Deserialize;
use sluicebox_plugin::log::Level;
use sluicebox_plugin::{Bytes, Error, Failure, Fields, Plugin, Record, Stage, Verdict, emit, log, metrics};

/// The stage's `config:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Every record is kept, whatever it says.
    #[serde(default)]
    keep: bool,
    /// What `greet` says.
    #[serde(default = "hello")]
    greeting: String,
}

fn hello() -> String {
    "hello".to_owned()
}

/// The plugin.
#[derive(Debug)]
pub struct Exercise {
    config: Config,
    stage: Stage,
}

impl Plugin for Exercise {
    type Config = Config;
    const NEEDS: Fields = Fields::ALL;

    fn init(config: Config, stage: &Stage) -> Result<Self, Error> {
        Ok(Exercise { config, stage: stage.clone() })
    }

    fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
        if self.config.keep {
            return Ok(Verdict::Keep);
        }
        let Some(value) = record.value() else { return Ok(Verdict::Keep) };
        let text = std::str::from_utf8(value)?;
        let (command, argument) = text.split_once(' ').unwrap_or((text, ""));
        Ok(match command {
            "drop" => Verdict::Drop,
            "set" => emit().value(argument).into(),
            "null" => emit().value(Bytes::NULL).into(),
            "empty" => emit().value("").into(),
            "key" => emit().key(argument).into(),
            "null-key" => emit().key(Bytes::NULL).into(),
            "headers" => emit().headers(record.headers()).header("added", "1").header("none", Bytes::NULL).into(),
            "no-headers" => emit().headers::<&str, &str>([]).into(),
            "timestamp" => emit().timestamp(argument.parse()?).into(),
            "to" => emit().to(argument).into(),
            "two" => vec![emit().value("one"), emit().value("two").to("audit")].into(),
            "nothing" => Verdict::EmitAll(Vec::new()),
            "reject" => Verdict::reject(argument),
            "retry" => Verdict::retry(argument),
            "fail-retry" => return Err(Failure::Retry(argument.into()).into()),
            "fail-fatal" => return Err(Failure::Fatal(argument.into()).into()),
            "throw" => throw(argument),
            "log" => write_log(argument)?,
            "count" => count(argument)?,
            "greet" => emit().value(&self.config.greeting).into(),
            "stage" => emit().value(self.stage.name()).into(),
            "outputs" => emit().value(self.stage.outputs().join(",")).into(),
            "echo" => emit().value(echo::text(record)).into(),
            _ => Verdict::Keep,
        })
    }
}

#[inline(never)]
fn throw(text: &str) -> ! {
    throw_deeper(text)
}

#[inline(never)]
fn throw_deeper(text: &str) -> ! {
    panic!("{text}")
}

fn write_log(argument: &str) -> Result<Verdict<'static>, Error> {
    let (level, text) = argument.split_once(' ').ok_or("log: no text")?;
    let level = match level {
        "error" => Level::Error,
        "warn" => Level::Warn,
        "info" => Level::Info,
        "debug" => Level::Debug,
        _ => return Err(format!("log: there is no level {level}").into()),
    };
    log::write(level, text);
    Ok(Verdict::Keep)
}

fn count(argument: &str) -> Result<Verdict<'static>, Error> {
    let (name, delta) = argument.split_once(' ').ok_or("count: no number")?;
    metrics::count(name, delta.parse()?);
    Ok(Verdict::Keep)
}

sluicebox_plugin::export!(Exercise);

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_plugin::testing::{Message, Started, start};

    fn exercise() -> Started<Exercise> {
        start("null", &["default", "audit"]).expect("it needs no configuration")
    }

    #[test]
    fn verdicts_are_said_on_demand() {
        let mut plugin = exercise();
        for (value, verdict) in [
            ("hello", Verdict::Keep),
            ("drop", Verdict::Drop),
            ("set a  b", emit().value("a  b").into()),
            ("set", emit().value("").into()),
            ("null", emit().value(Bytes::NULL).into()),
            ("null-key", emit().key(Bytes::NULL).into()),
            ("no-headers", emit().headers::<&str, &str>([]).into()),
            ("timestamp -5", emit().timestamp(-5).into()),
            ("two", vec![emit().value("one"), emit().value("two").to("audit")].into()),
            ("nothing", Verdict::EmitAll(Vec::new())),
            ("reject no name", Verdict::reject("no name")),
            ("retry later", Verdict::retry("later")),
            ("greet", emit().value("hello").into()),
            ("stage", emit().value("test").into()),
            ("outputs", emit().value("default,audit").into()),
        ] {
            assert_eq!(plugin.run(Message::new(value)), verdict, "{value}");
        }
        assert_eq!(plugin.run(Message::tombstone()), Verdict::Keep);
    }

    #[test]
    fn every_field_comes_back_as_text() {
        let message = Message { partition: 2, ..Message::new("echo").key("k").header("a", "b").timestamp(5).offset(7) };
        let text = "key=k;headers=a:b;timestamp=5;topic=input;partition=2;offset=7";
        assert_eq!(exercise().run(message), emit().value(text).into());
        let text = "key=null;headers=;timestamp=null;topic=input;partition=0;offset=0";
        assert_eq!(exercise().run(Message::new("echo")), emit().value(text).into());
    }

    #[test]
    fn it_keeps_everything_where_it_is_told_to() {
        let mut plugin = start::<Exercise>(r#"{"keep": true}"#, &["default"]).expect("the configuration is right");
        assert_eq!(plugin.run(Message::new("throw")), Verdict::Keep);
    }

    #[test]
    fn a_batch_fails_on_demand() {
        let verdicts = exercise().run_batch(&[Message::new("x"), Message::new("fail-fatal it is over")]);
        assert_eq!(verdicts, Err(Failure::Fatal("it is over".into())));
    }

    #[test]
    fn a_wrong_configuration_is_named_by_its_key() {
        let refused = |config| start::<Exercise>(config, &["default"]).expect_err("the configuration is wrong");
        assert_eq!(refused(r#"{"keep": 5}"#), "config.keep: expected a boolean, found the number 5");
        assert_eq!(refused(r#"{"greting": ""}"#), "config.greting: unknown key, expected greeting or keep");
    }
}
