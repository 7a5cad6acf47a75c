//! The gate: what an open breaker does to intake. It stays shut but for probes, until one of those passes.

use std::time::{Duration, Instant};

use super::intake::Open;
use crate::batch::Offset;
use crate::event::BreakerTrip;
use crate::kafka::TopicPartition;
use crate::stage::breaker::ProbeDelay;

/// Records in a probe, at the most.
pub const PROBE: usize = 16;
/// How long a probe waits for more records once it has one.
pub const PROBE_WAIT: Duration = Duration::from_millis(500);

/// A gate that is shut.
pub struct Gate {
    /// Why.
    pub tripped: BreakerTrip,
    /// How long until the next probe.
    pub delay: ProbeDelay,
    /// What goes on.
    pub phase: Phase,
    /// The records of the next probe.
    pub probe: Open,
    /// Behind what the last probe's records lie what is to be looked at, once it has failed.
    pub behind: Vec<(TopicPartition, Offset)>,
}

/// What goes on behind a gate that is shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// What was in flight comes to its end; then every partition goes back to what is delivered.
    Settling {
        /// When the next probe may begin.
        probe_at: Instant,
    },
    /// Nothing, until the next probe.
    Waiting {
        /// When that is.
        probe_at: Instant,
    },
    /// Records are read for a probe.
    Collecting,
    /// A probe is on its way.
    Probing,
    /// It has failed: what lies behind it is looked at, so that bad records that have come to an end hold nobody up.
    Looking {
        /// When the next probe may begin, if that is no better.
        probe_at: Instant,
    },
}

impl Gate {
    /// Shuts it.
    pub fn shut(tripped: BreakerTrip, now: Instant) -> Gate {
        let delay = ProbeDelay::first();
        let phase = Phase::Settling { probe_at: now + delay.get() };
        Gate { tripped, delay, phase, probe: Open::default(), behind: Vec::new() }
    }

    /// A probe has failed: the next comes later.
    pub fn probe_failed(&mut self, now: Instant) {
        self.delay = self.delay.doubled();
        self.phase = Phase::Settling { probe_at: now + self.delay.get() };
    }

    /// Whether the probe has all the records that it will get.
    pub fn probe_is_ready(&self, now: Instant) -> bool {
        let waited = self.probe.since().is_some_and(|since| now.duration_since(since) >= PROBE_WAIT);
        self.phase == Phase::Collecting && (waited || self.probe.len() >= PROBE)
    }

    /// For the status line: which record, why, and how to go on.
    pub fn describe(&self) -> String {
        let BreakerTrip { name, failed, total, record: (lease, offset), reason, .. } = &self.tripped;
        format!(
            "stage \"{name}\" failed on {failed} of the last {total} records, for example {} offset {offset} ({reason}); \
             intake is paused, offsets stay and nothing more goes to the dead-letter topic; it goes on by itself when a probe \
             passes, of what comes next or of the newest records (every {} s): mend what the plugin depends on, or mend \
             the plugin and restart, or set `breaker: off` to have all that fails dead-lettered",
            lease.at,
            self.delay.get().as_secs()
        )
    }
}
