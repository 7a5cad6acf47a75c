//! Counters of a pipeline: what it has done since the process started. They never fall, and they outlive a restart or a
//! reload of the pipeline.
//!
//! Nothing here is touched for each record: workers tally for each call and each span, and a span's tally is added when
//! everything that came of it is acknowledged.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::failure::Class;

#[cfg(test)]
mod tests;

/// Names of a plugin's own counters that are kept for each stage.
pub const MAX_PLUGIN_NAMES: usize = 100;
/// Bytes that are kept of such a name.
pub const MAX_PLUGIN_NAME: usize = 64;

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
    inputs: ByName<TrafficCounters>,
    outputs: ByName<TrafficCounters>,
    stages: ByName<StageCounters>,
    /// Questions to the schema registry.
    pub registry: Arc<RegistryCounters>,
}

/// Questions to a schema registry, by what came of them.
#[derive(Debug, Default)]
pub struct RegistryCounters {
    /// It has answered.
    pub answered: Counter,
    /// It knows no such schema.
    pub unknown: Counter,
    /// It refuses what was asked.
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

/// What is counted of one stage, over all workers.
#[derive(Debug, Default)]
pub struct StageCounters {
    /// Records by the plugin's verdict, in the order of [`Verdict`](crate::plugin::Verdict).
    verdicts: [Counter; 5],
    /// Calls of the plugin.
    pub calls: Counter,
    /// Nanoseconds that those took.
    pub nanoseconds: Counter,
    /// Records that were called again because they were to be retried.
    pub retries: Counter,
    restarts: [Counter; Class::ALL.len()],
    dead_letters: [Counter; Class::ALL.len()],
    plugin: Mutex<BTreeMap<String, u64>>,
    /// Counts of the plugin that were not kept, because it counts under too many names.
    pub plugin_ignored: Counter,
}

impl StageCounters {
    /// Returns how many records got this verdict.
    pub fn verdicts(&self, verdict: crate::plugin::Verdict) -> u64 {
        self.verdicts[verdict as usize].get()
    }

    /// Returns how often a plugin instance was restarted after a call that failed in this way.
    pub fn restarts(&self, class: Class) -> u64 {
        self.restarts[class as usize].get()
    }

    /// Returns how many dead letters of this class were acknowledged.
    pub fn dead_letters(&self, class: Class) -> u64 {
        self.dead_letters[class as usize].get()
    }

    /// Returns the plugin's own counters, by name.
    pub fn plugin(&self) -> Vec<(String, u64)> {
        let plugin = self.plugin.lock().unwrap_or_else(PoisonError::into_inner);
        plugin.iter().map(|(name, value)| (name.clone(), *value)).collect()
    }

    /// Adds to one of the plugin's own counters. A long name is cut; a new one beyond the bound is only counted as
    /// ignored.
    pub fn count_plugin(&self, name: &str, delta: u64) {
        let name = &name[..name.floor_char_boundary(MAX_PLUGIN_NAME)];
        let mut plugin = self.plugin.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = plugin.get_mut(name) {
            *value = value.saturating_add(delta);
        } else if plugin.len() < MAX_PLUGIN_NAMES {
            plugin.insert(name.to_owned(), delta);
        } else {
            self.plugin_ignored.add(1);
        }
    }

    /// Adds what one worker has tallied, and empties the tally.
    pub fn add(&self, tally: &mut StageTally) {
        let StageTally { verdicts, calls, time, retries, restarts } = std::mem::take(tally);
        self.calls.add(calls);
        self.nanoseconds.add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        self.retries.add(retries);
        std::iter::zip(&self.verdicts, verdicts).for_each(|(counter, count)| counter.add(count));
        std::iter::zip(&self.restarts, restarts).for_each(|(counter, count)| counter.add(count));
    }
}

/// What one worker counts of a stage until it adds it to the [`StageCounters`].
#[derive(Debug, Default)]
pub struct StageTally {
    /// Records by verdict.
    pub verdicts: [u64; 5],
    /// Calls of the plugin.
    pub calls: u64,
    /// How long those took.
    pub time: Duration,
    /// Records that were called again because they were to be retried.
    pub retries: u64,
    /// Restarts of the plugin instance, by the class of the failure before each.
    pub restarts: [u64; Class::ALL.len()],
}

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

/// The counters of a pipeline that runs, by the numbers that its plan gives to stages and outputs.
#[derive(Debug, Default)]
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
