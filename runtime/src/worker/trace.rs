//! Traces of a chain: what each stage has made of the records of a batch, shown before they go on.

use std::sync::Arc;
use std::time::Duration;

use super::in_flight::{InFlightBatch, apply};
use crate::batch::{Arena, Record};
use crate::kafka::TopicPartition;
use crate::plugin::OutputName;
use crate::stage::{Failed, Progress, RecordState};

/// Takes note of what stages make of records. There are two implementations: the record of an explanation, and the taps
/// of a running pipeline.
pub trait StageTrace: Send + Sync {
    /// Called when a stage is through with a batch, by the worker's own thread: it must not wait.
    fn stage_completed(&self, step: &StageStep<'_>);
}

/// What a stage has made of a batch. Made by the chain when somebody is there to see it.
pub struct StageStep<'a> {
    /// The stage's number.
    pub stage: usize,
    /// Its name.
    pub name: &'a Arc<str>,
    /// How long its calls with this batch took.
    pub time: Duration,
    pub(super) batch: &'a InFlightBatch,
    pub(super) progress: &'a Progress,
}

/// What a stage says of a record.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// It goes on as it came.
    Keep,
    /// It ends here.
    Drop,
    /// So many go on in its place, or leave for an output.
    Emit(u32),
    /// It failed.
    Failed(&'a Failed),
}

impl<'a> StageStep<'a> {
    /// Returns how many records the stage was called with, those that are no longer ours included.
    pub fn len(&self) -> usize {
        self.batch.records.len()
    }

    /// Returns whether the stage was called with no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns where the records' bytes lie.
    pub fn arena(&self) -> &'a Arena {
        &self.batch.batch.arena
    }

    /// Returns a record as the stage was given it.
    pub fn before(&self, index: usize) -> &'a Record {
        &self.batch.records[index]
    }

    /// Returns the partition that a record came from.
    pub fn at(&self, index: usize) -> TopicPartition {
        let source = &self.batch.batch.sources[self.before(index).source as usize];
        TopicPartition { topic: source.topic.clone(), partition: source.partition }
    }

    /// Returns which emitted record of each earlier stage a record was, e.g. `0/2`.
    pub fn path(&self, index: usize) -> String {
        self.batch.path(self.batch.origins[index], self.stage)
    }

    /// Returns what the stage says of a record; none where it is no longer ours.
    pub fn said(&self, index: usize) -> Option<Said<'a>> {
        match self.progress.states()[index] {
            RecordState::Keep => Some(Said::Keep),
            RecordState::Drop => Some(Said::Drop),
            RecordState::Emit { count, .. } => Some(Said::Emit(count)),
            RecordState::Failed(number) => Some(Said::Failed(&self.progress.failed()[number as usize])),
            RecordState::Pending | RecordState::Revoked => None,
        }
    }

    /// Returns how many times the stage was called with the records that asked for it.
    pub fn rounds(&self) -> u32 {
        self.progress.rounds()
    }

    /// Returns the records that a stage has emitted in place of one, each with the number of the output that it leaves
    /// for; none: it goes on to the next stage.
    pub fn emitted(&self, index: usize) -> impl Iterator<Item = (Record, Option<u32>)> {
        let before = self.before(index);
        self.progress.produced_of(index).iter().map(move |produced| {
            let output = match produced.output {
                OutputName::Declared(output) => Some(output),
                OutputName::Next | OutputName::Undeclared(_) => None,
            };
            (apply(before, produced), output)
        })
    }
}
