//! What the loop publishes of itself.

use std::time::{Duration, Instant};

use super::Source;
use super::partitions::OwnedPartition;
use crate::status::{Phase, State};

/// How often the state is published while anything is on its way.
const BUSY_INTERVAL: Duration = Duration::from_millis(250);
/// How often it is published otherwise: the lag may change without us.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

impl Source {
    /// Publishes the state where that is due. `last`: nothing follows.
    pub(super) fn publish(&mut self, now: Instant, last: bool) {
        if now < self.snapshot_due && !last {
            return;
        }
        let is_idle = self.intake.is_idle() && self.partitions.iter().all(OwnedPartition::is_idle);
        self.snapshot_due = now + if is_idle { IDLE_INTERVAL } else { BUSY_INTERVAL };
        let lags = self.partitions.iter().map(|p| p.lag(self.consumer.cached_high_watermark(p.at())?));
        let state = State {
            phase: match (self.shutdown.has_begun(), self.breaker.is_open()) {
                (true, _) => Phase::Draining,
                (false, true) => Phase::Paused,
                (false, false) if self.assignment.is_assigned() => Phase::Running,
                (false, false) => Phase::Starting,
            },
            partitions: self.partitions.len(),
            lag: lags.collect::<Option<Vec<u64>>>().filter(|lags| !lags.is_empty()).map(|lags| lags.iter().sum()),
            breaker: self.breaker.describe(),
            held: self.partitions.iter().filter(|p| p.is_retrying()).count(),
            idle: is_idle,
        };
        self.context.stats.set(|old| *old = state);
    }
}
