//! All partitions that are ours.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::ledger::Ledger;
pub use super::partition::{OwnedPartition, Start};
use super::pause::PauseReason;
use crate::batch::Offset;
use crate::counters::SpanTally;
use crate::kafka::{FetchedRecord, TopicPartition};
use crate::lease::Lease;
use crate::sink::receipt::Span;

/// All partitions that are ours. Each has an index that stays while it is ours.
#[derive(Default)]
pub struct OwnedPartitions {
    slots: Vec<Option<OwnedPartition>>,
    indices: HashMap<TopicPartition, usize>,
    generation: u64,
    // The handle and partition that the last record came from, and its index.
    last: Option<(usize, crate::batch::Partition, usize)>,
    ledger: Ledger,
}

impl OwnedPartitions {
    /// None yet; what is read of them, and what becomes of it, is counted in this ledger.
    pub fn new(ledger: Ledger) -> OwnedPartitions {
        let mut partitions = OwnedPartitions::default();
        partitions.ledger = ledger;
        partitions
    }

    /// Returns what is counted.
    pub fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// A part of a batch was handed to a worker.
    pub fn dispatched(&mut self, span: &Span, now: Instant) {
        let Some(index) = self.of_lease(&span.lease).map(|partition| partition.index()) else { return };
        self.count_read(index);
        if let Some(partition) = self.get_mut(index) {
            partition.dispatched(span.first, span.end);
            partition.flights_mut().begin(span.first, span.end, now);
        }
    }

    /// All that came of a span is acknowledged. Returns false where its partition is no longer ours in that generation.
    pub fn delivered(&mut self, span: &Span, tally: SpanTally, transactional: bool, now: Instant) -> bool {
        let Some(partition) = self.of_lease(&span.lease) else {
            if !transactional {
                self.ledger.deliver_late(tally);
            }
            return false;
        };
        let flight = partition.flights_mut().end(span.first);
        partition.delivered(span);
        if let Some(flight) = flight {
            self.ledger.deliver(flight, tally, transactional, now);
        }
        true
    }

    /// A span will not be delivered: nothing behind it may be committed, and it is read again.
    pub fn abandoned(&mut self, span: &Span) {
        let Some(partition) = self.of_lease(&span.lease) else { return };
        partition.abandoned(span.first);
        if let Some((records, _)) = partition.flights_mut().end(span.first) {
            self.ledger.rewind(records);
        }
    }

    /// What was read and not handed on is thrown away, and read again.
    pub fn discard_gathered(&mut self) {
        self.count_all_read();
        let records = self.iter_mut().map(|partition| partition.flights_mut().discard_gathered()).sum();
        self.ledger.rewind(records);
    }

    /// Nothing more becomes of what is on its way: it is read again.
    pub fn give_back(&mut self) {
        self.count_all_read();
        let records = self.iter_mut().map(|partition| partition.flights_mut().discard()).sum();
        self.ledger.rewind(records);
        self.ledger.abort();
    }

    /// Lets the counters know what was read so far.
    pub fn count_all_read(&mut self) {
        (0..self.slots.len()).for_each(|index| self.count_read(index));
    }

    fn count_read(&mut self, index: usize) {
        if let Some(Some(partition)) = self.slots.get_mut(index) {
            let read = partition.flights_mut().take_read();
            self.ledger.read(&partition.at().topic, read);
        }
    }

    /// Returns how many records are on their way, and how many of those wait for a retry.
    pub fn on_way(&self) -> (u64, u64) {
        let all = self.iter().map(|partition| partition.flights().count()).sum::<u64>();
        (all + self.ledger.in_transaction(), self.iter().map(OwnedPartition::waiting).sum())
    }

    /// Takes a partition for a worker.
    pub fn add(&mut self, at: &TopicPartition, worker: usize, start: Start) {
        let index = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        let lease = self.new_lease(at.clone(), index);
        let partition = OwnedPartition::new(lease, worker, start);
        match self.slots.get_mut(index) {
            Some(empty) => *empty = Some(partition),
            None => self.slots.push(Some(partition)),
        }
        self.indices.insert(at.clone(), index);
        self.last = None;
    }

    fn new_lease(&mut self, at: TopicPartition, index: usize) -> Arc<Lease> {
        self.generation += 1;
        Arc::new(Lease::new(at, index, self.generation))
    }

    /// Gives a partition up; its lease is revoked.
    pub fn remove(&mut self, at: &TopicPartition) {
        self.last = None;
        let Some(index) = self.indices.remove(at) else { return };
        self.give_back_of(index);
        if let Some(partition) = self.slots[index].take() {
            partition.lease().revoke();
        }
    }

