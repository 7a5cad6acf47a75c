//! Waiting for a condition, up to a deadline.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a condition may take by default: far more than it ever should, on a machine that builds at the same time.
pub const LIMIT: Duration = Duration::from_secs(60);

/// How often a condition is looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// What is waited for at this moment, by all threads of the process.
static WAITS: Mutex<BTreeMap<u64, String>> = Mutex::new(BTreeMap::new());

static GIVEN_UP: AtomicBool = AtomicBool::new(false);

/// Waits until `look` finds something.
///
/// # Panics
/// It finds nothing within `limit`, or all waiting is given up: the message says what was waited for, and what `look`
/// saw last.
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let _wait = Wait::begin(what);
    let started = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => {
                let waited = started.elapsed();
                let goes_on = waited < limit && !GIVEN_UP.load(Ordering::Acquire);
                assert!(goes_on, "waited {} s in vain for {what}: {seen}", waited.as_secs());
            }
        }
        thread::sleep(LOOK);
    }
}

/// Ends every wait of this process at its next look, and every one to come, until it is taken back with `false`: for a
/// harness whose own deadline has passed.
pub fn give_up_waiting(given_up: bool) {
    GIVEN_UP.store(given_up, Ordering::Release);
}

/// What is waited for at this moment.
pub fn waited_for() -> Vec<String> {
    waits().values().cloned().collect()
}

fn waits() -> MutexGuard<'static, BTreeMap<u64, String>> {
    WAITS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A wait that is listed for as long as this lives.
struct Wait(u64);

impl Wait {
    fn begin(what: &str) -> Wait {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        waits().insert(number, what.to_owned());
        Wait(number)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        waits().remove(&self.0);
    }
}
