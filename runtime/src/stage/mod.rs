//! A stage in a worker: one plugin instance, called until each record of a batch is settled.
//!
//! What a plugin answers is taken as it is. What fails as a whole is bisected, each time with a fresh plugin instance,
//! until the one record that is at fault stands alone; the others are settled on the way.

pub mod breaker;
mod call;
mod progress;
pub mod timeouts;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

#[cfg(test)]
pub(crate) mod simulated;
#[cfg(test)]
mod tests;

use self::call::Part;
pub use self::progress::{Failed, Progress, RecordState, SettledCount};
use crate::batch::{Arena, Record, Source};
use crate::config::plan::OnError;
use crate::counters::{StageCounters, StageTally};
use crate::plugin::{Answer, Counters, Fields, PluginInstance, StageSetup, StartError, StartPlugin};

/// How often over its `limits.memory` a stage's answers on one batch may add up to: more than once, since a batch whose
/// answer does not fit into the plugin's memory is split, and the parts' answers may all the same be honest.
const ANSWERS: usize = 4;

/// Why a stage cannot go on.
#[derive(Debug)]
pub enum StageError {
    /// The plugin asks for the pipeline to stop.
    Fatal(String),
    /// The pipeline is being cut off.
    Cancelled,
    /// The plugin does not start again.
    Restart(StartError),
    /// Whoever observes the stage has learned what there was to learn: see [`Observer::before_call`].
    Stopped,
}

/// Whether every record is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// All are.
    Done,
    /// The records that are pending are to be called again after a backoff.
    Again,
}

/// The records that a stage is called with.
pub struct StageInput<'a> {
    /// Where their bytes lie, and where the answer's are put.
    pub arena: &'a mut Arena,
    /// The partitions that the records came from.
    pub sources: &'a [Source],
    /// The records to process.
    pub records: &'a [Record],
}

/// A call that took longer than `limits.time`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut {
    /// Calls in a row that have timed out, this one included.
    pub in_a_row: u32,
    /// The number of the call's first record in the stage's input.
    pub first: usize,
    /// How many records the call had.
    pub records: usize,
    /// How long the call took at least.
    pub limit: Duration,
}

/// What is asked and told between two calls of a plugin, so that a stage that fails is visible and bounded.
pub trait Observer {
    /// Called before each call. Discards from `progress` what is no longer to be processed.
    ///
    /// # Errors
    /// [`StageError::Cancelled`] or [`StageError::Stopped`]: nothing more is to be called.
    fn before_call(&mut self, progress: &mut Progress) -> Result<(), StageError>;

    /// Called after each call that has settled records, and for those that fail without one.
    fn settled(&mut self, progress: &Progress, settled: SettledCount);

    /// Called after each call that took too long.
    fn timed_out(&mut self, call: TimedOut);

    /// Called after the first call that did not, after one that did.
    fn recovered(&mut self);
}

/// One stage of one worker.
pub struct Stage {
    pipeline: Arc<str>,
    name: Arc<str>,
    instance: Box<dyn PluginInstance>,
    on_error: OnError,
    limit: Duration,
    // Bytes that the answers on one batch may add to it.
    room: usize,
    // No call was made since the plugin instance started.
    fresh: bool,
    // How many records a call gets: fewer after a time-out, more again when it goes well.
    chunk: usize,
    // Calls in a row that have timed out.
    timeouts: u32,
    // Calls in a row that went well with as many records as a call gets, since that was last changed.
    good_calls: u32,
    // Which of the last 32 records have failed because they timed out: a bit for each, the lowest for the last.
    timed_out_records: u32,
    // What is still to be called of a batch; the next is the last. Reused from batch to batch.
    todo: Vec<Part>,
    answer: Answer,
    counters: Arc<StageCounters>,
    tally: StageTally,
    reported: ReportedCounters,
    // How much of the counters' memory is ours.
    memory: u64,
    // In calls since it was last asked.
    spent: Duration,
    // Calls of the last round, and those of them that failed.
    last_calls: (u64, u64),
    // A reason may quote a record, of which something is to be hidden.
    says_reasons: bool,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.counters.memory.replace(self.memory, 0);
    }
}

impl Stage {
    /// Returns a stage with a plugin instance that has just started.
    pub fn new(instance: Box<dyn PluginInstance>, setup: &StageSetup, on_error: OnError) -> Stage {
        Stage {
            pipeline: setup.pipeline.clone(),
            name: setup.stage.clone(),
            instance,
            on_error,
            limit: setup.limits.time,
            room: setup.limits.memory.saturating_mul(ANSWERS),
            fresh: true,
            chunk: usize::MAX,
            timeouts: 0,
            good_calls: 0,
            timed_out_records: 0,
            todo: Vec::new(),
            answer: Answer::default(),
            counters: Arc::default(),
            tally: StageTally::default(),
            reported: ReportedCounters::default(),
            memory: 0,
            spent: Duration::ZERO,
            last_calls: (0, 0),
            says_reasons: !setup.show.hides(),
        }
    }

