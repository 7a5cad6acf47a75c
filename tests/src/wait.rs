//! Waiting for a condition, up to a deadline.

use std::thread;
use std::time::{Duration, Instant};

/// How long a condition may take by default: far more than it ever should, on a machine that builds at the same time.
pub const LIMIT: Duration = Duration::from_secs(60);

/// How often a condition is looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// Waits until `look` finds something.
///
/// # Panics
/// It finds nothing within `limit`: the message says what was waited for, and what `look` saw last.
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => {
                assert!(Instant::now() < deadline, "waited {} s in vain for {what}: {seen}", limit.as_secs());
            }
        }
        thread::sleep(LOOK);
    }
}
