//! The latch: workers write behind it, a batch at a time. Under exactly_once it is shut between two transactions, so
//! that none begins or ends in the middle of a batch; under at_least_once it stays open.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Event, Events};

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
pub struct Latch {
    state: Mutex<State>,
    opened: Condvar,
    left: Condvar,
    events: Events,
}

#[derive(Default)]
struct State {
    open: bool,
    writers: usize,
    written: Written,
}

impl Latch {
    /// A latch that is open or not, and tells of what happens at it.
    pub fn new(open: bool, events: Events) -> Latch {
        Latch {
            state: Mutex::new(State { open, ..State::default() }),
            opened: Condvar::new(),
            left: Condvar::new(),
            events,
        }
    }

    /// Waits until it is open, and goes through. None where `given_up` says meanwhile that there is nothing to wait for.
    pub fn pass(&self, given_up: impl Fn() -> bool) -> Option<Pass<'_>> {
        let mut state = self.state();
        while !state.open {
            if given_up() {
                return None;
            }
            state = self.opened.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.writers += 1;
        Some(Pass { latch: self, written: Written::default() })
    }

    /// Opens it for a new transaction.
    pub fn open(&self) {
        let mut state = self.state();
        (state.open, state.written) = (true, Written::default());
        self.opened.notify_all();
    }

    /// Shuts it. [`Event::Quiet`] follows when the last writer has left.
    pub fn shut(&self) {
        let mut state = self.state();
        state.open = false;
        if state.writers == 0 {
            self.events.tell_now(Event::Quiet);
        }
    }

    /// Calls `act` while nobody writes; who would begin to write waits, and who writes is waited for, but not for long.
    pub fn alone(&self, act: impl FnOnce()) {
        let deadline = Instant::now() + LEAVE;
        let mut state = self.state();
        let was_open = std::mem::take(&mut state.open);
        while state.writers > 0 && Instant::now() < deadline {
            state = self.left.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
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
            self.events.tell_now(Event::Quiet);
        } else if state.open && is_full(state.written) && !is_full(before) {
            self.events.tell_now(Event::Full);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to write, until it is dropped.
pub struct Pass<'a> {
    latch: &'a Latch,
    /// What was written under it.
    pub written: Written,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.latch.leave(self.written);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver};

    use super::*;
    use crate::kafka::waker::Waker;

    fn latch(open: bool) -> (Latch, Receiver<Event>) {
        let (sender, receiver) = mpsc::channel();
        (Latch::new(open, Events::new(sender, Waker::default())), receiver)
    }

    fn is_quiet(events: &Receiver<Event>) -> bool {
        matches!(events.try_recv(), Ok(Event::Quiet))
    }

    #[test]
    fn it_is_quiet_only_when_the_last_writer_has_left() {
        let (latch, events) = latch(true);
        let (first, second) = (latch.pass(|| true), latch.pass(|| true));
        latch.shut();
        drop(first);
        assert!(!is_quiet(&events));
        drop(second);
        assert!(is_quiet(&events));
    }

    #[test]
    fn nobody_passes_while_it_is_shut_and_all_do_when_it_opens() {
        let (latch, events) = latch(false);
        assert!(latch.pass(|| true).is_none());
        latch.shut();
        assert!(is_quiet(&events));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| latch.pass(|| false).is_some());
            latch.open();
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn what_is_done_alone_waits_for_writers_and_they_for_it() {
        let (latch, _events) = latch(true);
        let pass = latch.pass(|| true);
        let done = std::sync::atomic::AtomicBool::new(false);
        let is_done = || done.load(std::sync::atomic::Ordering::SeqCst);
        std::thread::scope(|scope| {
            let alone = scope.spawn(|| latch.alone(|| done.store(true, std::sync::atomic::Ordering::SeqCst)));
            // Until it waits.
            while latch.state().open {
                std::thread::yield_now();
            }
            assert!(!is_done());
            let next = scope.spawn(|| latch.pass(|| false).map(|_pass| is_done()));
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
            let mut pass = latch.pass(|| true).unwrap();
            pass.written.records = records;
        };
        write(MOST.records - 1);
        assert!(events.try_recv().is_err());
        write(1);
        write(1);
        assert!(matches!(events.try_recv(), Ok(Event::Full)));
        assert!(events.try_recv().is_err());
        latch.open();
        write(1);
        assert!(events.try_recv().is_err());
    }
}
