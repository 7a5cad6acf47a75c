//! What a pipeline counts and how it stands, for the status line.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What was counted of one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records read.
    pub records: u64,
    /// Records handed to the producer.
    pub out: u64,
    /// Dead letters handed to the producer.
    pub dead_letters: u64,
    /// Records that ended without either.
    pub dropped: u64,
}

impl Tally {
    /// Of a batch of this many records.
    pub fn of(records: usize) -> Tally {
        Tally { records: records as u64, ..Tally::default() }
    }
}

/// What was counted since the pipeline started.
#[derive(Debug, Default)]
pub struct Stats {
    records: AtomicU64,
    out: AtomicU64,
    dead_letters: AtomicU64,
    dropped: AtomicU64,
    state: Mutex<State>,
}

impl Stats {
    /// Adds a batch.
    pub fn add(&self, tally: &Tally) {
        self.records.fetch_add(tally.records, Ordering::Relaxed);
        self.out.fetch_add(tally.out, Ordering::Relaxed);
        self.dead_letters.fetch_add(tally.dead_letters, Ordering::Relaxed);
        self.dropped.fetch_add(tally.dropped, Ordering::Relaxed);
    }

    /// Adds records that a stage dropped.
    pub fn dropped(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    /// A dead letter took the place of an output that a broker refused.
    pub fn refused(&self) {
        self.out.fetch_sub(1, Ordering::Relaxed);
        self.dead_letters.fetch_add(1, Ordering::Relaxed);
    }

    /// All that was counted.
    pub fn tally(&self) -> Tally {
        Tally {
            records: self.records.load(Ordering::Relaxed),
            out: self.out.load(Ordering::Relaxed),
            dead_letters: self.dead_letters.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }

    /// How the pipeline stands.
    pub fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes how it stands.
    pub fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// How a pipeline stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// In which part of its life it is.
    pub phase: Phase,
    /// Partitions that are ours.
    pub partitions: usize,
    /// Records between what is committed and the partitions' ends, as far as is known.
    pub lag: Option<u64>,
    /// What an open breaker waits for; none: closed.
    pub breaker: Option<String>,
    /// Partitions that wait for a retry.
    pub held: usize,
    /// Records of which everything is acknowledged and committed or about to be: nothing is on its way.
    pub idle: bool,
}

/// The parts of a pipeline's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Loading plugins, asking for topics, joining the group.
    #[default]
    Starting,
    /// It has its assignment.
    Running,
    /// A breaker is open.
    Paused,
    /// No more intake; what is in flight is delivered and committed.
    Draining,
    /// Ended as it was told.
    Stopped,
    /// Ended with an error.
    Failed,
}

impl Phase {
    /// Whether nothing more will happen.
    pub fn is_over(self) -> bool {
        matches!(self, Phase::Stopped | Phase::Failed)
    }

    /// The word for it in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::Running => "running",
            Phase::Paused => "paused",
            Phase::Draining => "draining",
            Phase::Stopped => "stopped",
            Phase::Failed => "failed",
        }
    }
}
