//! The chain: takes a batch through the stages, and sorts what leaves each.

use std::sync::Arc;
use std::time::Duration;

use super::ChainContext;
use super::event::WorkerEvent;
use super::format_steps::FormatSteps;
use super::in_flight::{ChainOutput, InFlightBatch, Origin, apply};
use super::observer::{BatchObserver, discard_revoked};
use super::outcome::ReplayOutcome;
use super::recorded;
use super::trace::StageStep;
use crate::batch::Record;
use crate::config::plan::{Hold, Then};
use crate::error::PipelineError;
use crate::failure::Failure;
use crate::formats::Formats;
use crate::plugin::{OutputName, StartError};
use crate::rt;
use crate::stage::{Failed, Progress, RecordState, Round, Stage, StageError, StageInput};
use crate::traces::span;

/// How far a batch came.
pub(super) enum Step {
    /// It is through all stages.
    Completed,
    /// The records that are pending are to be taken up again later: a stage wants to be called again with them, or they
    /// cannot be decoded yet.
    RetryLater {
        /// What waits behind them.
        hold: Hold,
        /// How long.
        backoff: Duration,
    },
    /// It is a probe, and the stage that it was sent for is no better.
    ProbeFailed,
    /// It is a probe that looks ahead, and has left the stage that it was meant for.
    LookaheadDone,
    /// It is abandoned: the pipeline stops, or is being cut off.
    Abandoned,
}

/// The stages of one worker.
pub(super) struct Chain {
    stages: Vec<Stage>,
    formats: Option<FormatSteps>,
    // Reused lists for what goes on to the next stage.
    next: (Vec<Record>, Vec<Origin>),
}

impl Chain {
    /// Returns a chain of these stages.
    pub(super) fn new(stages: Vec<Stage>) -> Chain {
        Chain { stages, formats: None, next: Default::default() }
    }

    /// Has records decoded before the first stage and encoded after the last, where there are formats.
    #[must_use]
    pub(super) fn with_formats(self, pipeline: &Arc<str>, formats: Option<Arc<Formats>>) -> Chain {
        let stages = self.stages.len();
        Chain { formats: formats.map(|formats| FormatSteps::new(pipeline.clone(), formats, stages)), ..self }
    }

    /// Returns all stages, in order.
    pub(super) fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Returns how long calls of plugins took since it was last asked.
    pub(super) fn take_spent(&mut self) -> Duration {
        self.stages.iter_mut().map(Stage::take_spent).sum()
    }

    /// Returns how long decoding and encoding took since it was last asked.
    pub(super) fn take_coded(&mut self) -> Duration {
        self.formats.as_mut().map_or(Duration::ZERO, FormatSteps::take_spent)
    }

    /// Returns whether a batch that has to be taken up again waits for a schema.
    pub(super) fn waits_for_schema(&self, batch: &InFlightBatch) -> bool {
        self.formats.is_some() && !batch.decoded
    }

    /// Returns why no registry answers just now.
    pub(super) fn absence(&self) -> String {
        let absence = self.formats.as_ref().and_then(FormatSteps::absence);
        absence.as_deref().unwrap_or("the registry has not answered yet").to_owned()
    }

