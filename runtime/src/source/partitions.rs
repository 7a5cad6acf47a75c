//! All partitions that are ours.

use std::collections::HashMap;
use std::sync::Arc;

pub use super::partition::{OwnedPartition, Start};
use super::pause::PauseReason;
use crate::batch::Offset;
use crate::kafka::{FetchedRecord, TopicPartition};
use crate::lease::Lease;

/// All partitions that are ours. Each has an index that stays while it is ours.
#[derive(Default)]
pub struct OwnedPartitions {
    slots: Vec<Option<OwnedPartition>>,
    indices: HashMap<TopicPartition, usize>,
    generation: u64,
    // The handle and partition that the last record came from, and its index.
    last: Option<(usize, crate::batch::Partition, usize)>,
}

impl OwnedPartitions {
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
        if let Some(partition) = self.indices.remove(at).and_then(|index| self.slots[index].take()) {
            partition.lease().revoke();
        }
    }

    /// Begins a new generation of a partition that is read from `position` on; what is on its way under the old lease
    /// is void.
    pub fn renew(&mut self, index: usize, position: Option<Offset>) {
        self.last = None;
        let Some(at) = self.get(index).map(|partition| partition.at().clone()) else { return };
        let lease = self.new_lease(at, index);
        if let Some(partition) = self.get_mut(index) {
            partition.renew(lease, position);
        }
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

    /// How many there are.
    pub fn len(&self) -> usize {
        self.indices.len()
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

    /// How many partitions each of so many workers has.
    pub fn loads(&self, workers: usize) -> Vec<usize> {
        let mut loads = vec![0; workers];
        self.iter().for_each(|partition| loads[partition.worker()] += 1);
        loads
    }
}
