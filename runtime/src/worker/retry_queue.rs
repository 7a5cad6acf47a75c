//! The retry queue of one worker: the batches that wait for a retry, and in order what queues behind each.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::in_flight::InFlightBatch;
use super::retry_budget::{RetryBudget, Waiting};
use super::split::Split;
use crate::config::plan;
use crate::failure::Class;
use crate::lease::Lease;
use crate::sink::receipt::OpenSpan;
use crate::worker::event::WorkerEvent;

mod partition;
#[cfg(test)]
mod tests;

use self::partition::{Line, PartitionRetries};

/// What may wait in a partition before no more of it is taken in. Under `hold: partition` no more is anyway.
const PARTITION_LIMIT: Waiting = Waiting { records: 10_000, bytes: 16 << 20 };
/// What parts that wait may take beyond the size of the batch that they come from, in bytes.
const COPY_SLACK: usize = 16 << 20;

/// How far a batch came.
pub enum Advanced {
    /// It is written, or abandoned.
    Done,
    /// Its records that are pending wait until then, and block this.
    RetryAt {
        /// What waits behind them.
        hold: plan::Hold,
        /// When to go on.
        wake: Instant,
    },
}

/// Takes a batch as far as it goes now.
pub type Advance<'a> = dyn FnMut(&mut InFlightBatch) -> Advanced + 'a;

/// What a batch that waits blocks.
enum Blocks {
    /// All later records of its partition.
    Partition,
    /// The later records of these keys of its partition. A null key blocks nothing, for it has no order.
    Keys(HashSet<Box<[u8]>>),
}

/// When a batch that waits is due, and which of those that are due then it is.
type Due = (Instant, u64);

/// Tells partitions of a worker apart: the source's number for it, and the generation.
type Key = (usize, u64);

fn key_of(lease: &Lease) -> Key {
    (lease.index, lease.generation)
}

/// The partitions of one worker of which something waits.
pub struct RetryQueue {
    partitions: BTreeMap<Key, PartitionRetries>,
    // Whose batch is due when.
    schedule: BTreeMap<Due, Key>,
    begun: u64,
    budget: Arc<RetryBudget>,
    pipeline: Arc<str>,
}

impl RetryQueue {
    /// Returns an empty queue of a pipeline; what waits in it counts against `budget`.
    pub fn new(pipeline: Arc<str>, budget: Arc<RetryBudget>) -> RetryQueue {
        RetryQueue { partitions: BTreeMap::new(), schedule: BTreeMap::new(), begun: 0, budget, pipeline }
    }

    /// Returns when the next batch is due.
    pub fn next_wake(&self) -> Option<Instant> {
        self.schedule.first_key_value().map(|((wake, _), _)| *wake)
    }

    /// Takes a batch in: what is blocked queues, the rest goes as far as it can.
    pub fn take(&mut self, batch: &mut InFlightBatch, advance: &mut Advance<'_>) {
        if !self.partitions.is_empty() {
            self.queue_blocked(batch);
        }
        self.advance(batch, advance);
    }

    /// Goes on with one batch that is due at `now`, and with what is free to follow it. Returns whether there was one.
    pub fn resume_due(&mut self, now: Instant, advance: &mut Advance<'_>) -> bool {
        let Some(first) = self.schedule.first_entry().filter(|first| first.key().0 <= now) else { return false };
        let (due, key) = first.remove_entry();
        let Some(partition) = self.partitions.get_mut(&key) else { return true };
        let Some(mut wait) = partition.remove(due) else { return true };
        // Nobody waits for what is no longer ours.
        if !wait.batch.spans.iter().flatten().all(|span| span.lease().is_revoked()) {
            self.advance(&mut wait.batch, advance);
        }
        // What was given up is given up before anything that came behind it is looked at.
        drop(wait.batch);
        let mut begun = None;
        while !wait.behind.is_empty() {
            // What is blocked as a whole again is moved as a whole: otherwise a key whose records all wait would cost
            // more for each the more there are. Only a batch that has begun to wait since can block it.
            if begun != Some(self.begun) {
                begun = Some(self.begun);
                if self.queue_all(key, &wait.blocks, &mut wait.behind) {
                    break;
                }
            }
            let Some(batch) = wait.behind.pop().filter(InFlightBatch::any_is_ours) else { continue };
            if let Some(mut batch) = self.queue_whole(batch) {
                self.take(&mut batch, advance);
            }
        }
        true
    }

    fn advance(&mut self, batch: &mut InFlightBatch, advance: &mut Advance<'_>) {
        while let Advanced::RetryAt { hold, wake } = advance(batch) {
            self.park(batch, hold, wake);
        }
    }

    /// The records that are pending leave the batch and wait, with the others of what they block.
    fn park(&mut self, batch: &mut InFlightBatch, hold: plan::Hold, wake: Instant) {
        let (split, blocks) = match hold {
            plan::Hold::Partition => whole_partitions(batch),
            plan::Hold::Key => pending_keys(batch),
        };
        let needed = batch.bytes_of(&split);
        let allowed = batch.batch.arena.len().saturating_add(COPY_SLACK);
        if batch.copied.saturating_add(needed) > allowed {
            let reason = format!(
                "the record is to be retried, but records of several partitions share so many bytes of the plugins' answers \
                 that {needed} bytes would have to be copied for them to wait"
            );
            batch.progress.fail_all_pending(Class::Answer, &reason);
            return;
        }
        for (part, blocks) in batch.split_off(&split).into_iter().zip(blocks) {
            let Some(lease) = part.spans[0].as_ref().map(|span| span.lease().clone()) else { continue };
            self.begun += 1;
            let due = (wake, self.begun);
            let new = || PartitionRetries::new(self.pipeline.clone(), lease.clone(), self.budget.clone());
            self.partitions.entry(key_of(&lease)).or_insert_with(new).begin(due, part, blocks);
            self.schedule.insert(due, key_of(&lease));
        }
    }

