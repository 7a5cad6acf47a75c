//! What the loop publishes of itself.

use std::time::{Duration, Instant};

use super::Source;
use super::partitions::OwnedPartition;
use crate::view::{PartitionView, Phase, PipelineView, TransactionView, WorkerView};

/// How often the view is published while anything is on its way. Otherwise it is published when somebody asks for it.
const INTERVAL: Duration = Duration::from_millis(250);

impl Source {
    /// Publishes the view where that is due, or where somebody may wait for what has changed. `last`: nothing follows.
    pub(super) fn publish(&mut self, now: Instant, last: bool) {
        let kind = (self.phase(), self.partitions.len(), self.is_idle());
        if now < self.snapshot_due && self.published == Some(kind) && !last {
            return;
        }
        self.published = Some(kind);
        self.snapshot_due = now + INTERVAL;
        let view = self.view(now);
        self.context.view.publish(view);
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

    fn is_idle(&self) -> bool {
        self.intake.is_idle() && self.partitions.iter().all(OwnedPartition::is_idle)
    }

    fn view(&self, now: Instant) -> PipelineView {
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
            partitions: self.partitions.iter().map(|partition| self.partition_view(partition)).collect(),
            workers: (0..self.intake.workers()).map(worker).collect(),
            transaction,
            breaker: self.breaker.describe(),
            timing_out: self.timing_out(now),
            is_idle: self.is_idle(),
        }
    }

    fn timing_out(&self, now: Instant) -> Option<String> {
        let all = self.context.timeouts.now();
        let worst = all.iter().max_by_key(|timeout| timeout.calls)?;
        let (at, offset) = &worst.record;
        Some(format!(
            "stage \"{}\" does not answer in time: {} calls in a row were cut off in {} s, the last one of {} records from {at} \
             offset {offset} on",
            worst.stage,
            worst.calls,
            (now - worst.since).as_secs(),
            worst.records
        ))
    }

    fn partition_view(&self, partition: &OwnedPartition) -> PartitionView {
        let high_watermark = self.consumer.cached_high_watermark(partition.at());
        PartitionView {
            topic: partition.at().topic.clone(),
            partition: partition.at().partition.0,
            worker: partition.worker(),
            next: partition.next().map(|offset| offset.0),
            position: partition.position().map(|offset| offset.0),
            committed: partition.committed_offset().map(|offset| offset.0),
            lag: high_watermark.and_then(|end| partition.lag(end)),
            blocked_at: self.open_transactions.blocked_at(partition.at()).map(|offset| offset.0),
            is_retrying: partition.is_retrying(),
            paused_for: partition.pauses().iter().map(super::pause::PauseReason::as_str).collect(),
        }
    }
}
