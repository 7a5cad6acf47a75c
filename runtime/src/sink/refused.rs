//! Records that brokers have refused as too large, so that they go to the dead-letter topic at once when they are read
//! again after an abort.

use std::collections::{BTreeMap, HashSet, VecDeque};

use super::receipt::LargeRecord;
use crate::batch::Offset;
use crate::kafka::TopicPartition;

/// How many records are remembered.
const REMEMBERED: usize = 10_000;
/// After so many refusals on an output its records are judged by their size.
const REFUSALS: u64 = 16;

/// What was refused in one pipeline.
#[derive(Debug, Default)]
pub struct RefusedRecords {
    records: HashSet<RefusedRecord>,
    // Oldest first.
    order: VecDeque<RefusedRecord>,
    outputs: BTreeMap<usize, OutputRefusals>,
}

/// The input record that it came of, the output that it went to, and its size.
type RefusedRecord = (TopicPartition, Offset, usize, usize);

#[derive(Clone, Copy, Debug)]
struct OutputRefusals {
    count: u64,
    smallest: usize,
}

impl RefusedRecords {
    /// Returns whether nothing was refused.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Notes that a broker refused a record. The oldest is forgotten where there are too many.
    pub fn note(&mut self, at: &TopicPartition, record: &LargeRecord) {
        let refused = (at.clone(), record.offset, record.output, record.size);
        if self.records.insert(refused.clone()) {
            self.order.push_back(refused);
            if self.order.len() > REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.records.remove(&oldest);
            }
        }
        let new = OutputRefusals { count: 0, smallest: usize::MAX };
        let output = self.outputs.entry(record.output).or_insert(new);
        output.count += 1;
        output.smallest = output.smallest.min(record.size);
    }

    /// Returns whether a broker refuses this record: it did before, or it has refused enough others of the same output that
    /// were not larger. Only records over their topic's limit are asked for.
    pub fn would_refuse(&self, at: &TopicPartition, record: &LargeRecord) -> bool {
        let by_size = |output: &OutputRefusals| output.count >= REFUSALS && record.size >= output.smallest;
        self.outputs.get(&record.output).is_some_and(by_size)
            || self.records.contains(&(at.clone(), record.offset, record.output, record.size))
    }

    /// Forgets everything: topics take something else now.
    pub fn clear(&mut self) {
        *self = RefusedRecords::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: i64, size: usize) -> LargeRecord {
        LargeRecord { offset: Offset(offset), size, output: 0, stage: 0, bytes: size }
    }

    #[test]
    fn a_refused_record_is_known_again_and_the_oldest_are_forgotten_one_by_one() {
        let (mut refused, at) = (RefusedRecords::default(), TopicPartition::new("in", 0));
        refused.note(&at, &record(0, 500));
        assert!(refused.would_refuse(&at, &record(0, 500)));
        assert!(!refused.would_refuse(&at, &record(1, 500)) && !refused.would_refuse(&at, &record(0, 501)));
        for offset in 1..=REMEMBERED as i64 {
            refused.note(&at, &record(offset, 500));
        }
        assert_eq!(refused.order.len(), REMEMBERED);
        assert!(!refused.records.contains(&(at.clone(), Offset(0), 0, 500)), "the oldest");
        assert!(refused.records.contains(&(at, Offset(1), 0, 500)), "and no other");
    }

    #[test]
    fn after_some_refusals_records_of_an_output_are_judged_by_their_size() {
        let (mut refused, at) = (RefusedRecords::default(), TopicPartition::new("in", 0));
        for offset in 0..REFUSALS as i64 {
            assert!(!refused.would_refuse(&at, &record(1000, 2000)), "{offset}");
            refused.note(&at, &record(offset, 1000 + offset as usize));
        }
        assert!(refused.would_refuse(&at, &record(1000, 1000)));
        assert!(!refused.would_refuse(&at, &record(1000, 999)), "a smaller one may pass");
        assert!(!refused.would_refuse(&at, &LargeRecord { output: 1, ..record(1000, 2000) }));
    }
}
