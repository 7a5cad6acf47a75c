//! One partition that is ours. What must always agree of it (its generation, where it is read next, what is delivered,
//! what is committed, why it is paused) is owned here, behind methods.

mod existence;

use std::sync::Arc;

use self::existence::{Presence, RECREATED};
use super::flights::Flights;
use super::note::Note;
use super::pause::{PauseReason, Pauses};
use crate::batch::Offset;
use crate::kafka::{Committed, StartPosition, TopicPartition};
use crate::lease::Lease;
use crate::sink::receipt::Span;
use crate::tracker::Tracker;

/// Where a partition begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Its first offset; none: the beginning of the log.
    pub position: Option<Offset>,
    /// What the group has committed.
    pub committed: Option<Offset>,
    /// What to note beside each commit.
    pub note: Note,
    /// The topic was deleted and created again since its offset was committed, or read by us.
    pub is_recreated: bool,
}

/// One partition that is ours.
pub struct OwnedPartition {
    lease: Arc<Lease>,
    tracker: Tracker,
    worker: usize,
    // The first offset that was read in this generation.
    first: Option<Offset>,
    // Where the next record is looked for; none before the first, where that is the beginning of the log.
    next: Option<Offset>,
    // Where it began, for as long as nothing is committed; none: the beginning of the log.
    start: Option<Offset>,
    // The end of the partition, once it was reached, until another record comes.
    end: Option<Offset>,
    committed: Option<Offset>,
    // What we last asked to commit.
    requested: Option<Offset>,
    note: Note,
    // The topic was deleted and created again: its offsets say nothing.
    is_recreated: bool,
    presence: Presence,
    // Why the offset to read next cannot be read, until that is dealt with.
    out_of_range: Option<String>,
    // How many records wait for a retry.
    waiting: usize,
    is_retrying: bool,
    pauses: Pauses,
    flights: Flights,
    // The first record that was fetched and not accepted because of a pause, and when it was written.
    refused: Option<(Offset, i64)>,
}

impl OwnedPartition {
    /// The topic and partition.
    pub fn at(&self) -> &TopicPartition {
        &self.lease.at
    }

    /// Its index among [`OwnedPartitions`], for as long as it is ours.
    pub fn index(&self) -> usize {
        self.lease.index
    }

    /// This partition in this generation.
    pub fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    /// The worker that processes it.
    pub fn worker(&self) -> usize {
        self.worker
    }

    /// Gives it to another worker. It must be drained.
    pub fn set_worker(&mut self, worker: usize) {
        debug_assert!(self.tracker.is_idle());
        self.worker = worker;
    }

    /// Where the next record is looked for.
    pub fn start_position(&self) -> StartPosition {
        self.next.map_or(StartPosition::Beginning, StartPosition::Offset)
    }

    /// The offset of the next record, where one is known.
    pub fn next(&self) -> Option<Offset> {
        self.next
    }

    /// Takes note of a record that was read. Returns false where it is not to be processed: it was read before, because
    /// a fetch may come twice around a pause, or it will be read again, from further back or after a pause.
    pub fn accept(&mut self, offset: Offset) -> bool {
        let is_read_again = self.is_void() || self.pauses.any() || self.is_recreated;
        if is_read_again || self.next.is_some_and(|next| offset < next) {
            return false;
        }
        self.first.get_or_insert(offset);
        self.next = Some(Offset(offset.0 + 1));
        self.end = None;
        true
    }

    /// The end of the partition was read: the next record will have this offset, or a later one.
    pub fn reach_end(&mut self, end: Offset) {
        // Of what is void or paused nothing is accepted, so the end says nothing of what is delivered.
        if self.is_void() || self.pauses.any() || self.is_recreated {
            return;
        }
        self.end = Some(end);
        // What is gathered and not handed on is not known to the tracker yet.
        if self.is_delivered() {
            self.settle_end();
        }
    }

    /// The end of the partition, once it was read, until another record comes.
    pub fn end(&self) -> Option<Offset> {
        self.end
    }

