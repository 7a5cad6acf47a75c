//! `misbehave` does what a record's value tells it to: for tests of the host's limits, retries and dead letters.
//!
//! Everything up to the first white space is the order, the rest does not matter. Any other value is kept.
//!
//! | value | what happens |
//! |---|---|
//! | `!drop` | drop |
//! | `!emit:N` | emits N records with the values 0, 1 .. (so `!emit:0` is a drop) |
//! | `!reject`, `!reject:REASON` | reject |
//! | `!retry` | the verdict retry, always |
//! | `!retry:N` | the verdict retry at the first N calls with this source (topic, partition, offset), then keep |
//! | `!batch-retry`, `!batch-retry:N` | the same with `failure.retry`, for the whole batch |
//! | `!fatal` | `failure.fatal` for the whole batch |
//! | `!trap` | executes `unreachable` |
//! | `!panic` | a Rust panic: its message is logged, then it traps |
//! | `!loop` | never comes back |
//! | `!spin:N` | N turns of an empty loop (about a nanosecond each), then keep |
//! | `!memory` | allocates until that fails, and traps |
//! | `!memory:N` | allocates N MiB, touches them, frees them, then keep |
//! | `!output`, `!output:NAME` | emits to the output NAME; without it to `no-such-output` |
//! | `!log:TEXT`, `!count:NAME` | logs TEXT at level info; adds one to the counter NAME; then keep |
//! | `!echo:FIELD` | emits the record with `key`, `headers`, `timestamp` or `source` as its value, as text |
//! | `!null` | emits the record with a null value |
//!
//! `config: { init: trap | loop | error }` does that at the start; `config: { needs: [value] }` asks for those
//! fields alone (default: all). With `config: { stamp: NAME }` a value is no order: every record is emitted with one more
//! header, NAME, whose value is the stage's name.
//!
//! What breaks the packed answer itself cannot be done with the SDK; the host's tests do that in WAT.

mod order;

use std::collections::HashMap;

use serde::Deserialize;
use sluicebox_plugin::{Error, Failure, Fields, Plugin, Record, Stage, Verdict, emit, log, metrics};

use order::{Order, Times};

