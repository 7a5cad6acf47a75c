//! An open load: every record is meant for a moment of its own, whatever became of those before it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::feed::Feed;

/// How often records are sent: seldom enough to leave the processor to others.
const WAKE: Duration = Duration::from_millis(1);

/// Records at a steady rate.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Records a second.
    pub rate: u64,
    /// How long the load is on before anything counts.
    pub warm_up: Duration,
    /// How long it counts.
    pub measured: Duration,
}

impl Load {
    /// How long it is on.
    pub fn lasts(&self) -> Duration {
        self.warm_up + self.measured
    }

    /// How many records that are.
    pub fn records(&self) -> u64 {
        self.rate * self.lasts().as_secs()
    }

    /// The moment that a record is meant for, counted from the first one's. A latency begins there and not when the record
    /// was sent, so that a load that is held up does not hide what held it up.
    pub fn meant(&self, number: u64) -> Duration {
        let nanos = u128::from(number) * 1_000_000_000 / u128::from(self.rate);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Sends all records, none before its moment.
    ///
    /// # Errors
    /// librdkafka's.
    pub fn send(&self, feed: &mut Feed, begin: Instant, given_up: &AtomicBool) -> Result<()> {
        while feed.next() < self.records() && !given_up.load(Ordering::Relaxed) {
            let now = begin.elapsed();
            while feed.next() < self.records() && self.meant(feed.next()) <= now {
                feed.send()?;
            }
            feed.serve();
            thread::sleep(WAKE);
        }
        feed.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_meant_for_moments_that_lie_evenly() {
        let load = Load { rate: 4_000, warm_up: Duration::from_secs(1), measured: Duration::from_secs(2) };
        assert_eq!(load.records(), 12_000);
        assert_eq!(load.meant(0), Duration::ZERO);
        assert_eq!(load.meant(3), Duration::from_micros(750));
        assert_eq!(load.meant(4_000), load.warm_up);
    }
}
