//! How a pipeline stands, for the status line.

use std::sync::{Arc, Mutex, PoisonError};

use crate::counters::{PipelineCounters, Totals};

/// How a pipeline stands, and what it has counted.
#[derive(Debug, Default)]
pub struct Stats {
    /// What it has counted since the process started.
    pub counters: Arc<PipelineCounters>,
    state: Mutex<State>,
}

impl Stats {
    /// Returns all that was counted.
    pub fn tally(&self) -> Totals {
        self.counters.totals()
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
