//! What workers tell the loop of their pipeline.

use std::sync::Arc;

use crate::batch::{Batch, Offset};
use crate::error::PipelineError;
use crate::event_sender::EventSender;
use crate::lease::Lease;

/// The way of [`WorkerEvent`]s.
pub type WorkerEvents = EventSender<WorkerEvent>;

/// What happened in a worker.
pub enum WorkerEvent {
    /// A worker is done with a batch, whose memory comes back.
    Processed {
        /// Which worker.
        worker: usize,
        /// The memory, to be filled again.
        batch: Batch,
    },
    /// Records of a partition wait for a retry.
    RetryPending {
        /// The partition.
        lease: Arc<Lease>,
        /// How many.
        records: usize,
        /// Whether no more of it may come.
        full: bool,
    },
    /// None of it waits any more.
    RetriesDone(Arc<Lease>),
    /// A stage has left records of a partition that it would need long for: the partition goes back to them.
    Left {
        /// The partition.
        lease: Arc<Lease>,
        /// The stage's name.
        stage: Arc<str>,
        /// How many records it has left.
        records: usize,
    },
    /// A stage fails on too much.
    BreakerOpened(BreakerTrip),
    /// A probe has come to its end.
    ProbeEnded(ProbeResult),
    /// The pipeline cannot go on.
    Failed(PipelineError),
}

/// Why a circuit breaker opened.
#[derive(Clone, Debug)]
pub struct BreakerTrip {
    /// The stage's number.
    pub stage: usize,
    /// Its name.
    pub name: Arc<str>,
    /// Records that failed in the window.
    pub failed: u64,
    /// Records in the window.
    pub total: u64,
    /// One that failed: its partition and offset.
    pub record: (Arc<Lease>, Offset),
    /// Why it failed: class and reason.
    pub reason: String,
}

impl BreakerTrip {
    /// Returns the same without a plugin's words about a record.
    #[must_use]
    pub fn without_words(self) -> BreakerTrip {
        BreakerTrip { reason: PipelineError::class_alone(&self.reason), ..self }
    }
}

/// What a probe found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// The stage is better.
    Passed,
    /// It is not; nothing was written.
    Failed,
    /// None of its records came as far as the stage.
    Unclear,
}
