//! What came of one span, tallied until all of it is acknowledged.

use crate::failure::Class;

/// What came of one span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanTally {
    /// Input records of which an output record came, and no dead letter.
    pub delivered: u64,
    /// Input records of which a dead letter came.
    pub dead_lettered: u64,
    /// Input records of which neither came.
    pub dropped: u64,
    /// Output records.
    pub outputs: Vec<OutputTally>,
    /// Dead letters.
    pub dead_letters: Vec<DeadLetterTally>,
}

/// What went to one output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputTally {
    /// The output's number in the plan.
    pub output: usize,
    /// Records.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The dead letters of one stage and class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLetterTally {
    /// The stage's number in the plan.
    pub stage: usize,
    /// The class of the failure.
    pub class: Class,
    /// How many.
    pub count: u64,
}

impl SpanTally {
    /// Returns how many input records it counts.
    pub fn inputs(&self) -> u64 {
        self.delivered + self.dead_lettered + self.dropped
    }

    /// Counts no more than this many input records.
    pub fn clamp(&mut self, most: u64) {
        self.delivered = self.delivered.min(most);
        self.dead_lettered = self.dead_lettered.min(most - self.delivered);
        self.dropped = self.dropped.min(most - self.delivered - self.dead_lettered);
    }

    /// Counts an output record.
    pub fn output(&mut self, output: usize, bytes: u64) {
        match self.outputs.iter_mut().find(|tally| tally.output == output) {
            Some(tally) => (tally.records, tally.bytes) = (tally.records + 1, tally.bytes + bytes),
            None => self.outputs.push(OutputTally { output, records: 1, bytes }),
        }
    }

    /// Counts a dead letter.
    pub fn dead_letter(&mut self, stage: usize, class: Class) {
        match self.dead_letters.iter_mut().find(|tally| (tally.stage, tally.class) == (stage, class)) {
            Some(tally) => tally.count += 1,
            None => self.dead_letters.push(DeadLetterTally { stage, class, count: 1 }),
        }
    }

    /// Adds what came of another part of the span.
    pub fn add(&mut self, other: &SpanTally) {
        if *self == SpanTally::default() {
            return self.clone_from(other);
        }
        self.delivered += other.delivered;
        self.dead_lettered += other.dead_lettered;
        self.dropped += other.dropped;
        for theirs in &other.outputs {
            match self.outputs.iter_mut().find(|ours| ours.output == theirs.output) {
                Some(ours) => {
                    (ours.records, ours.bytes) = (ours.records + theirs.records, ours.bytes + theirs.bytes);
                }
                None => self.outputs.push(*theirs),
            }
        }
        for theirs in &other.dead_letters {
            match self.dead_letters.iter_mut().find(|ours| (ours.stage, ours.class) == (theirs.stage, theirs.class)) {
                Some(ours) => ours.count += theirs.count,
                None => self.dead_letters.push(*theirs),
            }
        }
    }
}
