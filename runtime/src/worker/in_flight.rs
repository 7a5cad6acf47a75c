//! A batch in flight: on its way through the chain, with what has left it already.

use std::time::Duration;

use crate::batch::{Batch, Record};
use crate::failure::Failure;
use crate::plugin::{Change, HeadersChange, Produced};
use crate::sink::receipt::OpenSpan;
use crate::stage::Progress;
use crate::traces::BatchTrace;

/// No path node: the record was the only one, or the first, in every stage.
pub(super) const NO_PATH: u32 = u32::MAX;

/// The source of an input that has gone into a batch of its own.
pub(super) const MOVED: u32 = u32::MAX;

/// Where a record on its way came from.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The number of its input record in the batch.
    pub input: u32,
    /// The innermost of its path nodes.
    pub(super) path: u32,
}

/// One stage that emitted a record as other than the first.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathNode {
    pub(super) outer: u32,
    pub(super) stage: usize,
    pub(super) index: u32,
}

/// What leaves the chain.
#[derive(Clone, Copy, Debug)]
pub enum ChainOutput {
    /// A record for an output.
    Output {
        /// The output's number.
        output: u32,
        /// The record.
        record: Record,
        /// Where it came from.
        origin: Origin,
        /// The stage that it left; the number of stages where it came to the end of the chain.
        stage: usize,
    },
    /// The dead letter of an input record.
    DeadLetter {
        /// The number of the input record.
        input: u32,
        /// The number of the failure.
        failure: u32,
    },
}

impl ChainOutput {
    /// Returns the number of its input record.
    pub fn input(&self) -> u32 {
        match self {
            ChainOutput::Output { origin, .. } => origin.input,
            ChainOutput::DeadLetter { input, .. } => *input,
        }
    }
}

/// One batch on its way through the chain. Reused, so that its lists keep their memory.
#[derive(Default)]
pub struct InFlightBatch {
    /// The input, and the bytes of everything that came of it.
    pub batch: Batch,
    /// One for each of the batch's sources; none where all of it went into batches of its own.
    pub spans: Vec<Option<OpenSpan>>,
    /// The records that are still in the chain.
    pub records: Vec<Record>,
    /// Where each of them came from.
    pub origins: Vec<Origin>,
    /// What has left the chain and is not written yet.
    pub leaving: Vec<ChainOutput>,
    /// The failures that dead letters tell of.
    pub failures: Vec<Failure>,
    /// How many records stages have dropped.
    pub dropped: u64,
    /// Whether its records are decoded; never, where the pipeline has no formats.
    pub decoded: bool,
    /// The stage that comes next, or that it waits in.
    pub stage: usize,
    /// Whether it waits in the middle of that stage.
    pub waiting: bool,
    /// How far that stage has come.
    pub progress: Progress,
    /// How long its calls took, where somebody traces them.
    pub stage_time: Duration,
    /// What is recorded of it, where it has sampled records.
    pub recorded: Option<BatchTrace>,
    /// The stage that a probe is meant for.
    pub probe: Option<usize>,
    /// Whether the probe has come as far as that stage.
    pub probed: bool,
    /// Whether it is a probe that looks ahead: it ends with that stage, and nothing of it is written.
    pub ahead: bool,
    pub(super) paths: Vec<PathNode>,
    // Inputs that have gone into batches of their own.
    pub(super) moved: usize,
    // Bytes of the arena that have been copied into those.
    pub(super) copied: usize,
}

impl InFlightBatch {
    /// Begins with a batch.
    pub fn begin(&mut self, batch: Batch, spans: impl IntoIterator<Item = OpenSpan>, probe: Option<usize>) {
        self.batch = batch;
        self.spans.extend(spans.into_iter().map(Some));
        self.records.extend_from_slice(&self.batch.records);
        let count = self.batch.records.len() as u32;
        self.origins.extend((0..count).map(|input| Origin { input, path: NO_PATH }));
        self.probe = probe;
    }

