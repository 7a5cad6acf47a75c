//! Time-outs that are going on: which stages do not answer in time just now, for the status of the pipeline.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::batch::Offset;
use crate::kafka::TopicPartition;

/// A stage that does not answer in time in one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageTimeout {
    /// The stage's name.
    pub stage: Arc<str>,
    /// Calls in a row that took too long.
    pub calls: u32,
    /// When the first of them was cut off.
    pub since: Instant,
    /// The first record of the last of them.
    pub record: (TopicPartition, Offset),
    /// How many records that call had.
    pub records: usize,
}

/// The stages of one pipeline that do not answer in time just now. Written only when a call has timed out, or the first
/// one after that has not.
#[derive(Debug, Default)]
pub struct StageTimeouts(Mutex<BTreeMap<(usize, usize), StageTimeout>>);

impl StageTimeouts {
    /// Notes that a call of a stage has timed out in a worker.
    pub fn note(&self, worker: usize, stage: usize, timeout: StageTimeout) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = all.get(&(stage, worker)).map_or(timeout.since, |first| first.since);
        all.insert((stage, worker), StageTimeout { since, ..timeout });
    }

    /// Notes that a stage has answered in time in a worker.
    pub fn clear(&self, worker: usize, stage: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(stage, worker));
    }

    /// Returns what is going on now, by stage and worker.
    pub fn now(&self) -> Vec<StageTimeout> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
