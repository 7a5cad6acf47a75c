//! What a chain and its end tell the trace of a batch, where it has one.

use super::PipelineContext;
use super::in_flight::{ChainOutput, InFlightBatch};
use crate::stage::RecordState;
use crate::traces::BatchTrace;
use crate::traces::span::{Step, StepCounts, Written};

/// The batch begins with a step, or goes on with it after a wait.
pub(super) fn enter(batch: &mut InFlightBatch, step: Step) {
    let Some(recorded) = &mut batch.recorded else { return };
    let records = match step {
        Step::Decode | Step::Stage(_) => batch.records.len(),
        Step::Encode => batch.leaving.iter().filter(|leaving| matches!(leaving, ChainOutput::Output { .. })).count(),
    };
    if records > 0 {
        recorded.enter(step, records);
    }
}

/// What is pending is to wait.
pub(super) fn waits(batch: &mut InFlightBatch) {
    if let Some(recorded) = &mut batch.recorded {
        recorded.waits(batch.progress.pending());
    }
}

/// Every record is settled.
pub(super) fn leave(batch: &mut InFlightBatch) {
    let InFlightBatch { recorded: Some(recorded), progress, origins, .. } = batch else { return };
    let mut counts = StepCounts::default();
    for (state, origin) in progress.states().iter().zip(origins.iter()) {
        match *state {
            RecordState::Keep => counts.kept += 1,
            RecordState::Drop | RecordState::Emit { count: 0, .. } => counts.dropped += 1,
            RecordState::Emit { count, .. } => counts.emitted += count as usize,
            RecordState::Failed(number) => {
                counts.failed += 1;
                recorded.failed(origin.input, progress.failed()[number as usize].class.as_str());
            }
            RecordState::Pending | RecordState::Revoked => {}
        }
    }
    recorded.leave(counts);
}

/// Gives outputs of sampled inputs the context of a span of their own, where the plan asks for that. Dead letters are
/// made of the inputs, and so stay as they came.
pub(super) fn propagate(
    batch: &mut InFlightBatch,
    recorded: Option<&mut BatchTrace>,
    leaving: &mut [ChainOutput],
    context: &PipelineContext,
) {
    let Some(recorded) = recorded.filter(|recorded| recorded.propagates()) else { return };
    for output in leaving {
        if let ChainOutput::Output { output, record, origin, .. } = output
            && context.sink.writes(*output as usize)
            && let Some(headers) = recorded.propagate(origin.input, *output, &mut batch.batch.arena, record.headers)
        {
            record.headers = headers;
        }
    }
}

/// Returns what has left a chain.
pub(super) fn written(leaving: &[ChainOutput]) -> Written {
    let dead_letters = leaving.iter().filter(|leaving| matches!(leaving, ChainOutput::DeadLetter { .. })).count();
    Written { outputs: leaving.len() - dead_letters, dead_letters }
}
