//! When a pipeline that failed is started again: after 1 s, then 2 s, up to 5 min, and from 1 s on again once it has
//! run for a while.

use std::time::{Duration, Instant};

/// The wait before the first restart.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(300);
/// A pipeline that has run for so long has got over what it failed of before.
const HEALTHY: Duration = Duration::from_secs(600);

/// The restarts of one pipeline.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    wait: Option<Duration>,
}

impl Restarts {
    /// The pipeline that was started at `started` has failed at `now`. Returns how long to wait before it is started
    /// again.
    pub(super) fn after_failure(&mut self, started: Instant, now: Instant) -> Duration {
        let wait = match self.wait {
            Some(last) if now - started < HEALTHY => (last * 2).min(LONGEST),
            Some(_) | None => FIRST,
        };
        self.wait = Some(wait);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_five_minutes_and_begins_again_after_a_good_run() {
        let (mut restarts, started) = (Restarts::default(), Instant::now());
        let waits: Vec<u64> = (0..11).map(|_| restarts.after_failure(started, started + FIRST).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(restarts.after_failure(started, started + HEALTHY), FIRST);
    }
}
