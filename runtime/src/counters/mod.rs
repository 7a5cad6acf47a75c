//! Counters of a pipeline: what it has done since the process started. They never fall, and they outlive a restart or a
//! reload of the pipeline.
//!
//! Nothing here is touched for each record: workers tally for each call and each span, and a span's tally is added when
//! everything that came of it is acknowledged.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod activity;
mod histogram;
mod kafka;
mod span;
mod stage;

pub use self::activity::{Activity, WorkerClock, WorkerTimes};
pub use self::histogram::{Bounds, CallRecords, CallTime, Histogram, HistogramValues, LongTime, RecordTime};
pub use self::kafka::{KafkaCounters, Rebalance};
pub use self::span::{DeadLetterTally, OutputTally, SpanTally};
pub use self::stage::{MAX_PLUGIN_NAME, MAX_PLUGIN_NAMES, StageCounters, StageTally};
use crate::failure::Class;

#[cfg(test)]
mod tests;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, count: u64) {
        if count > 0 {
            self.0.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Returns its value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Replaces what one part of it was by what that is now.
    pub fn replace(&self, before: u64, now: u64) {
        self.0.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
    }

    /// Returns its value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts by name. A name that was counted under stays.
#[derive(Debug)]
struct ByName<T>(Mutex<BTreeMap<Arc<str>, Arc<T>>>);

impl<T> Default for ByName<T> {
    fn default() -> Self {
        ByName(Mutex::default())
    }
}

impl<T: Default> ByName<T> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, name: &Arc<str>) -> Arc<T> {
        self.lock().entry(name.clone()).or_default().clone()
    }

    fn all(&self) -> Vec<(Arc<str>, Arc<T>)> {
        self.lock().iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// All that is counted of one pipeline.
#[derive(Debug, Default)]
pub struct PipelineCounters {
    /// What became of input records; each is counted once it is acknowledged or given back.
    pub outcomes: OutcomeCounters,
    /// How long records took, from when they were read until they were acknowledged, in nanoseconds.
    pub record_time: Histogram<RecordTime>,
    /// What happened in the group, and to transactions.
    pub kafka: KafkaCounters,
    /// Restarts after a failure, by its kind.
    restarts: ByName<Counter>,
    /// Reloads, by what came of them.
    reloads: ByName<Counter>,
    workers: Mutex<Vec<Arc<WorkerClock>>>,
    inputs: ByName<TrafficCounters>,
    outputs: ByName<TrafficCounters>,
    stages: ByName<StageCounters>,
    /// Questions to the schema registry.
    pub registry: Arc<RegistryCounters>,
    /// Spans of traces.
    pub traces: Arc<TraceCounters>,
}

/// Spans of traces, by what became of them.
#[derive(Debug, Default)]
pub struct TraceCounters {
    /// The collector has taken them.
    pub exported: Counter,
    /// There was no room for them, or the collector did not take them.
    pub dropped: Counter,
}

/// Questions to a schema registry, by what came of them.
#[derive(Debug, Default)]
pub struct RegistryCounters {
    /// The registry has answered.
    pub answered: Counter,
    /// The registry knows no such schema.
    pub unknown: Counter,
    /// The registry refuses what was asked.
    pub refused: Counter,
    /// No registry has answered.
    pub absent: Counter,
}

impl PipelineCounters {
    /// Returns the counters of an input topic. The source keeps them for each of its partitions.
    pub fn input(&self, topic: &Arc<str>) -> Arc<TrafficCounters> {
        self.inputs.get(topic)
    }

    /// Returns the counters of an output.
    pub fn output(&self, name: &Arc<str>) -> Arc<TrafficCounters> {
        self.outputs.get(name)
    }

    /// Returns the counters of a stage.
    pub fn stage(&self, name: &Arc<str>) -> Arc<StageCounters> {
        self.stages.get(name)
    }

    /// Returns all input topics that were read, by name.
    pub fn inputs(&self) -> Vec<(Arc<str>, Arc<TrafficCounters>)> {
        self.inputs.all()
    }

    /// Returns all outputs, by name.
    pub fn outputs(&self) -> Vec<(Arc<str>, Arc<TrafficCounters>)> {
        self.outputs.all()
    }

    /// Returns all stages, by name.
    pub fn stages(&self) -> Vec<(Arc<str>, Arc<StageCounters>)> {
        self.stages.all()
    }

    /// Returns the clock of a worker, by its number.
    pub fn worker(&self, number: usize) -> Arc<WorkerClock> {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        while workers.len() <= number {
            workers.push(Arc::default());
        }
        workers[number].clone()
    }

    /// Returns the clocks of all workers that there ever were.
    pub fn workers(&self) -> Vec<Arc<WorkerClock>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the restarts after a failure of this kind.
    pub fn restarts(&self, reason: &str) -> Arc<Counter> {
        self.restarts.get(&reason.into())
    }

    /// Returns the restarts after failures, by their kind.
    pub fn all_restarts(&self) -> Vec<(Arc<str>, Arc<Counter>)> {
        self.restarts.all()
    }

    /// Returns the reloads with this result: `changed`, `unchanged` or `failed`.
    pub fn reloads(&self, result: &str) -> Arc<Counter> {
        self.reloads.get(&result.into())
    }

    /// Returns what was counted so far of records. Consistent in itself where the caller is the only one who counts, or
    /// nobody does.
    pub fn snapshot(&self) -> CountersSnapshot {
        let traffic = |(name, traffic): (Arc<str>, Arc<TrafficCounters>)| Traffic {
            name,
            records: traffic.records.get(),
            bytes: traffic.bytes.get(),
        };
        let OutcomeCounters { delivered, dead_lettered, dropped, rewound } = &self.outcomes;
        CountersSnapshot {
            inputs: self.inputs().into_iter().map(traffic).collect(),
            outputs: self.outputs().into_iter().map(traffic).collect(),
            delivered: delivered.get(),
            dead_lettered: dead_lettered.get(),
            dropped: dropped.get(),
            rewound: rewound.get(),
        }
    }

    /// Returns the totals for a status line.
    pub fn totals(&self) -> Totals {
        let records = |counters: Vec<(Arc<str>, Arc<TrafficCounters>)>| {
            counters.iter().map(|(_, traffic)| traffic.records.get()).sum()
        };
        let dead_letters = |(_, stage): &(Arc<str>, Arc<StageCounters>)| {
            Class::ALL.iter().map(|class| stage.dead_letters(*class)).sum::<u64>()
        };
        let OutcomeCounters { delivered, dead_lettered, dropped, .. } = &self.outcomes;
        Totals {
            records: delivered.get() + dead_lettered.get() + dropped.get(),
            out: records(self.outputs()),
            dead_letters: self.stages().iter().map(dead_letters).sum(),
            dropped: dropped.get(),
        }
    }
}

/// What was counted of records, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountersSnapshot {
    /// What was read, by topic.
    pub inputs: Vec<Traffic>,
    /// What was acknowledged, by output.
    pub outputs: Vec<Traffic>,
    /// See [`OutcomeCounters`].
    pub delivered: u64,
    /// See [`OutcomeCounters`].
    pub dead_lettered: u64,
    /// See [`OutcomeCounters`].
    pub dropped: u64,
    /// See [`OutcomeCounters`].
    pub rewound: u64,
}

impl CountersSnapshot {
    /// Returns how many records were read.
    pub fn input_records(&self) -> u64 {
        self.inputs.iter().map(|input| input.records).sum()
    }

