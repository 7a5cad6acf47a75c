//! The breaker: notices that a stage fails on too much, over all workers of a pipeline.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::plan;

/// Parts that the window is counted in.
const PARTS: u32 = 10;

/// One stage's breaker.
#[derive(Debug)]
pub struct Breaker {
    plan: plan::Breaker,
    window: Mutex<VecDeque<Part>>,
}

#[derive(Debug)]
struct Part {
    begun: Instant,
    total: u64,
    failed: u64,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(plan: plan::Breaker) -> Breaker {
        Breaker { plan, window: Mutex::new(VecDeque::new()) }
    }

    /// Counts a batch. Answers failed and total in the window where that is too much.
    pub fn count(&self, total: u64, failed: u64, now: Instant) -> Option<(u64, u64)> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let part = self.plan.window / PARTS;
        while window.front().is_some_and(|oldest| now.duration_since(oldest.begun) > self.plan.window) {
            window.pop_front();
        }
        match window.back_mut().filter(|newest| now.duration_since(newest.begun) < part) {
            Some(newest) => {
                newest.total += total;
                newest.failed += failed;
            }
            None => window.push_back(Part { begun: now, total, failed }),
        }
        let (total, failed) = window.iter().fold((0, 0), |(t, f), part| (t + part.total, f + part.failed));
        let tripped = failed > 0 && total >= self.plan.min_records && self.is_too_much(total, failed);
        tripped.then_some((failed, total))
    }

    /// Whether this share is too large.
    pub fn is_too_much(&self, total: u64, failed: u64) -> bool {
        failed as f64 >= self.plan.share * total as f64
    }

    /// Forgets what it has counted.
    pub fn reset(&self) {
        self.window.lock().unwrap_or_else(PoisonError::into_inner).clear();
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
        assert_eq!(breaker.count(1000, 501, now), Some((1000, 2000)));
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
