//! What is counted of the group, of commits and of transactions.

use std::sync::Arc;

use super::histogram::{Histogram, LongTime};
use super::{ByName, Counter};

/// Kinds of rebalances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebalance {
    /// Partitions came.
    Assigned,
    /// Partitions were given up.
    Revoked,
    /// Partitions were lost.
    Lost,
}

/// What happened in the group, and to transactions.
#[derive(Debug, Default)]
pub struct KafkaCounters {
    rebalances: [Counter; 3],
    /// How long commits took, in nanoseconds.
    pub commit_time: Histogram<LongTime>,
    /// How long transactions were open, in nanoseconds.
    pub transaction_time: Histogram<LongTime>,
    /// Transactions that were committed.
    pub committed: Counter,
    /// Transactions that were aborted.
    pub aborted: Counter,
    errors: ByName<Counter>,
}

impl KafkaCounters {
    /// Returns the rebalances of this kind.
    pub fn rebalances(&self, kind: Rebalance) -> &Counter {
        &self.rebalances[kind as usize]
    }

    /// Returns the errors of brokers and clients of this kind.
    pub fn errors(&self, kind: &str) -> Arc<Counter> {
        self.errors.get(&kind.into())
    }
}
