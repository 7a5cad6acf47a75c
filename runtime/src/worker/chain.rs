//! The chain: takes a run through the stages, and sorts what leaves each.

use std::time::Instant;

use super::ChainContext;
use super::outcome::ReplayOutcome;
use super::in_flight::{ChainOutput, InFlightBatch, apply};
use crate::batch::Record;
use crate::config::plan::Then;
use crate::error::PipelineError;
use crate::event::{Event, BreakerTrip};
use crate::plugin::{OutputName, StartError};
use crate::failure::{Class, Failure};
use crate::stage::{Progress, RecordState, Round, Stage, StageError, StageInput};

/// How far a run came.
pub enum Step {
    /// Through all stages.
    Completed,
    /// A stage wants to be called again with the records that are pending.
    RetryLater,
    /// It is a probe, and what it was sent to find out is: no better.
    ProbeFailed,
    /// It is a probe that looks ahead, and comes from the stage that it was meant for.
    LookaheadDone,
    /// It is given up: the pipeline stops, or is being cut off.
    Abandoned,
}

/// The stages of one worker.
pub struct Chain {
    stages: Vec<Stage>,
    // Reused lists for what goes on to the next stage.
    next: (Vec<Record>, Vec<super::in_flight::Origin>),
}

impl Chain {
    /// A chain of these stages.
    pub fn new(stages: Vec<Stage>) -> Chain {
        Chain { stages, next: Default::default() }
    }

    /// The stage with this number.
    pub fn stage(&self, number: usize) -> &Stage {
        &self.stages[number]
    }

    /// All of them, in order.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Takes a run as far as it goes now.
    pub fn advance(&mut self, run: &mut InFlightBatch, ctx: &ChainContext<'_>) -> Step {
        while run.stage < self.stages.len() {
            if !run.waiting {
                run.progress.reset(run.records.len());
                run.waiting = true;
            }
            discard_cut(run);
            if run.progress.any_pending() {
                match self.settle(run, ctx) {
                    Ok(Round::Done) => {}
                    Ok(Round::Again) if run.probe.is_some() => return Step::ProbeFailed,
                    Ok(Round::Again) => return Step::RetryLater,
                    Err(step) => return step,
                }
            }
            run.waiting = false;
            run.probed |= run.probe == Some(run.stage) && run.any_is_ours();
            if self.is_no_better(run, ctx) {
                return Step::ProbeFailed;
            }
            if run.ahead && run.probe == Some(run.stage) {
                return Step::LookaheadDone;
            }
            self.sort(run, ctx);
            run.stage += 1;
        }
        let (output, stage) = (ctx.default_output, self.stages.len());
        for (record, origin) in run.records.drain(..).zip(run.origins.drain(..)) {
            run.leaving.push(ChainOutput::Output { output, record, origin, stage });
        }
        Step::Completed
    }

    fn settle(&mut self, run: &mut InFlightBatch, ctx: &ChainContext<'_>) -> Result<Round, Step> {
        let (stage, ahead) = (&mut self.stages[run.stage], run.ahead);
        let mut work = StageInput { arena: &mut run.batch.arena, sources: &run.batch.sources, records: &run.records };
        stage.settle(&mut work, &mut run.progress).map_err(|error| {
            let name = stage.name().to_string();
            match error {
                StageError::Cancelled => {}
                // It is said again when the record's turn comes.
                StageError::Fatal(_) if ahead => return Step::ProbeFailed,
                StageError::Fatal(reason) => {
                    ctx.events.send(Event::Failed(PipelineError::Fatal { stage: name, reason }));
                }
                StageError::Restart(error) => ctx.events.send(Event::Failed(restart_error(&error))),
            }
            Step::Abandoned
        })
    }

    /// Counts what failed for the breaker; of a probe, answers whether the stage it was sent for is no better.
    fn is_no_better(&self, run: &InFlightBatch, ctx: &ChainContext<'_>) -> bool {
        let Some(breaker) = ctx.breakers.get(run.stage) else { return false };
        let (total, failed) = (run.records.len() as u64, run.progress.failed().len() as u64);
        match run.probe {
            Some(stage) if stage != run.stage => false,
            // The way on leads through every partition, so each is to be better.
            Some(_) if run.ahead => (0..run.spans.len() as u32).any(|source| {
                let (total, failed) = count_failed(run, source);
                failed > 0 && breaker.is_too_much(total, failed)
            }),
            Some(_) => failed > 0 && breaker.is_too_much(total, failed),
            None => {
                if let Some((failed, total)) = breaker.count(total, failed, Instant::now()) {
                    self.trip(run, ctx, failed, total);
                }
                false
            }
        }
    }

