//! A lease: one partition, for as long as it is ours in one generation.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::batch::Offset;
use crate::kafka::TopicPartition;

/// One partition in one generation. A revoke, a loss and a rewind each end it; what is still on its way under an
/// ended lease is not called, not written and not committed.
#[derive(Debug)]
pub struct Lease {
    /// The partition.
    pub at: TopicPartition,
    /// Where the source keeps it.
    pub(crate) index: usize,
    /// Tells leases of one slot apart.
    pub(crate) generation: u64,
    // Records from this offset on are not ours to process.
    cut: AtomicI64,
}

impl Lease {
    /// A lease on a partition, which the source keeps in this slot.
    pub fn new(at: TopicPartition, index: usize, generation: u64) -> Lease {
        Lease { at, index, generation, cut: AtomicI64::new(i64::MAX) }
    }

    /// Whether a record may still be processed and written.
    pub fn covers(&self, offset: Offset) -> bool {
        offset.0 < self.cut.load(Ordering::Acquire)
    }

    /// Whether every record may still be processed.
    pub fn is_full(&self) -> bool {
        self.cut.load(Ordering::Acquire) == i64::MAX
    }

    /// Takes no record from this offset on. The lowest cut holds.
    pub fn truncate_at(&self, offset: Offset) {
        self.cut.fetch_min(offset.0, Ordering::AcqRel);
    }

    /// A span's end, or the cut where that comes first.
    pub fn clamp_end(&self, end: Offset) -> Offset {
        Offset(end.0.min(self.cut.load(Ordering::Acquire)))
    }

    /// Takes no record any more.
    pub fn revoke(&self) {
        self.truncate_at(Offset(i64::MIN));
    }

    /// Whether it takes no record any more.
    pub fn is_revoked(&self) -> bool {
        self.cut.load(Ordering::Acquire) == i64::MIN
    }
}
