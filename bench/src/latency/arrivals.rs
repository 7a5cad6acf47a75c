//! What arrives of a load, and how late.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;

use super::load::Load;
use crate::feed;
use crate::orders;

/// The longest latency that is told from longer ones, in microseconds.
const LONGEST: u64 = 600_000_000;
/// Figures of a latency that count.
const FIGURES: u8 = 3;

/// The records that have arrived.
pub struct Arrivals {
    load: Load,
    /// Whether only what order-status keeps is to arrive.
    kept_alone: bool,
    seen: Vec<bool>,
    missing: u64,
    latencies: Histogram<u64>,
}

impl Arrivals {
    /// Nothing of a load yet.
    ///
    /// # Errors
    /// None that can be met: the histogram's.
    pub fn new(load: Load, kept_alone: bool) -> Result<Arrivals> {
        let records = load.records();
        let missing = if kept_alone { feed::kept_of(records) } else { records };
        let latencies = Histogram::new_with_bounds(1, LONGEST, FIGURES)?;
        Ok(Arrivals { load, kept_alone, seen: vec![false; records as usize], missing, latencies })
    }

    /// A record arrives `at` this time after the first one's moment.
    ///
    /// # Errors
    /// It should not be there, or not again.
    pub fn note(&mut self, key: Option<&[u8]>, at: Duration) -> Result<()> {
        let number = key.and_then(orders::number).context("a key that was never written")?;
        let seen = self.seen.get_mut(number as usize).with_context(|| format!("record {number} was never written"))?;
        ensure!(!*seen, "record {number} arrives twice");
        ensure!(!self.kept_alone || feed::is_kept(number), "record {number} should have been dropped");
        *seen = true;
        self.missing -= 1;
        let meant = self.load.meant(number);
        if meant >= self.load.warm_up {
            self.latencies.saturating_record(at.saturating_sub(meant).as_micros() as u64);
        }
        Ok(())
    }

    /// How many records are still to come.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// The latencies of those that count, in microseconds.
    pub fn latencies(self) -> Histogram<u64> {
        self.latencies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(kept_alone: bool) -> Arrivals {
        let load = Load { rate: 1_000, warm_up: Duration::from_secs(1), measured: Duration::from_secs(1) };
        Arrivals::new(load, kept_alone).unwrap()
    }

    #[test]
    fn latencies_count_from_the_intended_moment_and_only_after_the_warm_up() {
        let mut arrivals = arrivals(false);
        arrivals.note(Some(orders::key(0).as_bytes()), Duration::from_millis(400)).unwrap();
        arrivals.note(Some(orders::key(1_500).as_bytes()), Duration::from_millis(1_520)).unwrap();
        assert_eq!(arrivals.missing(), 1_998);
        let latencies = arrivals.latencies();
        assert_eq!(latencies.len(), 1);
        assert!((19_900..20_100).contains(&latencies.max()), "{}", latencies.max());
    }

    #[test]
    fn what_should_not_arrive_is_an_error() {
        let mut arrivals = arrivals(true);
        let dropped = (0..).find(|&number| !feed::is_kept(number)).unwrap();
        let kept = (0..).find(|&number| feed::is_kept(number)).unwrap();
        let mut note = |number: u64| arrivals.note(Some(orders::key(number).as_bytes()), Duration::ZERO);
        note(kept).unwrap();
        assert!(note(kept).unwrap_err().to_string().contains("twice"));
        assert!(note(dropped).unwrap_err().to_string().contains("dropped"));
        assert!(note(2_000).unwrap_err().to_string().contains("never written"));
    }
}
