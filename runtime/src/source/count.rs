//! What the loop counts of the group, of commits and of transactions.

use std::time::{Duration, Instant};

use super::Source;
use crate::counters::Rebalance;
use crate::kafka::{ConsumerEvent, KafkaError};
use crate::sink::committer::TransactionOutcome;

impl Source {
    pub(super) fn count_consumer_event(&mut self, event: &ConsumerEvent, now: Instant) {
        let counters = &self.context.counters.pipeline.kafka;
        match event {
            ConsumerEvent::Assigned(_) => counters.rebalances(Rebalance::Assigned).add(1),
            ConsumerEvent::Revoked { lost: false, .. } => counters.rebalances(Rebalance::Revoked).add(1),
            ConsumerEvent::Revoked { lost: true, .. } => counters.rebalances(Rebalance::Lost).add(1),
            ConsumerEvent::Committed(_) => {
                if let Some(since) = self.commit_asked.take() {
                    counters.commit_time.observe(nanos(now.saturating_duration_since(since)), 1);
                }
            }
            // Counted where it is handled.
            ConsumerEvent::Failed(_) => {}
            ConsumerEvent::Fatal(error) => self.count_error(error),
        }
    }

    pub(super) fn count_transaction(&self, outcome: &TransactionOutcome, now: Instant) {
        let counters = &self.context.counters.pipeline.kafka;
        let Some((transactions, _)) = &self.transactions else { return };
        match outcome {
            TransactionOutcome::Committed(_) => counters.committed.add(1),
            TransactionOutcome::Begun { .. } if transactions.is_aborting() => counters.aborted.add(1),
            TransactionOutcome::Begun { .. }
            | TransactionOutcome::Flushed
            | TransactionOutcome::Failed(_)
            | TransactionOutcome::Broken(_) => return,
        }
        let open = now.saturating_duration_since(transactions.begun());
        counters.transaction_time.observe(nanos(open), 1);
    }

    pub(super) fn count_error(&self, error: &KafkaError) {
        self.context.counters.pipeline.kafka.errors(error.kind.as_str()).add(1);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
