//! What waits for a retry in one worker: the runs that wait, and in order what queues behind each.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::in_flight::InFlightBatch;
use crate::config::plan;
use crate::event::Event;
use crate::lease::Lease;

#[cfg(test)]
mod tests;

/// Records that may wait in a partition before no more of it are taken in. Under `hold: partition` none are anyway.
const MOST_RECORDS: usize = 10_000;
/// And the bytes that they, and what came of them, may take.
const MOST_BYTES: usize = 16 << 20;

/// How far a run came.
pub enum Advanced {
    /// It is written, or given up.
    Done,
    /// Its records that are pending wait until then, and hold this.
    RetryAt {
        /// What waits behind them.
        hold: plan::Hold,
        /// When to go on.
        wake: Instant,
    },
}

/// Takes a run as far as it goes now.
pub type Advance<'a> = dyn FnMut(&mut InFlightBatch) -> Advanced + 'a;

/// What a run that waits holds.
enum Blocks {
    /// All later records of its partition.
    Partition,
    /// The later records of these keys of its partition. A null key holds nothing, for it has no order.
    Keys(HashSet<Box<[u8]>>),
}

/// When a run that waits is due, and which of those that are due then it is.
type Due = (Instant, u64);

/// A run that waits in the middle of a stage.
struct Wait {
    run: InFlightBatch,
    held: Blocks,
    /// What came behind it, in order, and has not entered the chain.
    behind: Vec<InFlightBatch>,
}

/// A partition of which something waits.
struct PartitionRetries {
    lease: Arc<Lease>,
    waits: BTreeMap<Due, Wait>,
    /// Who holds a key: one at the most.
    keys: HashMap<Box<[u8]>, Due>,
    /// Who holds the partition: one at the most.
    partition: Option<Due>,
    begun: u64,
    /// What waits, and what came of it.
    records: usize,
    bytes: usize,
    /// Whether the source knows, and whether it is to take no more in.
    told: Option<bool>,
}

impl PartitionRetries {
    fn new(lease: Arc<Lease>) -> PartitionRetries {
        let (waits, keys) = Default::default();
        PartitionRetries { lease, waits, keys, partition: None, begun: 0, records: 0, bytes: 0, told: None }
    }

    /// Whether no more may be taken in. Fetching goes on at half of the bounds, for it is not to stop and go.
    fn is_full(&self) -> bool {
        let part = if self.told == Some(true) { 2 } else { 1 };
        self.partition.is_some() || self.records >= MOST_RECORDS / part || self.bytes >= MOST_BYTES / part
    }

    /// Who holds records with this key. Its own holder comes first: what queues there is of its key from before the
    /// partition was held.
    fn holder(&self, key: Option<&[u8]>) -> Option<Due> {
        key.and_then(|key| self.keys.get(key)).or(self.partition.as_ref()).copied()
    }

    fn begin(&mut self, run: InFlightBatch, held: Blocks, wake: Instant) {
        self.begun += 1;
        let due = (wake, self.begun);
        let held = match held {
            // A key that waited in an earlier stage comes to one that holds partitions, and this one is held already:
            // what queues there is not to be overtaken.
            Blocks::Partition if self.partition.is_some() => Blocks::Keys(run.keys_of(&run.inputs_of(0, |_| true))),
            held => held,
        };
        match &held {
            Blocks::Partition => self.partition = Some(due),
            Blocks::Keys(keys) => self.keys.extend(keys.iter().map(|key| (key.clone(), due))),
        }
        self.count(&run);
        self.waits.insert(due, Wait { run, held, behind: Vec::new() });
    }

    /// Takes out one that is due; it holds nothing any more.
    fn take_due(&mut self, now: Instant) -> Option<Wait> {
        let due = self.waits.first_entry().filter(|first| first.key().0 <= now)?;
        let wait = due.remove();
        match &wait.held {
            Blocks::Partition => self.partition = None,
            Blocks::Keys(keys) => keys.iter().for_each(|key| _ = self.keys.remove(key)),
        }
        for run in wait.behind.iter().chain([&wait.run]) {
            self.records -= run.inputs();
            self.bytes -= run.batch.arena.len();
        }
        Some(wait)
    }

    /// Records of a source that are held leave their run and queue.
    fn queue(&mut self, run: &mut InFlightBatch, source: u32) {
        let mut held: BTreeMap<Due, Vec<u32>> = BTreeMap::new();
        for input in run.inputs_of(source, |_| true) {
            if let Some(holder) = self.holder(run.key_of(input)) {
                held.entry(holder).or_default().push(input);
            }
        }
        for (holder, inputs) in held {
            self.push(holder, run.split_off(source, &inputs));
        }
    }

    /// A run that has queued before queues again as it is, where one holds all of it; else it comes back.
    fn queue_whole(&mut self, run: InFlightBatch) -> Option<InFlightBatch> {
        let mut holders = run.inputs_of(0, |_| true).into_iter().map(|input| self.holder(run.key_of(input)));
        let first = holders.next().flatten();
        let Some(holder) = first.filter(|_| holders.all(|holder| holder == first)) else { return Some(run) };
        self.push(holder, run);
        None
    }

