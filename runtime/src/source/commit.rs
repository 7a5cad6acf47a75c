//! Committing: about once an interval, whatever is delivered and not committed yet.

use std::time::{Duration, Instant};

use super::Source;
use crate::batch::Offset;
use crate::kafka::{KafkaError, TopicPartition};

/// When to commit next.
pub struct Commits {
    interval: Duration,
    due: Instant,
}

impl Commits {
    /// Every `interval`.
    pub fn new(interval: Duration, now: Instant) -> Commits {
        Commits { interval, due: now + interval }
    }
}

impl Source<'_> {
    pub(super) fn commit_when_due(&mut self, now: Instant) {
        if now >= self.commits.due {
            self.commits.due = now + self.commits.interval;
            self.commit(|_| true);
        }
    }

    /// Asks to commit what is delivered of these partitions. The answer comes as an event.
    pub(super) fn commit(&mut self, which: impl Fn(&TopicPartition) -> bool) {
        let mut offsets = Vec::new();
        for slot in self.slots.iter_mut().filter(|slot| which(&slot.lease.at)) {
            let Some(position) = slot.tracker.position() else { continue };
            if slot.requested.is_none_or(|requested| requested < position) {
                slot.requested = Some(position);
                offsets.push((slot.lease.at.clone(), position));
            }
        }
        if offsets.is_empty() {
            return;
        }
        if let Err(error) = self.consumer.commit(&offsets) {
            self.on_committed(Err(error), &offsets);
        }
    }

    /// Whether everything that is delivered of these partitions is committed.
    pub(super) fn is_committed(&self, which: impl Fn(&TopicPartition) -> bool) -> bool {
        let mut slots = self.slots.iter().filter(|slot| which(&slot.lease.at));
        slots.all(|slot| slot.tracker.position().is_none_or(|position| slot.committed >= Some(position)))
    }

    pub(super) fn on_committed(&mut self, result: Result<(), KafkaError>, offsets: &[(TopicPartition, Offset)]) {
        for (at, offset) in offsets {
            let Some(slot) = self.slots.of(at) else { continue };
            match &result {
                Ok(()) => slot.committed = slot.committed.max(Some(*offset)),
                // Asked for again with the next commit.
                Err(_) => slot.requested = slot.committed,
            }
        }
        if let Err(error) = result {
            let partitions = offsets.len();
            tracing::warn!(
                target: "source", pipeline = %self.plan.name, partitions,
                "a commit failed and is tried again: {error}; nothing is lost, but after a crash more would be repeated"
            );
        }
    }
}
