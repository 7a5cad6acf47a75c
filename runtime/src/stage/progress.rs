//! How far a stage has come with a batch: which records are settled, and how.

use std::ops::Range;

use crate::batch::Record;
use crate::plugin::Produced;
use crate::failure::Class;

/// What a stage has made of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// Nothing yet.
    Pending,
    /// It goes on as it came.
    Keep,
    /// It ends here.
    Drop,
    /// It is no longer ours: whoever has its partition now reads it again.
    Revoked,
    /// These of [`Progress::produced`] go on in its place.
    Emit {
        /// The first of them.
        first: u32,
        /// How many.
        count: u32,
    },
    /// It failed: the number in [`Progress::failed`].
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

/// How far a stage has come with a batch. Outlives a wait between retries, and is reused from batch to batch.
#[derive(Debug, Default)]
pub struct Progress {
    settled: Vec<RecordState>,
    pending: usize,
    produced: Vec<Produced>,
    failed: Vec<Failed>,
    rounds: u32,
    // Bytes that answers have added to the batch so far.
    added: usize,
    // Why each pending record is to be called again; none where the whole batch is.
    retries: Vec<(usize, String)>,
    batch_retry: Option<String>,
}

impl Progress {
    /// Begins with `count` records, none settled.
    pub fn reset(&mut self, count: usize) {
        self.settled.clear();
        self.settled.resize(count, RecordState::Pending);
        self.pending = count;
        self.produced.clear();
        self.failed.clear();
        self.retries.clear();
        self.batch_retry = None;
        self.rounds = 0;
        self.added = 0;
    }

    /// One entry for each record, in order.
    pub fn settled(&self) -> &[RecordState] {
        &self.settled
    }

    /// All that was emitted.
    pub fn produced(&self) -> &[Produced] {
        &self.produced
    }

    /// All that failed.
    pub fn failed(&self) -> &[Failed] {
        &self.failed
    }

    /// Rounds begun.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// Whether any record is pending.
    pub fn any_pending(&self) -> bool {
        self.pending > 0
    }

    /// Whether every record is kept as it came.
    pub fn all_kept(&self) -> bool {
        self.settled.iter().all(|settled| *settled == RecordState::Keep)
    }

    /// Whether a record is pending.
    pub fn is_pending(&self, index: usize) -> bool {
        self.settled[index] == RecordState::Pending
    }

    /// The progress of these records alone, with places moved by `relocate`.
    pub fn select(&self, indices: &[usize], mut relocate: impl FnMut(Produced) -> Produced) -> Progress {
        let mut own = Progress { rounds: self.rounds, batch_retry: self.batch_retry.clone(), ..Progress::default() };
        for (new, &old) in indices.iter().enumerate() {
            own.settled.push(match self.settled[old] {
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
                    let reason = self.retries.iter().find(|(index, _)| *index == old);
                    own.retries.extend(reason.map(|(_, reason)| (new, reason.clone())));
                    RecordState::Pending
                }
                settled @ (RecordState::Keep | RecordState::Drop | RecordState::Revoked) => settled,
            });
        }
        own
    }

    /// A record is no longer ours; whether it was pending does not matter.
    pub fn discard(&mut self, index: usize) {
        if self.is_pending(index) {
            self.pending -= 1;
        }
        self.settled[index] = RecordState::Revoked;
    }

    pub(super) fn refuse_unreadable_headers(&mut self, records: &[Record]) {
        for (index, record) in records.iter().enumerate() {
            if !record.headers.utf8 && self.is_pending(index) {
                self.fail(
                    index,
                    Class::Reject,
                    "a header name is not UTF-8, and this stage reads headers".to_owned(),
                    0,
                );
            }
        }
    }

    pub(super) fn begin_round(&mut self) {
        self.rounds += 1;
        self.retries.clear();
        self.batch_retry = None;
    }

    /// The next run of pending records at or behind `from`, at most `max` of them.
    pub(super) fn next_pending(&self, from: usize, max: usize) -> Option<Range<usize>> {
        let start = from + self.settled.get(from..)?.iter().position(|settled| *settled == RecordState::Pending)?;
        let length = self.settled[start..].iter().take(max).take_while(|settled| **settled == RecordState::Pending).count();
        Some(start..start + length)
    }

    /// Counts what an answer adds to the batch, in bytes; false, and not counted, where all answers together would exceed `room`.
    pub(super) fn try_reserve(&mut self, bytes: usize, room: usize) -> bool {
        let added = self.added.saturating_add(bytes);
        if added <= room {
            self.added = added;
        }
        added <= room
    }

    /// Keeps what a call produced, and says which number its first has.
    pub(super) fn keep_produced(&mut self, produced: &[Produced]) -> u32 {
        let base = self.produced.len() as u32;
        self.produced.extend_from_slice(produced);
        base
    }

    pub(crate) fn settle(&mut self, index: usize, settled: RecordState) {
        debug_assert!(self.is_pending(index));
        self.settled[index] = settled;
        self.pending -= 1;
    }

    /// `calls`: made with it in this round.
    pub(super) fn fail(&mut self, index: usize, class: Class, reason: String, calls: u32) {
        let attempts = self.rounds.saturating_sub(1) + calls;
        self.failed.push(Failed { class, reason, attempts });
        self.settle(index, RecordState::Failed(self.failed.len() as u32 - 1));
    }

    pub(super) fn retry_record(&mut self, index: usize, reason: String) {
        self.retries.push((index, reason));
    }

    pub(super) fn retry_batch(&mut self, range: Range<usize>, reason: String) {
        // A single call at the end of all retries: what it says is this record's reason.
        if range.len() == 1 {
            self.retries.push((range.start, reason));
        } else {
            self.batch_retry = Some(reason);
        }
    }

    /// The pending records that were refused as a batch, to be called one by one.
    pub(super) fn take_whole_batch(&mut self) -> Vec<usize> {
        if self.batch_retry.is_none() {
            return Vec::new();
        }
        self.rounds += 1;
        let pending = (0..self.settled.len()).filter(|&index| self.is_pending(index));
        pending.filter(|index| !self.retries.iter().any(|(retried, _)| retried == index)).collect()
    }

    /// Every pending record has used up its retries.
    pub(super) fn fail_pending(&mut self) {
        let mut retries = std::mem::take(&mut self.retries);
        for index in 0..self.settled.len() {
            if self.is_pending(index) {
                let own = retries.iter_mut().rfind(|(retried, _)| *retried == index);
                let reason = own.map(|(_, reason)| std::mem::take(reason)).or_else(|| self.batch_retry.clone());
                self.fail(index, Class::Retries, reason.unwrap_or_default(), 1);
            }
        }
    }
}
