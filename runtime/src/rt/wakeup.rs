//! A wake-up: ends the wait of one thread, from any other.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::Condvar;

const IDLE: u8 = 0;
const WAITING: u8 = 1;
const WOKEN: u8 = 2;

/// Wakes whoever waits at it. A wake-up that comes before the wait is not lost: the next wait ends at once. To wake costs one
/// atomic operation where nobody waits.
#[derive(Clone, Debug, Default)]
pub struct Wakeup(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: AtomicU8,
    lock: Mutex<()>,
    woken: Condvar,
}

impl Wakeup {
    /// Ends the wait that is under way, or else the next one.
    pub fn wake(&self) {
        if self.0.state.swap(WOKEN, Ordering::AcqRel) == WAITING {
            // With the lock: whoever is about to wait has seen the state, or holds the lock until it waits.
            drop(self.0.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.0.woken.notify_all();
        }
    }

    /// Waits until it is woken or the moment has come; without one, until it is woken. For one thread at a time.
    pub fn wait_until(&self, deadline: Option<Instant>) {
        let shared = &*self.0;
        let mut guard = shared.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.state.compare_exchange(IDLE, WAITING, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            while shared.state.load(Ordering::Acquire) == WAITING
                && deadline.is_none_or(|deadline| super::now() < deadline)
            {
                guard = shared.woken.wait_until(&shared.lock, guard, deadline);
            }
        }
        shared.state.store(IDLE, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_wake_up_before_the_wait_is_not_lost() {
        let wakeup = Wakeup::default();
        wakeup.wake();
        wakeup.wait_until(None);
    }

    #[test]
    fn a_wait_ends_when_it_is_woken_and_in_time() {
        let wakeup = Wakeup::default();
        wakeup.wait_until(Some(super::super::now() + Duration::from_millis(1)));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| wakeup.wait_until(None));
            wakeup.wake();
            waiting.join().unwrap();
        });
    }
}