    /// Returns how many records came to their end, here or elsewhere.
    pub fn outcomes(&self) -> u64 {
        self.delivered + self.dead_lettered + self.dropped + self.rewound
    }
}

/// Records and bytes of a topic or an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// The topic, or the output's name.
    pub name: Arc<str>,
    /// Records.
    pub records: u64,
    /// Bytes of their keys, values and headers.
    pub bytes: u64,
}

/// The totals of a pipeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Input records that have come to their end.
    pub records: u64,
    /// Output records that were acknowledged.
    pub out: u64,
    /// Dead letters that were acknowledged.
    pub dead_letters: u64,
    /// Input records that ended without either.
    pub dropped: u64,
}

/// What became of input records.
#[derive(Debug, Default)]
pub struct OutcomeCounters {
    /// An output record came of it, and no dead letter.
    pub delivered: Counter,
    /// A dead letter came of it.
    pub dead_lettered: Counter,
    /// Neither came of it.
    pub dropped: Counter,
    /// It was given back, and is read again: here, or by whoever has its partition then.
    pub rewound: Counter,
}

/// Records and bytes that came in from a topic, or went to an output.
#[derive(Debug, Default)]
pub struct TrafficCounters {
    /// Records.
    pub records: Counter,
    /// Bytes of their keys, values and headers.
    pub bytes: Counter,
}

/// The counters of a pipeline that runs, by the numbers that its plan gives to stages and outputs.
#[derive(Clone, Debug, Default)]
pub struct PlanCounters {
    /// The pipeline's.
    pub pipeline: Arc<PipelineCounters>,
    /// One for each stage.
    pub stages: Vec<Arc<StageCounters>>,
    /// One for each output.
    pub outputs: Vec<Arc<TrafficCounters>>,
}

impl PlanCounters {
    /// Returns the counters of a pipeline with these stages and outputs. A dead letter of a pipeline without stages is
    /// counted under a stage without a name, and so is one of a format.
    pub fn new<'n>(
        pipeline: Arc<PipelineCounters>,
        stages: impl Iterator<Item = &'n Arc<str>>,
        outputs: impl Iterator<Item = &'n Arc<str>>,
    ) -> PlanCounters {
        let mut stages: Vec<_> = stages.map(|name| pipeline.stage(name)).collect();
        if stages.is_empty() {
            stages.push(pipeline.stage(&"".into()));
        }
        let outputs = outputs.map(|name| pipeline.output(name)).collect();
        PlanCounters { pipeline, stages, outputs }
    }

    /// Adds what came of a span that is acknowledged; under exactly_once, when its transaction is committed.
    pub fn acknowledge(&self, tally: &SpanTally) {
        let outcomes = &self.pipeline.outcomes;
        outcomes.delivered.add(tally.delivered);
        outcomes.dead_lettered.add(tally.dead_lettered);
        outcomes.dropped.add(tally.dropped);
        for output in &tally.outputs {
            if let Some(counters) = self.outputs.get(output.output) {
                counters.records.add(output.records);
                counters.bytes.add(output.bytes);
            }
        }
        for letters in &tally.dead_letters {
            let counters = match self.stages.get(letters.stage) {
                Some(counters) => counters.clone(),
                // No stage has failed, but a format.
                None => self.pipeline.stage(&"".into()),
            };
            counters.dead_letters[letters.class as usize].add(letters.count);
        }
    }
}
