//! A wake-up: ends the wait of one thread, from any other.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Condvar;

const IDLE: u8 = 0;
const WAITING: u8 = 1;
const WOKEN: u8 = 2;
const PARKED: u8 = 3;

/// Goes on with a loop that has given its thread back.
type Resume = Box<dyn FnOnce() + Send>;

/// Wakes whoever waits at it. A wake-up that comes before the wait is not lost: the next wait ends at once. To wake
/// costs one atomic operation where nobody waits.
#[derive(Clone, Default)]
pub struct Wakeup(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: AtomicU8,
    parked: Mutex<Option<Resume>>,
    woken: Condvar,
}

impl fmt::Debug for Wakeup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wakeup")
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Resume>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wakeup {
    /// Ends the wait that is under way, or else the next one.
    pub fn wake(&self) {
        match self.0.state.swap(WOKEN, Ordering::AcqRel) {
            WAITING => {
                // With the lock: whoever is about to wait has seen the state, or holds the lock until it waits.
                drop(self.0.lock());
                self.0.woken.notify_all();
            }
            PARKED => {
                let resume = self.0.lock().take();
                if let Some(resume) = resume {
                    resume();
                }
            }
            _ => {}
        }
    }

    /// Waits until it is woken or the moment has come; without one, until it is woken. Returns whether it was woken.
    /// Only one thread may wait at a time.
    pub fn wait_until(&self, deadline: Option<Instant>) -> bool {
        let shared = &*self.0;
        let mut guard = shared.lock();
        if shared.state.compare_exchange(IDLE, WAITING, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            while shared.state.load(Ordering::Acquire) == WAITING
                && deadline.is_none_or(|deadline| super::now() < deadline)
            {
                guard = shared.woken.wait_until(&shared.parked, guard, deadline);
            }
        }
        drop(guard);
        shared.state.swap(IDLE, Ordering::AcqRel) == WOKEN
    }

    /// Calls `resume` when it is woken next, which may be at once.
    pub(super) fn park(&self, resume: Resume) {
        let mut parked = self.0.lock();
        *parked = Some(resume);
        if self.0.state.compare_exchange(IDLE, PARKED, Ordering::AcqRel, Ordering::Acquire).is_err() {
            let resume = parked.take();
            drop(parked);
            if let Some(resume) = resume {
                resume();
            }
        }
    }

    /// Returns what tells it from others, for as long as it or a clone of it lives.
    pub(super) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Returns whether a loop has given its thread back.
    #[cfg(test)]
    pub(super) fn is_parked(&self) -> bool {
        self.0.state.load(Ordering::Acquire) == PARKED
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
        assert!(wakeup.wait_until(None));
    }

    #[test]
    fn a_wait_ends_when_it_is_woken_and_in_time() {
        let wakeup = Wakeup::default();
        assert!(!wakeup.wait_until(Some(super::super::now() + Duration::from_millis(1))));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| wakeup.wait_until(None));
            wakeup.wake();
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn who_parks_after_a_wake_up_goes_on_at_once() {
        let (wakeup, (sender, resumed)) = (Wakeup::default(), std::sync::mpsc::channel());
        wakeup.wake();
        wakeup.park(Box::new(move || sender.send(()).unwrap()));
        assert!(resumed.try_recv().is_ok());
        // That wake-up was for the wait that began.
        assert!(wakeup.wait_until(None));
    }
}
