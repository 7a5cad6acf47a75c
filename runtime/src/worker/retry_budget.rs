//! What may wait for retries, over all pipelines of the process.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

/// Records that may wait in the process before partitions that hold more than their share take no more in.
const MAX_RECORDS: usize = 200_000;
/// The bytes that those, and what came of them, may take.
const MAX_BYTES: usize = 256 << 20;

/// A bound that all partitions with records that wait share.
#[derive(Debug)]
pub struct RetryBudget {
    limit: Waiting,
    records: AtomicUsize,
    bytes: AtomicUsize,
    partitions: AtomicUsize,
}

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Input records.
    pub records: usize,
    /// Bytes of them and of what came of them.
    pub bytes: usize,
}

impl Waiting {
    pub(super) fn plus(self, more: Waiting) -> Waiting {
        Waiting { records: self.records + more.records, bytes: self.bytes + more.bytes }
    }

    pub(super) fn less(self, less: Waiting) -> Waiting {
        Waiting { records: self.records - less.records, bytes: self.bytes - less.bytes }
    }

    /// Returns whether it is at least one `part`-th of a limit, in records or in bytes.
    pub fn reaches(self, limit: Waiting, part: usize) -> bool {
        self.records >= limit.records.div_ceil(part) || self.bytes >= limit.bytes.div_ceil(part)
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        RetryBudget::new(Waiting { records: MAX_RECORDS, bytes: MAX_BYTES })
    }
}

impl RetryBudget {
    /// Returns a budget of its own.
    pub fn new(limit: Waiting) -> RetryBudget {
        let (records, bytes, partitions) = Default::default();
        RetryBudget { limit, records, bytes, partitions }
    }

    /// Returns the budget of this process.
    pub fn of_process() -> Arc<RetryBudget> {
        static BUDGET: LazyLock<Arc<RetryBudget>> = LazyLock::new(Arc::default);
        BUDGET.clone()
    }

    /// Returns what waits now.
    pub fn waiting(&self) -> Waiting {
        Waiting { records: self.records.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }

    /// Returns whether a partition of which this much waits is to take no more in: half of the budget is used, and it has
    /// more than its share. With `part` 2 it has half of that: what is full is not to stop and go.
    pub fn is_over_share(&self, own: Waiting, part: usize) -> bool {
        let partitions = self.partitions.load(Ordering::Relaxed).max(1);
        self.waiting().reaches(self.limit, 2 * part) && own.reaches(self.limit, 2 * partitions * part)
    }

    pub(super) fn add_partition(&self) {
        self.partitions.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove_partition(&self) {
        self.partitions.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn add(&self, more: Waiting) {
        self.records.fetch_add(more.records, Ordering::Relaxed);
        self.bytes.fetch_add(more.bytes, Ordering::Relaxed);
    }

    pub(super) fn release(&self, less: Waiting) {
        self.records.fetch_sub(less.records, Ordering::Relaxed);
        self.bytes.fetch_sub(less.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_above_its_share_is_full_once_half_of_the_budget_is_used() {
        let budget = RetryBudget::new(Waiting { records: 100, bytes: 1000 });
        (0..5).for_each(|_| budget.add_partition());
        let large = Waiting { records: 10, bytes: 400 };
        budget.add(large);
        assert!(!budget.is_over_share(large, 1), "there is room for all");
        let small = Waiting { records: 1, bytes: 99 };
        budget.add(small);
        budget.add(Waiting { records: 1, bytes: 1 });
        assert!(budget.is_over_share(large, 1));
        assert!(!budget.is_over_share(small, 1));
        budget.release(large);
        assert!(!budget.is_over_share(large, 1));
    }
}
