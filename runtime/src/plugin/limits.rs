//! What a call may use: memory of a Store, ticks of the engine's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wasmtime::{ResourceLimiter, UpdateDeadline};

use super::clock::TICK;

/// Bytes that wasmtime holds for each element of a table.
const TABLE_ELEMENT: usize = size_of::<usize>();

/// Core instances of a Store: each takes memory of the host that no limit counts.
const MAX_INSTANCES: usize = 1000;
/// Linear memories of a Store: each takes address space, however small it is.
const MAX_MEMORIES: usize = 100;
/// Tables of a Store.
const MAX_TABLES: usize = 1000;

/// Counts all linear memories and tables of a Store against one limit.
#[derive(Debug)]
pub(super) struct MemoryLimit {
    limit: usize,
    used: usize,
    last_granted: usize,
    refused: bool,
}

impl MemoryLimit {
    pub(super) fn new(limit: usize) -> MemoryLimit {
        MemoryLimit { limit, used: 0, last_granted: 0, refused: false }
    }

    /// In bytes.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// In bytes.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Whether anything was refused since [`MemoryLimit::forget`].
    pub(super) fn refused(&self) -> bool {
        self.refused
    }

    pub(super) fn forget(&mut self) {
        self.refused = false;
    }

    fn grow(&mut self, more: usize) -> bool {
        match self.used.checked_add(more) {
            Some(used) if used <= self.limit => {
                self.used = used;
                self.last_granted = more;
                true
            }
            _ => {
                self.refused = true;
                false
            }
        }
    }

    /// What was granted was not to be had: it is not in use.
    fn take_back(&mut self) {
        self.used -= std::mem::take(&mut self.last_granted);
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(desired.saturating_sub(current)))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(desired.saturating_sub(current).saturating_mul(TABLE_ELEMENT)))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }
}

/// Counts down a call's ticks and listens for a cancel.
#[derive(Debug)]
pub(super) struct Deadline {
    ticks: u64,
    left: u64,
    cancel: Arc<AtomicBool>,
    cut: Option<Cut>,
}

/// Why a call was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    Time,
    Cancelled,
}

impl Deadline {
    /// A call gets at least `time`: the tick that it starts in does not count.
    pub(super) fn new(time: Duration, cancel: Arc<AtomicBool>) -> Deadline {
        let ticks = time.as_millis().div_ceil(TICK.as_millis()).max(1);
        let ticks = u64::try_from(ticks).unwrap_or(u64::MAX);
        Deadline { ticks, left: ticks, cancel, cut: None }
    }

    /// A new call starts.
    pub(super) fn restart(&mut self) {
        self.left = self.ticks;
        self.cut = None;
    }

    /// A tick has passed while the plugin ran. Several that pass in one go (a stalled machine) count as one.
    pub(super) fn tick(&mut self) -> UpdateDeadline {
        self.cut = if self.cancel.load(Ordering::Relaxed) {
            Some(Cut::Cancelled)
        } else if self.left == 0 {
            Some(Cut::Time)
        } else {
            self.left -= 1;
            return UpdateDeadline::Continue(1);
        };
        UpdateDeadline::Interrupt
    }

    /// Why the call was cut off, if it was.
    pub(super) fn cut(&self) -> Option<Cut> {
        self.cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_on(deadline: &mut Deadline) -> bool {
        matches!(deadline.tick(), UpdateDeadline::Continue(1))
    }

    #[test]
    fn a_call_gets_all_its_time_and_the_rest_of_the_tick_it_started_in() {
        for (time, ticks) in [(0, 1), (1, 1), (10, 1), (11, 2), (1000, 100)] {
            let mut deadline = Deadline::new(Duration::from_millis(time), Arc::default());
            assert!((0..ticks).all(|_| goes_on(&mut deadline)), "{time} ms");
            assert!(!goes_on(&mut deadline), "{time} ms");
            assert_eq!(deadline.cut(), Some(Cut::Time));
            deadline.restart();
            assert_eq!(deadline.cut(), None);
            assert!(goes_on(&mut deadline), "a new call has its own time");
        }
    }

    #[test]
    fn a_cancel_cuts_at_the_next_tick() {
        let cancel = Arc::new(AtomicBool::new(false));
        let mut deadline = Deadline::new(Duration::from_secs(1), Arc::clone(&cancel));
        assert!(goes_on(&mut deadline));
        cancel.store(true, Ordering::Relaxed);
        assert!(!goes_on(&mut deadline));
        assert_eq!(deadline.cut(), Some(Cut::Cancelled));
    }

    #[test]
    fn memories_and_tables_share_one_limit() {
        let mut memory = MemoryLimit::new(100_000);
        assert!(memory.memory_growing(0, 65_536, None).unwrap());
        assert!(memory.table_growing(0, 1000, None).unwrap());
        assert!(!memory.refused());
        assert!(!memory.memory_growing(65_536, 131_072, None).unwrap());
        assert!(memory.refused());
        assert!(memory.table_growing(1000, 2000, None).unwrap(), "what still fits is granted");
        assert!(!memory.table_growing(2000, usize::MAX, None).unwrap());
    }

    #[test]
    fn memory_that_the_system_does_not_give_is_not_counted() {
        let mut memory = MemoryLimit::new(65_536);
        assert!(memory.memory_growing(0, 65_536, None).unwrap());
        memory.memory_grow_failed(wasmtime::Error::msg("no memory")).unwrap();
        assert!(memory.memory_growing(0, 65_536, None).unwrap());
    }
}
