//! What waits to be sent: bounded, and shed where there is no room.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Pace;
use crate::counters::TraceCounters;
use crate::rt::{self, Wakeup};
use crate::traces::span::BatchSpan;

/// What there is to send.
pub(super) enum Next {
    /// Nothing.
    Wait,
    /// Not enough yet: it goes at that moment.
    At(Instant),
    /// These.
    Request(Vec<BatchSpan>),
    /// Nothing, and nothing comes any more.
    Over,
}

/// Between workers and the loop that sends.
pub(super) struct Queue {
    pace: Pace,
    counters: Arc<TraceCounters>,
    wakeup: Wakeup,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    batches: VecDeque<BatchSpan>,
    spans: usize,
    // Since when the first of them waits.
    since: Option<Instant>,
    // Spans that were shed since it was last asked.
    shed: usize,
    // Set when it is closed: until when what is left may be sent.
    closing: Option<Instant>,
}

impl Queue {
    pub(super) fn new(pace: Pace, counters: Arc<TraceCounters>) -> Queue {
        Queue { pace, counters, wakeup: Wakeup::default(), state: Mutex::default() }
    }

    /// What wakes the loop that sends.
    pub(super) fn wakeup(&self) -> &Wakeup {
        &self.wakeup
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a batch as far as there is room: its own span and those of its steps before those of its outputs.
    pub(super) fn offer(&self, mut batch: BatchSpan) {
        let now = rt::now();
        let mut state = self.lock();
        let all = batch.spans();
        let room = if state.closing.is_some() { 0 } else { self.pace.most_waiting - state.spans };
        let least = all - batch.sends.len();
        let kept = if least > room { 0 } else { all.min(room) };
        self.counters.dropped.add((all - kept) as u64);
        state.shed += all - kept;
        if kept == 0 {
            return;
        }
        batch.sends.truncate(kept - least);
        let before = state.spans;
        state.since.get_or_insert(now);
        state.spans += kept;
        state.batches.push_back(batch);
        let is_due = before == 0 || (before < self.pace.request && state.spans >= self.pace.request);
        drop(state);
        if is_due {
            self.wakeup.wake();
        }
    }

    /// Nothing is taken any more; what waits may be sent until a moment.
    pub(super) fn close(&self, deadline: Instant) {
        self.lock().closing.get_or_insert(deadline);
        self.wakeup.wake();
    }

    /// Returns until when what waits may be sent, where it is closed.
    pub(super) fn closing(&self) -> Option<Instant> {
        self.lock().closing
    }

    /// Returns how many spans were shed since it was last asked.
    pub(super) fn take_shed(&self) -> usize {
        std::mem::take(&mut self.lock().shed)
    }

    /// Throws away what waits, and returns how many spans that were.
    pub(super) fn clear(&self) -> usize {
        let mut state = self.lock();
        state.since = None;
        let batches = std::mem::take(&mut state.batches);
        let spans = std::mem::take(&mut state.spans);
        drop(state);
        drop(batches);
        spans
    }

    /// Returns what is to be sent now.
    pub(super) fn next(&self, now: Instant) -> Next {
        let mut state = self.lock();
        let Some(since) = state.since else {
            return if state.closing.is_some() { Next::Over } else { Next::Wait };
        };
        let due = since + self.pace.delay;
        if state.closing.is_none() && state.spans < self.pace.request && now < due {
            return Next::At(due);
        }
        let (mut taken, mut spans) = (Vec::new(), 0);
        while let Some(batch) = state.batches.front() {
            if !taken.is_empty() && spans + batch.spans() > self.pace.request {
                break;
            }
            spans += batch.spans();
            taken.extend(state.batches.pop_front());
        }
        state.spans -= spans;
        // Those behind have waited for no longer than the first, and go with the next request.
        state.since = (!state.batches.is_empty()).then_some(since);
        Next::Request(taken)
    }
}
