//! A channel between threads, of any number of values, that a simulation can take over.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Condvar, Wakeup};

/// Makes a channel.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    new(None)
}

/// Makes a channel that wakes whoever waits at `wakeup` when a value is sent, and when the last sender is gone.
pub fn channel_that_wakes<T>(wakeup: Wakeup) -> (Sender<T>, Receiver<T>) {
    new(Some(wakeup))
}

fn new<T>(wakeup: Option<Wakeup>) -> (Sender<T>, Receiver<T>) {
    let queue = Arc::new(Queue { state: Mutex::new(State::default()), changed: Condvar::default(), wakeup });
    (Sender(queue.clone()), Receiver(queue))
}

struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    wakeup: Option<Wakeup>,
}

struct State<T> {
    values: VecDeque<T>,
    senders: usize,
    receiver_waits: bool,
    receiver_is_gone: bool,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        State { values: VecDeque::new(), senders: 1, receiver_waits: false, receiver_is_gone: false }
    }
}

impl<T> Queue<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something has changed that somebody may wait for.
    fn notify(&self) {
        self.changed.notify_all();
        if let Some(wakeup) = &self.wakeup {
            wakeup.wake();
        }
    }
}

/// The end that values are sent from.
pub struct Sender<T>(Arc<Queue<T>>);

/// The receiver is gone, and the value with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendError;

impl<T> Sender<T> {
    /// Sends a value. Never waits.
    ///
    /// # Errors
    /// The receiver is gone; the value is dropped.
    pub fn send(&self, value: T) -> Result<(), SendError> {
        let mut state = self.0.lock();
        if state.receiver_is_gone {
            // Dropped without the lock: its destructor may send.
            drop(state);
            return Err(SendError);
        }
        state.values.push_back(value);
        let waits = std::mem::take(&mut state.receiver_waits);
        drop(state);
        if waits || self.0.wakeup.is_some() {
            self.0.notify();
        }
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Sender(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.senders -= 1;
        let is_last = state.senders == 0;
        drop(state);
        if is_last {
            self.0.notify();
        }
    }
}

/// The end that values come out of, in the order in which they were sent.
pub struct Receiver<T>(Arc<Queue<T>>);

/// Why no value was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// None came in time.
    Timeout,
    /// None is there, and every sender is gone.
    Disconnected,
}

impl<T> Receiver<T> {
    /// Returns the next value, if one is there.
    pub fn try_recv(&self) -> Option<T> {
        self.0.lock().values.pop_front()
    }

    /// Returns whether nothing is there, and every sender is gone.
    pub fn is_closed(&self) -> bool {
        let state = self.0.lock();
        state.values.is_empty() && state.senders == 0
    }

    /// Waits for the next value until a moment; without one, for as long as there is a sender.
    ///
    /// # Errors
    /// See [`RecvTimeoutError`].
    pub fn recv_until(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        let mut state = self.0.lock();
        loop {
            if let Some(value) = state.values.pop_front() {
                return Ok(value);
            }
            if state.senders == 0 {
                return Err(RecvTimeoutError::Disconnected);
            }
            if deadline.is_some_and(|deadline| super::now() >= deadline) {
                return Err(RecvTimeoutError::Timeout);
            }
            state.receiver_waits = true;
            state = self.0.changed.wait_until(&self.0.state, state, deadline);
        }
    }

    /// Waits for the next value for up to `timeout`.
    ///
    /// # Errors
    /// See [`RecvTimeoutError`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(Some(super::now() + timeout))
    }

    /// Returns the values that are there now.
    pub fn drain(&self) -> VecDeque<T> {
        std::mem::take(&mut self.0.lock().values)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.receiver_is_gone = true;
        // Dropped without the lock: their destructors may send.
        let rest = std::mem::take(&mut state.values);
        drop(state);
        drop(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_in_order_and_then_the_end_of_the_senders() {
        let (sender, receiver) = channel();
        let other = sender.clone();
        sender.send(1).unwrap();
        other.send(2).unwrap();
        drop((sender, other));
        assert_eq!(receiver.recv_until(None), Ok(1));
        assert_eq!(receiver.try_recv(), Some(2));
        assert_eq!(receiver.recv_until(None), Err(RecvTimeoutError::Disconnected));
    }

    #[test]
    fn a_receiver_that_waits_is_woken() {
        let (sender, receiver) = channel();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| receiver.recv_until(None));
            sender.send(7).unwrap();
            assert_eq!(waiting.join().unwrap(), Ok(7));
        });
    }

    #[test]
    fn nothing_is_sent_to_a_receiver_that_is_gone() {
        let (sender, receiver) = channel();
        drop(receiver);
        assert_eq!(sender.send(1), Err(SendError));
    }

    #[test]
    fn a_receiver_without_a_value_gives_up_in_time() {
        let (_sender, receiver) = channel::<()>();
        assert_eq!(receiver.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
    }
}
