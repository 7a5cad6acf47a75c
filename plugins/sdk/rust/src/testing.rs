//! Tests a plugin without WebAssembly: natively, and through the packed form all the same.
//!
//! ```
//! # use sluicebox_plugin::{Error, Fields, Plugin, Record, Stage, Verdict, emit};
//! # struct Shout;
//! # impl Plugin for Shout {
//! #     type Config = ();
//! #     const NEEDS: Fields = Fields::VALUE;
//! #     fn init((): (), _: &Stage) -> Result<Self, Error> { Ok(Shout) }
//! #     fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
//! #         let Some(value) = record.value() else { return Ok(Verdict::Keep) };
//! #         Ok(emit().value(std::str::from_utf8(value)?.to_uppercase()).into())
//! #     }
//! # }
//! use sluicebox_plugin::testing::{Message, start};
//!
//! let mut shout = start::<Shout>("null", &["default"]).unwrap();
//! assert_eq!(shout.run(Message::new("hello").key("k")), emit().value("HELLO").into());
//! assert_eq!(shout.run(Message::tombstone()), Verdict::Keep);
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::instance::Instance;
pub use crate::message::Message;
use crate::packed::{BatchWriter, read_result};
use crate::{Failure, Plugin, Stage, Verdict};

/// Starts a plugin as the host does: with the JSON text of a configuration (`null` for none) and the names of the
/// pipeline's outputs. The error is what the user would see.
pub fn start<P: Plugin>(config: &str, outputs: &[&str]) -> Result<Started<P>, String> {
    let stage = Stage::new("test", outputs.iter().map(|output| (*output).to_owned()).collect());
    Instance::start(&stage, config).map(Started)
}

/// A started plugin.
#[derive(Debug)]
pub struct Started<P>(Instance<P>);

impl<P: Plugin> Started<P> {
    /// The verdict on one record. The plugin sees no more of it than it asks for with its `NEEDS`.
    ///
    /// # Panics
    /// Where the plugin fails the whole batch; [`run_batch`](Started::run_batch) hands that back.
    pub fn run(&mut self, message: Message) -> Verdict<'static> {
        let verdicts = self.run_batch(&[message]).expect("the plugin does not fail the batch");
        verdicts.into_iter().next().expect("there is one verdict for each record")
    }

    /// The verdicts on a batch, in order.
    pub fn run_batch(&mut self, messages: &[Message]) -> Result<Vec<Verdict<'static>>, Failure> {
        let mut batch = BatchWriter::default();
        messages.iter().for_each(|message| batch.push(message, self.0.needs()));
        let result = self.0.process(batch.index(), batch.data())?;
        let verdicts = read_result(messages.len(), result.verdicts(), result.index(), result.data())
            .expect("the glue writes results by the interface");
        Ok(verdicts.into_iter().map(Verdict::into_owned).collect())
    }
}

thread_local! {
    static COUNTERS: RefCell<BTreeMap<String, u64>> = const { RefCell::new(BTreeMap::new()) };
}

/// What this thread's plugins have counted under a name with [`metrics::count`](crate::metrics::count).
pub fn counted(name: &str) -> u64 {
    COUNTERS.with_borrow(|counters| counters.get(name).copied().unwrap_or_default())
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn count(name: &str, delta: u64) {
    COUNTERS.with_borrow_mut(|counters| *counters.entry(name.to_owned()).or_default() += delta);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, Fields, Record, emit};

    /// Does what the value says.
    #[derive(Debug)]
    struct Obey {
        answer: Vec<u8>,
    }

    impl Plugin for Obey {
        type Config = ();
        const NEEDS: Fields = Fields::VALUE;

        fn init((): (), stage: &Stage) -> Result<Self, Error> {
            stage.check_output("default")?;
            Ok(Obey { answer: b"from the plugin".to_vec() })
        }

        fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
            assert_eq!(record.key(), None, "the key is not asked for");
            match record.value() {
                None => Ok(Verdict::Keep),
                Some(b"own") => Ok(emit().value(&self.answer).into()),
                Some(b"later") => Err(Failure::Retry("later".into()).into()),
                Some(b"count") => {
                    crate::metrics::count("counted", 2);
                    Ok(Verdict::Drop)
                }
                Some(value) => {
                    let number: u8 = std::str::from_utf8(value)?.parse()?;
                    Ok(Verdict::EmitAll(vec![emit(); usize::from(number)]))
                }
            }
        }
    }

    fn obey() -> Started<Obey> {
        start("null", &["default"]).expect("the plugin starts")
    }

    #[test]
    fn an_error_rejects_the_record_alone() {
        let verdicts = obey().run_batch(&[Message::new("x"), Message::tombstone()]);
        assert_eq!(verdicts, Ok(vec![Verdict::reject("invalid digit found in string"), Verdict::Keep]));
    }

    #[test]
    fn a_failure_fails_the_batch() {
        let verdicts = obey().run_batch(&[Message::tombstone(), Message::new("later")]);
        assert_eq!(verdicts, Err(Failure::Retry("later".into())));
    }

    #[test]
    fn an_answer_may_be_borrowed_from_the_plugin() {
        assert_eq!(obey().run(Message::new("own").key("k")), emit().value("from the plugin").into());
    }

    #[test]
    fn several_records_may_be_emitted() {
        assert_eq!(obey().run(Message::new("2")), vec![emit(), emit()].into());
    }

    #[test]
    fn an_error_of_init_is_what_the_user_sees() {
        let error = start::<Obey>("null", &["other"]).expect_err("there is no default output");
        assert_eq!(error, "the pipeline has no output `default`; its outputs are: other");
    }

    #[test]
    fn counters_add_up() {
        obey().run(Message::new("count"));
        obey().run(Message::new("count"));
        assert_eq!(counted("counted"), 4);
    }
}
