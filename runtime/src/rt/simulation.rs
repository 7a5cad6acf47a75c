//! The seam: what a simulation provides in place of the operating system's clock, threads and waits.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A scheduler that runs all threads of a simulation on one thread of the operating system, one at a time, and switches
/// between them only in [`Simulation::wait`] and [`Simulation::yield_point`]. So no lock may be held over a call of
/// either.
pub trait Simulation {
    /// Returns the virtual time.
    fn now(&self) -> Instant;

    /// Returns the virtual wall clock, in milliseconds since the epoch.
    fn unix_ms(&self) -> i64;

    /// Runs other threads until somebody notifies `point` or the virtual time is `deadline`. Returns whether it was
    /// notified.
    fn wait(&self, point: WaitPoint, deadline: Option<Instant>) -> bool;

    /// Ends the waits at this point that are under way.
    fn notify(&self, point: WaitPoint);

    /// May run other threads for a while.
    fn yield_point(&self);

    /// Starts a thread.
    fn spawn(&self, name: &str, body: Box<dyn FnOnce()>);
}

/// Something that threads wait at: tells waits apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WaitPoint(u64);

thread_local! {
    static CURRENT: RefCell<Option<Rc<dyn Simulation>>> = const { RefCell::new(None) };
    // Looked at first: cheaper than the cell above where there is no simulation.
    static IS_SIMULATED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body` with a simulation in the place of the operating system, for this thread.
pub fn enter<T>(simulation: Rc<dyn Simulation>, body: impl FnOnce() -> T) -> T {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            IS_SIMULATED.set(false);
            CURRENT.take();
        }
    }
    CURRENT.replace(Some(simulation));
    IS_SIMULATED.set(true);
    let _leave = Leave;
    body()
}

/// The simulation that this thread runs in.
pub(super) fn current() -> Option<Rc<dyn Simulation>> {
    if !IS_SIMULATED.get() {
        return None;
    }
    CURRENT.with_borrow(Clone::clone)
}

/// Returns whether this thread runs in a simulation.
pub(super) fn is_simulated() -> bool {
    IS_SIMULATED.get()
}

/// Calls `act` with the simulation that this thread runs in, if it does.
#[inline]
pub(super) fn with<T>(act: impl FnOnce(&dyn Simulation) -> T) -> Option<T> {
    if !IS_SIMULATED.get() {
        return None;
    }
    current().map(|simulation| act(&*simulation))
}

/// A point of its own.
pub(super) fn new_point() -> WaitPoint {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    WaitPoint(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A point that nobody notifies.
pub(super) fn nobody() -> WaitPoint {
    WaitPoint(0)
}
