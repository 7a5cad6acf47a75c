//! What to do where the offset to read next is not in the log: retention has passed it, or the log was cut short.

use std::time::{Duration, Instant};

use super::assign::{ASK, ASK_AGAIN, Pending};
use super::slot::{Pause, Slot};
use super::{Source, Transactions};
use crate::batch::Offset;
use crate::config::plan::OnLostOffset;
use crate::error::PipelineError;
use crate::kafka::consumer::StartPosition;
use crate::kafka::{KafkaError, TopicPartition};

/// How long a question may take that is asked again and again.
const ASK_OFTEN: Duration = Duration::from_secs(1);

impl Source<'_> {
    pub(super) fn on_offset_gone(&mut self, at: &TopicPartition, why: String) {
        if let Some(slot) = self.slots.of(at) {
            slot.gone.get_or_insert(why);
        }
    }

    pub(super) fn on_stopped(&mut self, partitions: &[TopicPartition]) {
        partitions.iter().for_each(|at| self.on_offset_gone(at, "fetching has stopped".to_owned()));
    }

    /// Reads partitions from these offsets next; answers those of which fetching has stopped.
    pub(super) fn seek(&self, next: &[(TopicPartition, StartPosition)]) -> Result<Vec<TopicPartition>, KafkaError> {
        // No broker is asked, so what takes the time away is a stop of the whole process, and one does not follow another.
        self.consumer.seek(next, ASK).or_else(|_| self.consumer.seek(next, ASK))
    }

    /// Sees to it that partitions are fetched from where they are read next, and the others not, after librdkafka has paused
    /// all of them by itself: a pause or resume of ours that came at the same moment may have been passed over.
    pub(super) fn read_on_after_rebalance(&mut self, which: impl Fn(&Slot) -> bool) {
        let (paused, fetched): (Vec<&Slot>, Vec<&Slot>) =
            self.slots.iter().filter(|slot| which(slot)).partition(|slot| slot.any_pause());
        // One of which the offset is said to be gone, too: that may be old news.
        let next: Vec<_> = fetched.iter().map(|slot| (slot.lease.at.clone(), slot.from())).collect();
        let [paused, fetched] = [
            paused.iter().map(|slot| slot.lease.at.clone()).collect::<Vec<_>>(),
            next.iter().map(|(at, _)| at.clone()).collect(),
        ];
        let found = if next.is_empty() { Ok(Vec::new()) } else { self.seek(&next) };
        let both = |stopped| {
            self.consumer.pause(&paused)?;
            self.consumer.resume(&fetched)?;
            Ok(stopped)
        };
        match found.and_then(both) {
            Ok(stopped) => self.on_stopped(&stopped),
            Err(error) => self.begin_end(Some(error.about("reading on after a rebalance").into())),
        }
    }

    /// Whether partitions may be given up and taken anew: no rebalance waits for an answer, which that would be, and
    /// no commit, which would be taken for one of the new generation.
    pub(super) fn may_reassign(&self) -> bool {
        let is_answered = self.pending.as_ref().is_none_or(Pending::is_answered);
        let is_committing = self.transactions.as_ref().is_some_and(Transactions::is_committing);
        self.revokes.is_empty() && is_answered && self.commits.are_answered() && !is_committing
    }

    /// Goes on with partitions of which the offset is gone, once everything that was read of them is delivered.
    pub(super) fn go_on_with_lost(&mut self, now: Instant) {
        if now < self.lost_again || self.end.is_some() || !self.may_reassign() {
            return;
        }
        let is_read = |slot: &Slot| slot.is_delivered() && slot.tracker.is_idle() && !self.intake.gathers(&slot.lease);
        let is_ready = |slot: &&Slot| {
            slot.gone.is_some() && is_read(slot) && !slot.is_paused(Pause::ChainOutput) && !slot.lease.is_revoked()
        };
        let Some(slot) = self.slots.iter().find(is_ready) else { return };
        let (place, at, next) = (slot.lease.index, slot.lease.at.clone(), slot.next);
        let (low, high) = match self.consumer.watermarks(&at, ASK_OFTEN) {
            Ok(watermarks) => watermarks,
            Err(error) => {
                let why = slot.gone.as_deref().unwrap_or_default();
                tracing::warn!(target: "source", pipeline = %self.plan.name, partition = %at, "{why}: {error}; asking again");
                self.lost_again = now + ASK_AGAIN;
                return;
            }
        };
        match next {
            // Nothing was read yet and nothing is committed: there is no gap.
            None => self.go_on_from(&[(place, Some(low))]),
            // It is there: only the fetch had stopped.
            Some(next) if low <= next && next <= high => self.go_on_from(&[(place, Some(next))]),
            Some(next) => self.go_on_behind_gap(place, &at, next, low, high),
        }
    }

    fn go_on_behind_gap(&mut self, place: usize, at: &TopicPartition, wanted: Offset, low: Offset, high: Offset) {
        let gap = gap(wanted, low, high);
        let to = match self.plan.input.on_lost_offset {
            OnLostOffset::Stop => {
                let (at, wanted, low, high) = (at.clone(), wanted.0, low.0, high.0);
                return self.begin_end(Some(PipelineError::OffsetLost { at, wanted, low, high, gap }));
            }
            OnLostOffset::Earliest => low,
            OnLostOffset::Latest => high,
        };
        tracing::warn!(
            target: "source", pipeline = %self.plan.name, partition = %at, wanted = wanted.0, low = low.0, high = high.0,
            "the offset to read from is gone, {gap}; going on from {to} as `on_lost_offset` says"
        );
        if let Some(slot) = self.slots.get(place) {
            // What was committed tells nothing of the log as it is now: the new offset may be lower.
            (slot.committed, slot.requested, slot.start) = (None, None, Some(to));
        }
        self.go_on_from(&[(place, Some(to))]);
        self.commit(|committed| committed == at);
    }

    /// Reads partitions again from other offsets (none: the start of the log), in a new generation each: by a seek, and where that is refused because
    /// fetching had stopped, by giving them up and taking them anew.
    pub(super) fn go_on_from(&mut self, back: &[(usize, Option<Offset>)]) {
        if back.is_empty() {
            return;
        }
        self.last = None;
        for (place, to) in back {
            self.slots.renew(*place, *to);
        }
        let is_back = |slot: &&Slot| back.iter().any(|(place, _)| *place == slot.lease.index);
        let starts: Vec<_> =
            self.slots.iter().filter(is_back).map(|slot| (slot.lease.at.clone(), slot.from())).collect();
        // A retry that is over has lifted its pause.
        let fetched: Vec<_> = self
            .slots
            .iter()
            .filter(is_back)
            .filter(|slot| !slot.any_pause())
            .map(|slot| slot.lease.at.clone())
            .collect();
        // What is taken anew is told first whether it is paused: librdkafka may pass over a start that comes at the same
        // moment as a pause or its end.
        let go_on = |stopped: Vec<TopicPartition>| {
            self.consumer.resume(&fetched)?;
            self.take_anew(&stopped)
        };
        if let Err(error) = self.seek(&starts).and_then(go_on) {
            self.begin_end(Some(error.into()));
        }
    }

    /// Gives partitions up and takes them again, each from where it is read next.
    fn take_anew(&self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        if partitions.is_empty() {
            return Ok(());
        }
        let incremental = self.consumer.incremental();
        // An eager assignment names all partitions.
        let is_anew = |slot: &&Slot| !incremental || partitions.contains(&slot.lease.at);
        let anew: Vec<&Slot> = self.slots.iter().filter(is_anew).collect();
        let starts: Vec<_> = anew.iter().map(|slot| (slot.lease.at.clone(), slot.from())).collect();
        let paused: Vec<_> = anew.iter().filter(|slot| slot.any_pause()).map(|slot| slot.lease.at.clone()).collect();
        if incremental {
            self.consumer.unassign(partitions)?;
        }
        self.consumer.pause(&paused)?;
        self.consumer.assign(&starts)
    }
}

fn gap(wanted: Offset, low: Offset, high: Offset) -> String {
    if wanted < low {
        let gone = low.0 - wanted.0;
        return format!("and offsets {wanted} to {} ({gone} of them) were removed before they were read", low.0 - 1);
    }
    format!("and the log now ends at {high}: it was cut short or the topic was made anew")
}