    /// Records that are blocked leave their batch and queue.
    fn queue_blocked(&mut self, batch: &mut InFlightBatch) {
        let partition_of = |span: &Option<OpenSpan>| {
            let lease = span.as_ref()?.lease();
            self.partitions.get(&key_of(lease)).filter(|partition| partition.is_of(lease))
        };
        let partitions: Vec<Option<&PartitionRetries>> = batch.spans.iter().map(partition_of).collect();
        if partitions.iter().all(Option::is_none) {
            return;
        }
        let mut split = Split::new(batch.batch.records.len());
        let mut parts: BTreeMap<(u32, Due), u32> = BTreeMap::new();
        let mut blockers: Vec<(Key, Due)> = Vec::new();
        for (input, record) in batch.batch.records.iter().enumerate() {
            let Some(partition) = partitions.get(record.source as usize).copied().flatten() else { continue };
            let Some(due) = partition.blocker(batch.key_of(input)) else { continue };
            let part = *parts.entry((record.source, due)).or_insert_with(|| {
                blockers.push((key_of(partition.lease()), due));
                split.add_part(record.source)
            });
            split.move_input(input, part);
        }
        for (part, (key, due)) in batch.split_off(&split).into_iter().zip(blockers) {
            if let Some(partition) = self.partitions.get_mut(&key) {
                partition.push(due, part);
            }
        }
    }

    /// A batch that has queued before queues again as it is, where one blocks all of it; else it is returned.
    fn queue_whole(&mut self, batch: InFlightBatch) -> Option<InFlightBatch> {
        let lease = batch.spans[0].as_ref().map(|span| span.lease().clone())?;
        match self.partitions.get_mut(&key_of(&lease)).filter(|partition| partition.is_of(&lease)) {
            Some(partition) => partition.queue_whole(batch),
            None => Some(batch),
        }
    }

    /// Everything that queued behind a batch queues again as it is, where one batch blocks all that the other blocked.
    /// Returns whether one does.
    fn queue_all(&mut self, key: Key, blocked: &Blocks, behind: &mut Line) -> bool {
        self.partitions.get_mut(&key).is_some_and(|partition| partition.queue_all(blocked, behind))
    }

    /// Abandons what waits of a partition: it is being given up.
    pub fn abandon(&mut self, lease: &Arc<Lease>) {
        // What of its batches is still in the schedule is passed over when it is due.
        if self.partitions.get(&key_of(lease)).is_some_and(|partition| partition.is_of(lease)) {
            self.partitions.remove(&key_of(lease));
        }
        if self.partitions.is_empty() {
            self.schedule.clear();
        }
    }

    /// Abandons everything that waits.
    pub fn clear(&mut self) {
        self.partitions.clear();
        self.schedule.clear();
    }

    /// Tells the source of what has changed.
    pub fn report(&mut self, mut send: impl FnMut(WorkerEvent)) {
        self.partitions.retain(|_, partition| {
            partition.report(&mut send);
            !partition.is_empty()
        });
    }
}

/// Each source of which a record is pending waits as a whole.
fn whole_partitions(batch: &InFlightBatch) -> (Split, Vec<Blocks>) {
    let mut split = Split::new(batch.batch.records.len());
    let mut parts: Vec<Option<u32>> = vec![None; batch.spans.len()];
    let mut blocks = Vec::new();
    for (index, record) in batch.records.iter().enumerate() {
        if batch.progress.is_pending(index) && parts[record.source as usize].is_none() {
            parts[record.source as usize] = Some(split.add_part(record.source));
            blocks.push(Blocks::Partition);
        }
    }
    for (input, record) in batch.batch.records.iter().enumerate() {
        if let Some(part) = parts.get(record.source as usize).copied().flatten() {
            split.move_input(input, part);
        }
    }
    (split, blocks)
}

/// The pending inputs wait, with the others of their keys; of each source they make one part.
fn pending_keys(batch: &InFlightBatch) -> (Split, Vec<Blocks>) {
    let mut pending = vec![false; batch.batch.records.len()];
    let mut parts: Vec<Option<u32>> = vec![None; batch.spans.len()];
    let mut split = Split::new(batch.batch.records.len());
    let mut keys: Vec<HashSet<Box<[u8]>>> = Vec::new();
    for (index, record) in batch.records.iter().enumerate() {
        if !batch.progress.is_pending(index) {
            continue;
        }
        let input = batch.origins[index].input as usize;
        pending[input] = true;
        let part = *parts[record.source as usize].get_or_insert_with(|| {
            keys.push(HashSet::new());
            split.add_part(record.source)
        });
        if let Some(key) = batch.key_of(input)
            && !keys[part as usize].contains(key)
        {
            keys[part as usize].insert(key.into());
        }
    }
    for (input, record) in batch.batch.records.iter().enumerate() {
        let Some(part) = parts.get(record.source as usize).copied().flatten() else { continue };
        if pending[input] || batch.key_of(input).is_some_and(|key| keys[part as usize].contains(key)) {
            split.move_input(input, part);
        }
    }
    (split, keys.into_iter().map(Blocks::Keys).collect())
}
