//! Outcomes of a replay: what became of each record of a replay, noted as it leaves the chain.

use std::sync::{Mutex, PoisonError};

use crate::failure::Class;

/// One thing that came of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayOutcome {
    /// A record for the output of this number.
    Output(usize),
    /// A dead letter.
    DeadLetter {
        /// The stage's number.
        stage: usize,
        /// The class of the failure.
        class: Class,
        /// Its reason.
        reason: String,
    },
    /// The path to the record that is asked for ends early: nothing is written.
    PathMismatch {
        /// The number of the stage where it ends.
        stage: usize,
        /// What that stage does instead.
        why: String,
    },
}

/// Collects outcomes, each with the slot of its record's lease.
#[derive(Debug, Default)]
pub struct ReplayOutcomes(Mutex<Vec<(usize, ReplayOutcome)>>);

impl ReplayOutcomes {
    /// Adds an outcome.
    pub fn note(&self, slot: usize, outcome: ReplayOutcome) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((slot, outcome));
    }

    /// Takes all outcomes out.
    pub fn take(&self) -> Vec<(usize, ReplayOutcome)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
