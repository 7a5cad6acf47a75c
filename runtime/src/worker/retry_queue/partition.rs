//! One partition of which something waits: its batches that wait, and who blocks what.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::{Blocks, Due, PARTITION_LIMIT};
use crate::kafka::TopicPartition;
use crate::lease::Lease;
use crate::worker::event::WorkerEvent;
use crate::worker::in_flight::InFlightBatch;
use crate::worker::retry_budget::{RetryBudget, Waiting};

/// A batch that waits in the middle of a stage.
pub(super) struct Wait {
    pub(super) batch: InFlightBatch,
    pub(super) blocks: Blocks,
    /// What came behind it, and has not entered the chain.
    pub(super) behind: Line,
}

/// Batches in order, and how much they are together.
#[derive(Default)]
pub(super) struct Line {
    batches: VecDeque<InFlightBatch>,
    size: Waiting,
}

impl Line {
    fn push(&mut self, batch: InFlightBatch, size: Waiting) {
        self.batches.push_back(batch);
        self.size = self.size.plus(size);
    }

    /// Takes out the first.
    pub(super) fn pop(&mut self) -> Option<InFlightBatch> {
        let batch = self.batches.pop_front()?;
        self.size = self.size.less(size_of(&batch));
        Some(batch)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Takes over all that stands in another line, behind what stands in this one. The shorter line is moved.
    fn append(&mut self, other: &mut Line) {
        self.size = self.size.plus(std::mem::take(&mut other.size));
        if self.batches.len() >= other.batches.len() {
            self.batches.append(&mut other.batches);
        } else {
            while let Some(batch) = self.batches.pop_back() {
                other.batches.push_front(batch);
            }
            std::mem::swap(&mut self.batches, &mut other.batches);
        }
    }
}

/// A partition of which something waits.
pub(super) struct PartitionRetries {
    pipeline: Arc<str>,
    lease: Arc<Lease>,
    waits: BTreeMap<Due, Wait>,
    /// Who blocks a key: one batch at most.
    keys: HashMap<Box<[u8]>, Due>,
    /// Who blocks the partition: one batch at most.
    partition: Option<Due>,
    waiting: Waiting,
    budget: Arc<RetryBudget>,
    /// What the source knows: whether it is to take no more in, and how many wait.
    told: Option<(bool, usize)>,
}

fn size_of(batch: &InFlightBatch) -> Waiting {
    Waiting { records: batch.inputs(), bytes: batch.batch.arena.len() }
}

impl PartitionRetries {
    pub(super) fn new(pipeline: Arc<str>, lease: Arc<Lease>, budget: Arc<RetryBudget>) -> PartitionRetries {
        budget.add_partition();
        let (waits, keys, waiting) = Default::default();
        PartitionRetries { pipeline, lease, waits, keys, partition: None, waiting, budget, told: None }
    }

    pub(super) fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    pub(super) fn is_of(&self, lease: &Arc<Lease>) -> bool {
        Arc::ptr_eq(&self.lease, lease)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waits.is_empty()
    }

    /// Returns who blocks records with this key. The key's own blocker comes first: what queues there is of its key
    /// from before the partition was blocked.
    pub(super) fn blocker(&self, key: Option<&[u8]>) -> Option<Due> {
        key.and_then(|key| self.keys.get(key)).or(self.partition.as_ref()).copied()
    }

    /// A batch begins to wait.
    pub(super) fn begin(&mut self, due: Due, batch: InFlightBatch, blocks: Blocks) {
        let blocks = match blocks {
            // A key that waited in an earlier stage comes to one that blocks partitions, and this one is blocked
            // already: what queues there is not to be overtaken.
            Blocks::Partition if self.partition.is_some() => Blocks::Keys(
                (0..batch.batch.records.len()).filter_map(|input| batch.key_of(input)).map(Into::into).collect(),
            ),
            blocks => blocks,
        };
        match &blocks {
            Blocks::Partition => self.partition = Some(due),
            Blocks::Keys(keys) => self.keys.extend(keys.iter().map(|key| (key.clone(), due))),
        }
        let waiting = size_of(&batch);
        self.add(waiting);
        self.waits.insert(due, Wait { batch, blocks, behind: Line::default() });
    }

