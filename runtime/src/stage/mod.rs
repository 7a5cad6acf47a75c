//! A stage in a worker: one plugin instance, called until each record of a batch is settled.
//!
//! What a plugin answers is taken as it is. What fails as a whole is bisected, each time in a fresh Store, until
//! the one record that is at fault stands alone; the others are settled on the way.

pub mod breaker;
mod progress;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

#[cfg(test)]
mod tests;

pub use self::progress::{Progress, RecordState};
use crate::batch::{Arena, Field, Record, Source};
use crate::config::plan::OnError;
use crate::plugin::{
    Answer, CallError, Change, Counters, Fields, Instance, OutputName, Plugin, Produced, StageSetup, StartError,
    Verdict,
};
use crate::failure::Class;

/// How often over its `limits.memory` a stage's answers on one batch may add up to: more than once, since a batch whose answer does
/// not fit into the plugin's memory is split, and the parts' answers may all the same be honest.
const ANSWERS: usize = 4;

/// Why a stage cannot go on.
#[derive(Debug)]
pub enum StageError {
    /// The plugin asks for the pipeline to stop.
    Fatal(String),
    /// The call was cut off.
    Cancelled,
    /// The plugin does not start again.
    Restart(StartError),
}

/// Whether every record is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// All are.
    Done,
    /// Those that are pending are to be called again after a backoff.
    Again,
}

/// The records that a stage is called with.
pub struct StageInput<'a> {
    /// Where their bytes lie, and where the answer's are put.
    pub arena: &'a mut Arena,
    /// The partitions they came from.
    pub sources: &'a [Source],
    /// They.
    pub records: &'a [Record],
}

/// One stage of one worker.
pub struct Stage {
    pipeline: Arc<str>,
    name: Arc<str>,
    instance: Instance,
    // No call was made since the instance started.
    fresh: bool,
    on_error: OnError,
    // How many records a call gets: fewer after a time-out, more again when it goes well.
    chunk: usize,
    // Bytes that the answers on one batch may add to it.
    room: usize,
    answer: Answer,
}

