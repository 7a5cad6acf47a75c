//! Taps of a running pipeline: what stages make of records, copied for those who tap them.

use super::trace::{Said, StageStep, StageTrace};
use crate::record_text::DevRecord;
use crate::taps::{OpenTap, TappedRecord, TappedVerdict, Taps};

impl StageTrace for Taps {
    fn stage_completed(&self, step: &StageStep<'_>) {
        if step.is_empty() {
            return;
        }
        for tap in self.of_stage(step.name) {
            copy(step, &tap);
        }
    }
}

fn copy(step: &StageStep<'_>, tap: &OpenTap) {
    let time = step.time.div_f64(step.len() as f64);
    for index in 0..step.len() {
        let Some(said) = step.said(index) else { continue };
        if !tap.wants() {
            continue;
        }
        let (arena, before) = (step.arena(), step.before(index));
        let verdict = match said {
            Said::Keep => TappedVerdict::Keep,
            Said::Drop => TappedVerdict::Drop,
            Said::Emit(_) => TappedVerdict::Emit(
                step.emitted(index).map(|(record, output)| (DevRecord::from_batch(arena, &record), output)).collect(),
            ),
            Said::Failed(failed) => TappedVerdict::Failed(failed.class, failed.reason.clone()),
        };
        let at = step.at(index);
        tap.offer(TappedRecord {
            at,
            offset: before.offset,
            before: DevRecord::from_batch(arena, before),
            verdict,
            time,
        });
    }
}
