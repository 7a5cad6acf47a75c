//! The write gate: workers pass it to write, a batch at a time. Under exactly_once it is closed between two
//! transactions, so that none begins or ends in the middle of a batch; under at_least_once it stays open.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::rt::{self, Condvar};
use crate::sink::event::{SinkEvent, SinkEvents};

/// How long a worker waits for the gate to open before it looks whether it should go on waiting.
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
    events: SinkEvents,
}

#[derive(Default)]
struct State {
    open: bool,
    // How many want to be alone, or are.
    exclusive: usize,
    writers: usize,
    written: Written,
}

impl WriteGate {
    /// Returns a gate that is open or not, and tells of what happens at it.
    pub fn new(open: bool, events: SinkEvents) -> WriteGate {
        WriteGate {
            state: Mutex::new(State { open, ..State::default() }),
            opened: Condvar::default(),
            left: Condvar::default(),
            events,
        }
    }

    /// Waits until it is open, and goes through. None where `given_up` says meanwhile that there is nothing to wait
    /// for.
    pub fn enter(&self, given_up: impl Fn() -> bool) -> Option<WritePermit<'_>> {
        let mut state = self.state();
        let mut since = None;
        while !state.open || state.exclusive > 0 {
            if given_up() {
                return None;
            }
            since.get_or_insert_with(rt::now);
            state = self.opened.wait_timeout(&self.state, state, LOOK);
        }
        state.writers += 1;
        let waited = since.map_or(Duration::ZERO, |since| rt::now() - since);
        Some(WritePermit { gate: self, written: Written::default(), waited })
    }

    /// Opens it for a new transaction.
    pub fn open(&self) {
        let mut state = self.state();
        (state.open, state.written) = (true, Written::default());
        self.opened.notify_all();
    }

    /// Closes it. [`SinkEvent::WritersLeft`] follows when the last writer has left.
    pub fn close(&self) {
        let mut state = self.state();
        state.open = false;
        if state.writers == 0 {
            self.events.send_and_wake(SinkEvent::WritersLeft);
        }
    }

    /// Calls `act` while nobody writes; who would begin to write waits, and who writes is waited for, but not for long.
    pub fn with_exclusive(&self, act: impl FnOnce()) {
        let deadline = rt::now() + LEAVE;
        let mut state = self.state();
        state.exclusive += 1;
        while state.writers > 0 && rt::now() < deadline {
            state = self.left.wait_timeout(&self.state, state, LOOK);
        }
        // Without the lock: what is done may wait.
        drop(state);
        act();
        self.state().exclusive -= 1;
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
            self.events.send_and_wake(SinkEvent::WritersLeft);
        } else if state.open && is_full(state.written) && !is_full(before) {
            self.events.send_and_wake(SinkEvent::TransactionFull);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to write, until it is dropped.
pub struct WritePermit<'a> {
    gate: &'a WriteGate,
    /// What was written under it.
    pub written: Written,
    /// How long it was waited for.
    pub waited: Duration,
}

impl Drop for WritePermit<'_> {
    fn drop(&mut self) {
        self.gate.leave(self.written);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::rt::{Receiver, Wakeup};

    fn gate(open: bool) -> (WriteGate, Receiver<SinkEvent>) {
        let (sender, receiver) = rt::channel();
        (WriteGate::new(open, SinkEvents::new(sender, Wakeup::default())), receiver)
    }

    fn writers_left(events: &Receiver<SinkEvent>) -> bool {
        matches!(events.try_recv(), Some(SinkEvent::WritersLeft))
    }

    #[test]
    fn writers_have_left_only_when_the_last_one_has() {
        let (gate, events) = gate(true);
        let (first, second) = (gate.enter(|| true), gate.enter(|| true));
        gate.close();
        drop(first);
        assert!(!writers_left(&events));
        drop(second);
        assert!(writers_left(&events));
    }

    #[test]
    fn nobody_passes_while_it_is_closed_and_all_do_when_it_opens() {
        let (gate, events) = gate(false);
        assert!(gate.enter(|| true).is_none());
        gate.close();
        assert!(writers_left(&events));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| gate.enter(|| false).is_some());
            gate.open();
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn what_is_done_alone_waits_for_writers_and_they_for_it() {
        let (gate, _events) = gate(true);
        let permit = gate.enter(|| true);
        let done = AtomicBool::new(false);
        let is_done = || done.load(Ordering::SeqCst);
        std::thread::scope(|scope| {
            let alone = scope.spawn(|| gate.with_exclusive(|| done.store(true, Ordering::SeqCst)));
            // Until it waits.
            while gate.state().exclusive == 0 {
                std::thread::yield_now();
            }
            assert!(!is_done());
            let next = scope.spawn(|| gate.enter(|| false).map(|_permit| is_done()));
            drop(permit);
            alone.join().unwrap();
            assert_eq!(next.join().unwrap(), Some(true));
        });
        assert!(is_done());
    }

    #[test]
    fn a_gate_that_is_opened_while_somebody_is_alone_lets_nobody_in_before_that_is_over() {
        let (gate, _events) = gate(false);
        gate.with_exclusive(|| {
            gate.open();
            assert!(gate.enter(|| true).is_none());
        });
        assert!(gate.enter(|| true).is_some());
    }

    #[test]
    fn a_transaction_is_full_once_and_counts_from_zero_when_the_gate_opens() {
        let (gate, events) = gate(true);
        let write = |records| {
            let mut permit = gate.enter(|| true).unwrap();
            permit.written.records = records;
        };
        write(MOST.records - 1);
        assert!(events.try_recv().is_none());
        write(1);
        write(1);
        assert!(matches!(events.try_recv(), Some(SinkEvent::TransactionFull)));
        assert!(events.try_recv().is_none());
        gate.open();
        write(1);
        assert!(events.try_recv().is_none());
    }
}
