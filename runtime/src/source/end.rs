//! How a pipeline ends: no more intake, what is in flight is delivered and committed, up to a deadline.

use std::time::{Duration, Instant};

use super::Source;
use super::slot::Pause;
use crate::error::PipelineError;

/// The part of the drain deadline that is kept for the last commit.
const COMMIT_SHARE: u32 = 10;
/// And no more than this.
const COMMIT_MOST: Duration = Duration::from_secs(2);

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

impl Source<'_> {
    /// Begins to end; the first reason counts.
    pub(super) fn begin_end(&mut self, error: Option<PipelineError>) {
        if self.end.is_some() {
            return;
        }
        if let Some(error) = &error {
            tracing::debug!(target: "source", pipeline = %self.plan.name, "ending: {error}");
        }
        let commit_deadline = Instant::now() + self.plan.drain;
        let deadline = commit_deadline - (self.plan.drain / COMMIT_SHARE).min(COMMIT_MOST);
        self.end = Some(End { error, deadline, commit_deadline, commit_again: None });
        self.intake.clear();
        self.abandon_retries(|_| true);
        self.set_all_paused(Pause::Leaving, true);
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
        let committed = self.is_committed(|_| true);
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
        for slot in self.slots.iter() {
            slot.lease.end();
        }
        self.cut_off();
        if let Some(end) = self.end.as_mut().filter(|end| !drained && end.error.is_none()) {
            end.error = Some(PipelineError::Drain(self.plan.drain));
        }
        self.ask_last_commit(now);
    }

    fn ask_last_commit(&mut self, now: Instant) {
        self.commit(|_| true);
        if let Some(end) = &mut self.end {
            end.commit_again = Some(now + COMMIT_AGAIN);
        }
    }
}
