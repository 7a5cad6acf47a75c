//! The end of the chain: everything that left it goes to the sink, in the order of the input.

use super::PipelineContext;
use super::outcome::ReplayOutcome;
use super::in_flight::{ChainOutput, InFlightBatch};
use crate::batch::Offset;
use crate::error::PipelineError;
use crate::event::{Event, ProbeResult};
use crate::failure::{Class, Failure};
use crate::rt;
use crate::sink::dead_letter::DeadLetter;
use crate::sink::receipt::OpenSpan;
use crate::sink::{WriteError, WriteSession, TOO_LARGE};
use crate::status::Tally;

/// Writes what left the chain, and seals the spans. One of which something cannot be written ends before that.
pub fn deliver(run: &mut InFlightBatch, shared: &PipelineContext) {
    let mut leaving = std::mem::take(&mut run.leaving);
    if !leaving.is_sorted_by_key(ChainOutput::input) {
        leaving.sort_by_key(ChainOutput::input);
    }
    if let Some(session) = shared.sink.begin(|| run.spans.iter().flatten().all(|span| span.lease().is_revoked())) {
        let mut delivery = Delivery { session, now: rt::unix_ms(), tally: Tally::of(run.inputs()) };
        for leaving in &leaving {
            delivery.take(run, shared, leaving);
        }
        shared.stats.add(&delivery.tally);
        // While the session lasts: what is written and not sealed has to be known before a transaction ends.
        for span in run.spans.drain(..).flatten() {
            span.seal();
        }
    }
    run.leaving = leaving;
    if run.probe.is_some() {
        shared.events.send_and_wake(Event::ProbeEnded(if run.probed { ProbeResult::Passed } else { ProbeResult::Unclear }));
    }
}

struct Delivery<'a> {
    session: WriteSession<'a>,
    now: i64,
    tally: Tally,
}

impl Delivery<'_> {
    fn take(&mut self, run: &mut InFlightBatch, shared: &PipelineContext, leaving: &ChainOutput) {
        let input = run.batch.records[leaving.input() as usize];
        let Some(mut span) = run.spans[input.source as usize].take() else { return };
        let is_ours = span.lease().covers(input.offset);
        match if is_ours { self.write(run, shared, leaving, &mut span) } else { Ok(()) } {
            // Dropped unsealed: nobody waits for it any more.
            Err(WriteError::Abandoned) => return,
            Err(WriteError::Refused(_, cause) | WriteError::Impossible(cause)) => {
                give_up(shared, &span, input.offset, cause);
            }
            Ok(()) => {}
        }
        run.spans[input.source as usize] = Some(span);
    }

    fn write(&mut self, run: &InFlightBatch, shared: &PipelineContext, leaving: &ChainOutput, span: &mut OpenSpan) -> Result<(), WriteError> {
        match leaving {
            ChainOutput::Letter { input, failure } => {
                self.dead_letter(run, shared, *input, &run.failures[*failure as usize], span)
            }
            ChainOutput::Output { output, record, origin, stage } => {
                let failure = |class, reason| {
                    // What has come to the end of the chain left its last stage.
                    let stage = (*stage).min(shared.stages.saturating_sub(1));
                    let path = run.path(*origin, (stage + 1).min(shared.stages));
                    Failure { class, reason, stage, path, attempts: 1 }
                };
                let output = *output as usize;
                if !shared.sink.writes(output) {
                    self.tally.dropped += 1;
                    return Ok(());
                }
                let too_large = || letter(run, shared, origin.input, &failure(Class::Oversize, TOO_LARGE.to_owned()));
                match self.session.write(output, &run.batch.arena, record, self.now, span, too_large) {
                    Err(WriteError::Refused(class, reason)) if shared.sink.has_dlq() => {
                        self.dead_letter(run, shared, origin.input, &failure(class, reason), span)
                    }
                    Err(error) => Err(error),
                    Ok(()) => {
                        self.tally.out += 1;
                        shared.note(span.lease(), || ReplayOutcome::Output(output));
                        Ok(())
                    }
                }
            }
        }
    }

    fn dead_letter(
        &mut self,
        run: &InFlightBatch,
        shared: &PipelineContext,
        input: u32,
        failure: &Failure,
        span: &mut OpenSpan,
    ) -> Result<(), WriteError> {
        self.tally.dead_letters += 1;
        let Failure { class, stage, .. } = *failure;
        shared.note(span.lease(), || ReplayOutcome::DeadLetter { stage, class, reason: failure.reason.clone() });
        self.session.dead_letter(letter(run, shared, input, failure), span)
    }
}

fn letter(run: &InFlightBatch, shared: &PipelineContext, input: u32, failure: &Failure) -> Box<DeadLetter> {
    let record = &run.batch.records[input as usize];
    let source = &run.batch.sources[record.source as usize];
    Box::new(DeadLetter::new(&run.batch.arena, record, shared.sink.origin().headers(record, source, failure)))
}

/// Nothing from this record on is written or committed; what came before it is.
fn give_up(shared: &PipelineContext, span: &OpenSpan, offset: Offset, cause: String) {
    let lease = span.lease();
    lease.truncate_at(offset);
    let (from, offset) = (lease.at.clone(), offset.0);
    shared.events.send_and_wake(Event::Failed(PipelineError::Undeliverable { from, offset, cause }));
}
