//! What to do where the offset to read next is not in the log: retention has passed it, or the log was cut short.

use std::time::Instant;

use super::Source;
use super::assign::{ASK, ASK_AGAIN};
use super::slot::{Pause, Slot};
use crate::batch::Offset;
use crate::config::plan::OnLostOffset;
use crate::error::PipelineError;
use crate::kafka::TopicPartition;

impl Source<'_> {
    pub(super) fn on_offset_gone(&mut self, at: &TopicPartition, why: String) {
        if let Some(slot) = self.slots.of(at) {
            slot.gone = Some(why);
        }
    }

    /// Looks whether fetching has stopped for partitions that should be fetched.
    pub(super) fn find_stopped(&mut self, which: impl Fn(&Slot) -> bool) {
        let fetched = |slot: &&Slot| which(slot) && !slot.any_pause() && slot.gone.is_none() && slot.next.is_some();
        let next: Vec<_> = self.slots.iter().filter(fetched).map(|slot| (slot.lease.at.clone(), slot.from())).collect();
        if next.is_empty() {
            return;
        }
        match self.consumer.stopped(&next, ASK) {
            Ok(stopped) => stopped.iter().for_each(|at| self.on_offset_gone(at, "fetching has stopped".to_owned())),
            Err(error) => {
                tracing::warn!(target: "source", pipeline = %self.plan.name, "looking for partitions that stopped: {error}");
            }
        }
    }

    /// Whether partitions may be given up and taken anew: no rebalance waits for an answer, which that would be, and
    /// no commit, which would be taken for one of the new generation.
    pub(super) fn may_reassign(&self) -> bool {
        self.revokes.is_empty() && self.pending.is_none() && self.commits.are_answered()
    }

    /// Goes on with partitions of which the offset is gone, once everything that was read of them is delivered.
    pub(super) fn go_on_with_lost(&mut self, now: Instant) {
        if now < self.lost_again || self.end.is_some() || !self.may_reassign() {
            return;
        }
        let is_read = |slot: &Slot| slot.tracker.is_idle() && !self.intake.gathers(&slot.lease);
        let is_ready = |slot: &&Slot| slot.gone.is_some() && is_read(slot) && !slot.is_paused(Pause::Leaving);
        let Some(slot) = self.slots.iter().find(is_ready) else { return };
        let (place, at, next) = (slot.lease.slot, slot.lease.at.clone(), slot.next);
        let (low, high) = match self.consumer.watermarks(&at, ASK) {
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
            None => self.go_on_from(&[(place, low)]),
            // It is there: only the fetch had stopped.
            Some(next) if low <= next && next <= high => self.go_on_from(&[(place, next)]),
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
            (slot.committed, slot.requested) = (None, None);
        }
        self.go_on_from(&[(place, to)]);
        self.commit(|committed| committed == at);
    }

    /// Reads partitions again from other offsets, in a new generation each. They are given up and taken anew: a seek
    /// is refused where fetching had stopped.
    pub(super) fn go_on_from(&mut self, back: &[(usize, Offset)]) {
        if back.is_empty() {
            return;
        }
        self.last = None;
        for (place, to) in back {
            self.slots.renew(*place, Some(*to));
        }
        let incremental = self.consumer.incremental();
        let is_anew = |slot: &&Slot| !incremental || back.iter().any(|(place, _)| *place == slot.lease.slot);
        let anew: Vec<&Slot> = self.slots.iter().filter(is_anew).collect();
        let starts: Vec<_> = anew.iter().map(|slot| (slot.lease.at.clone(), slot.from())).collect();
        let names = |slots: &[&Slot]| slots.iter().map(|slot| slot.lease.at.clone()).collect::<Vec<_>>();
        let all = names(&anew);
        // Pauses stay with a partition; a retry that is over has lifted its own.
        let (paused, fetched): (Vec<&Slot>, Vec<&Slot>) = anew.into_iter().partition(|slot| slot.any_pause());
        let (paused, fetched) = (names(&paused), names(&fetched));
        let given_up = if incremental { self.consumer.unassign(&all) } else { Ok(()) };
        let result = given_up
            .and_then(|()| self.consumer.assign(&starts))
            .and_then(|()| self.consumer.resume(&fetched))
            .and_then(|()| self.consumer.pause(&paused));
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
