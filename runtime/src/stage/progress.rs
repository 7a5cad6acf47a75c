//! How far a stage has come with a batch: which records are settled, and how.

use std::ops::Range;

use crate::batch::Record;
use crate::failure::{Class, cut_reason};
use crate::plugin::Produced;

/// What a stage has made of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// Nothing yet.
    Pending,
    /// The record goes on as it came.
    Keep,
    /// The record ends here.
    Drop,
    /// It is no longer ours to process: it is read again, here or by whoever has its partition then.
    Revoked,
    /// These of [`Progress::produced`] go on in its place.
    Emit {
        /// The first of them.
        first: u32,
        /// How many.
        count: u32,
    },
    /// The record failed: the number in [`Progress::failed`].
    Failed(u32),
}

/// One record that failed in a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What kind.
    pub class: Class,
    /// Why.
    pub reason: String,
    /// Calls made with it.
    pub attempts: u32,
}

/// Records that were settled, and how many of them failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettledCount {
    /// All of them.
    pub total: u64,
    /// Those that failed.
    pub failed: u64,
}

/// How far a stage has come with a batch. Outlives a wait between retries, and is reused from batch to batch.
#[derive(Debug, Default)]
pub struct Progress {
    states: Vec<RecordState>,
    pending: usize,
    produced: Vec<Produced>,
    failed: Vec<Failed>,
    rounds: u32,
    // Bytes that answers have added to the batch so far. A part that is split off goes on counting from here.
    added: usize,
    // Why each record is to be called again, by its number; empty where no record asked for that by itself.
    retries: Vec<Option<String>>,
    batch_retry: Option<String>,
    // Settled since the last call of `take_settled`.
    settled: SettledCount,
}

impl Progress {
    /// Begins with `count` records, none settled.
    pub fn reset(&mut self, count: usize) {
        self.states.clear();
        self.states.resize(count, RecordState::Pending);
        self.pending = count;
        self.produced.clear();
        self.failed.clear();
        self.retries.clear();
        self.batch_retry = None;
        self.rounds = 0;
        self.added = 0;
        self.settled = SettledCount::default();
    }

    /// Returns one entry for each record, in order.
    pub fn states(&self) -> &[RecordState] {
        &self.states
    }

    /// Returns all that was emitted.
    pub fn produced(&self) -> &[Produced] {
        &self.produced
    }

    /// Returns all that failed.
    pub fn failed(&self) -> &[Failed] {
        &self.failed
    }

    /// Returns how many rounds have begun.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// Returns how many records are pending.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Returns whether every record is kept as it came.
    pub fn all_kept(&self) -> bool {
        self.states.iter().all(|state| *state == RecordState::Keep)
    }

    /// Returns whether a record is pending.
    pub fn is_pending(&self, index: usize) -> bool {
        self.states[index] == RecordState::Pending
    }

    /// Returns what was settled since this was asked last.
    pub fn take_settled(&mut self) -> SettledCount {
        std::mem::take(&mut self.settled)
    }

    /// Returns the progress of these records alone, with places moved by `relocate`.
    pub fn select(&self, indices: &[usize], mut relocate: impl FnMut(Produced) -> Produced) -> Progress {
        let (rounds, added, batch_retry) = (self.rounds, self.added, self.batch_retry.clone());
        let mut own = Progress { rounds, added, batch_retry, ..Progress::default() };
        for &old in indices {
            let state = match self.states[old] {
                RecordState::Emit { first, count } => {
                    let moved = own.produced.len() as u32;
                    let range = first as usize..(first + count) as usize;
                    own.produced.extend(self.produced[range].iter().map(|produced| relocate(*produced)));
                    RecordState::Emit { first: moved, count }
                }
                RecordState::Failed(number) => {
                    own.failed.push(self.failed[number as usize].clone());
                    RecordState::Failed(own.failed.len() as u32 - 1)
                }
                RecordState::Pending => {
                    own.pending += 1;
                    if let Some(Some(reason)) = self.retries.get(old) {
                        own.set_retry(own.states.len(), indices.len(), reason.clone());
                    }
                    RecordState::Pending
                }
                state @ (RecordState::Keep | RecordState::Drop | RecordState::Revoked) => state,
            };
            own.states.push(state);
        }
        own
    }

    /// Returns what was emitted in place of a record.
    pub fn produced_of(&self, index: usize) -> &[Produced] {
        match self.states[index] {
            RecordState::Emit { first, count } => &self.produced[first as usize..(first + count) as usize],
            _ => &[],
        }
    }

    /// Marks a record as no longer ours to process, whether or not it was pending.
    pub fn discard(&mut self, index: usize) {
        if self.is_pending(index) {
            self.pending -= 1;
        }
        self.states[index] = RecordState::Revoked;
    }

    pub(super) fn refuse_unreadable_headers(&mut self, records: &[Record]) {
        for (index, record) in records.iter().enumerate() {
            if !record.headers.utf8 && self.is_pending(index) {
                let reason = "a header name is not UTF-8, and this stage reads headers".to_owned();
                self.fail(index, Class::Reject, reason, 0);
            }
        }
    }

