//! Wakes loops that have given their threads back, each at its moment: one thread does that for all of a process.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Wakeup;

static TIMER: LazyLock<Timer> = LazyLock::new(Timer::default);

#[derive(Default)]
struct Timer {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    // In the order of their moments. A wake-up is known by its address, which is its own for as long as it is in here.
    due: BTreeMap<(Instant, usize), Wakeup>,
    // The moment of each.
    moments: HashMap<usize, Instant>,
    // There is a thread.
    runs: bool,
}

/// Wakes whoever waits at `wakeup` at that moment, in place of the moment that was asked for before. The thread lasts
/// while there is anything to wait for.
///
/// # Errors
/// The operating system gives no thread.
pub(super) fn wake_at(moment: Instant, wakeup: &Wakeup) -> io::Result<()> {
    let mut state = TIMER.lock();
    state.set(moment, wakeup);
    if state.runs {
        drop(state);
        TIMER.changed.notify_one();
        return Ok(());
    }
    std::thread::Builder::new().name("timer".to_owned()).spawn(|| TIMER.run())?;
    state.runs = true;
    Ok(())
}

impl Timer {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.lock();
        loop {
            let Some((moment, _)) = state.due.first_key_value().map(|(key, _)| *key) else {
                state.runs = false;
                return;
            };
            let now = Instant::now();
            if now < moment {
                let waited = self.changed.wait_timeout(state, moment - now);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let Some(wakeup) = state.take_first() else { continue };
            // Without the lock: it may start a thread, and whoever wakes may ask for the next moment.
            drop(state);
            wakeup.wake();
            state = self.lock();
        }
    }
}

impl State {
    fn set(&mut self, moment: Instant, wakeup: &Wakeup) {
        let address = wakeup.address();
        if let Some(before) = self.moments.insert(address, moment) {
            self.due.remove(&(before, address));
        }
        self.due.insert((moment, address), wakeup.clone());
    }

    fn take_first(&mut self) -> Option<Wakeup> {
        let ((_, address), wakeup) = self.due.pop_first()?;
        self.moments.remove(&address);
        Some(wakeup)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_is_woken_at_its_last_moment() {
        let (mut state, now) = (State::default(), Instant::now());
        let (one, other) = (Wakeup::default(), Wakeup::default());
        state.set(now, &one);
        state.set(now + Duration::from_secs(1), &other);
        state.set(now + Duration::from_secs(2), &one);
        let order: Vec<_> = std::iter::from_fn(|| state.take_first()).map(|wakeup| wakeup.address()).collect();
        assert_eq!(order, [other.address(), one.address()]);
        assert!(state.moments.is_empty());
    }

    #[test]
    fn whoever_waits_is_woken_not_before_its_moment() {
        for _ in 0..2 {
            let (wakeup, moment) = (Wakeup::default(), Instant::now() + Duration::from_millis(20));
            wake_at(moment, &wakeup).unwrap();
            assert!(wakeup.wait_until(None));
            assert!(Instant::now() >= moment);
        }
    }
}
