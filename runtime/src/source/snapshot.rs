//! What the loop publishes of itself.

use std::time::{Duration, Instant};

use super::Source;
use super::action::Action;
use super::partitions::OwnedPartition;
use super::pause::PauseReason;
use crate::stage::timeouts::CutOff;
use crate::view::{PartitionView, Phase, PipelineView, TransactionView, WorkerView};

/// How often the view is published while anything is on its way. Otherwise it is published when somebody asks for it.
const INTERVAL: Duration = Duration::from_millis(250);

/// What of a view somebody may wait for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    phase: Phase,
    partitions: usize,
    is_idle: bool,
    is_rebalancing: bool,
    missing: usize,
}

impl Source {
    /// Publishes the view where that is due, or where somebody may wait for what has changed. `last`: nothing follows.
    pub(super) fn publish(&mut self, now: Instant, last: bool) {
        let kind = Kind {
            phase: self.phase(),
            partitions: self.partitions.len(),
            is_idle: self.is_idle(),
            is_rebalancing: self.is_rebalancing(),
            missing: self.missing_inputs.changes(),
        };
        if now < self.snapshot_due && self.published == Some(kind) && !last && self.asked_for_view.is_empty() {
            return;
        }
        self.published = Some(kind);
        self.snapshot_due = now + INTERVAL;
        let view = self.view(now);
        self.context.view.publish(view);
        // Whoever waits finds what it has asked for.
        self.asked_for_view.drain(..).for_each(|reply| reply());
    }

    /// Pauses and resumes partitions as an operator has asked for.
    pub(super) fn obey_operator(&mut self, now: Instant) {
        let pauses = &self.context.view.pauses;
        let is_paused = |p: &OwnedPartition| pauses.covers(&p.at().topic, p.at().partition.0);
        let (pause, _) = self.partitions.set_paused(PauseReason::Operator, true, is_paused);
        let (_, fetch) = self.partitions.set_paused(PauseReason::Operator, false, |p| !is_paused(p));
        self.perform(vec![Action::Pause(pause), Action::ReadOn(fetch)], now);
    }

    /// When the view is to be published next; none while nothing is on its way.
    pub(super) fn snapshot_deadline(&self) -> Option<Instant> {
        (!self.is_idle()).then_some(self.snapshot_due)
    }

    fn phase(&self) -> Phase {
        match (self.shutdown.has_begun(), self.breaker.is_open()) {
            (true, _) => Phase::Draining,
            (false, true) => Phase::Paused,
            (false, false) if self.assignment.is_assigned() => Phase::Running,
            (false, false) => Phase::Starting,
        }
    }

    fn is_rebalancing(&self) -> bool {
        !self.revocations.are_answered() || !self.assignment.is_answered() || !self.assignment.is_complete()
    }

    fn is_idle(&self) -> bool {
        self.intake.is_idle() && self.partitions.iter().all(OwnedPartition::is_idle)
    }

    fn view(&mut self, now: Instant) -> PipelineView {
        self.partitions.count_all_read();
        let (on_way, waiting_for_retry) = self.partitions.on_way();
        let partitions = self.partition_views();
        let worker = |worker| {
            let (batches, gathered) = self.intake.load(worker);
            WorkerView { batches, gathered }
        };
        let transaction = self.transactions.as_ref().map(|(transactions, _)| TransactionView {
            phase: transactions.phase().as_str(),
            age: now - transactions.begun(),
        });
        PipelineView {
            phase: self.phase(),
            partitions,
            workers: (0..self.intake.workers()).map(worker).collect(),
            transaction,
            breaker: self.breaker.describe(),
            breaker_unquoted: self.breaker.describe_unquoted(),
            breaker_stage: self.breaker.is_open().then(|| self.breaker.tripped_stage()),
            is_rebalancing: self.is_rebalancing(),
            is_paused: self.context.view.pauses.is_all(),
            counts: self.context.counters.pipeline.snapshot(),
            in_flight: on_way - waiting_for_retry,
            waiting_for_retry,
            producer_queue_bytes: self.context.sink.queued_bytes(),
            timing_out: self.timing_out(now),
            waits_for_topics: self.topic_ids.waits_for(),
            missing_input: self.missing_inputs.describe(),
            is_idle: self.is_idle(),
        }
    }

    fn timing_out(&self, now: Instant) -> Option<String> {
        let all = self.context.timeouts.now(now);
        let worst = all.iter().max_by_key(|timeout| timeout.calls)?;
        let CutOff { stage, in_a_row, record: (at, offset), records, .. } = &worst.last;
        Some(format!(
            "stage \"{stage}\" does not answer in time: {} calls were cut off in {} s ({in_a_row} in a row), the last \
             one of {records} records from {at} offset {offset} on",
            worst.calls,
            now.saturating_duration_since(worst.since).as_secs(),
        ))
    }

    fn partition_views(&self) -> Vec<PartitionView> {
        let exist = self.partitions.iter().filter(|partition| !partition.is_gone());
        exist.map(|partition| self.view_of(partition)).collect()
    }

    fn view_of(&self, partition: &OwnedPartition) -> PartitionView {
        let at = partition.at();
        let high_watermark = self.consumer.cached_high_watermark(at).max(self.ends.of(at));
        PartitionView {
            topic: partition.at().topic.clone(),
            partition: partition.at().partition.0,
            worker: partition.worker(),
            next: partition.next().map(|offset| offset.0),
            position: partition.position().map(|offset| offset.0),
            committed: partition.committed_offset().map(|offset| offset.0),
            high_watermark: high_watermark.map(|offset| offset.0),
            lag: high_watermark.and_then(|end| partition.lag(end)),
            oldest_uncommitted: partition.oldest_uncommitted(),
            blocked_by_transaction: self.open_transactions.blocked_at(partition.at()).map(|offset| offset.0),
            is_retrying: partition.is_retrying(),
            paused_for: partition.pauses().iter().map(PauseReason::as_str).collect(),
        }
    }
}
