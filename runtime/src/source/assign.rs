//! Who has which partition: where to start, when to give up, what to do where the offset to read from is gone.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Source;
use super::slot::Pause;
use crate::batch::Offset;
use crate::config::plan::{OnLostOffset, Start};
use crate::error::PipelineError;
use crate::kafka::consumer::From;
use crate::kafka::{KafkaError, TopicPartition};

/// How long a question to the brokers may take before it is asked again.
const ASK: Duration = Duration::from_secs(5);
/// How long to wait before a question that failed is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// How long a revoke waits for the answer to its last commit.
const COMMIT_WAIT: Duration = Duration::from_secs(5);

/// Partitions that are ours as soon as it is known where to start.
pub struct Pending {
    partitions: Vec<TopicPartition>,
    again: Instant,
}

/// Partitions that are being given up.
pub struct Revoke {
    partitions: Vec<TopicPartition>,
    deadline: Instant,
    /// When to wait for its last commit no longer; none before that is asked for.
    commit_deadline: Option<Instant>,
}

impl Source<'_> {
    pub(super) fn on_assigned(&mut self, partitions: Vec<TopicPartition>) {
        self.last = None;
        self.pending = Some(Pending { partitions, again: Instant::now() });
    }

    pub(super) fn go_on_assigning(&mut self, now: Instant) {
        let Some(pending) = self.pending.take_if(|pending| now >= pending.again) else { return };
        if let Err(error) = self.assign(&pending.partitions) {
            tracing::warn!(target: "source", pipeline = %self.plan.name, "cannot begin with the assignment yet: {error}");
            self.pending = Some(Pending { again: now + ASK_AGAIN, ..pending });
        }
    }

    fn assign(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        let mut starts = Vec::with_capacity(partitions.len());
        let committed = if partitions.is_empty() { Vec::new() } else { self.consumer.committed(partitions, ASK)? };
        for (at, committed) in &committed {
            let start = match committed {
                Some(offset) => From::Offset(*offset),
                None => self.start(at)?,
            };
            starts.push((at.clone(), start, *committed));
        }
        let list: Vec<_> = starts.iter().map(|(at, start, _)| (at.clone(), *start)).collect();
        self.consumer.assign(&list)?;
        for (at, start, committed) in starts {
            let position = match start {
                From::Offset(offset) => Some(offset),
                From::Beginning => None,
            };
            self.slots.add(&at, self.slots.least_loaded(self.intake.workers()), position, committed);
        }
        if self.gate.is_some() {
            self.set_all_paused(Pause::Breaker, true);
        }
        if self.end.is_some() {
            self.set_all_paused(Pause::Leaving, true);
        }
        tracing::info!(
            target: "source", pipeline = %self.plan.name, partitions = self.slots.len(), added = %list_of(partitions),
            "assigned"
        );
        self.shared.assigned.store(true, Ordering::Release);
        Ok(())
    }

    /// Where to start in a partition that the group has no offset of.
    fn start(&self, at: &TopicPartition) -> Result<From, KafkaError> {
        if self.plan.input.start == Start::Earliest {
            return Ok(From::Beginning);
        }
        // The topic has grown if the group knows other partitions of it: then nothing of this one was ever read.
        let count = self.consumer.partition_count(&at.topic, ASK)?;
        let all: Vec<_> = (0..count)
            .map(|partition| TopicPartition { partition: crate::batch::Partition(partition), ..at.clone() })
            .collect();
        if self.consumer.committed(&all, ASK)?.iter().any(|(_, committed)| committed.is_some()) {
            return Ok(From::Beginning);
        }
        // Fixed now, and committed: what comes while we are away is not skipped.
        Ok(From::Offset(self.consumer.watermarks(at, ASK)?.1))
    }

    pub(super) fn on_revoked(&mut self, partitions: Vec<TopicPartition>, lost: bool) {
        self.last = None;
        self.pending = None;
        // What was assigned and never begun with is not librdkafka's to give up either.
        let partitions: Vec<_> = partitions.into_iter().filter(|at| self.slots.place(at).is_some()).collect();
        if lost {
            tracing::warn!(
                target: "source", pipeline = %self.plan.name, partitions = %list_of(&partitions),
                "the assignment was lost: what was not committed is discarded, and read again by whoever has it now"
            );
            return self.discard(&partitions);
        }
        let (now, leaving) = (Instant::now(), |at: &TopicPartition| partitions.contains(at));
        // What is gathered of them goes on its way: it is drained like the rest.
        self.intake.dispatch(true, now, super::dispatched(&mut self.slots));
        let places: Vec<_> =
            self.slots.iter().filter(|slot| leaving(&slot.lease.at)).map(|slot| slot.lease.clone()).collect();
        for lease in places {
            if self.slots.of_lease(&lease).is_some_and(|slot| slot.is_paused(Pause::Held)) {
                // A retry is not waited for: the next owner begins with it.
                lease.end();
            }
            self.set_paused(lease.slot, lease.generation, Pause::Leaving, true);
        }
        self.revokes.push_back(Revoke { partitions, deadline: now + self.plan.drain, commit_deadline: None });
    }

    /// The partitions are others' already: nothing of them is written or committed any more.
    fn discard(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            self.slots.remove(at);
        }
        self.shared.sink.purge();
        self.unassign(partitions);
    }

    pub(super) fn go_on_revoking(&mut self, now: Instant) {
        let Some(mut revoke) = self.revokes.pop_front() else { return };
        let is_its = |at: &TopicPartition| revoke.partitions.contains(at);
        match revoke.commit_deadline {
            None if now >= revoke.deadline || self.slots.are_drained(is_its) => {
                for slot in self.slots.iter().filter(|slot| is_its(&slot.lease.at)) {
                    slot.lease.end();
                }
                self.commit(is_its);
                revoke.commit_deadline = Some(now + COMMIT_WAIT);
            }
            Some(deadline) if now >= deadline || self.is_committed(is_its) => {
                let partitions = revoke.partitions;
                partitions.iter().for_each(|at| self.slots.remove(at));
                self.unassign(&partitions);
                tracing::info!(target: "source", pipeline = %self.plan.name, partitions = %list_of(&partitions), "revoked");
                return;
            }
            _ => {}
        }
        self.revokes.push_front(revoke);
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) {
        self.last = None;
        if let Err(error) = self.consumer.unassign(partitions) {
            tracing::warn!(target: "source", pipeline = %self.plan.name, "giving partitions up: {error}");
        }
    }

    /// The offset to read from is not in the log: retention has passed it, or the log was cut short.
    pub(super) fn on_offset_gone(&mut self, at: &TopicPartition, why: &str) {
        let Some(slot) = self.slots.of(at) else { return };
        let (place, wanted) = (slot.lease.slot, slot.next);
        let (low, high) = match self.consumer.watermarks(at, ASK) {
            Ok(watermarks) => watermarks,
            Err(error) => {
                tracing::warn!(target: "source", pipeline = %self.plan.name, partition = %at, "{why}: {error}");
                return self.begin_end(Some(error.into()));
            }
        };
        // Nothing was read yet and nothing is committed: there is no gap.
        let Some(wanted) = wanted else { return self.go_on_from(&[(place, low)]) };
        let gap = gap(wanted, low, high);
        let to = match self.plan.input.on_lost_offset {
            OnLostOffset::Stop => {
                let (low, high) = (low.0, high.0);
                let error = PipelineError::OffsetLost { at: at.clone(), wanted: wanted.0, low, high, gap };
                return self.begin_end(Some(error));
            }
            OnLostOffset::Earliest => low,
            OnLostOffset::Latest => high,
        };
        tracing::warn!(
            target: "source", pipeline = %self.plan.name, partition = %at, wanted = wanted.0, low = low.0, high = high.0,
            "the offset to read from is gone, {gap}; going on from {to} as `on_lost_offset` says"
        );
        self.go_on_from(&[(place, to)]);
    }

    /// Reads partitions again from other offsets, in a new generation each. They are given up and taken anew: a seek
    /// is refused where the offset to read from was gone.
    pub(super) fn go_on_from(&mut self, back: &[(usize, Offset)]) {
        self.last = None;
        for (place, to) in back {
            self.slots.renew(*place, Some(*to));
        }
        let all = !self.consumer.incremental();
        let anew: Vec<_> =
            self.slots.iter().filter(|slot| all || back.iter().any(|(at, _)| *at == slot.lease.slot)).collect();
        let from = |next: Option<Offset>| next.map_or(From::Beginning, From::Offset);
        let starts: Vec<_> = anew.iter().map(|slot| (slot.lease.at.clone(), from(slot.next))).collect();
        // Whoever is assigned anew is fetched at once.
        let paused: Vec<_> = anew.iter().filter(|slot| slot.any_pause()).map(|slot| slot.lease.at.clone()).collect();
        let given_up = if all {
            Ok(())
        } else {
            self.consumer.unassign(&starts.iter().map(|(at, _)| at.clone()).collect::<Vec<_>>())
        };
        let result = given_up.and_then(|()| self.consumer.assign(&starts)).and_then(|()| self.consumer.pause(&paused));
        if let Err(error) = result {
            self.begin_end(Some(error.into()));
        }
    }
}

fn gap(wanted: Offset, low: Offset, high: Offset) -> String {
    if wanted < low {
        let gone = low.0 - wanted.0;
        return format!("and offsets {wanted} to {} ({gone} of them) were removed before they were read", low.0 - 1);
    }
    format!("and the log now ends at {high}: it was cut short or the topic was made anew")
}

fn list_of(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(TopicPartition::to_string).collect::<Vec<_>>().join(" ")
}
