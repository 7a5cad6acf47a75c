//! What an operator has paused: a pipeline, or partitions of it. It lasts until it is resumed or the process ends, over
//! rebalances, reloads and restarts of the pipeline.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What to pause or resume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PauseTarget {
    /// The pipeline. Resumed, all of its partitions are.
    Pipeline,
    /// One partition: its topic and number.
    Partition(String, i32),
}

/// What an operator has paused of one pipeline.
#[derive(Debug, Default)]
pub struct OperatorPauses(Mutex<Paused>);

#[derive(Debug, Default)]
struct Paused {
    all: bool,
    partitions: BTreeSet<(String, i32)>,
}

impl OperatorPauses {
    fn state(&self) -> MutexGuard<'_, Paused> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pauses or resumes something.
    pub fn set(&self, target: &PauseTarget, on: bool) {
        let mut state = self.state();
        match target {
            PauseTarget::Pipeline => {
                state.all = on;
                state.partitions.clear();
            }
            PauseTarget::Partition(topic, number) => {
                let partition = (topic.clone(), *number);
                if on {
                    state.partitions.insert(partition)
                } else {
                    state.partitions.remove(&partition)
                };
            }
        }
    }

    /// Returns whether the whole pipeline is paused.
    pub fn is_all(&self) -> bool {
        self.state().all
    }

    /// Returns whether this partition is not to be fetched.
    pub fn covers(&self, topic: &str, number: i32) -> bool {
        let state = self.state();
        state.all || (!state.partitions.is_empty() && state.partitions.contains(&(topic.to_owned(), number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_stays_paused_until_it_or_all_is_resumed() {
        let pauses = OperatorPauses::default();
        let one = PauseTarget::Partition("in".to_owned(), 1);
        pauses.set(&one, true);
        assert!(pauses.covers("in", 1) && !pauses.covers("in", 0) && !pauses.is_all());
        pauses.set(&PauseTarget::Pipeline, true);
        assert!(pauses.covers("in", 0) && pauses.is_all());
        pauses.set(&PauseTarget::Pipeline, false);
        assert!(!pauses.covers("in", 1));
        pauses.set(&one, true);
        pauses.set(&one, false);
        assert!(!pauses.covers("in", 1));
    }
}