/// The stage's `config:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    init: Option<Init>,
    needs: Option<Vec<Need>>,
    stamp: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Init {
    Trap,
    Loop,
    Error,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Need {
    Key,
    Value,
    Headers,
    Timestamp,
    Source,
}

impl Need {
    fn field(self) -> Fields {
        match self {
            Need::Key => Fields::KEY,
            Need::Value => Fields::VALUE,
            Need::Headers => Fields::HEADERS,
            Need::Timestamp => Fields::TIMESTAMP,
            Need::Source => Fields::SOURCE,
        }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Misbehave {
    needs: Fields,
    stamp: Option<Stamp>,
    /// How often each source has been put off.
    put_off: HashMap<(String, i32, i64), u64>,
}

/// What every record gets where the stage is to stamp.
#[derive(Debug)]
struct Stamp {
    header: String,
    stage: String,
}

impl Plugin for Misbehave {
    type Config = Config;
    const NEEDS: Fields = Fields::ALL;

    fn init(config: Config, stage: &Stage) -> Result<Self, Error> {
        match config.init {
            Some(Init::Trap) => order::trap(),
            Some(Init::Loop) => order::never_come_back(),
            Some(Init::Error) => return Err("config.init: it was to fail, so it fails".into()),
            None => {}
        }
        let needs = config
            .needs
            .map_or(Self::NEEDS, |needs| needs.into_iter().map(Need::field).fold(Fields::NONE, Fields::and));
        let stamp = config.stamp.map(|header| Stamp { header, stage: stage.name().to_owned() });
        Ok(Misbehave { needs, stamp, put_off: HashMap::new() })
    }

    fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
        if let Some(Stamp { header, stage }) = &self.stamp {
            return Ok(emit().headers(record.headers()).header(header.clone(), stage.clone()).into());
        }
        match Order::read(record.value().unwrap_or_default())? {
            Order::Keep => {}
            Order::Drop => return Ok(Verdict::Drop),
            Order::Emit(count) => {
                return Ok((0..count).map(|n| emit().value(n.to_string())).collect::<Vec<_>>().into());
            }
            Order::Reject(reason) => return Ok(Verdict::reject(reason)),
            Order::Retry(times) if self.puts_off(record, times) => return Ok(Verdict::retry("not yet")),
            Order::BatchRetry(times) if self.puts_off(record, times) => {
                return Err(Failure::Retry("not yet".into()).into());
            }
            Order::Retry(_) | Order::BatchRetry(_) => {}
            Order::Fatal => return Err(Failure::Fatal("it was told to be fatal".into()).into()),
            Order::Trap => order::trap(),
            Order::Panic => panic!("it was told to panic"),
            Order::Loop => order::never_come_back(),
            Order::Spin(turns) => order::spin(turns),
            Order::Exhaust => order::exhaust_memory(),
            Order::Allocate(mebibytes) => order::allocate(mebibytes),
            Order::Output(name) => return Ok(emit().to(name).into()),
            Order::Log(text) => log::info(text),
            Order::Count(name) => metrics::count(name, 1),
            Order::Echo(field) => return Ok(emit().value(order::field_as_text(record, field)?).into()),
            Order::Null => return Ok(emit().value(None).into()),
        }
        Ok(Verdict::Keep)
    }

    fn needs(&self) -> Fields {
        self.needs
    }
}

impl Misbehave {
    /// Counts a call with this record; whether it is one of those to put off.
    fn puts_off(&mut self, record: &Record<'_>, times: Times) -> bool {
        let source = record.source().map(|source| (source.topic.to_owned(), source.partition, source.offset));
        let count = self.put_off.entry(source.unwrap_or_default()).or_default();
        *count += 1;
        match times {
            Times::Always => true,
            Times::First(n) => *count <= n,
        }
    }
}

sluicebox_plugin::export!(Misbehave);

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_plugin::testing::{Message, Started, start};

    fn misbehave() -> Started<Misbehave> {
        start("null", &["default"]).expect("it needs no configuration")
    }

    #[test]
    fn other_values_are_kept() {
        assert_eq!(misbehave().run(Message::new("hello")), Verdict::Keep);
        assert_eq!(misbehave().run(Message::tombstone()), Verdict::Keep);
    }

    #[test]
    fn an_order_it_does_not_know_is_rejected() {
        assert_eq!(misbehave().run(Message::new("!fly")), Verdict::reject("misbehave knows no order `!fly`"));
    }

    #[test]
    fn verdicts_are_said_on_demand() {
        let mut plugin = misbehave();
        assert_eq!(plugin.run(Message::new("!drop it")), Verdict::Drop);
        assert_eq!(plugin.run(Message::new("!emit:2")), vec![emit().value("0"), emit().value("1")].into());
        assert_eq!(plugin.run(Message::new("!reject")), Verdict::reject("it was told to reject"));
        assert_eq!(plugin.run(Message::new("!reject:no-name x")), Verdict::reject("no-name"));
        assert_eq!(plugin.run(Message::new("!output")), emit().to("no-such-output").into());
        assert_eq!(plugin.run(Message::new("!output:audit")), emit().to("audit").into());
        assert_eq!(plugin.run(Message::new("!spin:10")), Verdict::Keep);
        assert_eq!(plugin.run(Message::new("!memory:1")), Verdict::Keep);
    }

    #[test]
    fn a_record_is_put_off_as_often_as_it_says() {
        let mut plugin = misbehave();
        let verdicts: Vec<_> = (0..3).map(|_| plugin.run(Message::new("!retry:2").offset(7))).collect();
        assert_eq!(verdicts, [Verdict::retry("not yet"), Verdict::retry("not yet"), Verdict::Keep]);
        assert_eq!(plugin.run(Message::new("!retry:1").offset(8)), Verdict::retry("not yet"));
    }

    #[test]
    fn a_batch_fails_on_demand() {
        let mut plugin = misbehave();
        let batch = [Message::new("x"), Message::new("!batch-retry:1")];
        assert_eq!(plugin.run_batch(&batch), Err(Failure::Retry("not yet".into())));
        assert_eq!(plugin.run_batch(&batch), Ok(vec![Verdict::Keep, Verdict::Keep]));
        let fatal = plugin.run_batch(&[Message::new("!fatal")]);
        assert_eq!(fatal, Err(Failure::Fatal("it was told to be fatal".into())));
    }

    #[test]
    fn a_field_comes_back_as_text() {
        let mut plugin = misbehave();
        let message = |field: &str| Message::new(format!("!echo:{field}")).key("k").header("a", "b").timestamp(5);
        for (field, text) in [("key", "k"), ("headers", "a=b;"), ("timestamp", "5"), ("source", "input/0/0")] {
            assert_eq!(plugin.run(message(field)), emit().value(text).into());
        }
    }

    #[test]
    fn a_stamp_is_one_more_header_and_the_value_no_order() {
        let mut plugin = start::<Misbehave>(r#"{"stamp": "writer"}"#, &["default"]).expect("it can be configured");
        let stamped = emit().header("a", "b").header("writer", "test");
        assert_eq!(plugin.run(Message::new("!drop").header("a", "b")), stamped.into());
    }

    #[test]
    fn it_starts_badly_on_demand() {
        let error = start::<Misbehave>(r#"{"init": "error"}"#, &["default"]).expect_err("it was told to fail");
        assert_eq!(error, "config.init: it was to fail, so it fails");
    }
}