    /// Ends, and gives the batch's memory back. Spans that are not sealed are abandoned.
    pub fn finish(&mut self) -> Batch {
        self.spans.clear();
        self.records.clear();
        self.origins.clear();
        self.leaving.clear();
        self.failures.clear();
        self.paths.clear();
        (self.dropped, self.decoded, self.stage, self.waiting) = (0, false, 0, false);
        self.stage_time = Duration::ZERO;
        self.recorded = None;
        (self.moved, self.copied) = (0, 0);
        (self.probe, self.probed, self.ahead) = (None, false, false);
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        batch
    }

    /// Returns whether a stage has begun with it.
    pub fn has_begun(&self) -> bool {
        self.stage > 0 || self.waiting
    }

    /// Returns whether any record in the chain is still ours to process.
    pub fn any_is_ours(&self) -> bool {
        let is_ours = |record: &Record| {
            self.spans[record.source as usize].as_ref().is_some_and(|span| span.lease().covers(record.offset))
        };
        self.records.iter().any(is_ours)
    }

    /// Returns whether any of its records is bound to a path.
    pub fn follows_paths(&self) -> bool {
        self.batch.sources.iter().any(|source| source.replay.is_some())
    }

    /// Returns, of a record that is bound to a path, which of those that the next stage emits for it is followed, and
    /// whether the path goes on behind that.
    pub fn branch(&self, record: &Record) -> Option<(u32, bool)> {
        let path = &self.batch.sources[record.source as usize].replay.as_ref()?.path;
        let number = *path.get(self.stage)?;
        Some((number, self.stage + 1 < path.len()))
    }

    /// Returns the origin of the record with number `index` that a stage emitted in place of one with `origin`.
    pub fn emitted(&mut self, origin: Origin, stage: usize, index: u32) -> Origin {
        if index == 0 {
            return origin;
        }
        self.paths.push(PathNode { outer: origin.path, stage, index });
        Origin { path: self.paths.len() as u32 - 1, ..origin }
    }

    /// Returns which emitted record of each of the first `stages` stages it was, e.g. `0/2`.
    pub fn path(&self, origin: Origin, stages: usize) -> String {
        let mut indices = vec![0; stages];
        let mut at = origin.path;
        while at != NO_PATH {
            let node = self.paths[at as usize];
            indices[node.stage] = node.index;
            at = node.outer;
        }
        indices.iter().map(u32::to_string).collect::<Vec<_>>().join("/")
    }

    /// Returns how many inputs are its own: those that have not gone into a batch of their own.
    pub fn inputs(&self) -> usize {
        self.batch.records.len() - self.moved
    }

    /// Returns the key of an input.
    pub fn key_of(&self, input: usize) -> Option<&[u8]> {
        self.batch.arena.get(self.batch.records[input].key)
    }
}

/// Returns the record that comes of `record` when a plugin produced `produced` in its place.
pub fn apply(record: &Record, produced: &Produced) -> Record {
    let change = |change, inherited| match change {
        Change::Inherit => inherited,
        Change::Set(field) => field,
    };
    Record {
        key: change(produced.key, record.key),
        value: change(produced.value, record.value),
        headers: match produced.headers {
            HeadersChange::Inherit => record.headers,
            HeadersChange::Set(list) => list,
        },
        timestamp: produced.timestamp.unwrap_or(record.timestamp),
        ..*record
    }
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::two_partitions;

    #[test]
    fn a_path_names_the_emitted_record_of_each_stage() {
        let (mut batch, _events) = two_partitions();
        let first = batch.emitted(batch.origins[0], 0, 0);
        let third = batch.emitted(first, 1, 2);
        assert_eq!(batch.path(third, 2), "0/2");
        assert_eq!(batch.path(batch.origins[0], 0), "");
        let again = batch.emitted(third, 2, 1);
        assert_eq!(batch.path(again, 4), "0/2/1/0");
    }
}
