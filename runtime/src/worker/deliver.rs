//! The end of the chain: everything that left it goes to the sink, in the order of the input.

use std::time::Duration;

use super::PipelineContext;
use super::event::{ProbeResult, WorkerEvent};
use super::in_flight::{ChainOutput, InFlightBatch, MOVED};
use super::outcome::ReplayOutcome;
use super::recorded;
use crate::batch::{Offset, Record};
use crate::counters::{Activity, SpanTally};
use crate::error::PipelineError;
use crate::failure::{Class, Failure};
use crate::rt;
use crate::sink::dead_letter::DeadLetter;
use crate::sink::receipt::OpenSpan;
use crate::sink::{Destined, TOO_LARGE, WriteError, WriteSession};
use crate::traces::BatchTrace;

/// Writes what left the chain, and seals the spans. One of which something cannot be written ends before that.
pub(super) fn deliver(worker: usize, batch: &mut InFlightBatch, context: &PipelineContext) {
    let mut leaving = std::mem::take(&mut batch.leaving);
    if !leaving.is_sorted_by_key(ChainOutput::input) {
        leaving.sort_by_key(ChainOutput::input);
    }
    let mut spans = std::mem::take(&mut batch.spans);
    let mut trace = batch.recorded.take();
    recorded::propagate(batch, trace.as_mut(), &mut leaving, context);
    let mut written = None;
    if let Some(session) = context.sink.begin(|| spans.iter().flatten().all(|span| span.lease().is_revoked())) {
        let mut delivery = Delivery { batch, context, session, now: rt::unix_ms(), trace };
        for outputs in leaving.chunk_by(|one, next| one.input() == next.input()) {
            delivery.write_all(outputs, &mut spans);
        }
        count_inputs(batch, &mut spans);
        // While the session lasts: what is written and not sealed has to be known before a transaction ends.
        let waited = delivery.session.waited();
        spans.drain(..).flatten().for_each(OpenSpan::seal);
        written = delivery.trace.take();
        if waited > Duration::ZERO {
            context.counters.pipeline.worker(worker).spend(Activity::ProduceWait, waited);
        }
    }
    if let Some(trace) = written {
        trace.written(recorded::written(&leaving));
    }
    (batch.leaving, batch.spans) = (leaving, spans);
    if batch.probe.is_some() {
        let result = if batch.probed { ProbeResult::Passed } else { ProbeResult::Unclear };
        context.events.send_and_wake(WorkerEvent::ProbeEnded(result));
    }
}

/// Of inputs that nothing came of it is only known how many there are: all that are not counted yet.
fn count_inputs(batch: &InFlightBatch, spans: &mut [Option<OpenSpan>]) {
    let all_are_full = spans.iter().flatten().all(|span| span.lease().is_full());
    let mut counts = vec![0_u64; spans.len()];
    for Record { source, offset, .. } in batch.batch.records.iter().filter(|record| record.source != MOVED) {
        let is_ours = |span: &OpenSpan| span.lease().covers(*offset);
        if all_are_full || spans[*source as usize].as_ref().is_some_and(is_ours) {
            counts[*source as usize] += 1;
        }
    }
    for (span, count) in spans.iter_mut().zip(counts) {
        if let Some(span) = span {
            let tally = span.tally();
            tally.dropped = count.saturating_sub(tally.delivered + tally.dead_lettered);
        }
    }
}

struct Delivery<'a> {
    batch: &'a InFlightBatch,
    context: &'a PipelineContext,
    session: WriteSession<'a>,
    now: i64,
    trace: Option<BatchTrace>,
}

/// What was written of one input.
#[derive(Default)]
struct Written {
    output: bool,
    dead_letter: bool,
}

