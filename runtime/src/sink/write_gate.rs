//! The latch: workers write behind it, a batch at a time. Under exactly_once it is shut between two transactions, so
//! that none begins or ends in the middle of a batch; under at_least_once it stays open.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::event::{Event, EventSender};
use crate::rt::{self, Condvar};

/// How long a worker waits for the latch to open before it looks whether it should go on waiting.
const LOOK: Duration = Duration::from_millis(50);
/// How long a writer may take that has nothing to write any more.
const LEAVE: Duration = Duration::from_secs(1);
/// How much may be written in one transaction before it is asked to be committed; one batch more may follow.
const MOST: Written = Written { records: 200_000, bytes: 32 << 20 };

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Outputs and dead letters.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Lets writers through while it is open.
pub struct WriteGate {
    state: Mutex<State>,
    opened: Condvar,
    left: Condvar,
    events: EventSender,
}

#[derive(Default)]
struct State {
    open: bool,
    writers: usize,
    written: Written,
}

impl WriteGate {
    /// A latch that is open or not, and tells of what happens at it.
    pub fn new(open: bool, events: EventSender) -> WriteGate {
        WriteGate {
            state: Mutex::new(State { open, ..State::default() }),
            opened: Condvar::default(),
            left: Condvar::default(),
            events,
        }
    }

    /// Waits until it is open, and goes through. None where `given_up` says meanwhile that there is nothing to wait for.
    pub fn enter(&self, given_up: impl Fn() -> bool) -> Option<WritePermit<'_>> {
        let mut state = self.state();
        while !state.open {
            if given_up() {
                return None;
            }
            state = self.opened.wait_timeout(&self.state, state, LOOK);
        }
        state.writers += 1;
        Some(WritePermit { latch: self, written: Written::default() })
    }

    /// Opens it for a new transaction.
    pub fn open(&self) {
        let mut state = self.state();
        (state.open, state.written) = (true, Written::default());
        self.opened.notify_all();
    }

    /// Shuts it. [`Event::WritersLeft`] follows when the last writer has left.
    pub fn close(&self) {
        let mut state = self.state();
        state.open = false;
        if state.writers == 0 {
            self.events.send_and_wake(Event::WritersLeft);
        }
    }

    /// Calls `act` while nobody writes; who would begin to write waits, and who writes is waited for, but not for long.
    pub fn with_exclusive(&self, act: impl FnOnce()) {
        let deadline = rt::now() + LEAVE;
        let mut state = self.state();
        let was_open = std::mem::take(&mut state.open);
        while state.writers > 0 && rt::now() < deadline {
            state = self.left.wait_timeout(&self.state, state, LOOK);
        }
        act();
        state.open = was_open;
        self.opened.notify_all();
    }

    fn leave(&self, written: Written) {
        let mut state = self.state();
        state.writers -= 1;
        let before = state.written;
        state.written = Written { records: before.records + written.records, bytes: before.bytes + written.bytes };
        if state.writers == 0 {
            self.left.notify_all();
        }
        let is_full = |written: Written| written.records >= MOST.records || written.bytes >= MOST.bytes;
        if !state.open && state.writers == 0 {
            self.events.send_and_wake(Event::WritersLeft);
        } else if state.open && is_full(state.written) && !is_full(before) {
            self.events.send_and_wake(Event::TransactionFull);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to write, until it is dropped.
pub struct WritePermit<'a> {
    latch: &'a WriteGate,
    /// What was written under it.
    pub written: Written,
}

impl Drop for WritePermit<'_> {
    fn drop(&mut self) {
        self.latch.leave(self.written);
    }
}

#[cfg(test)]
mod tests {
    
    use super::*;
    use crate::rt::{self, Receiver, Wakeup};

    fn latch(open: bool) -> (WriteGate, Receiver<Event>) {
        let (sender, receiver) = rt::channel();
        (WriteGate::new(open, EventSender::new(sender, Wakeup::default())), receiver)
    }

    fn is_quiet(events: &Receiver<Event>) -> bool {
        matches!(events.try_recv(), Ok(Event::WritersLeft))
    }

    #[test]
    fn it_is_quiet_only_when_the_last_writer_has_left() {
        let (latch, events) = latch(true);
        let (first, second) = (latch.enter(|| true), latch.enter(|| true));
        latch.close();
        drop(first);
        assert!(!is_quiet(&events));
        drop(second);
        assert!(is_quiet(&events));
    }

    #[test]
    fn nobody_passes_while_it_is_shut_and_all_do_when_it_opens() {
        let (latch, events) = latch(false);
        assert!(latch.enter(|| true).is_none());
        latch.close();
        assert!(is_quiet(&events));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| latch.enter(|| false).is_some());
            latch.open();
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn what_is_done_alone_waits_for_writers_and_they_for_it() {
        let (latch, _events) = latch(true);
        let pass = latch.enter(|| true);
        let done = std::sync::atomic::AtomicBool::new(false);
        let is_done = || done.load(std::sync::atomic::Ordering::SeqCst);
        std::thread::scope(|scope| {
            let alone = scope.spawn(|| latch.with_exclusive(|| done.store(true, std::sync::atomic::Ordering::SeqCst)));
            // Until it waits.
            while latch.state().open {
                std::thread::yield_now();
            }
            assert!(!is_done());
            let next = scope.spawn(|| latch.enter(|| false).map(|_pass| is_done()));
            drop(pass);
            alone.join().unwrap();
            assert_eq!(next.join().unwrap(), Some(true));
        });
        assert!(is_done());
    }

    #[test]
    fn a_transaction_is_full_once_and_counts_anew_when_the_latch_opens() {
        let (latch, events) = latch(true);
        let write = |records| {
            let mut pass = latch.enter(|| true).unwrap();
            pass.written.records = records;
        };
        write(MOST.records - 1);
        assert!(events.try_recv().is_err());
        write(1);
        write(1);
        assert!(matches!(events.try_recv(), Ok(Event::TransactionFull)));
        assert!(events.try_recv().is_err());
        latch.open();
        write(1);
        assert!(events.try_recv().is_err());
    }
}
