//! The role of the producer, with transactions.

use std::sync::Arc;
use std::time::Duration;

use super::{Committed, GroupMetadata, KafkaError, TopicPartition, TransactionError};
use crate::batch::Headers;

/// Called with each record's receipt when its fate is known. Called by the producer's own thread: it must not wait.
pub type Report<R> = fn(Arc<R>, Result<(), KafkaError>);

/// What to write.
pub struct Outgoing<'a> {
    /// The key; none is null.
    pub key: Option<&'a [u8]>,
    /// The value; none is null.
    pub value: Option<&'a [u8]>,
    /// Headers, as they lie in an arena.
    pub headers: Headers<'a>,
    /// Headers that come behind those.
    pub more_headers: &'a [(&'static str, String)],
    /// Milliseconds since the epoch; [`NO_TIMESTAMP`](crate::batch::NO_TIMESTAMP) and 0 become the time of sending.
    pub timestamp: i64,
}

impl Outgoing<'_> {
    /// Returns the bytes of its key and value, as [`Producer::reported_bytes`] counts them.
    pub fn queue_bytes(&self) -> u64 {
        (self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len)) as u64
    }
}

/// What became of a call to [`Producer::send`].
pub enum Sent<R> {
    /// Enqueued; a report will come.
    Enqueued,
    /// The queue is full: wait with [`Producer::wait_for_room`], then try again. The receipt comes back.
    Full(Arc<R>),
    /// It will not be sent, and no report will come. The receipt comes back.
    Refused(Arc<R>, KafkaError),
}

/// The producer of one pipeline. It writes to topics that were named when it was made, and are known by their numbers.
///
/// A record goes to the partition that a Java client would choose by its key. Records of one partition are written in
/// the order in which they were sent, each once (idempotence). Only one call for a transaction may be under way at a
/// time.
pub trait Producer<R>: Send + Sync {
    /// Enqueues one record; never waits. The bytes are copied.
    fn send(&self, topic: usize, record: &Outgoing<'_>, receipt: Arc<R>) -> Sent<R>;

    /// Waits until a record has left the full queue, or for `timeout`.
    fn wait_for_room(&self, timeout: Duration);

    /// Throws away what is enqueued and not on its way to a broker yet; each is reported as failed.
    fn purge(&self);

    /// Waits until every record that was sent has had its report, up to `timeout`; nothing lingers meanwhile. Returns
    /// whether all have.
    fn flush(&self, timeout: Duration) -> bool;

    /// Registers the transactional id, which ends what an earlier producer with it has left open.
    ///
    /// # Errors
    /// See [`TransactionError`].
    fn init_transactions(&self, timeout: Duration) -> Result<(), TransactionError>;

    /// Begins a transaction: a local step. Records can be sent between this and its end alone.
    ///
    /// # Errors
    /// See [`TransactionError`].
    fn begin_transaction(&self) -> Result<(), TransactionError>;

    /// Adds a group's offsets to the transaction.
    ///
    /// # Errors
    /// See [`TransactionError`]; a member of an earlier generation is refused with [`TransactionError::Abort`].
    fn send_offsets(
        &self,
        offsets: &[(TopicPartition, Committed)],
        group: &GroupMetadata,
        timeout: Duration,
    ) -> Result<(), TransactionError>;

    /// Commits. One that was not over in time goes on, and is waited for by the same call again.
    ///
    /// # Errors
    /// See [`TransactionError`].
    fn commit_transaction(&self, timeout: Duration) -> Result<(), TransactionError>;

    /// Aborts; what is not on its way yet is thrown away, and reported as failed.
    ///
    /// # Errors
    /// See [`TransactionError`].
    fn abort_transaction(&self, timeout: Duration) -> Result<(), TransactionError>;

    /// Returns the last partition that could not be written to in a transaction, and why, where the client knows.
    fn refused_partition(&self) -> Option<String>;

    /// Returns the bytes of the keys and values of all records that had their report; none where nobody counts them.
    fn reported_bytes(&self) -> Option<u64> {
        None
    }
}