    fn push(&mut self, holder: Due, run: InFlightBatch) {
        self.count(&run);
        // Whoever holds something is there.
        if let Some(wait) = self.waits.get_mut(&holder) {
            wait.behind.push(run);
        }
    }

    fn count(&mut self, run: &InFlightBatch) {
        self.records += run.inputs();
        self.bytes += run.batch.arena.len();
    }
}

/// The partitions of one worker of which something waits.
#[derive(Default)]
pub struct RetryQueue(Vec<PartitionRetries>);

impl RetryQueue {
    /// When the next run is due.
    pub fn next_wake(&self) -> Option<Instant> {
        self.0.iter().filter_map(|hold| hold.waits.first_key_value()).map(|((wake, _), _)| *wake).min()
    }

    /// Takes a run in: what is held queues, the rest goes as far as it can.
    pub fn take(&mut self, run: &mut InFlightBatch, advance: &mut Advance<'_>) {
        for source in 0..run.spans.len() {
            let Some(lease) = run.spans[source].as_ref().map(|span| span.lease().clone()) else { continue };
            if let Some(hold) = self.of(&lease) {
                hold.queue(run, source as u32);
            }
        }
        self.go(run, advance);
    }

    /// Goes on with one run that is due at `now`, and with what is free to follow it. Answers whether there was one.
    pub fn resume_due(&mut self, now: Instant, advance: &mut Advance<'_>) -> bool {
        // What is no longer ours is waited for by nobody.
        self.0.retain(|hold| !hold.lease.is_revoked());
        let Some(Wait { mut run, behind, .. }) = self.take_due(now) else { return false };
        self.go(&mut run, advance);
        // What was given up is given up before anything that came behind it is looked at.
        drop(run);
        for run in behind.into_iter().filter(InFlightBatch::any_is_ours) {
            if let Some(mut run) = self.queue_whole(run) {
                self.take(&mut run, advance);
            }
        }
        true
    }

    fn go(&mut self, run: &mut InFlightBatch, advance: &mut Advance<'_>) {
        while let Advanced::RetryAt { hold, wake } = advance(run) {
            self.hold(run, hold, wake);
        }
    }

    /// The records that are pending leave the run and wait, with the others of what they hold.
    fn hold(&mut self, run: &mut InFlightBatch, hold: plan::Hold, wake: Instant) {
        for source in 0..run.spans.len() as u32 {
            let pending = run.pending_inputs(source);
            if pending.is_empty() {
                continue;
            }
            let (held, inputs) = match hold {
                plan::Hold::Partition => (Blocks::Partition, run.inputs_of(source, |_| true)),
                plan::Hold::Key => {
                    let keys = run.keys_of(&pending);
                    let mut inputs = run.inputs_of(source, |key| key.is_some_and(|key| keys.contains(key)));
                    inputs.extend(pending.iter().filter(|input| run.key_of(**input).is_none()));
                    inputs.sort_unstable();
                    (Blocks::Keys(keys), inputs)
                }
            };
            let own = run.split_off(source, &inputs);
            if let Some(lease) = own.spans[0].as_ref().map(|span| span.lease().clone()) {
                self.begin(lease, own, held, wake);
            }
        }
    }

    fn begin(&mut self, lease: Arc<Lease>, run: InFlightBatch, held: Blocks, wake: Instant) {
        let index = self.0.iter().position(|hold| Arc::ptr_eq(&hold.lease, &lease)).unwrap_or_else(|| {
            self.0.push(PartitionRetries::new(lease));
            self.0.len() - 1
        });
        self.0[index].begin(run, held, wake);
    }

    fn take_due(&mut self, now: Instant) -> Option<Wait> {
        self.0.iter_mut().find_map(|hold| hold.take_due(now))
    }

    fn queue_whole(&mut self, run: InFlightBatch) -> Option<InFlightBatch> {
        let lease = run.spans[0].as_ref().map(|span| span.lease().clone())?;
        match self.of(&lease) {
            Some(hold) => hold.queue_whole(run),
            None => Some(run),
        }
    }

    /// What waits of a partition is not waited for any more: its spans are abandoned.
    pub fn abandon(&mut self, lease: &Arc<Lease>) {
        self.0.retain(|hold| !Arc::ptr_eq(&hold.lease, lease));
    }

    /// Nothing is waited for any more.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What the source is to know of what has changed.
    pub fn tell(&mut self, mut send: impl FnMut(Event)) {
        for hold in &mut self.0 {
            let full = hold.is_full();
            if hold.waits.is_empty() {
                if hold.told.is_some() {
                    send(Event::RetriesDone(hold.lease.clone()));
                }
            } else if hold.told != Some(full) {
                hold.told = Some(full);
                send(Event::RetryPending { lease: hold.lease.clone(), full });
            }
        }
        self.0.retain(|hold| !hold.waits.is_empty());
    }

    fn of(&mut self, lease: &Arc<Lease>) -> Option<&mut PartitionRetries> {
        self.0.iter_mut().find(|hold| Arc::ptr_eq(&hold.lease, lease))
    }
}
