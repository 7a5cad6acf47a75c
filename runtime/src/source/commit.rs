//! Committing: about once an interval, whatever is delivered and not committed yet.

use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode;

use super::Source;
use crate::batch::Offset;
use crate::failpoint::{self, Failpoint};
use crate::kafka::consumer::Committed;
use crate::kafka::{KafkaError, TopicPartition};

/// When to commit next.
pub struct Commits {
    interval: Duration,
    due: Instant,
    // Asked for and not answered: one at the most, because of two that meet a coordinator's end the older one may be tried
    // again after the newer, and then what is committed goes back.
    outstanding: bool,
    // Asked for meanwhile.
    wanted: bool,
}

impl Commits {
    /// Every `interval`.
    pub fn new(interval: Duration, now: Instant) -> Commits {
        Commits { interval, due: now + interval, outstanding: false, wanted: false }
    }
}

impl Commits {
    /// Whether the commit that was asked for is answered.
    pub fn are_answered(&self) -> bool {
        !self.outstanding
    }
}

impl Source<'_> {
    pub(super) fn commit_when_due(&mut self, now: Instant) {
        if self.transactions.is_none() && now >= self.commits.due {
            self.commits.due = now + self.commits.interval;
            self.commit(|_| true);
        }
    }

    /// Asks to commit what is delivered of these partitions, at once or when the commit before is answered; a transaction commits all.
    /// The answer comes as an event.
    pub(super) fn commit(&mut self, which: impl Fn(&TopicPartition) -> bool) {
        if let Some(transactions) = &mut self.transactions {
            return transactions.hurry();
        }
        if self.commits.outstanding {
            self.commits.wanted = true;
            return;
        }
        let mut offsets = Vec::new();
        for slot in self.slots.iter_mut().filter(|slot| which(&slot.lease.at)) {
            let Some(offset) = slot.tracker.position() else { continue };
            if slot.requested.is_none_or(|requested| requested < offset) {
                slot.requested = Some(offset);
                offsets.push((slot.lease.at.clone(), Committed { offset, note: slot.note.clone() }));
            }
        }
        if offsets.is_empty() {
            return;
        }
        failpoint::reach(Failpoint::Acknowledged);
        match self.consumer.commit(&offsets) {
            Ok(()) => self.commits.outstanding = true,
            Err(error) => {
                let failed = |(at, committed): (TopicPartition, Committed)| (at, committed.offset, Err(error.clone()));
                self.note_committed(offsets.into_iter().map(failed).collect());
            }
        }
    }

    /// Whether everything that is delivered of these partitions is committed.
    pub(super) fn is_committed(&self, which: impl Fn(&TopicPartition) -> bool) -> bool {
        let mut slots = self.slots.iter().filter(|slot| which(&slot.lease.at));
        slots.all(|slot| slot.tracker.position().is_none_or(|position| slot.committed >= Some(position)))
    }

    pub(super) fn on_committed(&mut self, results: Vec<(TopicPartition, Offset, Result<(), KafkaError>)>) {
        self.commits.outstanding = false;
        self.note_committed(results);
        if std::mem::take(&mut self.commits.wanted) {
            self.commit(|_| true);
        }
    }

    fn note_committed(&mut self, results: Vec<(TopicPartition, Offset, Result<(), KafkaError>)>) {
        use RDKafkaErrorCode::{IllegalGeneration, RebalanceInProgress, UnknownMemberId};
        let mut failed = None;
        for (at, offset, result) in results {
            let Some(slot) = self.slots.of(&at) else { continue };
            match result {
                Ok(()) => slot.committed = slot.committed.max(Some(offset)),
                Err(error) => {
                    // Asked for again with the next commit.
                    slot.requested = slot.committed;
                    failed = Some((at, error));
                }
            }
        }
        let Some((at, error)) = failed else { return };
        if matches!(error.code, IllegalGeneration | RebalanceInProgress | UnknownMemberId) {
            tracing::debug!(target: "source", pipeline = %self.plan.name, partition = %at, "a commit met a rebalance: {error}");
            return;
        }
        tracing::warn!(
            target: "source", pipeline = %self.plan.name, partition = %at,
            "a commit failed and is tried again: {error}; nothing is lost, but after a crash more would be repeated"
        );
    }
}
