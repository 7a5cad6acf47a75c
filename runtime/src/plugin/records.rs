//! Plugins of world `simple`: typed records in, typed outcomes out, mapped to the same answer as the packed form.

use std::str::from_utf8;
use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::TypedFunc;

use super::answer::{Answer, Change, HeadersChange, OutputName, Produced, Verdict};
use super::instance::{Call, Failed};
use super::state::State;
use super::wire::{ChangeTo, Failure, Fields, HeaderIn, HeaderOut, Message, Outcome, ProducedRecord, SourceOf};
use crate::batch::{Arena, NO_TIMESTAMP, Record, Source};

type Process = TypedFunc<(&'static [Message<'static>],), (Result<Vec<Outcome>, Failure>,)>;

/// The `process` of a plugin with typed records.
pub(super) struct RecordsProcess(pub(super) Process);

impl RecordsProcess {
    pub(super) fn call(&self, store: &mut Store<State>, call: Call<'_>) -> Result<(), Failed> {
        let Call { needs, outputs, arena, sources, records, answer } = call;
        let messages: Vec<_> = records.iter().map(|record| message(record, needs, arena, sources)).collect();
        let outcomes = self.0.call(store, (messages.as_slice(),)).map_err(Failed::Engine)?.0.map_err(Failed::Plugin)?;
        if outcomes.len() != records.len() {
            return Err(Failed::Answer(format!("{} outcomes on {} records", outcomes.len(), records.len())));
        }
        let bytes: usize = outcomes.iter().map(size).sum();
        if arena.len() + bytes > u32::MAX as usize {
            return Err(Failed::Answer(format!("{bytes} bytes of outcomes do not fit into the batch")));
        }
        let mut writer = Writer { outputs, arena, answer };
        for (record, outcome) in outcomes.iter().enumerate() {
            writer.outcome(record as u32, outcome);
        }
        Ok(())
    }
}

/// What a plugin that needs these fields is told of a record.
fn message<'a>(record: &Record, needs: Fields, arena: &'a Arena, sources: &'a [Source]) -> Message<'a> {
    let asked = |field| needs.contain(field);
    let headers = || {
        arena.headers(record.headers).map(|(name, value)| HeaderIn {
            name: from_utf8(name).expect("a header name that is not UTF-8 is kept from a plugin that needs headers"),
            value,
        })
    };
    Message {
        key: arena.get(record.key).filter(|_| asked(Fields::KEY)),
        value: arena.get(record.value).filter(|_| asked(Fields::VALUE)),
        headers: asked(Fields::HEADERS).then(|| headers().collect()),
        timestamp: Some(record.timestamp).filter(|timestamp| asked(Fields::TIMESTAMP) && *timestamp != NO_TIMESTAMP),
        source: asked(Fields::SOURCE).then(|| {
            let source = &sources[record.source as usize];
            SourceOf { topic: &source.topic, partition: source.partition.0, offset: record.offset.0 }
        }),
    }
}

/// Writes outcomes into the arena and the answer.
struct Writer<'a> {
    outputs: &'a [Arc<str>],
    arena: &'a mut Arena,
    answer: &'a mut Answer,
}

impl Writer<'_> {
    fn outcome(&mut self, record: u32, outcome: &Outcome) {
        let verdict = match outcome {
            Outcome::Keep => Verdict::Keep,
            Outcome::Drop => Verdict::Drop,
            Outcome::Emit(produced) => {
                for one in produced {
                    let one = self.produced(record, one);
                    self.answer.produced.push(one);
                }
                Verdict::Emit
            }
            Outcome::Reject(reason) => {
                self.reason(record, reason);
                Verdict::Reject
            }
            Outcome::Retry(reason) => {
                self.reason(record, reason);
                Verdict::Retry
            }
        };
        self.answer.verdicts.push(verdict);
    }

    fn produced(&mut self, record: u32, produced: &ProducedRecord) -> Produced {
        Produced {
            record,
            output: match &produced.output {
                None => OutputName::Next,
                Some(name) => match self.outputs.iter().position(|output| **output == **name) {
                    Some(index) => OutputName::Declared(index as u32),
                    None => OutputName::Undeclared(self.arena.push(name.as_bytes())),
                },
            },
            key: self.change(&produced.key),
            value: self.change(&produced.value),
            headers: match &produced.headers {
                None => HeadersChange::Inherit,
                Some(headers) => {
                    let headers = headers.iter().map(|header| (header.name.as_bytes(), header.value.as_deref()));
                    HeadersChange::Set(self.arena.push_headers(headers))
                }
            },
            timestamp: produced.timestamp.filter(|timestamp| *timestamp != NO_TIMESTAMP),
        }
    }

    fn change(&mut self, change: &ChangeTo) -> Change {
        match change {
            ChangeTo::Inherit => Change::Inherit,
            ChangeTo::Null => Change::Set(self.arena.push_option(None)),
            ChangeTo::Set(bytes) => Change::Set(self.arena.push(bytes)),
        }
    }

    fn reason(&mut self, record: u32, reason: &str) {
        let reason = self.arena.push(reason.as_bytes());
        self.answer.produced.push(Produced {
            record,
            output: OutputName::Next,
            key: Change::Inherit,
            value: Change::Set(reason),
            headers: HeadersChange::Inherit,
            timestamp: None,
        });
    }
}

/// Bytes that an outcome takes in the arena.
fn size(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Keep | Outcome::Drop => 0,
        Outcome::Reject(reason) | Outcome::Retry(reason) => reason.len(),
        Outcome::Emit(produced) => produced.iter().map(produced_size).sum(),
    }
}

fn produced_size(produced: &ProducedRecord) -> usize {
    /// Two lengths before each header.
    const HEADER: usize = 8;
    let change = |change: &ChangeTo| match change {
        ChangeTo::Inherit | ChangeTo::Null => 0,
        ChangeTo::Set(bytes) => bytes.len(),
    };
    let header = |header: &HeaderOut| HEADER + header.name.len() + header.value.as_ref().map_or(0, Vec::len);
    produced.output.as_ref().map_or(0, String::len)
        + change(&produced.key)
        + change(&produced.value)
        + produced.headers.iter().flatten().map(header).sum::<usize>()
}
