//! Simulated plugins for tests: each record's value, or whatever a test decides by, makes the plugin do something.

use std::sync::{Arc, Mutex, PoisonError};

use crate::batch::{Arena, Field, Record, Source};
use crate::plugin::{
    Answer, CallError, Change, Counters, Fields, HeadersChange, OutputName, PluginInstance, Produced, StartError,
    Verdict,
};

/// What a simulated plugin does with one record.
pub(crate) enum Act {
    Keep,
    Drop,
    /// Emits records with these values, to the output of a number or on to the next stage.
    Emit(Vec<(Option<u32>, Vec<u8>)>),
    /// Emits this many records with one and the same value of so many bytes, shared by all records of the call.
    EmitShared(usize, usize),
    Reject(String),
    /// Rejects with a reason of so many bytes, shared by all records of the call.
    RejectShared(usize),
    Retry(String),
    /// The whole call fails.
    Fail(CallError),
    /// Counts under a name, and keeps the record.
    Count(&'static str),
}

/// Decides what to do with a record.
pub(crate) type Decide = Box<dyn FnMut(&Arena, &[Source], &Record) -> Act + Send>;

/// What was asked of a simulated plugin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(Arc<Mutex<Vec<usize>>>);

impl Calls {
    /// Returns how many records each call had.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A plugin instance that a test decides for.
pub(crate) struct SimulatedPlugin {
    decide: Decide,
    needs: Fields,
    counters: Counters,
    calls: Calls,
}

impl SimulatedPlugin {
    pub(crate) fn new(decide: impl FnMut(&Arena, &[Source], &Record) -> Act + Send + 'static) -> SimulatedPlugin {
        let (counters, calls) = Default::default();
        SimulatedPlugin { decide: Box::new(decide), needs: Fields::ALL, counters, calls }
    }

    /// One that decides by the value's text.
    pub(crate) fn by_value(mut decide: impl FnMut(&str) -> Act + Send + 'static) -> SimulatedPlugin {
        SimulatedPlugin::new(move |arena, _, record| {
            decide(std::str::from_utf8(arena.get(record.value).unwrap_or_default()).unwrap_or_default())
        })
    }

    pub(crate) fn calls(&self) -> Calls {
        self.calls.clone()
    }
}

fn produced(record: usize, output: OutputName, value: Field) -> Produced {
    Produced {
        record: record as u32,
        output,
        key: Change::Inherit,
        value: Change::Set(value),
        headers: HeadersChange::Inherit,
        timestamp: None,
    }
}

impl PluginInstance for SimulatedPlugin {
    fn process(
        &mut self,
        arena: &mut Arena,
        sources: &[Source],
        records: &[Record],
        answer: &mut Answer,
    ) -> Result<(), CallError> {
        self.calls.0.lock().unwrap_or_else(PoisonError::into_inner).push(records.len());
        answer.clear();
        let before = arena.len();
        let mut shared: Option<Field> = None;
        for (number, record) in records.iter().enumerate() {
            let act = (self.decide)(arena, sources, record);
            let mut share = |arena: &mut Arena, bytes| *shared.get_or_insert_with(|| arena.push(&vec![b's'; bytes]));
            let verdict = match act {
                Act::Keep => Verdict::Keep,
                Act::Drop => Verdict::Drop,
                Act::Emit(values) => {
                    for (output, value) in values {
                        let output = output.map_or(OutputName::Next, OutputName::Declared);
                        answer.produced.push(produced(number, output, arena.push(&value)));
                    }
                    Verdict::Emit
                }
                Act::EmitShared(count, bytes) => {
                    let value = share(arena, bytes);
                    answer.produced.extend((0..count).map(|_| produced(number, OutputName::Next, value)));
                    Verdict::Emit
                }
                Act::Reject(reason) => {
                    answer.produced.push(produced(number, OutputName::Next, arena.push(reason.as_bytes())));
                    Verdict::Reject
                }
                Act::RejectShared(bytes) => {
                    answer.produced.push(produced(number, OutputName::Next, share(arena, bytes)));
                    Verdict::Reject
                }
                Act::Retry(reason) => {
                    answer.produced.push(produced(number, OutputName::Next, arena.push(reason.as_bytes())));
                    Verdict::Retry
                }
                Act::Fail(error) => {
                    arena.truncate(before);
                    answer.clear();
                    return Err(error);
                }
                Act::Count(name) => {
                    self.counters.add(name, 1);
                    Verdict::Keep
                }
            };
            answer.verdicts.push(verdict);
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<(), StartError> {
        Ok(())
    }

    fn needs(&self) -> Fields {
        self.needs
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn memory(&self) -> usize {
        0
    }
}
