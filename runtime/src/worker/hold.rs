//! What waits for a retry in one worker: the runs that wait, and in order what queues behind each.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use super::run::Run;
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
    Over,
    /// Its records that are pending wait until then, and hold this.
    Waits {
        /// What waits behind them.
        hold: plan::Hold,
        /// When to go on.
        wake: Instant,
    },
}

/// Takes a run as far as it goes now.
pub type Advance<'a> = dyn FnMut(&mut Run) -> Advanced + 'a;

/// What a run that waits holds.
enum Held {
    /// All later records of its partition.
    Partition,
    /// The later records of these keys of its partition. A null key holds nothing, for it has no order.
    Keys(HashSet<Box<[u8]>>),
}

impl Held {
    fn holds(&self, key: Option<&[u8]>) -> bool {
        match self {
            Held::Partition => true,
            Held::Keys(keys) => key.is_some_and(|key| keys.contains(key)),
        }
    }
}

/// A run that waits in the middle of a stage.
struct Wait {
    run: Run,
    held: Held,
    wake: Instant,
    /// What came behind it, in order, and has not entered the chain.
    behind: Vec<Run>,
}

/// A partition of which something waits. A key is held by one of them at the most.
struct Hold {
    lease: Arc<Lease>,
    waits: Vec<Wait>,
    /// What waits, and what came of it.
    records: usize,
    bytes: usize,
    /// Whether the source knows, and whether it is to take no more in.
    told: Option<bool>,
}

impl Hold {
    fn count(&mut self, run: &Run) {
        self.records += run.inputs();
        self.bytes += run.batch.arena.len();
    }

    fn discount(&mut self, wait: &Wait) {
        for run in wait.behind.iter().chain([&wait.run]) {
            self.records -= run.inputs();
            self.bytes -= run.batch.arena.len();
        }
    }

    /// Whether no more may be taken in. Fetching goes on at half of the bounds, for it is not to stop and go.
    fn is_full(&self) -> bool {
        let part = if self.told == Some(true) { 2 } else { 1 };
        let holds_all = self.waits.iter().any(|wait| matches!(wait.held, Held::Partition));
        holds_all || self.records >= MOST_RECORDS / part || self.bytes >= MOST_BYTES / part
    }

    /// Records of a source that are held leave their run and queue. What a key's own wait holds came before the
    /// partition was held, so that comes first.
    fn queue(&mut self, run: &mut Run, source: u32) {
        for of_keys in [true, false] {
            for index in 0..self.waits.len() {
                let held = &self.waits[index].held;
                if matches!(held, Held::Keys(_)) != of_keys {
                    continue;
                }
                let inputs = run.inputs_of(source, |key| held.holds(key));
                if !inputs.is_empty() {
                    let own = run.split_off(source, &inputs);
                    self.count(&own);
                    self.waits[index].behind.push(own);
                }
            }
        }
    }
}

/// The partitions of one worker of which something waits.
#[derive(Default)]
pub struct Holds(Vec<Hold>);

impl Holds {
    /// When the next run is due.
    pub fn next_wake(&self) -> Option<Instant> {
        self.0.iter().flat_map(|hold| &hold.waits).map(|wait| wait.wake).min()
    }

    /// Takes a run in: what is held queues, the rest goes as far as it can.
    pub fn take(&mut self, run: &mut Run, advance: &mut Advance<'_>) {
        for source in 0..run.spans.len() {
            let Some(lease) = run.spans[source].as_ref().map(|span| span.lease().clone()) else { continue };
            if let Some(hold) = self.of(&lease) {
                hold.queue(run, source as u32);
            }
        }
        self.go(run, advance);
    }

    /// Goes on with every run that is due at `now`, and with what is free to follow it.
    pub fn resume_due(&mut self, now: Instant, advance: &mut Advance<'_>) {
        // What is no longer ours is waited for by nobody.
        self.0.retain(|hold| !hold.lease.ended());
        // What begins to wait again meanwhile is due later, so that batches get their turn.
        while let Some(Wait { mut run, behind, .. }) = self.take_due(now) {
            self.go(&mut run, advance);
            // What was given up is given up before anything that came behind it is looked at.
            drop(run);
            for run in behind.into_iter().filter(Run::any_is_ours) {
                if let Some(mut run) = self.queue_whole(run) {
                    self.take(&mut run, advance);
                }
            }
        }
    }

