//! The recorder: keeps what each stage makes of the records of one batch.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::record_text::DevRecord;
use crate::stage::Failed;
use crate::worker::trace::{Said, StageStep, StageTrace};

/// What a stage made of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The stage's number.
    pub stage: usize,
    /// Which emitted record of each earlier stage it was.
    pub path: String,
    /// The record as the stage got it.
    pub before: DevRecord,
    /// What the stage said.
    pub verdict: Verdict,
    /// How long its calls took.
    pub time: Duration,
    /// How often it was called with it, the first time included.
    pub rounds: u32,
}

/// What a stage said of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The record goes on as it came.
    Keep,
    /// The record ends here.
    Drop,
    /// These go on in its place, or leave for the output of this number.
    Emit(Vec<(DevRecord, Option<u32>)>),
    /// The record failed.
    Failed(Failed),
}

/// Keeps what stages make of records.
#[derive(Default)]
pub struct Recorder(Mutex<Vec<Step>>);

impl Recorder {
    /// Takes out what was kept.
    pub fn take(&self) -> Vec<Step> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl StageTrace for Recorder {
    fn stage_completed(&self, completed: &StageStep<'_>) {
        let arena = completed.arena();
        let step = |index| {
            let verdict = match completed.said(index)? {
                Said::Keep => Verdict::Keep,
                Said::Drop => Verdict::Drop,
                Said::Emit(_) => {
                    let emitted = completed.emitted(index);
                    Verdict::Emit(
                        emitted.map(|(record, output)| (DevRecord::from_batch(arena, &record), output)).collect(),
                    )
                }
                Said::Failed(failed) => Verdict::Failed(failed.clone()),
            };
            Some(Step {
                stage: completed.stage,
                path: completed.path(index),
                before: DevRecord::from_batch(arena, completed.before(index)),
                verdict,
                time: completed.time,
                rounds: completed.rounds(),
            })
        };
        let steps = (0..completed.len()).filter_map(step);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(steps);
    }
}