    /// Starts a plugin and returns a stage with it. Setting `cancel` cuts off the start and every later call.
    ///
    /// # Errors
    /// The plugin's own, or that it fails to start.
    pub fn start<P: StartPlugin>(
        plugin: &P,
        setup: &StageSetup,
        on_error: OnError,
        cancel: Arc<AtomicBool>,
    ) -> Result<Stage, StartError> {
        Ok(Stage::new(plugin.start(setup, cancel)?, setup, on_error))
    }

    /// Has the stage count into these counters.
    #[must_use]
    pub fn with_counters(mut self, counters: Arc<StageCounters>) -> Stage {
        self.counters = counters;
        self.report_memory();
        self
    }

    fn report_memory(&mut self) {
        let now = self.instance.memory() as u64;
        if now != self.memory {
            self.counters.memory.replace(std::mem::replace(&mut self.memory, now), now);
        }
    }

    /// Returns how long calls of the plugin took since it was last asked.
    pub fn take_spent(&mut self) -> Duration {
        std::mem::take(&mut self.spent)
    }

    /// Returns how often the plugin was called in the last round, and how many of the calls failed.
    pub fn last_calls(&self) -> (u64, u64) {
        self.last_calls
    }

    /// Returns the stage's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns what becomes of what fails.
    pub fn on_error(&self) -> &OnError {
        &self.on_error
    }

    /// Returns what its plugin has counted.
    pub fn counters(&self) -> &Counters {
        self.instance.counters()
    }

    /// Returns the bytes of memory that its plugin instance has now.
    pub fn memory(&self) -> usize {
        self.instance.memory()
    }

    /// Returns the wait before the call with this number, counted from 0.
    pub fn backoff(&self, call: u32) -> Duration {
        let doubled =
            self.on_error.backoff.saturating_mul(1u32.checked_shl(call.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(self.on_error.max_backoff)
    }

    /// Calls the plugin with every pending record. A record that it wants again stays pending until its retries are
    /// used up; then it is settled as failed.
    ///
    /// # Errors
    /// See [`StageError`]; the batch is then to be given up.
    pub fn settle(
        &mut self,
        input: &mut StageInput<'_>,
        progress: &mut Progress,
        observer: &mut dyn Observer,
    ) -> Result<Round, StageError> {
        let round = self.settle_round(input, progress, observer);
        self.spent += self.tally.time;
        self.last_calls = (self.tally.calls, self.tally.restarts.iter().sum());
        self.counters.add(&mut self.tally);
        self.report_memory();
        self.reported.report(self.instance.counters(), &self.counters);
        round
    }

    fn settle_round(
        &mut self,
        input: &mut StageInput<'_>,
        progress: &mut Progress,
        observer: &mut dyn Observer,
    ) -> Result<Round, StageError> {
        if progress.rounds() == 0 && self.instance.needs().contain(Fields::HEADERS) {
            progress.refuse_unreadable_headers(input.records);
        }
        if progress.rounds() > 0 {
            self.tally.retries += progress.pending() as u64;
        }
        progress.begin_round();
        self.call_all(input, progress, observer, 0..input.records.len())?;
        let round = if progress.pending() == 0 {
            Round::Done
        } else if progress.rounds() <= self.on_error.retries {
            Round::Again
        } else {
            self.give_up_retries(input, progress, observer)?;
            Round::Done
        };
        let rest = progress.take_settled();
        if rest.total > 0 {
            observer.settled(progress, rest);
        }
        Ok(round)
    }

    /// The retries are used up. What was refused as a whole batch gets one call for each record by itself.
    fn give_up_retries(
        &mut self,
        input: &mut StageInput<'_>,
        progress: &mut Progress,
        observer: &mut dyn Observer,
    ) -> Result<(), StageError> {
        for index in progress.take_whole_batch() {
            self.call_all(input, progress, observer, index..index + 1)?;
        }
        progress.fail_pending();
        Ok(())
    }
}

/// How much of a plugin's own counters the stage's counters have already.
#[derive(Debug, Default)]
struct ReportedCounters {
    changes: u64,
    values: Counters,
}

impl ReportedCounters {
    /// Adds what was counted since the last report.
    fn report(&mut self, now: &Counters, to: &StageCounters) {
        if now.changes() == self.changes {
            return;
        }
        self.changes = now.changes();
        for (name, value) in now.iter() {
            let delta = value - self.values.get(name).unwrap_or(0);
            if delta > 0 {
                to.count_plugin(name, delta);
                self.values.add(name, delta);
            }
        }
        let ignored = now.ignored() - self.values.ignored();
        to.plugin_ignored.add(ignored);
        self.values.ignore(ignored);
    }
}
