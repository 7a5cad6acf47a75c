//! Which records are traced, and the ids of what is made of them.

use std::sync::atomic::{AtomicU64, Ordering};

use super::context::{SpanId, TraceId};

/// What the numbers of ids lie apart: 2^64 over the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The share of the records without a trace context that is traced: the same records whenever they are read.
#[derive(Clone, Copy, Debug)]
pub struct Share(u64);

impl Share {
    /// Returns a share of 0 to 1.
    pub fn new(share: f64) -> Share {
        // What is beyond the range of the integer becomes its end.
        Share((share * 2_f64.powi(64)) as u64)
    }

    /// Returns whether a record is in the sample, by the [`Share::seed`] of its partition.
    pub fn has(self, seed: u64, offset: i64) -> bool {
        self.0 == u64::MAX || mix(seed ^ (offset as u64).wrapping_mul(STEP)) < self.0
    }

    /// Returns the number that tells the records of one partition from those of others.
    pub fn seed(topic: &str, partition: i32) -> u64 {
        // FNV-1a: the same in every version and on every machine.
        let hash = topic
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        mix(hash ^ u64::from(partition as u32))
    }
}

/// A good hash of a number (SplitMix64's).
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Makes ids that nobody else makes.
#[derive(Debug)]
pub struct Ids(AtomicU64);

impl Ids {
    /// Returns one that begins at a random number.
    pub fn new() -> Ids {
        // Without randomness the clock has to do.
        Ids(AtomicU64::new(getrandom::u64().unwrap_or_else(|_| mix(crate::rt::unix_ns()))))
    }

    /// Returns the next random number.
    pub fn next(&self) -> u64 {
        mix(self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP))
    }

    /// Returns the id of a new trace.
    pub fn trace(&self) -> TraceId {
        let id = u128::from(self.next()) << 64 | u128::from(self.next());
        TraceId(id.max(1).to_be_bytes())
    }

    /// Returns the id of a new span.
    pub fn span(&self) -> SpanId {
        SpanId(self.next().max(1).to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn sampled(share: f64, count: i64) -> Vec<i64> {
        let (share, seed) = (Share::new(share), Share::seed("orders", 3));
        (0..count).filter(|offset| share.has(seed, *offset)).collect()
    }

    #[test]
    fn a_sample_is_the_share_that_is_asked_for() {
        for (share, about) in [(0.01, 1_000), (0.5, 50_000), (0.999, 99_900)] {
            let count = sampled(share, 100_000).len() as i64;
            assert!((count - about).abs() < 600, "{share}: {count}");
        }
        assert_eq!((sampled(0.0, 1_000).len(), sampled(1.0, 1_000).len()), (0, 1_000));
    }

    #[test]
    fn a_record_is_sampled_or_not_whenever_it_is_read_and_a_larger_share_keeps_it() {
        let few = sampled(0.01, 10_000);
        assert_eq!(few, sampled(0.01, 10_000));
        let more: BTreeSet<i64> = sampled(0.1, 10_000).into_iter().collect();
        assert!(few.iter().all(|offset| more.contains(offset)));
        // So it stays from version to version.
        assert_eq!(few[..4], [321, 357, 441, 548]);
    }

    #[test]
    fn partitions_have_samples_of_their_own() {
        let of = |topic: &str, partition| {
            let (share, seed) = (Share::new(0.1), Share::seed(topic, partition));
            (0..1_000).filter(|offset| share.has(seed, *offset)).collect::<Vec<i64>>()
        };
        let samples = BTreeSet::from([of("a", 0), of("a", 1), of("b", 0), of("a1", 0)]);
        assert_eq!(samples.len(), 4);
    }

    #[test]
    fn ids_are_not_given_twice() {
        let (one, other) = (Ids::new(), Ids::new());
        let ids: BTreeSet<[u8; 8]> = (0..1_000).flat_map(|_| [one.span().0, other.span().0]).collect();
        assert_eq!(ids.len(), 2_000);
        assert_ne!(one.trace(), one.trace());
    }
}
