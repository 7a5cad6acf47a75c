//! The clock that time limits are counted in: a thread that ticks while plugins run, and sleeps while none does.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The unit that time limits are counted in. A limit is kept to within one of these.
pub const TICK: Duration = Duration::from_millis(10);

/// Ticks without a call after which the clock sleeps: half a second, so that it is seldom woken under load.
const IDLE_TICKS: u32 = 50;

/// The clock of an engine. Its thread ends when it is dropped.
pub(super) struct Clock(Arc<Shared>);

#[derive(Default)]
struct Shared {
    // Calls that are under way.
    calls: AtomicUsize,
    sleeps: AtomicBool,
    has_ended: AtomicBool,
    lock: Mutex<()>,
    woken: Condvar,
}

/// A call that is under way: the clock ticks for as long as this lives.
pub(super) struct Ticking<'a>(&'a Shared);

impl Clock {
    /// Starts the thread, which calls `tick` after each [`TICK`] until that says that nothing is left to count for.
    ///
    /// It sleeps and counts one, and makes up for nothing: a process that was stopped, or a machine that stood still,
    /// has used up no plugin's time.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(super) fn start(tick: impl Fn() -> bool + Send + 'static) -> io::Result<Clock> {
        let shared = Arc::<Shared>::default();
        let ticking = shared.clone();
        std::thread::Builder::new().name("sluice-ticks".to_owned()).spawn(move || {
            let mut idle = 0;
            loop {
                std::thread::sleep(TICK);
                if !tick() || ticking.has_ended.load(Ordering::Acquire) {
                    return;
                }
                idle = if ticking.calls.load(Ordering::Acquire) > 0 { 0 } else { idle + 1 };
                if idle >= IDLE_TICKS {
                    ticking.sleep();
                    idle = 0;
                }
            }
        })?;
        Ok(Clock(shared))
    }

    /// A call begins, and ends when what this returns is dropped.
    pub(super) fn begin_call(&self) -> Ticking<'_> {
        // Before the look at `sleeps`, as the thread sets that before its look at `calls`: one of the two sees the
        // other.
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        if self.0.sleeps.load(Ordering::SeqCst) {
            self.0.wake();
        }
        Ticking(&self.0)
    }

    /// Returns whether the thread sleeps.
    #[cfg(test)]
    fn sleeps(&self) -> bool {
        self.0.sleeps.load(Ordering::SeqCst)
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.0.has_ended.store(true, Ordering::SeqCst);
        self.0.wake();
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Release);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next call, or for the end.
    fn sleep(&self) {
        let mut guard = self.lock();
        self.sleeps.store(true, Ordering::SeqCst);
        while self.sleeps.load(Ordering::SeqCst)
            && self.calls.load(Ordering::SeqCst) == 0
            && !self.has_ended.load(Ordering::SeqCst)
        {
            guard = self.woken.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleeps.store(false, Ordering::SeqCst);
    }

    fn wake(&self) {
        let guard = self.lock();
        self.sleeps.store(false, Ordering::SeqCst);
        drop(guard);
        self.woken.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    /// A clock, and how often it has ticked.
    fn clock() -> (Clock, Arc<AtomicU64>) {
        let ticks = Arc::new(AtomicU64::new(0));
        let counted = ticks.clone();
        let clock = Clock::start(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            true
        });
        (clock.unwrap(), ticks)
    }

    fn wait_until(is_so: impl Fn() -> bool) {
        while !is_so() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn it_sleeps_while_no_call_runs_and_ticks_again_for_the_next_one() {
        let (clock, ticks) = clock();
        for _ in 0..2 {
            wait_until(|| clock.sleeps());
            let before = ticks.load(Ordering::SeqCst);
            let call = clock.begin_call();
            // More than it takes to fall asleep: a call keeps it awake.
            wait_until(|| ticks.load(Ordering::SeqCst) > before + u64::from(IDLE_TICKS) + 2);
            assert!(!clock.sleeps());
            drop(call);
        }
    }

    #[test]
    fn its_thread_ends_with_it_asleep_or_awake() {
        for asleep in [false, true] {
            let (clock, ticks) = clock();
            if asleep {
                wait_until(|| clock.sleeps());
            }
            drop(clock);
            // The thread has the other end.
            wait_until(|| Arc::strong_count(&ticks) == 1);
        }
    }
}