    fn trip(&self, run: &InFlightBatch, ctx: &ChainContext<'_>, failed: u64, total: u64) {
        let is_failed = |settled: &RecordState| matches!(settled, RecordState::Failed(_));
        let Some(index) = run.progress.settled().iter().position(is_failed) else { return };
        let RecordState::Failed(number) = run.progress.settled()[index] else { return };
        let (failure, record) = (&run.progress.failed()[number as usize], &run.records[index]);
        let Some(span) = &run.spans[record.source as usize] else { return };
        if ctx.trip() {
            ctx.events.send(Event::BreakerOpened(BreakerTrip {
                stage: run.stage,
                name: self.stages[run.stage].name().clone(),
                failed,
                total,
                record: (span.lease().clone(), record.offset),
                reason: format!("{}: {}", failure.class.as_str(), failure.reason),
            }));
        }
    }

    /// What goes on stays in the run; what leaves is put aside for the sink.
    fn sort(&mut self, run: &mut InFlightBatch, ctx: &ChainContext<'_>) {
        if run.progress.all_kept() && !run.follows_paths() {
            return;
        }
        let progress = std::mem::take(&mut run.progress);
        let (mut records, mut origins) = std::mem::take(&mut self.next);
        let mut dropped = 0;
        for (index, settled) in progress.settled().iter().enumerate() {
            let (record, origin) = (run.records[index], run.origins[index]);
            let branch = run.branch(&record);
            if let Some(why) = branch.and_then(|branch| stray(&progress, *settled, branch)) {
                leave_out(run, ctx, &record, why);
                continue;
            }
            match *settled {
                RecordState::Keep => {
                    records.push(record);
                    origins.push(origin);
                }
                RecordState::Drop => dropped += 1,
                RecordState::Revoked | RecordState::Pending => {}
                RecordState::Failed(number) => {
                    let failed = &progress.failed()[number as usize];
                    if !run.ahead {
                        self.fail(run, ctx, index, failed.class, failed.reason.clone(), failed.attempts);
                    }
                }
                RecordState::Emit { first, count } => {
                    dropped += u64::from(count == 0);
                    for number in branch.map_or(0..count, |(number, _)| number..number + 1) {
                        let produced = &progress.produced()[(first + number) as usize];
                        let (record, stage) = (apply(&record, produced), run.stage);
                        let origin = run.emitted(origin, stage, number);
                        match produced.output {
                            OutputName::Declared(output) => {
                                run.leaving.push(ChainOutput::Output { output, record, origin, stage });
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
        if !run.ahead {
            ctx.stats.dropped(dropped);
        }
        run.progress = progress;
        self.next = (std::mem::replace(&mut run.records, records), std::mem::replace(&mut run.origins, origins));
        self.next.0.clear();
        self.next.1.clear();
    }

    fn fail(
        &self,
        run: &mut InFlightBatch,
        ctx: &ChainContext<'_>,
        index: usize,
        class: Class,
        reason: String,
        attempts: u32,
    ) {
        let (record, origin, stage) = (run.records[index], run.origins[index], &self.stages[run.stage]);
        match stage.on_error().then {
            Then::Drop => ctx.stats.dropped(1),
            Then::Dlq => {
                let path = run.path(origin, run.stage);
                run.failures.push(Failure { class, reason, stage: run.stage, path, attempts });
                let failure = run.failures.len() as u32 - 1;
                run.leaving.push(ChainOutput::Letter { input: origin.input, failure });
            }
            Then::Stop => {
                let Some(span) = &run.spans[record.source as usize] else { return };
                let lease = span.lease();
                lease.truncate_at(record.offset);
                ctx.events.send(Event::Failed(PipelineError::Record {
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

/// Of one source: the records, and those that failed in the stage that has just settled them.
fn count_failed(run: &InFlightBatch, source: u32) -> (u64, u64) {
    let its = std::iter::zip(&run.records, run.progress.settled()).filter(|(record, _)| record.source == source);
    its.fold((0, 0), |(total, failed), (_, settled)| {
        (total + 1, failed + u64::from(matches!(settled, RecordState::Failed(_))))
    })
}

/// Why what a stage has made of a record holds no record of this number, or none whose path goes on.
fn stray(progress: &Progress, settled: RecordState, (number, goes_on): (u32, bool)) -> Option<String> {
    match settled {
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
fn leave_out(run: &InFlightBatch, ctx: &ChainContext<'_>, record: &Record, why: String) {
    let Some(span) = &run.spans[record.source as usize] else { return };
    span.lease().truncate_at(record.offset);
    ctx.note(span.lease(), || ReplayOutcome::PathMismatch { stage: run.stage, why });
}

/// Records that are no longer ours are not given to a plugin.
fn discard_cut(run: &mut InFlightBatch) {
    let is_whole =
        |span: &Option<crate::sink::receipt::OpenSpan>| span.as_ref().is_none_or(|span| span.lease().is_full());
    if run.spans.iter().all(is_whole) {
        return;
    }
    for (index, record) in run.records.iter().enumerate() {
        let span = &run.spans[record.source as usize];
        if span.as_ref().is_some_and(|span| !span.lease().covers(record.offset)) {
            run.progress.discard(index);
        }
    }
}

fn restart_error(error: &StartError) -> PipelineError {
    PipelineError::Plugin(format!(
        "{error}; the plugin had started before, and failed to start anew after a failed call"
    ))
}