    pub(super) fn begin_round(&mut self) {
        self.rounds += 1;
        self.retries.clear();
        self.batch_retry = None;
    }

    /// Returns the next pending records that stand side by side in `range`, at most `max` of them.
    pub(super) fn next_pending(&self, range: Range<usize>, max: usize) -> Option<Range<usize>> {
        let states = &self.states[range.clone()];
        let start = states.iter().position(|state| *state == RecordState::Pending)?;
        let length = states[start..].iter().take(max).take_while(|state| **state == RecordState::Pending).count();
        Some(range.start + start..range.start + start + length)
    }

    /// Counts what an answer adds to the batch, in bytes; returns false, and does not count it, where all answers
    /// together would exceed `room`.
    pub(super) fn try_reserve(&mut self, bytes: usize, room: usize) -> bool {
        let added = self.added.saturating_add(bytes);
        if added <= room {
            self.added = added;
        }
        added <= room
    }

    /// Keeps what a call produced, and returns the number of its first.
    pub(crate) fn keep_produced(&mut self, produced: &[Produced]) -> u32 {
        let base = self.produced.len() as u32;
        self.produced.extend_from_slice(produced);
        base
    }

    pub(crate) fn settle(&mut self, index: usize, state: RecordState) {
        debug_assert!(self.is_pending(index));
        self.states[index] = state;
        self.pending -= 1;
        self.settled.total += 1;
    }

    /// Settles a record as failed. `calls`: made with it in this round.
    pub(crate) fn fail(&mut self, index: usize, class: Class, reason: String, calls: u32) {
        let attempts = self.rounds.saturating_sub(1) + calls;
        self.failed.push(Failed { class, reason, attempts });
        self.settle(index, RecordState::Failed(self.failed.len() as u32 - 1));
        self.settled.failed += 1;
    }

    /// Settles every pending record as failed, for one and the same reason.
    pub(crate) fn fail_all_pending(&mut self, class: Class, reason: &str) {
        for index in 0..self.states.len() {
            if self.is_pending(index) {
                self.fail(index, class, reason.to_owned(), 1);
            }
        }
    }

    pub(crate) fn retry_record(&mut self, index: usize, reason: String) {
        self.set_retry(index, self.states.len(), reason);
    }

    fn set_retry(&mut self, index: usize, count: usize, reason: String) {
        if self.retries.is_empty() {
            self.retries.resize(count, None);
        }
        self.retries[index] = Some(reason);
    }

    pub(super) fn retry_batch(&mut self, range: Range<usize>, reason: String) {
        let reason = cut_reason(&reason).to_owned();
        // A single call at the end of all retries: what it says is this record's reason.
        if range.len() == 1 {
            self.retry_record(range.start, reason);
        } else {
            self.batch_retry = Some(reason);
        }
    }

    /// Returns the pending records that were refused as a batch, to be called one by one.
    pub(super) fn take_whole_batch(&mut self) -> Vec<usize> {
        if self.batch_retry.is_none() {
            return Vec::new();
        }
        self.rounds += 1;
        let asked_alone = |index: &usize| self.retries.get(*index).is_some_and(Option::is_some);
        (0..self.states.len()).filter(|index| self.is_pending(*index) && !asked_alone(index)).collect()
    }

    /// Settles every pending record as failed: it has used up its retries.
    pub(super) fn fail_pending(&mut self) {
        let mut retries = std::mem::take(&mut self.retries);
        for index in 0..self.states.len() {
            if self.is_pending(index) {
                let own = retries.get_mut(index).and_then(Option::take);
                let reason = own.or_else(|| self.batch_retry.clone()).unwrap_or_default();
                self.fail(index, Class::Retries, reason, 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_batch_keeps_its_states_reasons_and_budget() {
        let mut progress = Progress::default();
        progress.reset(4);
        progress.begin_round();
        assert!(progress.try_reserve(100, 150));
        progress.settle(0, RecordState::Keep);
        progress.fail(1, Class::Reject, "no".to_owned(), 1);
        progress.retry_record(3, "later".to_owned());
        let mut own = progress.select(&[1, 3], |produced| produced);
        assert_eq!((own.pending(), own.rounds(), own.take_settled()), (1, 1, SettledCount::default()));
        assert!(!own.try_reserve(100, 150), "a part gets no budget of its own");
        own.fail_pending();
        let reasons: Vec<&str> = own.failed().iter().map(|failed| failed.reason.as_str()).collect();
        assert_eq!(reasons, ["no", "later"]);
    }

    #[test]
    fn records_that_asked_for_a_retry_by_themselves_are_not_called_as_part_of_the_refused_batch() {
        let mut progress = Progress::default();
        progress.reset(4);
        progress.begin_round();
        progress.retry_record(1, "alone".to_owned());
        progress.retry_batch(2..4, "together".to_owned());
        assert_eq!(progress.take_whole_batch(), [0, 2, 3]);
    }
}
