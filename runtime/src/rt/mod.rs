//! Time, threads and waiting. Everything in the way of a record that reads a clock, starts a thread or waits does it
//! here, so that a simulation can take the place of the operating system: see [`Simulation`].
//!
//! Outside of a simulation these are thin wrappers of the standard library. A wait costs one look at a thread-local
//! variable more than there; nothing here is called for each record.

mod channel;
mod condvar;
mod on_demand;
mod simulation;
mod thread;
mod timer;
mod wakeup;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use self::channel::{Receiver, RecvTimeoutError, Sender, channel, channel_that_wakes};
pub use self::condvar::Condvar;
pub use self::on_demand::{Turn, spawn_on_demand};
pub use self::simulation::{Simulation, WaitPoint, enter};
pub use self::thread::{JoinHandle, message_of, spawn};
pub use self::wakeup::Wakeup;

/// Returns the time by the monotonic clock.
pub fn now() -> Instant {
    simulation::with(|simulation| simulation.now()).unwrap_or_else(Instant::now)
}

/// Returns the time by the wall clock, in milliseconds since the epoch.
pub fn unix_ms() -> i64 {
    let real = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    simulation::with(|simulation| simulation.unix_ms()).unwrap_or_else(real)
}

/// Returns the time by the wall clock, in nanoseconds since the epoch; in a simulation whole milliseconds.
pub fn unix_ns() -> u64 {
    let real = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    simulation::with(|simulation| simulation.unix_ms().unsigned_abs() * 1_000_000).unwrap_or_else(real)
}

/// Waits for this long.
pub fn sleep(duration: Duration) {
    match simulation::current() {
        Some(simulation) => _ = simulation.wait(simulation::nobody(), Some(simulation.now() + duration)),
        None => std::thread::sleep(duration),
    }
}

/// Lets a simulation switch to another thread here. Does nothing outside of one.
#[inline]
pub fn yield_point() {
    simulation::with(|simulation| simulation.yield_point());
}
