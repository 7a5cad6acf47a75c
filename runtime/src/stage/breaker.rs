//! The circuit breaker: notices that a stage fails on too much, over all workers of a pipeline.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::SettledCount;
use crate::config::plan;

/// One stage's circuit breaker.
#[derive(Debug)]
pub struct Breaker {
    plan: plan::Breaker,
    window: Mutex<Window>,
}

/// The last records of a stage: no older than the plan's window, and no more than it takes to judge. So a stage that
/// begins to fail is noticed as soon when a million records went well before as when none did.
#[derive(Debug, Default)]
struct Window {
    parts: VecDeque<Part>,
    total: u64,
    failed: u64,
    // How long calls took that timed out, all together.
    stalled: Duration,
}

#[derive(Debug)]
struct Part {
    at: Instant,
    total: u64,
    failed: u64,
    // What `Window::stalled` was when it was added.
    stalled: Duration,
}

impl Window {
    fn add(&mut self, settled: SettledCount, at: Instant) {
        let SettledCount { total, failed } = settled;
        self.total += total;
        self.failed += failed;
        self.parts.push_back(Part { at, total, failed, stalled: self.stalled });
    }

    /// Drops the oldest part if it is too old, or what is left without it is enough to judge by. The time of calls that
    /// timed out makes no part older: a stage that does nothing else would otherwise never fail often enough in its window.
    fn drop_oldest(&mut self, now: Instant, plan: &plan::Breaker) -> bool {
        let (total, stalled) = (self.total, self.stalled);
        let is_over = |part: &mut Part| {
            let age = now.duration_since(part.at).saturating_sub(stalled - part.stalled);
            age > plan.window || total - part.total >= plan.min_records
        };
        let Some(part) = self.parts.pop_front_if(is_over) else { return false };
        self.total -= part.total;
        self.failed -= part.failed;
        true
    }
}

impl Breaker {
    /// Returns a closed circuit breaker.
    pub fn new(plan: plan::Breaker) -> Breaker {
        Breaker { plan, window: Mutex::default() }
    }

    /// Counts records that were settled. Returns the count of the last records where too many of them have failed.
    pub fn count(&self, settled: SettledCount, now: Instant) -> Option<SettledCount> {
        if settled.total == 0 {
            return None;
        }
        let mut window = self.window();
        window.add(settled, now);
        while window.drop_oldest(now, &self.plan) {}
        let last = SettledCount { total: window.total, failed: window.failed };
        (last.total >= self.plan.min_records && self.is_too_much(last)).then_some(last)
    }

    /// Notes that a call has timed out after so long.
    pub fn timed_out(&self, after: Duration) {
        self.window().stalled += after;
    }

    /// Returns whether any record has failed, and too large a share.
    pub fn is_too_much(&self, settled: SettledCount) -> bool {
        settled.failed > 0 && settled.failed as f64 >= self.plan.share * settled.total as f64
    }

    /// Forgets what it has counted.
    pub fn reset(&self) {
        *self.window() = Window::default();
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time to the next probe: 10 s, then doubling to 5 min.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeDelay(Duration);

impl ProbeDelay {
    const LONGEST: Duration = Duration::from_secs(300);

    /// Returns the first.
    pub fn first() -> ProbeDelay {
        ProbeDelay(Duration::from_secs(10))
    }

    /// Returns the one after a failed probe.
    pub fn doubled(self) -> ProbeDelay {
        ProbeDelay((self.0 * 2).min(Self::LONGEST))
    }

    /// Returns it as a duration.
    pub fn get(self) -> Duration {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt;

    fn breaker() -> Breaker {
        let on_break = plan::OnBreak::Pause;
        Breaker::new(plan::Breaker { share: 0.5, window: Duration::from_secs(30), min_records: 100, on_break })
    }

    fn count(breaker: &Breaker, total: u64, failed: u64, now: Instant) -> Option<(u64, u64)> {
        breaker.count(SettledCount { total, failed }, now).map(|last| (last.failed, last.total))
    }

    #[test]
    fn opens_at_the_share_once_there_are_enough_records() {
        let (breaker, now) = (breaker(), rt::now());
        assert_eq!(count(&breaker, 99, 99, now), None);
        assert_eq!(count(&breaker, 1, 0, now), Some((99, 100)));
    }

    #[test]
    fn stays_closed_under_the_share() {
        let (breaker, now) = (breaker(), rt::now());
        assert_eq!(count(&breaker, 1000, 499, now), None);
        assert_eq!(count(&breaker, 1000, 500, now), Some((500, 1000)));
    }

    #[test]
    fn opens_after_so_many_records_however_many_went_well_before() {
        let (breaker, now) = (breaker(), rt::now());
        for _ in 0..10_000 {
            assert_eq!(count(&breaker, 10, 0, now), None);
        }
        let opened = (1..=10).find(|_| count(&breaker, 10, 10, now).is_some());
        assert_eq!(opened, Some(5), "half of the last 100 have failed");
    }

    #[test]
    fn forgets_what_is_older_than_the_window() {
        let (breaker, now) = (breaker(), rt::now());
        assert_eq!(count(&breaker, 99, 99, now), None);
        assert_eq!(count(&breaker, 50, 0, now + Duration::from_secs(31)), None);
        assert_eq!(count(&breaker, 50, 49, now + Duration::from_secs(31)), None);
    }

    #[test]
    fn opens_on_records_that_time_out_one_by_one_for_longer_than_the_window() {
        let (breaker, mut now) = (breaker(), rt::now());
        for number in 1..=100 {
            now += Duration::from_secs(1);
            breaker.timed_out(Duration::from_secs(1));
            assert_eq!(count(&breaker, 1, 1, now).is_some(), number == 100, "{number}");
        }
    }

    #[test]
    fn probes_come_at_ten_seconds_and_then_ever_later_up_to_five_minutes() {
        let delays: Vec<u64> = std::iter::successors(Some(ProbeDelay::first()), |delay| Some(delay.doubled()))
            .map(|delay| delay.get().as_secs())
            .take(7)
            .collect();
        assert_eq!(delays, [10, 20, 40, 80, 160, 300, 300]);
    }
}