    /// Begins a new generation of a partition that is read from `position` on; what is on its way under the old lease
    /// is void.
    pub fn renew(&mut self, index: usize, position: Option<Offset>) {
        self.last = None;
        let Some(at) = self.get(index).map(|partition| partition.at().clone()) else { return };
        self.give_back_of(index);
        let lease = self.new_lease(at, index);
        if let Some(partition) = self.get_mut(index) {
            partition.renew(lease, position);
        }
    }

    fn give_back_of(&mut self, index: usize) {
        self.count_read(index);
        let records = self.get_mut(index).map_or(0, |partition| partition.flights_mut().discard());
        self.ledger.rewind(records);
    }

    /// Makes void what is on its way of a partition; nothing more of it is accepted until it is renewed.
    pub fn invalidate(&mut self, index: usize) {
        let Some(committed) = self.get(index).map(OwnedPartition::committed_offset) else { return };
        self.renew(index, committed);
        if let Some(partition) = self.get(index) {
            partition.lease().revoke();
        }
    }

    /// The index of a partition.
    pub fn index_of(&self, at: &TopicPartition) -> Option<usize> {
        self.indices.get(at).copied()
    }

    /// The index of the partition that a record came from.
    pub fn index_of_record(&mut self, record: &FetchedRecord<'_>) -> Option<usize> {
        match self.last {
            Some((handle, partition, index)) if handle == record.topic_handle && partition == record.partition => {
                Some(index)
            }
            _ => {
                let at = TopicPartition { topic: record.origin.topic(), partition: record.partition };
                let index = self.index_of(&at)?;
                self.last = Some((record.topic_handle, record.partition, index));
                Some(index)
            }
        }
    }

    /// The handles of topics may mean others from now on.
    pub fn forget_handles(&mut self) {
        self.last = None;
    }

    /// The partition with an index.
    pub fn get(&self, index: usize) -> Option<&OwnedPartition> {
        self.slots.get(index)?.as_ref()
    }

    /// The partition with an index.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut OwnedPartition> {
        self.slots.get_mut(index)?.as_mut()
    }

    /// The partition of a topic and number.
    pub fn of(&self, at: &TopicPartition) -> Option<&OwnedPartition> {
        self.get(self.index_of(at)?)
    }

    /// The partition of a topic and number.
    pub fn of_mut(&mut self, at: &TopicPartition) -> Option<&mut OwnedPartition> {
        self.get_mut(self.index_of(at)?)
    }

    /// The partition of a lease, if that is still its lease.
    pub fn of_lease(&mut self, lease: &Lease) -> Option<&mut OwnedPartition> {
        self.get_mut(lease.index).filter(|partition| partition.lease().generation == lease.generation)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &OwnedPartition> {
        self.slots.iter().flatten()
    }

    /// All of them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut OwnedPartition> {
        self.slots.iter_mut().flatten()
    }

    /// How many there are that exist.
    pub fn len(&self) -> usize {
        self.iter().filter(|partition| !partition.is_gone()).count()
    }

    /// Returns whether none is ours.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Sets or lifts a reason not to fetch partitions. Returns those that are to be paused, and those to be fetched,
    /// now.
    pub fn set_paused(
        &mut self,
        reason: PauseReason,
        on: bool,
        which: impl Fn(&OwnedPartition) -> bool,
    ) -> (Vec<TopicPartition>, Vec<TopicPartition>) {
        let (mut pause, mut fetch) = (Vec::new(), Vec::new());
        for partition in self.iter_mut().filter(|partition| which(partition)) {
            match partition.set_paused(reason, on) {
                Some(true) => pause.push(partition.at().clone()),
                Some(false) => fetch.push(partition.at().clone()),
                None => {}
            }
        }
        (pause, fetch)
    }

    /// Revokes the leases of partitions: nothing of them is written or committed any more.
    pub fn revoke_leases(&self, which: impl Fn(&OwnedPartition) -> bool) {
        self.iter().filter(|partition| which(partition)).for_each(|partition| partition.lease().revoke());
    }

    /// Nothing more is written of what is not delivered yet: it is read again.
    pub fn cut_undelivered(&self) {
        for partition in self.iter().filter(|partition| partition.next() != partition.position()) {
            if let Some(from) = partition.undelivered() {
                partition.lease().truncate_at(from);
            }
        }
    }

    /// How many partitions each of so many workers has.
    pub fn loads(&self, workers: usize) -> Vec<usize> {
        let mut loads = vec![0; workers];
        self.iter().for_each(|partition| loads[partition.worker()] += 1);
        loads
    }
}

/// What is on its way when the loop ends, in whatever way, is read again.
impl Drop for OwnedPartitions {
    fn drop(&mut self) {
        self.give_back();
    }
}