    fn settle_end(&mut self) {
        if let Some(end) = self.end {
            self.tracker.ended_at(end);
        }
    }

    /// A part of a batch was handed to the worker.
    pub fn dispatched(&mut self, first: Offset, end: Offset) {
        self.tracker.dispatched(first, end);
    }

    /// All that came of a span is acknowledged.
    pub fn delivered(&mut self, span: &Span) {
        self.tracker.delivered(span.first, span.end);
        // The end counts once everything that was read before it is delivered.
        if self.tracker.position() == self.next {
            self.settle_end();
        }
    }

    /// A span will not be delivered: nothing behind it may be committed.
    pub fn abandoned(&mut self, first: Offset) {
        self.tracker.abandoned(first);
    }

    /// What may be committed: everything below it is delivered.
    pub fn position(&self) -> Option<Offset> {
        self.tracker.position()
    }

    /// Where to read again whatever is not delivered; none where nothing was read.
    pub fn undelivered(&self) -> Option<Offset> {
        self.tracker.position().or(self.first)
    }

    /// Returns whether everything that was read is delivered.
    pub fn is_delivered(&self) -> bool {
        self.next.is_none_or(|next| self.tracker.position().is_some_and(|position| position >= next))
    }

    /// Returns whether nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.tracker.is_idle()
    }

    /// Returns whether nothing is on its way that could still be committed.
    pub fn is_drained(&self) -> bool {
        self.tracker.is_drained()
    }

    /// Returns whether no worker holds any of it.
    pub fn is_settled(&self) -> bool {
        self.tracker.is_settled()
    }

    /// Returns whether something is delivered behind something that is not.
    pub fn has_gap(&self) -> bool {
        self.tracker.has_gap()
    }

    /// What may be committed. Of a topic that was created again nothing is, before it is known where to go on: an
    /// offset would be taken for one of the new topic.
    fn to_commit(&self) -> Option<Offset> {
        self.position().filter(|_| !self.is_recreated)
    }

    /// Returns whether something is delivered that is not committed.
    pub fn has_uncommitted(&self) -> bool {
        self.to_commit().is_some_and(|position| self.committed.is_none_or(|committed| committed < position))
    }

    /// Returns whether everything that is delivered is committed.
    pub fn is_committed(&self) -> bool {
        self.to_commit().is_none_or(|position| self.committed >= Some(position))
    }

    /// What to commit, where that is more than was asked for before. It counts as asked for from now on.
    pub fn request_commit(&mut self) -> Option<Committed> {
        let offset = self.to_commit()?;
        if self.requested.is_some_and(|requested| requested >= offset) {
            return None;
        }
        self.requested = Some(offset);
        Some(Committed { offset, note: self.note.to_string() })
    }

    /// What a transaction commits, where something is delivered that is not committed.
    pub fn uncommitted(&self) -> Option<Committed> {
        let offset = self.position().filter(|_| self.has_uncommitted())?;
        Some(Committed { offset, note: self.note.to_string() })
    }

    /// An offset is committed.
    pub fn committed(&mut self, offset: Offset) {
        self.committed = self.committed.max(Some(offset));
        self.flights.committed(offset);
    }

    /// A commit has failed: the next one asks for the offset again.
    pub fn commit_failed(&mut self) {
        self.requested = self.committed;
    }

    /// What the brokers say that the group has committed. Returns from where the partition goes on after an abort.
    pub fn rewind_to(&mut self, committed: Option<Offset>) -> Option<Offset> {
        self.committed = committed;
        committed.or(self.start)
    }

    /// The offset that is committed, as far as we know.
    pub fn committed_offset(&self) -> Option<Offset> {
        self.committed
    }

    /// What was committed says nothing of the log as it is now; the partition begins here.
    pub fn forget_committed(&mut self, start: Offset) {
        (self.committed, self.requested, self.start) = (None, None, Some(start));
        (self.is_recreated, self.presence) = (false, Presence::Exists);
    }

    /// The log does not hold the offset to read next: why.
    pub fn set_out_of_range(&mut self, why: String) {
        self.out_of_range.get_or_insert(why);
    }

    /// Why the offset to read next cannot be read.
    pub fn out_of_range(&self) -> Option<&str> {
        self.out_of_range.as_deref()
    }

    /// So many records of it wait for a retry; none: no longer any.
    pub fn set_retrying(&mut self, waiting: Option<usize>) {
        (self.is_retrying, self.waiting) = (waiting.is_some(), waiting.unwrap_or(0));
    }

    /// Returns how many records of it wait for a retry.
    pub fn waiting(&self) -> u64 {
        (self.waiting as u64).min(self.flights.count())
    }

    /// Returns where its records are.
    pub fn flights(&self) -> &Flights {
        &self.flights
    }

    /// Changes where its records are.
    pub fn flights_mut(&mut self) -> &mut Flights {
        &mut self.flights
    }

    /// Returns when the oldest record that is not committed was written, where that is known.
    pub fn oldest_uncommitted(&self) -> Option<i64> {
        let refused = self.refused.filter(|(offset, _)| Some(*offset) == self.next).map(|(_, timestamp)| timestamp);
        self.flights.oldest(self.committed).or(refused)
    }

    /// A record was fetched and not accepted.
    pub fn refused(&mut self, offset: Offset, timestamp: Option<i64>) {
        if self.pauses.any() && Some(offset) == self.next {
            self.refused = timestamp.map(|timestamp| (offset, timestamp));
        }
    }

    /// Returns whether records of it wait for a retry.
    pub fn is_retrying(&self) -> bool {
        self.is_retrying
    }

    /// Returns whether nothing that is on its way under its lease may be written or committed.
    pub fn is_void(&self) -> bool {
        self.lease.is_revoked()
    }

    /// Sets or lifts a reason not to fetch it. Returns whether fetching is to stop (`true`) or to go on (`false`) now.
    pub fn set_paused(&mut self, reason: PauseReason, on: bool) -> Option<bool> {
        self.pauses.set(reason, on)
    }

    /// Returns whether this reason holds.
    pub fn is_paused_for(&self, reason: PauseReason) -> bool {
        self.pauses.has(reason)
    }

    /// Why it is not fetched.
    pub fn pauses(&self) -> Pauses {
        self.pauses
    }

    /// Records between what may be committed and the high watermark.
    pub fn lag(&self, high_watermark: Offset) -> Option<u64> {
        let at = self.tracker.position().or(self.committed).or(self.first)?;
        Some(high_watermark.0.saturating_sub(at.0).max(0) as u64)
    }
}