    /// Takes out a batch, which blocks nothing any more.
    pub(super) fn remove(&mut self, due: Due) -> Option<Wait> {
        let wait = self.waits.remove(&due)?;
        match &wait.blocks {
            Blocks::Partition => self.partition = None,
            Blocks::Keys(keys) => keys.iter().for_each(|key| _ = self.keys.remove(key)),
        }
        self.release(size_of(&wait.batch).plus(wait.behind.size));
        Some(wait)
    }

    /// A batch queues behind another.
    pub(super) fn push(&mut self, blocker: Due, batch: InFlightBatch) {
        let more = size_of(&batch);
        // Whoever blocks something is there.
        if let Some(wait) = self.waits.get_mut(&blocker) {
            wait.behind.push(batch, more);
            self.add(more);
        }
    }

    /// A batch queues as it is, where one blocks all of it; else it is returned.
    pub(super) fn queue_whole(&mut self, batch: InFlightBatch) -> Option<InFlightBatch> {
        let mut blockers = (0..batch.batch.records.len()).map(|input| self.blocker(batch.key_of(input)));
        let first = blockers.next().flatten();
        let Some(blocker) = first.filter(|_| blockers.all(|blocker| blocker == first)) else { return Some(batch) };
        self.push(blocker, batch);
        None
    }

    /// All batches queue as they are, where one blocks everything that `blocked` says; returns whether one does.
    pub(super) fn queue_all(&mut self, blocked: &Blocks, behind: &mut Line) -> bool {
        let blocker = match blocked {
            Blocks::Partition if self.keys.is_empty() => self.partition,
            Blocks::Partition => None,
            Blocks::Keys(keys) => {
                let mut blockers = keys.iter().map(|key| self.blocker(Some(key)));
                let first = blockers.next().flatten();
                first.filter(|_| blockers.all(|blocker| blocker == first))
            }
        };
        let Some(wait) = blocker.and_then(|blocker| self.waits.get_mut(&blocker)) else { return false };
        let more = behind.size;
        wait.behind.append(behind);
        self.add(more);
        true
    }

    /// Tells the source whether it waits, and whether no more may be taken in.
    pub(super) fn report(&mut self, send: &mut impl FnMut(WorkerEvent)) {
        if self.waits.is_empty() {
            if self.told.is_some() {
                send(WorkerEvent::RetriesDone(self.lease.clone()));
            }
            return;
        }
        // What is full is fetched again at half of the bounds, for it is not to stop and go.
        let was_full = self.told.map(|(full, _)| full);
        let part = if was_full == Some(true) { 2 } else { 1 };
        let own_limit = self.partition.is_some() || self.waiting.reaches(PARTITION_LIMIT, part);
        let over_share = self.budget.is_over_share(self.waiting, part);
        let full = own_limit || over_share;
        let records = self.waiting.records;
        if self.told == Some((full, records)) {
            return;
        }
        if over_share && !own_limit && was_full != Some(true) {
            let (Waiting { records, bytes }, all) = (self.waiting, self.budget.waiting());
            let TopicPartition { topic, partition } = &self.lease.at;
            tracing::warn!(
                target: "retries", pipeline = %self.pipeline, %topic, partition = partition.0, records, bytes,
                "what waits for retries in this process ({} records, {} bytes) leaves this partition no larger share: no more \
                 of it is read until some of its records have been retried", all.records, all.bytes
            );
        }
        self.told = Some((full, records));
        send(WorkerEvent::RetryPending { lease: self.lease.clone(), records, full });
    }

    fn add(&mut self, more: Waiting) {
        self.waiting = self.waiting.plus(more);
        self.budget.add(more);
    }

    fn release(&mut self, less: Waiting) {
        self.waiting = self.waiting.less(less);
        self.budget.release(less);
    }
}

impl Drop for PartitionRetries {
    fn drop(&mut self) {
        self.budget.release(self.waiting);
        self.budget.remove_partition();
    }
}
