//! Records that brokers have refused as too large, so that they go to the dead-letter topic at once when they are read
//! again after an abort.

use std::collections::BTreeMap;

use super::receipt::LargeRecord;
use crate::batch::Offset;
use crate::kafka::TopicPartition;

/// After so many refusals on an output its records are judged by their size.
const REFUSALS: usize = 16;

/// What was refused in one pipeline. It takes little memory, however much that is, and forgets nothing: each of the
/// first records that were refused is known by itself, and all others by their size, which is never below the smallest.
#[derive(Debug, Default)]
pub struct RefusedRecords {
    outputs: BTreeMap<usize, OutputRefusals>,
}

#[derive(Debug)]
struct OutputRefusals {
    // The input record that each of the first came of, and its size when it is compressed.
    first: Vec<(TopicPartition, Offset, usize)>,
    smallest: usize,
}

impl RefusedRecords {
    /// Returns whether nothing was refused.
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// Notes that a broker refused a record. Returns whether that was not known.
    pub fn note(&mut self, at: &TopicPartition, record: &LargeRecord) -> bool {
        if self.would_refuse(at, record) {
            return false;
        }
        let new = || OutputRefusals { first: Vec::new(), smallest: usize::MAX };
        let output = self.outputs.entry(record.output).or_insert_with(new);
        if output.first.len() < REFUSALS {
            output.first.push((at.clone(), record.offset, record.packed));
        }
        output.smallest = output.smallest.min(record.packed);
        true
    }

    /// Returns whether a broker refuses this record: it did before, or it has refused enough others of the same output
    /// that were not larger when they were compressed. Only records over their topic's limit are asked for.
    pub fn would_refuse(&self, at: &TopicPartition, record: &LargeRecord) -> bool {
        self.outputs.get(&record.output).is_some_and(|output| {
            let is_this = |(its, offset, packed): &(TopicPartition, Offset, usize)| {
                (its, *offset, *packed) == (at, record.offset, record.packed)
            };
            let by_size = output.first.len() >= REFUSALS && record.packed >= output.smallest;
            by_size || output.first.iter().any(is_this)
        })
    }

    /// Forgets everything: topics take something else now.
    pub fn clear(&mut self) {
        self.outputs.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: i64, packed: usize) -> LargeRecord {
        LargeRecord { offset: Offset(offset), size: 5000, packed, output: 0, stage: 0, bytes: 5000 }
    }

    #[test]
    fn a_refused_record_is_known_again_however_many_were_refused_after_it() {
        let (mut refused, at) = (RefusedRecords::default(), TopicPartition::new("in", 0));
        assert!(refused.note(&at, &record(0, 500)));
        assert!(!refused.note(&at, &record(0, 500)), "it is known");
        assert!(!refused.would_refuse(&at, &record(1, 500)) && !refused.would_refuse(&at, &record(0, 501)));
        for offset in 1..100_000 {
            assert!(refused.note(&at, &record(offset, 200_000 - offset as usize)) || offset >= 16);
        }
        for offset in 1..100_000 {
            assert!(refused.would_refuse(&at, &record(offset, 200_000 - offset as usize)), "{offset}");
        }
        assert!(refused.would_refuse(&at, &record(0, 500)));
        assert_eq!(refused.outputs[&0].first.len(), REFUSALS, "it takes no more memory");
    }

    #[test]
    fn after_some_refusals_records_of_an_output_are_judged_by_their_compressed_size() {
        let (mut refused, at) = (RefusedRecords::default(), TopicPartition::new("in", 0));
        for offset in 0..REFUSALS as i64 {
            assert!(!refused.would_refuse(&at, &record(1000, 2000)), "{offset}");
            refused.note(&at, &record(offset, 1000 + offset as usize));
        }
        assert!(refused.would_refuse(&at, &record(1000, 1000)));
        assert!(!refused.would_refuse(&at, &record(1000, 999)), "one that is smaller then may pass");
        assert!(!refused.would_refuse(&at, &LargeRecord { output: 1, ..record(1000, 2000) }));
    }
}
