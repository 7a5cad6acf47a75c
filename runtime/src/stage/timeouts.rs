//! Time-outs that are going on: which stages do not answer in time just now, for the status of the pipeline.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::batch::Offset;
use crate::kafka::TopicPartition;

/// How long a stage has to answer in time until its time-outs are over, and so many times its `limits.time` where that
/// is longer: where some records loop and others do not, it answers in time again and again.
const OVER_AFTER: (Duration, u32) = (Duration::from_secs(10), 3);

/// A call that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutOff {
    /// The stage's name.
    pub stage: Arc<str>,
    /// Calls in a row that took too long, this one included.
    pub in_a_row: u32,
    /// The call's first record.
    pub record: (TopicPartition, Offset),
    /// How many records it had.
    pub records: usize,
    /// The stage's `limits.time`.
    pub limit: Duration,
}

/// A stage that does not answer in time in one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageTimeout {
    /// Calls that took too long since `since`.
    pub calls: u32,
    /// When the first of them was cut off.
    pub since: Instant,
    /// The last of them.
    pub last: CutOff,
    // When that was, and whether a call has answered in time since then.
    at: Instant,
    is_answering: bool,
}

impl StageTimeout {
    fn is_over(&self, now: Instant) -> bool {
        let after = OVER_AFTER.0.max(self.last.limit.saturating_mul(OVER_AFTER.1));
        self.is_answering && now.saturating_duration_since(self.at) > after
    }
}

/// The stages of one pipeline that do not answer in time just now. Written only when a call has timed out, or the first
/// one after that has not.
#[derive(Debug, Default)]
pub struct StageTimeouts(Mutex<BTreeMap<(usize, usize), StageTimeout>>);

impl StageTimeouts {
    /// Notes that a call of a stage was cut off in a worker.
    pub fn note(&self, worker: usize, stage: usize, last: CutOff, now: Instant) {
        let mut all = self.all();
        let before = all.get(&(stage, worker)).filter(|before| !before.is_over(now));
        let (calls, since) = before.map_or((0, now), |before| (before.calls, before.since));
        let calls = calls.saturating_add(1);
        all.insert((stage, worker), StageTimeout { calls, since, last, at: now, is_answering: false });
    }

    /// Notes that a stage has answered in time in a worker.
    pub fn answered(&self, worker: usize, stage: usize) {
        if let Some(timeout) = self.all().get_mut(&(stage, worker)) {
            timeout.is_answering = true;
        }
    }

    /// Returns what is going on now, by stage and worker.
    pub fn now(&self, now: Instant) -> Vec<StageTimeout> {
        let mut all = self.all();
        all.retain(|_, timeout| !timeout.is_over(now));
        all.values().cloned().collect()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<(usize, usize), StageTimeout>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt;

    #[test]
    fn time_outs_are_counted_until_a_stage_has_answered_in_time_for_a_while() {
        let (timeouts, start) = (StageTimeouts::default(), rt::now());
        let cut_off = |in_a_row, limit| CutOff {
            stage: "bad".into(),
            in_a_row,
            record: (TopicPartition::new("in", 0), Offset(7)),
            records: 1,
            limit,
        };
        let at = |seconds| start + Duration::from_secs(seconds);
        let calls = |seconds| timeouts.now(at(seconds)).first().map(|timeout| (timeout.calls, timeout.since));
        let second = Duration::from_secs(1);
        // As where every third record loops.
        for seconds in 0..5 {
            timeouts.note(0, 1, cut_off(1, second), at(seconds));
            timeouts.answered(0, 1);
        }
        assert_eq!(calls(4), Some((5, start)));
        assert_eq!(calls(14), Some((5, start)));
        assert_eq!(calls(15), None);
        timeouts.note(0, 1, cut_off(2, second), at(20));
        assert_eq!(calls(60), Some((1, at(20))), "it has not answered since");
        timeouts.answered(0, 1);
        assert_eq!(calls(60), None);
        timeouts.note(0, 1, cut_off(1, Duration::from_secs(60)), at(100));
        timeouts.answered(0, 1);
        assert_eq!(calls(270), Some((1, at(100))), "its next call may well be on its way");
    }
}
