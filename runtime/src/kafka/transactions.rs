//! Transactions: librdkafka's calls for them, which block, and what their errors ask for.
//!
//! librdkafka is called directly: rdkafka does not tell a group's generation, without which a member that was thrown
//! out could commit unfenced, and its `flush` may wait for 100 ms after the last record is acknowledged.

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};

use super::consumer::Committed;
use super::producer::Producer;
use super::{KafkaError, TopicPartition};

/// Why a call failed, by what has to come next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionError {
    /// The same call again: it was not over in time, or may succeed later.
    Again(KafkaError),
    /// The transaction has to be aborted; then the producer can go on.
    Abort(KafkaError),
    /// This producer can do nothing more.
    Over(KafkaError),
}

impl TransactionError {
    /// What the client or the broker says.
    pub fn cause(&self) -> &KafkaError {
        match self {
            TransactionError::Again(cause) | TransactionError::Abort(cause) | TransactionError::Over(cause) => cause,
        }
    }

    /// What the client or the broker says.
    pub fn into_cause(self) -> KafkaError {
        match self {
            TransactionError::Again(cause) | TransactionError::Abort(cause) | TransactionError::Over(cause) => cause,
        }
    }

    /// Takes an error over; none where there is none.
    ///
    /// # Safety
    /// `error` is null or an error of librdkafka's that nobody else destroys.
    unsafe fn take(error: *mut sys::rd_kafka_error_t) -> Result<(), TransactionError> {
        let Some(error) = NonNull::new(error) else { return Ok(()) };
        // SAFETY: as the caller promises; the text is copied before the error is destroyed.
        unsafe {
            let raw = error.as_ptr();
            let text = CStr::from_ptr(sys::rd_kafka_error_string(raw)).to_string_lossy().into_owned();
            let cause = KafkaError::new(sys::rd_kafka_error_code(raw), &text);
            let fatal = sys::rd_kafka_error_is_fatal(raw) != 0;
            let abort = sys::rd_kafka_error_txn_requires_abort(raw) != 0;
            let again = sys::rd_kafka_error_is_retriable(raw) != 0;
            sys::rd_kafka_error_destroy(raw);
            Err(match (fatal, abort, again) {
                (false, true, _) => TransactionError::Abort(cause),
                (false, false, true) => TransactionError::Again(cause),
                _ => TransactionError::Over(cause),
            })
        }
    }
}

/// Who commits, for the broker to fence by: a group's member in its generation.
pub struct GroupMetadata(NonNull<sys::rd_kafka_consumer_group_metadata_t>);

// SAFETY: a plain structure of librdkafka's that is ours alone.
unsafe impl Send for GroupMetadata {}

impl Drop for GroupMetadata {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.0.as_ptr()) }
    }
}

impl GroupMetadata {
    /// Of a consumer as it is now; none while it is no member. Without a member's name and generation the broker would
    /// take anybody's offsets.
    ///
    /// # Safety
    /// `client` is a live consumer.
    pub(super) unsafe fn of(client: *mut sys::rd_kafka_t) -> Option<GroupMetadata> {
        // SAFETY: as the caller promises; the result is ours.
        let metadata = GroupMetadata(NonNull::new(unsafe { sys::rd_kafka_consumer_group_metadata(client) })?);
        // SAFETY: the metadata lives, and the name as long.
        let (generation, named) = unsafe {
            let raw = metadata.0.as_ptr();
            let name = sys::rd_kafka_consumer_group_metadata_member_id(raw);
            let generation = sys::rd_kafka_consumer_group_metadata_generation_id(raw);
            (generation, !name.is_null() && !CStr::from_ptr(name).is_empty())
        };
        (generation > 0 && named).then_some(metadata)
    }
}

/// A list of offsets to commit, each with its note.
pub(super) fn offset_list(offsets: &[(TopicPartition, Committed)]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (at, committed) in offsets {
        let mut element = list.add_partition(&at.topic, at.partition.0);
        element.set_offset(KafkaOffset::Offset(committed.offset.0))?;
        element.set_metadata(&committed.note);
    }
    Ok(list)
}

/// Whether an error says that another producer has taken the transactional id over, or that the broker has ended the
/// transaction because it took too long.
pub fn is_fenced(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{Fenced, InvalidProducerEpoch, ProducerFenced};
    matches!(error.code, Fenced | InvalidProducerEpoch | ProducerFenced)
}

/// The calls of a producer with a `transactional.id`. Only one may be under way at a time.
impl<T: Send + Sync + 'static> Producer<T> {
    /// Registers the transactional id, which ends what an earlier producer with it has left open.
    ///
    /// # Errors
    /// See [`TransactionError`].
    pub fn init_transactions(&self, timeout: Duration) -> Result<(), TransactionError> {
        // SAFETY: the client lives; the error is ours.
        unsafe { TransactionError::take(sys::rd_kafka_init_transactions(self.native(), millis(timeout))) }
    }

    /// Begins a transaction: a local step. Records can be sent between this and its end alone.
    ///
    /// # Errors
    /// See [`TransactionError`].
    pub fn begin_transaction(&self) -> Result<(), TransactionError> {
        // SAFETY: the client lives; the error is ours.
        unsafe { TransactionError::take(sys::rd_kafka_begin_transaction(self.native())) }
    }

    /// Waits until every record that was sent has had its report, up to `timeout`; nothing lingers meanwhile. Answers
    /// whether all have.
    pub fn flush(&self, timeout: Duration) -> bool {
        // SAFETY: the client lives.
        let code = unsafe { sys::rd_kafka_flush(self.native(), millis(timeout)) };
        code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
    }

    /// Adds a group's offsets to the transaction.
    ///
    /// # Errors
    /// See [`TransactionError`]; a member of an earlier generation is refused with [`TransactionError::Abort`].
    pub fn send_offsets(
        &self,
        offsets: &[(TopicPartition, Committed)],
        group: &GroupMetadata,
        timeout: Duration,
    ) -> Result<(), TransactionError> {
        let list = offset_list(offsets).map_err(TransactionError::Abort)?;
        // SAFETY: client, list and metadata live for the call, which copies them; the error is ours.
        unsafe {
            let client = self.native();
            let error =
                sys::rd_kafka_send_offsets_to_transaction(client, list.ptr(), group.0.as_ptr(), millis(timeout));
            TransactionError::take(error)
        }
    }

    /// Commits. One that was not over in time goes on, and is waited for by the same call again.
    ///
    /// # Errors
    /// See [`TransactionError`].
    pub fn commit_transaction(&self, timeout: Duration) -> Result<(), TransactionError> {
        // SAFETY: the client lives; the error is ours. Reports are served by the producer's own thread.
        unsafe { TransactionError::take(sys::rd_kafka_commit_transaction(self.native(), millis(timeout))) }
    }

    /// Aborts; what is not on its way yet is thrown away, and reported as failed.
    ///
    /// # Errors
    /// See [`TransactionError`].
    pub fn abort_transaction(&self, timeout: Duration) -> Result<(), TransactionError> {
        // SAFETY: as for the commit.
        unsafe { TransactionError::take(sys::rd_kafka_abort_transaction(self.native(), millis(timeout))) }
    }
}

fn millis(timeout: Duration) -> c_int {
    c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX)
}
