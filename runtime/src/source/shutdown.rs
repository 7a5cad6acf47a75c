//! The end of a pipeline: no more intake, what is in flight is delivered and committed, up to a deadline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::action::{Action, Actions};
use super::partitions::{OwnedPartition, OwnedPartitions};
use super::pause::PauseReason;
use super::transactions::Transactions;
use crate::error::PipelineError;

/// The part of the drain deadline that is kept for the last commit, and no more than this.
const TO_COMMIT: (u32, Duration) = (10, Duration::from_secs(2));
/// The part that is kept for leaving the group and ending the clients, and no more than this.
const TO_LEAVE: (u32, Duration) = (5, Duration::from_secs(3));
/// How often the last commit is asked for again while it fails.
const COMMIT_AGAIN: Duration = Duration::from_millis(500);

/// Whether the pipeline is ending, and how far that has come.
pub struct Shutdown {
    pipeline: Arc<str>,
    drain: Duration,
    begun: Option<Ending>,
}

struct Ending {
    error: Option<PipelineError>,
    deadline: Instant,
    commit_deadline: Instant,
    // When to ask for the last commit again; none before it was asked for.
    commit_again: Option<Instant>,
}

/// The part of the drain deadline that is kept for leaving the group and ending the clients.
pub fn time_to_leave(drain: Duration) -> Duration {
    (drain / TO_LEAVE.0).min(TO_LEAVE.1)
}

impl Shutdown {
    /// It is not ending.
    pub fn new(pipeline: Arc<str>, drain: Duration) -> Shutdown {
        Shutdown { pipeline, drain, begun: None }
    }

    /// Returns whether it is ending.
    pub fn has_begun(&self) -> bool {
        self.begun.is_some()
    }

    /// Returns when everything has to be over, where it is ending.
    pub fn end(&self) -> Option<Instant> {
        self.begun.as_ref().map(|ending| ending.commit_deadline + time_to_leave(self.drain))
    }

    /// Begins to end, with a deadline that counts from `asked`. The first reason counts; none: it was told to stop.
    pub fn begin(
        &mut self,
        error: Option<PipelineError>,
        asked: Instant,
        partitions: &mut OwnedPartitions,
        actions: &mut Actions,
    ) {
        if self.begun.is_some() {
            return;
        }
        if let Some(error) = &error {
            tracing::debug!(target: "source", pipeline = %self.pipeline, "ending: {error}");
        }
        let commit_deadline = asked + self.drain - time_to_leave(self.drain);
        let deadline = commit_deadline - (self.drain / TO_COMMIT.0).min(TO_COMMIT.1);
        self.begun = Some(Ending { error, deadline, commit_deadline, commit_again: None });
        actions.push(Action::ClearIntake);
        for partition in partitions.iter().filter(|partition| partition.is_retrying()) {
            actions.push(Action::AbandonRetries { worker: partition.worker(), lease: partition.lease().clone() });
        }
        actions.push(Action::Pause(self.pause(partitions)));
    }

    /// Partitions that come while it is ending are not fetched.
    pub fn pause(&self, partitions: &mut OwnedPartitions) -> Vec<crate::kafka::TopicPartition> {
        if self.begun.is_none() {
            return Vec::new();
        }
        partitions.set_paused(PauseReason::Revoking, true, |_| true).0
    }

    /// The last transaction was aborted: the end is no good one.
    pub fn on_aborted(&mut self, why: &str) {
        self.fail(PipelineError::Aborted(why.to_owned()));
    }

    fn fail(&mut self, error: PipelineError) {
        if let Some(ending) = &mut self.begun {
            ending.error.get_or_insert(error);
        }
    }

    /// Returns whether the last commit was asked for.
    pub fn is_last_commit_asked(&self) -> bool {
        self.begun.as_ref().is_some_and(|ending| ending.commit_again.is_some())
    }

