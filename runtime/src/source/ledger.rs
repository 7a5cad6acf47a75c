//! The ledger: what was read, and what became of it. Only the loop writes it, so what it says at one moment adds up:
//! records that were read = those with an outcome + those on their way.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use crate::counters::{PlanCounters, SpanTally, TrafficCounters};

/// Counts for the loop of one pipeline.
#[derive(Default)]
pub struct Ledger {
    counters: Option<PlanCounters>,
    inputs: HashMap<Arc<str>, Arc<TrafficCounters>>,
    // What came of spans that are acknowledged in the open transaction.
    in_transaction: SpanTally,
}

impl Ledger {
    /// A ledger that counts into these counters.
    pub fn new(counters: PlanCounters) -> Ledger {
        Ledger { counters: Some(counters), ..Ledger::default() }
    }

    /// Records and bytes of a topic were read.
    pub fn read(&mut self, topic: &Arc<str>, (records, bytes): (u64, u64)) {
        let Some(counters) = self.counters.as_ref().filter(|_| records > 0) else { return };
        let input = match self.inputs.get(topic) {
            Some(input) => input,
            None => self.inputs.entry(topic.clone()).or_insert_with(|| counters.pipeline.input(topic)),
        };
        input.records.add(records);
        input.bytes.add(bytes);
    }

    /// Records are given back, to be read again.
    pub fn rewind(&self, records: u64) {
        if let Some(counters) = &self.counters {
            counters.pipeline.outcomes.rewound.add(records);
        }
    }

    /// A span of so many records, read since then, is acknowledged. What a cut has left out of it is given back.
    pub fn deliver(
        &mut self,
        (records, since): (u64, Instant),
        mut tally: SpanTally,
        transactional: bool,
        now: Instant,
    ) {
        tally.clamp(records);
        self.rewind(records - tally.inputs());
        let Some(counters) = &self.counters else { return };
        let time = u64::try_from((now.saturating_duration_since(since)).as_nanos()).unwrap_or(u64::MAX);
        counters.pipeline.record_time.observe(time, tally.inputs());
        if transactional {
            self.in_transaction.add(&tally);
        } else {
            counters.acknowledge(&tally);
        }
    }

    /// What came of a span that was given back already is acknowledged all the same: its inputs have their outcome.
    pub fn deliver_late(&self, mut tally: SpanTally) {
        tally.clamp(0);
        if let Some(counters) = &self.counters {
            counters.acknowledge(&tally);
        }
    }

    /// The transaction is committed.
    pub fn commit(&mut self) {
        let tally = std::mem::take(&mut self.in_transaction);
        if let Some(counters) = &self.counters {
            counters.acknowledge(&tally);
        }
    }

    /// The transaction is aborted, or was empty: what was in it is given back.
    pub fn abort(&mut self) {
        let tally = std::mem::take(&mut self.in_transaction);
        self.rewind(tally.inputs());
    }

    /// Returns how many records are in the transaction.
    pub fn in_transaction(&self) -> u64 {
        self.in_transaction.inputs()
    }
}