impl Delivery<'_> {
    /// Writes all that came of one input.
    fn write_all(&mut self, outputs: &[ChainOutput], spans: &mut [Option<OpenSpan>]) {
        let Some(first) = outputs.first() else { return };
        let input = self.batch.batch.records[first.input() as usize];
        let mut written = Written::default();
        for output in outputs {
            let slot = &mut spans[input.source as usize];
            let Some(span) = slot.as_mut().filter(|span| span.lease().covers(input.offset)) else { return };
            match self.write(output, span, &mut written) {
                Ok(()) => {}
                Err(WriteError::Abandoned) => {
                    // Dropped unsealed: nobody waits for it any more.
                    slot.take();
                    return;
                }
                Err(WriteError::Refused(_, cause) | WriteError::Impossible(cause)) => {
                    return give_up(self.context, span, input.offset, cause);
                }
            }
        }
        if let Some(span) = &mut spans[input.source as usize] {
            count_outcome(span.tally(), &written);
        }
    }

    fn write(&mut self, output: &ChainOutput, span: &mut OpenSpan, written: &mut Written) -> Result<(), WriteError> {
        let (batch, context) = (self.batch, self.context);
        match output {
            ChainOutput::DeadLetter { input, failure } => {
                self.dead_letter(*input, &batch.failures[*failure as usize], span, written)
            }
            ChainOutput::Output { output, record, origin, stage } => {
                let number = *output as usize;
                if !context.sink.writes(number) {
                    return Ok(());
                }
                // What has come to the end of the chain left its last stage.
                let stage = (*stage).min(context.stages.saturating_sub(1));
                let failure = |class, reason| {
                    let path = batch.path(*origin, (stage + 1).min(context.stages));
                    Failure { class, reason, stage, path, attempts: 1, output: None }
                };
                let fallback = || letter(batch, context, origin.input, &failure(Class::Oversize, TOO_LARGE.to_owned()));
                let destined = Destined { output: number, stage, arena: &batch.batch.arena, record, now: self.now };
                match self.session.write(&destined, span, fallback) {
                    Err(WriteError::Refused(class, reason)) if context.sink.has_dlq() => {
                        self.dead_letter(origin.input, &failure(class, reason), span, written)
                    }
                    Err(error) => Err(error),
                    Ok(bytes) => {
                        span.tally().output(number, bytes as u64);
                        written.output = true;
                        if let Some(trace) = &mut self.trace {
                            trace.sent(record.headers);
                        }
                        context.note(span.lease(), || ReplayOutcome::Output(number));
                        Ok(())
                    }
                }
            }
        }
    }

    fn dead_letter(
        &mut self,
        input: u32,
        failure: &Failure,
        span: &mut OpenSpan,
        written: &mut Written,
    ) -> Result<(), WriteError> {
        let Failure { class, stage, .. } = *failure;
        self.context.note(span.lease(), || {
            let reason = failure.reason.clone();
            ReplayOutcome::DeadLetter { stage, class, reason }
        });
        let offset = self.batch.batch.records[input as usize].offset;
        self.session.dead_letter(letter(self.batch, self.context, input, failure), offset, (stage, class), span)?;
        span.tally().dead_letter(stage, class);
        written.dead_letter = true;
        Ok(())
    }
}

fn count_outcome(tally: &mut SpanTally, written: &Written) {
    match written {
        Written { dead_letter: true, .. } => tally.dead_lettered += 1,
        Written { output: true, .. } => tally.delivered += 1,
        Written { .. } => {}
    }
}

fn letter(batch: &InFlightBatch, context: &PipelineContext, input: u32, failure: &Failure) -> Box<DeadLetter> {
    let record = &batch.batch.records[input as usize];
    let source = &batch.batch.sources[record.source as usize];
    let headers = context.sink.origin().headers(record, source, failure);
    Box::new(DeadLetter::new(&batch.batch.arena, record, headers))
}

/// Nothing from this record on is written or committed; what came before it is.
fn give_up(context: &PipelineContext, span: &OpenSpan, offset: Offset, cause: String) {
    let lease = span.lease();
    lease.truncate_at(offset);
    let (from, offset) = (lease.at.clone(), offset.0);
    context.events.send_and_wake(WorkerEvent::Failed(PipelineError::Undeliverable { from, offset, cause }));
}
