//! What a worker does with its time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a worker may be doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// The worker calls plugins.
    Plugin,
    /// The worker waits for room at the producer, or for a transaction.
    ProduceWait,
    /// The worker decodes or encodes records.
    Codec,
}

/// How long a worker did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerTimes {
    /// In calls of plugins.
    pub plugin: Duration,
    /// Waiting for room at the producer, or for a transaction.
    pub produce_wait: Duration,
    /// The worker has nothing to do.
    pub idle: Duration,
    /// In codecs.
    pub codec: Duration,
    /// In everything else.
    pub other: Duration,
}

/// The clock of one worker. It is looked at twice for each turn of the worker, and never for a record.
#[derive(Debug, Default)]
pub struct WorkerClock(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    times: WorkerTimes,
    // Since when it has nothing to do.
    idle_since: Option<Instant>,
    // Since when it has something to do, and what of that time is known already.
    busy_since: Option<Instant>,
    known: Duration,
}

impl WorkerClock {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A turn begins.
    pub fn begin(&self, now: Instant) {
        let mut state = self.state();
        if let Some(since) = state.idle_since.take() {
            state.times.idle += now.saturating_duration_since(since);
        }
        (state.busy_since, state.known) = (Some(now), Duration::ZERO);
    }

    /// Part of the turn was this.
    pub fn spend(&self, activity: Activity, time: Duration) {
        let mut state = self.state();
        match activity {
            Activity::Plugin => state.times.plugin += time,
            Activity::ProduceWait => state.times.produce_wait += time,
            Activity::Codec => state.times.codec += time,
        }
        state.known += time;
    }

    /// The turn ends.
    pub fn end(&self, now: Instant) {
        let mut state = self.state();
        if let Some(since) = state.busy_since.take() {
            let known = std::mem::take(&mut state.known);
            state.times.other += now.saturating_duration_since(since).saturating_sub(known);
        }
        state.idle_since = Some(now);
    }

    /// The worker has ended: its time stands still.
    pub fn stop(&self) {
        let mut state = self.state();
        (state.idle_since, state.busy_since) = (None, None);
    }

    /// Returns how long it did what.
    pub fn times(&self, now: Instant) -> WorkerTimes {
        let state = self.state();
        let idle = state.idle_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        WorkerTimes { idle: state.times.idle + idle, ..state.times }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_worker_is_the_sum_of_what_it_did() {
        let (clock, start, ms) = (WorkerClock::default(), Instant::now(), Duration::from_millis);
        clock.begin(start);
        clock.spend(Activity::Plugin, ms(3));
        clock.spend(Activity::ProduceWait, ms(2));
        clock.end(start + ms(10));
        let times = clock.times(start + ms(14));
        assert_eq!(times, WorkerTimes { plugin: ms(3), produce_wait: ms(2), idle: ms(4), codec: ms(0), other: ms(5) });
        clock.begin(start + ms(15));
        assert_eq!(clock.times(start + ms(20)).idle, ms(5), "it is at work since then");
        clock.end(start + ms(21));
        clock.stop();
        assert_eq!((clock.times(start + ms(30)).idle, clock.times(start + ms(30)).other), (ms(5), ms(11)));
    }
}