impl Stage {
    /// Starts the plugin.
    ///
    /// # Errors
    /// The plugin's own, or that it fails to start.
    pub fn start(
        plugin: &Plugin,
        setup: &StageSetup,
        on_error: OnError,
        cancel: Arc<AtomicBool>,
    ) -> Result<Stage, StartError> {
        let instance = plugin.instantiate(setup, cancel)?;
        let (pipeline, name) = (setup.pipeline.clone(), setup.stage.clone());
        let room = setup.limits.memory.saturating_mul(ANSWERS);
        let (chunk, answer) = (usize::MAX, Answer::default());
        Ok(Stage { pipeline, name, instance, fresh: true, on_error, chunk, room, answer })
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What becomes of what fails.
    pub fn on_error(&self) -> &OnError {
        &self.on_error
    }

    /// What its plugin has counted.
    pub fn counters(&self) -> &Counters {
        self.instance.counters()
    }

    /// The wait before the call with this number, counted from 0.
    pub fn backoff(&self, call: u32) -> Duration {
        let doubled =
            self.on_error.backoff.saturating_mul(1u32.checked_shl(call.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(self.on_error.max_backoff)
    }

    /// Calls the plugin with every pending record; a record that it wants again stays pending, until its retries
    /// are used up and it is settled as failed.
    ///
    /// # Errors
    /// See [`StageError`]; the batch is then to be given up.
    pub fn settle(&mut self, work: &mut StageInput<'_>, progress: &mut Progress) -> Result<Round, StageError> {
        if progress.rounds() == 0 && self.instance.needs().contain(Fields::HEADERS) {
            progress.refuse_unreadable_headers(work.records);
        }
        progress.begin_round();
        let mut at = 0;
        while let Some(range) = progress.next_pending(at, self.chunk) {
            at = range.end;
            self.call(work, progress, range, 0, 0)?;
        }
        if !progress.any_pending() {
            return Ok(Round::Done);
        }
        if progress.rounds() <= self.on_error.retries {
            return Ok(Round::Again);
        }
        self.give_up(work, progress)?;
        Ok(Round::Done)
    }

    /// One call, and what follows from it. `splits`: calls already made with these records in this round; `alone`:
    /// how many of them failed with a single record in a fresh Store.
    fn call(
        &mut self,
        work: &mut StageInput<'_>,
        progress: &mut Progress,
        range: Range<usize>,
        splits: u32,
        alone: u32,
    ) -> Result<(), StageError> {
        let records = &work.records[range.clone()];
        let before = work.arena.len();
        let result = self.instance.process(work.arena, work.sources, records, &mut self.answer);
        let result = result.and_then(|()| self.fits(work.arena, before, progress));
        let fresh = std::mem::replace(&mut self.fresh, false);
        let error = match result {
            Ok(()) => {
                self.accept(work.arena, progress, range, splits);
                return Ok(());
            }
            Err(CallError::Retry(reason)) => {
                progress.retry_batch(range, reason);
                return Ok(());
            }
            Err(CallError::Fatal(reason)) => return Err(StageError::Fatal(reason)),
            Err(CallError::Cancelled) => return Err(StageError::Cancelled),
            Err(error) => error,
        };
        let timed_out = error == CallError::Time;
        let (class, reason) = describe(error);
        self.restart()?;
        if range.len() == 1 {
            let alone = alone + u32::from(fresh);
            // A stalled machine can make one call late; it hardly does so twice.
            if alone < if timed_out { 2 } else { 1 } {
                return self.call(work, progress, range, splits + 1, alone);
            }
            progress.fail(range.start, class, reason, splits + 1);
            return Ok(());
        }
        tracing::warn!(
            target: "stage", pipeline = %self.pipeline, stage = %self.name, records = range.len(),
            "a call failed ({class}: {reason}): trying again in halves", class = class.as_str()
        );
        let middle = range.start + range.len() / 2;
        if timed_out {
            self.chunk = (range.len() / 2).max(1);
        }
        self.call(work, progress, range.start..middle, splits + 1, 0)?;
        self.call(work, progress, middle..range.end, splits + 1, 0)
    }

    /// Whether the answer, whose bytes lie in the arena from `before` on, still fits to the others on this batch. One that does
    /// not is taken out again: a plugin that fails on batches, and says ever more to single records, must not fill the host's memory.
    fn fits(&self, arena: &mut Arena, before: usize, progress: &mut Progress) -> Result<(), CallError> {
        let bytes = arena.len() - before + self.answer.produced.len() * size_of::<Produced>();
        if progress.try_reserve(bytes, self.room) {
            return Ok(());
        }
        arena.truncate(before);
        let room = self.room;
        let reason =
            format!("the answers on one batch add up to more than {room} bytes, {ANSWERS} times `limits.memory`");
        Err(CallError::Answer(reason))
    }

    fn restart(&mut self) -> Result<(), StageError> {
        self.instance.restart().map_err(|error| match error {
            StartError::Cancelled { .. } => StageError::Cancelled,
            error => StageError::Restart(error),
        })?;
        self.fresh = true;
        Ok(())
    }

    /// Takes the plugin's verdicts on `range`.
    fn accept(&mut self, arena: &Arena, progress: &mut Progress, range: Range<usize>, splits: u32) {
        if self.chunk != usize::MAX && range.len() >= self.chunk {
            self.chunk = self.chunk.saturating_mul(2);
        }
        let base = progress.keep_produced(&self.answer.produced);
        let mut produced = 0;
        for (index, verdict) in range.clone().zip(&self.answer.verdicts) {
            let settled = match verdict {
                Verdict::Keep => RecordState::Keep,
                Verdict::Drop => RecordState::Drop,
                Verdict::Emit => {
                    let record = (index - range.start) as u32;
                    let of_it = self.answer.produced[produced..].iter().take_while(|p| p.record == record);
                    let (mut count, mut undeclared) = (0, None);
                    for emitted in of_it {
                        count += 1;
                        if let OutputName::Undeclared(name) = emitted.output {
                            undeclared = undeclared.or(Some(name));
                        }
                    }
                    let first = base + produced as u32;
                    produced += count as usize;
                    if let Some(name) = undeclared {
                        let reason = format!(
                            "the plugin named output \"{}\", which the pipeline does not declare",
                            text(arena, name)
                        );
                        progress.fail(index, Class::Output, reason, splits + 1);
                        continue;
                    }
                    RecordState::Emit { first, count }
                }
                Verdict::Reject => {
                    let reason = reason(arena, self.answer.produced[produced].value);
                    produced += 1;
                    progress.fail(index, Class::Reject, reason, splits + 1);
                    continue;
                }
                Verdict::Retry => {
                    let reason = reason(arena, self.answer.produced[produced].value);
                    produced += 1;
                    progress.retry_record(index, reason);
                    continue;
                }
            };
            progress.settle(index, settled);
        }
    }

    /// The retries are used up. What was refused as a whole batch gets one call for each record by itself.
    fn give_up(&mut self, work: &mut StageInput<'_>, progress: &mut Progress) -> Result<(), StageError> {
        let singles = progress.take_whole_batch();
        for index in singles {
            self.call(work, progress, index..index + 1, 0, 0)?;
        }
        progress.fail_pending();
        Ok(())
    }
}

fn describe(error: CallError) -> (Class, String) {
    let reason = error.to_string();
    let class = match error {
        CallError::Time => Class::Time,
        CallError::Memory => Class::Memory,
        CallError::Answer(_) => Class::Answer,
        CallError::Trap(_) | CallError::Retry(_) | CallError::Fatal(_) | CallError::Cancelled => Class::Trap,
    };
    (class, reason)
}

fn reason(arena: &Arena, value: Change) -> String {
    match value {
        Change::Set(field) => text(arena, field),
        Change::Inherit => String::new(),
    }
}

fn text(arena: &Arena, field: Field) -> String {
    String::from_utf8_lossy(arena.get(field).unwrap_or_default()).into_owned()
}