impl OwnedPartition {
    /// A partition that begins.
    pub(super) fn new(lease: Arc<Lease>, worker: usize, start: Start) -> OwnedPartition {
        let Start { position, committed, note, is_recreated } = start;
        OwnedPartition {
            lease,
            tracker: Tracker::new(position),
            worker,
            first: None,
            next: position,
            start: position,
            end: None,
            committed,
            requested: committed,
            note,
            is_recreated,
            presence: Presence::Exists,
            out_of_range: is_recreated.then(|| RECREATED.to_owned()),
            waiting: 0,
            is_retrying: false,
            pauses: Pauses::default(),
            flights: Flights::default(),
            refused: None,
        }
    }

    /// Begins a new generation, read from `position` on; what is on its way under the old lease is void.
    pub(super) fn renew(&mut self, lease: Arc<Lease>, position: Option<Offset>) {
        self.lease.revoke();
        self.lease = lease;
        self.tracker = Tracker::new(position);
        (self.first, self.next, self.end) = (None, position, None);
        self.out_of_range = self.is_recreated.then(|| RECREATED.to_owned());
        // A retry of the old generation is over.
        self.set_retrying(None);
        self.pauses.set(PauseReason::RetryPending, false);
        self.pauses.set(PauseReason::Rewinding, false);
    }
}