    /// Takes a batch as far as it goes now.
    pub(super) fn advance(&mut self, batch: &mut InFlightBatch, ctx: &ChainContext<'_>) -> Step {
        if let Some(formats) = self.formats.as_mut().filter(|_| !batch.decoded)
            && let Err(step) = formats.decode(batch, ctx)
        {
            return step;
        }
        while batch.stage < self.stages.len() {
            if !batch.waiting {
                batch.progress.reset(batch.records.len());
                batch.waiting = true;
            }
            recorded::enter(batch, span::Step::Stage(batch.stage));
            discard_revoked(&batch.spans, &batch.records, &mut batch.progress);
            if batch.progress.pending() > 0 {
                match self.settle(batch, ctx) {
                    Ok(Round::Done) => {}
                    Ok(Round::Again) if batch.probe.is_some() => return Step::ProbeFailed,
                    Ok(Round::Again) => {
                        let stage = &self.stages[batch.stage];
                        let (hold, rounds) = (stage.on_error().hold, batch.progress.rounds());
                        recorded::waits(batch);
                        return Step::RetryLater { hold, backoff: stage.backoff(rounds) };
                    }
                    Err(step) => return step,
                }
            }
            batch.waiting = false;
            batch.probed |= batch.probe == Some(batch.stage) && batch.any_is_ours();
            if self.observer(batch, ctx).is_no_better(&batch.progress) {
                return Step::ProbeFailed;
            }
            if batch.ahead && batch.probe == Some(batch.stage) {
                return Step::LookaheadDone;
            }
            self.trace(batch, ctx);
            recorded::leave(batch);
            self.sort(batch, ctx);
            batch.stage += 1;
        }
        let (output, stage) = (ctx.default_output, self.stages.len());
        for (record, origin) in batch.records.drain(..).zip(batch.origins.drain(..)) {
            batch.leaving.push(ChainOutput::Output { output, record, origin, stage });
        }
        self.formats.as_mut().map_or(Step::Completed, |formats| formats.encode(batch, ctx))
    }

    fn observer<'a>(&self, batch: &'a InFlightBatch, ctx: &'a ChainContext<'a>) -> BatchObserver<'a> {
        BatchObserver {
            ctx,
            stage: batch.stage,
            name: self.stages[batch.stage].name().clone(),
            spans: &batch.spans,
            records: &batch.records,
            probe: batch.probe,
            ahead: batch.ahead,
            has_called: false,
            timed_out_since: None,
        }
    }

    fn settle(&mut self, batch: &mut InFlightBatch, ctx: &ChainContext<'_>) -> Result<Round, Step> {
        let mut progress = std::mem::take(&mut batch.progress);
        let mut arena = std::mem::take(&mut batch.batch.arena);
        let mut observer = self.observer(batch, ctx);
        let mut input = StageInput { arena: &mut arena, sources: &batch.batch.sources, records: &batch.records };
        let begun = ctx.trace.map(|_| rt::now());
        let round = self.stages[batch.stage].settle(&mut input, &mut progress, &mut observer);
        if let Some(begun) = begun {
            batch.stage_time += rt::now() - begun;
        }
        (batch.progress, batch.batch.arena) = (progress, arena);
        if let Some(recorded) = &mut batch.recorded {
            let (calls, failed) = self.stages[batch.stage].last_calls();
            recorded.called(calls, failed);
        }
        round.map_err(|error| {
            let stage = self.stages[batch.stage].name().to_string();
            match error {
                StageError::Cancelled => {}
                StageError::Stopped => return Step::ProbeFailed,
                // It is said again when the record's turn comes.
                StageError::Fatal(_) if batch.ahead => return Step::ProbeFailed,
                StageError::Fatal(reason) => {
                    ctx.events.send(WorkerEvent::Failed(PipelineError::Fatal { stage, reason }));
                }
                StageError::Restart(error) => ctx.events.send(WorkerEvent::Failed(restart_error(&error))),
            }
            Step::Abandoned
        })
    }

    /// Shows what the stage has made of the batch, where somebody wants to see it.
    fn trace(&self, batch: &mut InFlightBatch, ctx: &ChainContext<'_>) {
        let Some(trace) = ctx.trace else { return };
        let (name, time) = (self.stages[batch.stage].name(), std::mem::take(&mut batch.stage_time));
        trace.stage_completed(&StageStep { stage: batch.stage, name, time, batch, progress: &batch.progress });
    }

    /// What goes on stays in the batch; what leaves is put aside for the sink.
    fn sort(&mut self, batch: &mut InFlightBatch, ctx: &ChainContext<'_>) {
        if batch.progress.all_kept() && !batch.follows_paths() {
            return;
        }
        let progress = std::mem::take(&mut batch.progress);
        let (mut records, mut origins) = std::mem::take(&mut self.next);
        for (index, state) in progress.states().iter().enumerate() {
            let (record, origin) = (batch.records[index], batch.origins[index]);
            let branch = batch.branch(&record);
            if let Some(why) = branch.and_then(|branch| path_mismatch(&progress, *state, branch)) {
                leave_out(batch, ctx, &record, why);
                continue;
            }
            match *state {
                RecordState::Keep => {
                    records.push(record);
                    origins.push(origin);
                }
                RecordState::Drop => batch.dropped += 1,
                RecordState::Revoked | RecordState::Pending => {}
                RecordState::Failed(number) => {
                    if !batch.ahead {
                        self.fail(batch, ctx, index, &progress.failed()[number as usize]);
                    }
                }
                RecordState::Emit { first, count } => {
                    batch.dropped += u64::from(count == 0);
                    for number in branch.map_or(0..count, |(number, _)| number..number + 1) {
                        let produced = &progress.produced()[(first + number) as usize];
                        let (record, stage) = (apply(&record, produced), batch.stage);
                        let origin = batch.emitted(origin, stage, number);
                        match produced.output {
                            OutputName::Declared(output) => {
                                batch.leaving.push(ChainOutput::Output { output, record, origin, stage });
                            }
                            // A name that no output has was a failure of its record already.
                            OutputName::Next | OutputName::Undeclared(_) => {
                                records.push(record);
                                origins.push(origin);
                            }
                        }
                    }
                }
            }
        }
        batch.progress = progress;
        self.next = (std::mem::replace(&mut batch.records, records), std::mem::replace(&mut batch.origins, origins));
        self.next.0.clear();
        self.next.1.clear();
    }

    fn fail(&self, batch: &mut InFlightBatch, ctx: &ChainContext<'_>, index: usize, failed: &Failed) {
        let (record, origin) = (batch.records[index], batch.origins[index]);
        let stage = &self.stages[batch.stage];
        let Failed { class, reason, attempts } = failed.clone();
        match stage.on_error().then {
            Then::Drop => batch.dropped += 1,
            Then::Dlq => {
                let path = batch.path(origin, batch.stage);
                batch.failures.push(Failure { class, reason, stage: batch.stage, path, attempts, output: None });
                let failure = batch.failures.len() as u32 - 1;
                batch.leaving.push(ChainOutput::DeadLetter { input: origin.input, failure });
            }
            Then::Stop => {
                let Some(span) = &batch.spans[record.source as usize] else { return };
                let lease = span.lease();
                lease.truncate_at(record.offset);
                ctx.events.send(WorkerEvent::Failed(PipelineError::Record {
                    stage: stage.name().to_string(),
                    at: lease.at.clone(),
                    offset: record.offset.0,
                    class: class.as_str(),
                    reason,
                }));
            }
        }
    }
}

