//! Histograms with fixed bounds.

use std::marker::PhantomData;

use super::Counter;

/// The most bounds that a histogram has.
const MOST: usize = 16;

/// Where the buckets of a histogram end.
pub trait Bounds {
    /// The upper bounds, ascending, and at most 16; a last bucket takes what is above.
    const BOUNDS: &'static [u64];
}

const MICRO: u64 = 1000;
const MILLI: u64 = 1000 * MICRO;
const SECOND: u64 = 1000 * MILLI;

/// Times of a call, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallTime;

impl Bounds for CallTime {
    const BOUNDS: &'static [u64] = &[
        50 * MICRO,
        100 * MICRO,
        250 * MICRO,
        500 * MICRO,
        MILLI,
        2500 * MICRO,
        5 * MILLI,
        10 * MILLI,
        25 * MILLI,
        50 * MILLI,
        100 * MILLI,
        250 * MILLI,
        500 * MILLI,
        SECOND,
        5 * SECOND,
    ];
}

/// Records of a call.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallRecords;

impl Bounds for CallRecords {
    const BOUNDS: &'static [u64] = &[1, 4, 16, 64, 128, 256, 512, 1000, 2000, 5000, 10_000];
}

/// Times of a record from when it was read until it is acknowledged, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecordTime;

impl Bounds for RecordTime {
    const BOUNDS: &'static [u64] = &[
        MILLI,
        2500 * MICRO,
        5 * MILLI,
        10 * MILLI,
        25 * MILLI,
        50 * MILLI,
        100 * MILLI,
        250 * MILLI,
        500 * MILLI,
        SECOND,
        2500 * MILLI,
        5 * SECOND,
        10 * SECOND,
        30 * SECOND,
        60 * SECOND,
        300 * SECOND,
    ];
}

/// Times of commits and transactions, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct LongTime;

impl Bounds for LongTime {
    const BOUNDS: &'static [u64] = &[
        MILLI,
        5 * MILLI,
        10 * MILLI,
        25 * MILLI,
        50 * MILLI,
        100 * MILLI,
        250 * MILLI,
        500 * MILLI,
        SECOND,
        2500 * MILLI,
        5 * SECOND,
        10 * SECOND,
        30 * SECOND,
        60 * SECOND,
    ];
}

/// Counts values by the bucket that they fall into.
#[derive(Debug)]
pub struct Histogram<B> {
    buckets: [Counter; MOST + 1],
    sum: Counter,
    bounds: PhantomData<B>,
}

impl<B> Default for Histogram<B> {
    fn default() -> Self {
        Histogram { buckets: Default::default(), sum: Counter::default(), bounds: PhantomData }
    }
}

impl<B: Bounds> Histogram<B> {
    /// Counts a value so many times.
    pub fn observe(&self, value: u64, times: u64) {
        let bucket = B::BOUNDS.partition_point(|bound| *bound < value);
        self.sum.add(value.saturating_mul(times));
        self.buckets[bucket].add(times);
    }

    /// Returns what was counted.
    pub fn values(&self) -> HistogramValues {
        let buckets = self.buckets[..=B::BOUNDS.len()].iter().map(Counter::get).collect();
        HistogramValues { bounds: B::BOUNDS, buckets, sum: self.sum.get() }
    }
}

/// What a histogram has counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramValues {
    /// The upper bounds of all buckets but the last.
    pub bounds: &'static [u64],
    /// Values in each bucket.
    pub buckets: Vec<u64>,
    /// The sum of all values.
    pub sum: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_the_first_bucket_that_holds_it() {
        let histogram = Histogram::<CallRecords>::default();
        for (value, times) in [(0, 1), (1, 1), (2, 3), (10_000, 1), (10_001, 2)] {
            histogram.observe(value, times);
        }
        let values = histogram.values();
        assert_eq!(values.buckets, [2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(values.sum, 1 + 6 + 10_000 + 20_002);
    }

    #[test]
    fn bounds_ascend_and_are_not_too_many() {
        for bounds in [CallTime::BOUNDS, CallRecords::BOUNDS, RecordTime::BOUNDS, LongTime::BOUNDS] {
            assert!(bounds.is_sorted() && bounds.len() <= MOST);
        }
    }
}
