//! The breaker: notices that a stage fails on too much, over all workers of a pipeline.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::plan;

/// One stage's breaker.
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
}

#[derive(Debug)]
struct Part {
    at: Instant,
    total: u64,
    failed: u64,
}

impl Window {
    fn add(&mut self, part: Part) {
        self.total += part.total;
        self.failed += part.failed;
        self.parts.push_back(part);
    }

    fn drop_oldest_if(&mut self, is_over: impl Fn(&Part, u64) -> bool) -> bool {
        let total = self.total;
        let Some(part) = self.parts.pop_front_if(|part| is_over(part, total)) else { return false };
        self.total -= part.total;
        self.failed -= part.failed;
        true
    }
}

impl Breaker {
    /// A closed breaker.
    pub fn new(plan: plan::Breaker) -> Breaker {
        Breaker { plan, window: Mutex::default() }
    }

    /// Counts a batch. Answers failed and total of the last records where that is too much.
    pub fn count(&self, total: u64, failed: u64, now: Instant) -> Option<(u64, u64)> {
        if total == 0 {
            return None;
        }
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.add(Part { at: now, total, failed });
        let plan = &self.plan;
        while window.drop_oldest_if(|part, total| {
            now.duration_since(part.at) > plan.window || total - part.total >= plan.min_records
        }) {}
        let (total, failed) = (window.total, window.failed);
        let tripped = failed > 0 && total >= plan.min_records && self.is_too_much(total, failed);
        tripped.then_some((failed, total))
    }

    /// Whether this share is too large.
    pub fn is_too_much(&self, total: u64, failed: u64) -> bool {
        failed as f64 >= self.plan.share * total as f64
    }

    /// Forgets what it has counted.
    pub fn reset(&self) {
        *self.window.lock().unwrap_or_else(PoisonError::into_inner) = Window::default();
    }
}

/// The time to the next probe: 10 s, then doubling to 5 min.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeDelay(Duration);

impl ProbeDelay {
    const LONGEST: Duration = Duration::from_secs(300);

    /// The first.
    pub fn first() -> ProbeDelay {
        ProbeDelay(Duration::from_secs(10))
    }

    /// The one after a failed probe.
    pub fn doubled(self) -> ProbeDelay {
        ProbeDelay((self.0 * 2).min(Self::LONGEST))
    }

    /// As a duration.
    pub fn get(self) -> Duration {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> Breaker {
        let on_break = plan::OnBreak::Pause;
        Breaker::new(plan::Breaker { share: 0.5, window: Duration::from_secs(30), min_records: 100, on_break })
    }

    #[test]
    fn opens_at_the_share_once_there_are_enough_records() {
        let (breaker, now) = (breaker(), Instant::now());
        assert_eq!(breaker.count(99, 99, now), None);
        assert_eq!(breaker.count(1, 0, now), Some((99, 100)));
    }

    #[test]
    fn stays_closed_under_the_share() {
        let (breaker, now) = (breaker(), Instant::now());
        assert_eq!(breaker.count(1000, 499, now), None);
        assert_eq!(breaker.count(1000, 500, now), Some((500, 1000)));
    }

    #[test]
    fn opens_after_so_many_records_however_many_went_well_before() {
        let (breaker, now) = (breaker(), Instant::now());
        for _ in 0..10_000 {
            assert_eq!(breaker.count(10, 0, now), None);
        }
        let opened = (1..=10).find(|_| breaker.count(10, 10, now).is_some());
        assert_eq!(opened, Some(5), "half of the last 100 have failed");
    }

    #[test]
    fn forgets_what_is_older_than_the_window() {
        let (breaker, now) = (breaker(), Instant::now());
        assert_eq!(breaker.count(99, 99, now), None);
        assert_eq!(breaker.count(150, 10, now + Duration::from_secs(31)), None);
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