/// Returns why what a stage has made of a record holds no record of this number, or none whose path goes on.
fn path_mismatch(progress: &Progress, state: RecordState, (number, goes_on): (u32, bool)) -> Option<String> {
    match state {
        RecordState::Revoked | RecordState::Pending => None,
        RecordState::Keep => (number > 0).then(|| "it keeps the record".to_owned()),
        RecordState::Drop => Some("it drops the record".to_owned()),
        RecordState::Emit { count, .. } if number >= count => {
            Some(format!("it emits {count}, and {number} is not among them"))
        }
        RecordState::Emit { first, .. } => {
            let leaves = match progress.produced()[(first + number) as usize].output {
                OutputName::Declared(_) => goes_on,
                OutputName::Next | OutputName::Undeclared(_) => false,
            };
            leaves.then(|| "it emits it to an output".to_owned())
        }
        RecordState::Failed(failed) => {
            let failed = &progress.failed()[failed as usize];
            Some(format!("the record fails there ({}: {})", failed.class.as_str(), failed.reason))
        }
    }
}

/// The path ends early: nothing of the record is written, and it stays where it is.
fn leave_out(batch: &InFlightBatch, ctx: &ChainContext<'_>, record: &Record, why: String) {
    let Some(span) = &batch.spans[record.source as usize] else { return };
    span.lease().truncate_at(record.offset);
    ctx.note(span.lease(), || ReplayOutcome::PathMismatch { stage: batch.stage, why });
}

fn restart_error(error: &StartError) -> PipelineError {
    PipelineError::Plugin(format!(
        "{error}; the plugin had started before, and does not start again after a call that failed"
    ))
}