    /// Goes on. Returns the pipeline's result once everything is over. `is_resending`: something is still to be written
    /// in place of a refused record.
    pub fn step(
        &mut self,
        now: Instant,
        is_resending: bool,
        partitions: &OwnedPartitions,
        transactions: Option<&mut Transactions>,
        actions: &mut Actions,
    ) -> Option<Result<(), PipelineError>> {
        let ending = self.begun.as_mut()?;
        let is_at_rest = transactions.as_ref().is_none_or(|transactions| transactions.is_at_rest());
        match ending.commit_again {
            None => {
                let is_drained = !is_resending && partitions.iter().all(OwnedPartition::is_drained);
                if !is_drained && now < ending.deadline {
                    return None;
                }
                if !is_drained {
                    ending.error.get_or_insert(PipelineError::Drain(self.drain));
                }
                match transactions {
                    // Behind the gate, which stays closed, nothing more is written.
                    Some(transactions) => transactions.request_close(),
                    None => {
                        partitions.revoke_leases(|_| true);
                        actions.push(Action::CutOff);
                    }
                }
                self.ask_last_commit(now, actions);
                return None;
            }
            Some(again) if now >= again => self.ask_last_commit(now, actions),
            Some(_) => {}
        }
        let is_committed = is_at_rest && partitions.iter().all(OwnedPartition::is_committed);
        let ending = self.begun.as_mut()?;
        if !is_committed && now < ending.commit_deadline {
            return None;
        }
        Some(match ending.error.take() {
            Some(error) => Err(error),
            None if is_committed => Ok(()),
            None => Err(PipelineError::Drain(self.drain)),
        })
    }

    fn ask_last_commit(&mut self, now: Instant, actions: &mut Actions) {
        actions.push(Action::RequestCommit);
        if let Some(ending) = &mut self.begun {
            ending.commit_again = Some(now + COMMIT_AGAIN);
        }
    }

    /// When there is something to do next, whatever happens.
    pub fn deadline(&self) -> Option<Instant> {
        let ending = self.begun.as_ref()?;
        Some(ending.commit_again.map_or(ending.deadline, |again| again.min(ending.commit_deadline)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, deliver, dispatch, owned, words};
    use super::*;
    use crate::batch::Offset;
    use crate::rt;

    const DRAIN: Duration = Duration::from_secs(20);

    struct Setting {
        shutdown: Shutdown,
        partitions: OwnedPartitions,
        now: Instant,
        actions: Actions,
    }

    impl Setting {
        /// The pipeline ends with 10 records in flight.
        fn ending(error: Option<PipelineError>) -> Setting {
            let (mut partitions, now, mut actions) = (owned(1, 1), rt::now(), Actions::new());
            dispatch(&mut partitions, 0, 0, 10);
            let mut shutdown = Shutdown::new("p".into(), DRAIN);
            shutdown.begin(error, now, &mut partitions, &mut actions);
            assert_eq!(words(&mut actions), ["clear intake", "pause 0"]);
            Setting { shutdown, partitions, now, actions }
        }

        fn step(&mut self, after: Duration) -> (Option<Result<(), PipelineError>>, Vec<String>) {
            self.now += after;
            let result = self.shutdown.step(self.now, false, &self.partitions, None, &mut self.actions);
            (result, words(&mut self.actions))
        }
    }

    #[test]
    fn a_stop_ends_well_when_everything_is_delivered_and_committed() {
        let mut setting = Setting::ending(None);
        assert!(matches!(setting.step(Duration::ZERO), (None, words) if words.is_empty()));
        deliver(&mut setting.partitions, 0, 0, 10);
        let (result, words) = setting.step(Duration::ZERO);
        assert!(result.is_none());
        assert_eq!(words, ["cut off", "request commit"]);
        assert!(setting.step(Duration::ZERO).0.is_none(), "the commit is not answered");
        setting.partitions.of_mut(&at(0)).unwrap().committed(Offset(10));
        assert!(matches!(setting.step(Duration::ZERO).0, Some(Ok(()))));
    }

    #[test]
    fn a_stop_that_does_not_drain_ends_within_the_deadline_and_says_so() {
        let mut setting = Setting::ending(None);
        let (result, words) = setting.step(DRAIN);
        assert!(result.is_none());
        assert_eq!(words, ["cut off", "request commit"]);
        assert!(matches!(setting.step(Duration::ZERO).0, Some(Err(PipelineError::Drain(_)))));
    }

    #[test]
    fn the_first_reason_counts() {
        let mut setting = Setting::ending(Some(PipelineError::Topic("first".to_owned())));
        let second = Some(PipelineError::Topic("second".to_owned()));
        setting.shutdown.begin(second, setting.now, &mut setting.partitions, &mut setting.actions);
        assert!(setting.actions.is_empty());
        setting.step(DRAIN);
        assert!(matches!(setting.step(DRAIN).0, Some(Err(PipelineError::Topic(why))) if why == "first"));
    }

    #[test]
    fn a_last_commit_that_fails_is_asked_for_again_until_the_deadline() {
        let mut setting = Setting::ending(None);
        deliver(&mut setting.partitions, 0, 0, 10);
        setting.step(Duration::ZERO);
        let (result, words) = setting.step(COMMIT_AGAIN);
        assert!(result.is_none() && words == ["request commit"]);
        assert!(matches!(setting.step(DRAIN).0, Some(Err(PipelineError::Drain(_)))));
    }
}
