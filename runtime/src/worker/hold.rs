//! Partitions that wait for a retry: their runs, in order, and when to go on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::run::Run;
use crate::lease::Lease;

/// One partition that waits.
pub struct Hold {
    /// The partition.
    pub lease: Arc<Lease>,
    /// The first waits in the middle of a stage; the others came behind it.
    pub runs: VecDeque<Run>,
    /// When to go on with the first.
    pub wake: Instant,
}

/// The partitions of one worker that wait.
#[derive(Default)]
pub struct Holds(Vec<Hold>);

impl Holds {
    /// When the next of them is due.
    pub fn next_wake(&self) -> Option<Instant> {
        self.0.iter().map(|hold| hold.wake).min()
    }

    /// A partition begins to wait.
    pub fn begin(&mut self, lease: Arc<Lease>, run: Run, wake: Instant) {
        self.0.push(Hold { lease, runs: VecDeque::from([run]), wake });
    }

    /// The hold of a partition, if it waits.
    pub fn of(&mut self, lease: &Arc<Lease>) -> Option<&mut Hold> {
        self.0.iter_mut().find(|hold| Arc::ptr_eq(&hold.lease, lease))
    }

    /// Takes out the hold of a partition.
    pub fn take(&mut self, lease: &Arc<Lease>) -> Option<Hold> {
        let its = self.0.iter().position(|hold| Arc::ptr_eq(&hold.lease, lease))?;
        Some(self.0.swap_remove(its))
    }

    /// Takes out one that is due, or that nobody waits for any more.
    pub fn take_due(&mut self, now: Instant) -> Option<Hold> {
        let due = self.0.iter().position(|hold| hold.wake <= now || hold.lease.ended())?;
        Some(self.0.swap_remove(due))
    }

    /// Puts one back.
    pub fn put_back(&mut self, hold: Hold) {
        self.0.push(hold);
    }
}
