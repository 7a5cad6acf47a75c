//! How a pipeline ends: no more intake, what is in flight is delivered and committed, up to a deadline.

use std::time::{Duration, Instant};

use super::slot::Pause;
use super::{Source, Transactions};
use crate::error::PipelineError;

/// The part of the drain deadline that is kept for the last commit, and no more than this.
const TO_COMMIT: (u32, Duration) = (10, Duration::from_secs(2));
/// The part that is kept for leaving the group and ending the clients, and no more than this.
const TO_LEAVE: (u32, Duration) = (5, Duration::from_secs(3));
/// How often the last commit is asked for again while it fails.
const COMMIT_AGAIN: Duration = Duration::from_millis(500);

/// An end that has begun.
pub struct End {
    error: Option<PipelineError>,
    deadline: Instant,
    commit_deadline: Instant,
    // When to ask for the last commit again; none before it was asked for.
    commit_again: Option<Instant>,
}

impl End {
    /// It does not end well: the first reason counts.
    pub fn fail(&mut self, error: PipelineError) {
        self.error.get_or_insert(error);
    }
}

/// The part of the drain deadline that is kept for leaving the group and ending the clients.
pub fn time_to_leave(drain: Duration) -> Duration {
    (drain / TO_LEAVE.0).min(TO_LEAVE.1)
}

impl Source<'_> {
    /// Begins to end; the first reason counts.
    pub(super) fn begin_end(&mut self, error: Option<PipelineError>) {
        self.begin_end_at(Instant::now(), error);
    }

    /// The same, with a deadline that counts from the moment when it was asked for.
    pub(super) fn begin_end_at(&mut self, asked: Instant, error: Option<PipelineError>) {
        if self.end.is_some() {
            return;
        }
        if let Some(error) = &error {
            tracing::debug!(target: "source", pipeline = %self.plan.name, "ending: {error}");
        }
        let drain = self.plan.drain;
        let commit_deadline = asked + drain - time_to_leave(drain);
        let deadline = commit_deadline - (drain / TO_COMMIT.0).min(TO_COMMIT.1);
        self.end = Some(End { error, deadline, commit_deadline, commit_again: None });
        self.intake.clear();
        self.abandon_retries(|_| true);
        self.set_all_paused(Pause::ChainOutput, true);
    }

    /// The result, once everything is over.
    pub(super) fn is_over(&mut self, now: Instant) -> Option<Result<(), PipelineError>> {
        let end = self.end.as_ref()?;
        match end.commit_again {
            None => {
                let drained = self.oversize.is_empty() && self.slots.are_drained(|_| true);
                if !drained && now < end.deadline {
                    return None;
                }
                self.begin_last_commit(drained, now);
            }
            Some(again) if now >= again => self.ask_last_commit(now),
            Some(_) => {}
        }
        let committed = self.is_committed(|_| true) && self.transactions.as_ref().is_none_or(Transactions::is_at_rest);
        let end = self.end.as_mut()?;
        if !committed && now < end.commit_deadline {
            return None;
        }
        let error = end.error.take();
        Some(match error {
            Some(error) => Err(error),
            None if committed => Ok(()),
            None => Err(PipelineError::Drain(self.plan.drain)),
        })
    }

    fn begin_last_commit(&mut self, drained: bool, now: Instant) {
        match &mut self.transactions {
            // Behind the latch, which stays shut, nothing more is written.
            Some(transactions) => transactions.force(),
            None => {
                self.slots.iter().for_each(|slot| slot.lease.revoke());
                self.cut_off();
            }
        }
        if let Some(end) = self.end.as_mut().filter(|_| !drained) {
            end.fail(PipelineError::Drain(self.plan.drain));
        }
        self.ask_last_commit(now);
    }

    /// Whether the last commit was asked for.
    pub(super) fn is_last_commit_asked(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.commit_again.is_some())
    }

    fn ask_last_commit(&mut self, now: Instant) {
        self.commit(|_| true);
        if let Some(end) = &mut self.end {
            end.commit_again = Some(now + COMMIT_AGAIN);
        }
    }
}
