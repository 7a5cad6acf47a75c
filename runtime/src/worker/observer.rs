//! What a chain asks and notes between two calls of a stage: whether the batch is still to be worked on, and what the
//! circuit breaker says.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::ChainContext;
use super::event::{BreakerTrip, WorkerEvent};
use crate::batch::Record;
use crate::rt;
use crate::sink::receipt::OpenSpan;
use crate::stage::breaker::Breaker;
use crate::stage::timeouts::CutOff;
use crate::stage::{Observer, Progress, RecordState, SettledCount, StageError, TimedOut};

/// Observes one stage at work on one batch.
pub struct BatchObserver<'a> {
    pub(super) ctx: &'a ChainContext<'a>,
    pub(super) stage: usize,
    pub(super) name: Arc<str>,
    pub(super) spans: &'a [Option<OpenSpan>],
    pub(super) records: &'a [Record],
    pub(super) probe: Option<usize>,
    pub(super) ahead: bool,
    // A call was made in this turn of the batch.
    pub(super) has_called: bool,
    // When the first call was cut off in this turn of the batch, where one was.
    pub(super) timed_out_since: Option<Instant>,
}

impl BatchObserver<'_> {
    fn breaker(&self) -> Option<&Breaker> {
        self.ctx.breakers.get(self.stage)
    }

    /// Returns, for a probe that was sent for this stage, whether the stage is no better: whatever becomes of the rest.
    pub(super) fn is_no_better(&self, progress: &Progress) -> bool {
        let Some(breaker) = self.breaker().filter(|_| self.probe == Some(self.stage)) else { return false };
        // The way on leads through every partition, so when looking ahead each is to be better.
        if self.ahead {
            return count_by_source(self.records, progress, self.spans.len())
                .into_iter()
                .any(|settled| breaker.is_too_much(settled));
        }
        let failed = progress.failed().len() as u64;
        breaker.is_too_much(SettledCount { total: self.records.len() as u64, failed })
    }

    /// Returns whether calls have been cut off for so long that what is settled is to go on by itself. Something is,
    /// or it would come to the same again.
    fn is_late(&self, progress: &Progress) -> bool {
        let (Some(since), Some(after)) = (self.timed_out_since, self.ctx.goes_back_after) else { return false };
        progress.pending() < self.records.len() && rt::now() - since >= after
    }

    /// Lets the source bring partitions back to what is pending, which is about to be left.
    fn go_back(&self, progress: &Progress) {
        for (source, span) in self.spans.iter().enumerate() {
            let is_left = |index: usize| progress.is_pending(index) && self.records[index].source as usize == source;
            let records = (0..self.records.len()).filter(|index| is_left(*index)).count();
            if let Some(span) = span.as_ref().filter(|_| records > 0) {
                let (lease, stage) = (span.lease().clone(), self.name.clone());
                self.ctx.events.send_and_wake(WorkerEvent::Left { lease, stage, records });
            }
        }
    }

    /// Leaves what is pending where it is: nothing from its first record on is delivered, and it is read again.
    fn leave_pending(&self, progress: &mut Progress) {
        for (index, record) in self.records.iter().enumerate() {
            if progress.is_pending(index) {
                if let Some(span) = &self.spans[record.source as usize] {
                    span.lease().truncate_at(record.offset);
                }
                progress.discard(index);
            }
        }
    }

    fn open_breaker(&self, progress: &Progress, last: SettledCount) {
        let is_failed = |state: &RecordState| matches!(state, RecordState::Failed(_));
        let Some(index) = progress.states().iter().rposition(is_failed) else { return };
        let RecordState::Failed(number) = progress.states()[index] else { return };
        let (failure, record) = (&progress.failed()[number as usize], &self.records[index]);
        let Some(span) = &self.spans[record.source as usize] else { return };
        trip(self.ctx, || BreakerTrip {
            stage: self.stage,
            name: self.name.clone(),
            failed: last.failed,
            total: last.total,
            record: (span.lease().clone(), record.offset),
            reason: format!("{}: {}", failure.class.as_str(), failure.reason),
        });
    }
}

/// Opens the circuit breaker, where it is closed.
pub(super) fn trip(ctx: &ChainContext<'_>, why: impl FnOnce() -> BreakerTrip) {
    if ctx.trip() {
        ctx.events.send_and_wake(WorkerEvent::BreakerOpened(why()));
    }
}

impl Observer for BatchObserver<'_> {
    fn before_call(&mut self, progress: &mut Progress) -> Result<(), StageError> {
        if self.ctx.cut_off.load(Ordering::Acquire) {
            return Err(StageError::Cancelled);
        }
        discard_revoked(self.spans, self.records, progress);
        let is_late = self.is_late(progress);
        // At a stop nobody waits for a stage that does not answer in time, record by record: what is left is read again
        // by the next start.
        let is_left = self.timed_out_since.is_some() && self.ctx.is_stopping();
        if self.probe.is_some() {
            return if is_left || self.is_no_better(progress) { Err(StageError::Stopped) } else { Ok(()) };
        }
        if (is_late || is_left) && !self.ctx.is_tripped() {
            self.go_back(progress);
        }
        // What a stage has settled goes on through the chain when the circuit breaker opens, so that each opening makes
        // headway: one call of each later stage is allowed.
        if is_late || is_left || (self.has_called && self.ctx.is_tripped()) {
            self.leave_pending(progress);
        }
        self.has_called = true;
        Ok(())
    }

    fn settled(&mut self, progress: &Progress, settled: SettledCount) {
        let Some(breaker) = self.breaker().filter(|_| self.probe.is_none()) else { return };
        if let Some(last) = breaker.count(settled, rt::now()) {
            self.open_breaker(progress, last);
        }
    }

    fn timed_out(&mut self, call: TimedOut) {
        if let Some(breaker) = self.breaker() {
            breaker.timed_out(call.limit);
        }
        self.timed_out_since.get_or_insert_with(rt::now);
        let record = &self.records[call.first];
        let Some(span) = &self.spans[record.source as usize] else { return };
        let cut_off = CutOff {
            stage: self.name.clone(),
            in_a_row: call.in_a_row,
            record: (span.lease().at.clone(), record.offset),
            records: call.records,
            limit: call.limit,
        };
        self.ctx.timeouts.note(self.ctx.worker, self.stage, cut_off, rt::now());
    }

    fn recovered(&mut self) {
        self.ctx.timeouts.answered(self.ctx.worker, self.stage);
    }
}

/// Keeps records that are no longer ours from the plugin.
pub fn discard_revoked(spans: &[Option<OpenSpan>], records: &[Record], progress: &mut Progress) {
    if spans.iter().flatten().all(|span| span.lease().is_full()) {
        return;
    }
    for (index, record) in records.iter().enumerate() {
        let span = &spans[record.source as usize];
        if span.as_ref().is_some_and(|span| !span.lease().covers(record.offset)) {
            progress.discard(index);
        }
    }
}

/// Returns, for each source, how many of its records there are and how many have failed.
fn count_by_source(records: &[Record], progress: &Progress, sources: usize) -> Vec<SettledCount> {
    let mut counts = vec![SettledCount::default(); sources];
    for (record, state) in records.iter().zip(progress.states()) {
        let count = &mut counts[record.source as usize];
        count.total += 1;
        count.failed += u64::from(matches!(state, RecordState::Failed(_)));
    }
    counts
}