    /// A run that has queued before queues again as it is, where one that waits holds all of it; else it comes back.
    fn queue_whole(&mut self, run: Run) -> Option<Run> {
        let lease = run.spans[0].as_ref().map(|span| span.lease().clone())?;
        let Some(hold) = self.of(&lease) else { return Some(run) };
        let holds_all = |wait: &Wait| run.inputs_of(0, |key| !wait.held.holds(key)).is_empty();
        // Unless a key of it is held apart from its partition.
        let mut its = (0..hold.waits.len())
            .filter(|index| !run.inputs_of(0, |key| hold.waits[*index].held.holds(key)).is_empty());
        match (its.next(), its.next()) {
            (Some(only), None) if holds_all(&hold.waits[only]) => {
                hold.count(&run);
                hold.waits[only].behind.push(run);
                None
            }
            _ => Some(run),
        }
    }

    fn go(&mut self, run: &mut Run, advance: &mut Advance<'_>) {
        while let Advanced::Waits { hold, wake } = advance(run) {
            self.hold(run, hold, wake);
        }
    }

    /// The records that are pending leave the run and wait, with the others of what they hold.
    fn hold(&mut self, run: &mut Run, hold: plan::Hold, wake: Instant) {
        for source in 0..run.spans.len() as u32 {
            let pending = run.pending_inputs(source);
            if pending.is_empty() {
                continue;
            }
            let (held, inputs) = match hold {
                plan::Hold::Partition => (Held::Partition, run.inputs_of(source, |_| true)),
                plan::Hold::Key => {
                    let keys = run.keys_of(&pending);
                    let mut inputs = run.inputs_of(source, |key| key.is_some_and(|key| keys.contains(key)));
                    inputs.extend(pending.iter().filter(|input| run.key_of(**input).is_none()));
                    inputs.sort_unstable();
                    (Held::Keys(keys), inputs)
                }
            };
            let own = run.split_off(source, &inputs);
            if let Some(lease) = own.spans[0].as_ref().map(|span| span.lease().clone()) {
                self.begin(lease, own, held, wake);
            }
        }
    }

    fn begin(&mut self, lease: Arc<Lease>, run: Run, held: Held, wake: Instant) {
        if self.of(&lease).is_none() {
            self.0.push(Hold { lease: lease.clone(), waits: Vec::new(), records: 0, bytes: 0, told: None });
        }
        let Some(hold) = self.of(&lease) else { return };
        hold.count(&run);
        let is_held = hold.waits.iter().any(|wait| matches!(wait.held, Held::Partition));
        let held = match held {
            // A key that waited in an earlier stage comes to one that holds partitions, and this one is held already:
            // what queues there is not to be overtaken.
            Held::Partition if is_held => Held::Keys(run.keys_of(&run.inputs_of(0, |_| true))),
            held => held,
        };
        hold.waits.push(Wait { run, held, wake, behind: Vec::new() });
    }

    fn take_due(&mut self, now: Instant) -> Option<Wait> {
        for hold in &mut self.0 {
            let due = hold.waits.iter().position(|wait| wait.wake <= now);
            if let Some(wait) = due.map(|due| hold.waits.swap_remove(due)) {
                hold.discount(&wait);
                return Some(wait);
            }
        }
        None
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
                    send(Event::Released(hold.lease.clone()));
                }
            } else if hold.told != Some(full) {
                hold.told = Some(full);
                send(Event::Held { lease: hold.lease.clone(), full });
            }
        }
        self.0.retain(|hold| !hold.waits.is_empty());
    }

    fn of(&mut self, lease: &Arc<Lease>) -> Option<&mut Hold> {
        self.0.iter_mut().find(|hold| Arc::ptr_eq(&hold.lease, lease))
    }
}
