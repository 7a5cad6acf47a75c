//! A condition variable that a simulation can take over.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::simulation::{self, WaitPoint};

/// Like [`std::sync::Condvar`]; the mutex is named beside its guard, because a simulation has to lock it again.
#[derive(Debug)]
pub struct Condvar {
    real: std::sync::Condvar,
    point: WaitPoint,
}

impl Default for Condvar {
    fn default() -> Self {
        Condvar { real: std::sync::Condvar::new(), point: simulation::new_point() }
    }
}

impl Condvar {
    /// Gives the guard's lock up until somebody notifies, `timeout` has passed, or without a reason.
    pub fn wait_timeout<'a, T>(
        &self,
        mutex: &'a Mutex<T>,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> MutexGuard<'a, T> {
        match simulation::current() {
            Some(simulation) => {
                drop(guard);
                simulation.wait(self.point, Some(simulation.now() + timeout));
                mutex.lock().unwrap_or_else(PoisonError::into_inner)
            }
            None => self.real.wait_timeout(guard, timeout).unwrap_or_else(PoisonError::into_inner).0,
        }
    }

    /// Waits as [`Condvar::wait`] does, until a moment; for ever where there is none.
    pub fn wait_until<'a, T>(
        &self,
        mutex: &'a Mutex<T>,
        guard: MutexGuard<'a, T>,
        deadline: Option<Instant>,
    ) -> MutexGuard<'a, T> {
        match (simulation::current(), deadline) {
            (Some(simulation), deadline) => {
                drop(guard);
                simulation.wait(self.point, deadline);
                mutex.lock().unwrap_or_else(PoisonError::into_inner)
            }
            (None, Some(deadline)) => {
                let timeout = deadline.saturating_duration_since(Instant::now());
                self.real.wait_timeout(guard, timeout).unwrap_or_else(PoisonError::into_inner).0
            }
            (None, None) => self.real.wait(guard).unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Ends all waits that are under way.
    pub fn notify_all(&self) {
        match simulation::current() {
            Some(simulation) => simulation.notify(self.point),
            None => self.real.notify_all(),
        }
    }
}
