//! Transactions: librdkafka's calls for them, which block, and what their errors ask for.
//!
//! librdkafka is called directly: rdkafka does not tell a group's generation, without which a member that was thrown
//! out could commit unfenced, and its `flush` may wait for 100 ms after the last record is acknowledged.

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};

use super::error_of;
use crate::kafka::{Committed, ErrorKind, GroupMetadata, KafkaError, TopicPartition, TransactionError};

/// Takes an error over; none where there is none.
///
/// # Safety
/// `error` is null or an error of librdkafka's that nobody else destroys.
unsafe fn take(error: *mut sys::rd_kafka_error_t) -> Result<(), TransactionError> {
    let Some(error) = NonNull::new(error) else { return Ok(()) };
    // SAFETY: the error is ours; its text is copied before it is destroyed.
    unsafe {
        let raw = error.as_ptr();
        let text = CStr::from_ptr(sys::rd_kafka_error_string(raw)).to_string_lossy().into_owned();
        let cause = error_of(sys::rd_kafka_error_code(raw), &text);
        let fatal = sys::rd_kafka_error_is_fatal(raw) != 0;
        let abort = sys::rd_kafka_error_txn_requires_abort(raw) != 0;
        let again = sys::rd_kafka_error_is_retriable(raw) != 0;
        sys::rd_kafka_error_destroy(raw);
        Err(match (fatal, abort, again) {
            (false, true, _) => TransactionError::Abort(cause),
            (false, false, true) => TransactionError::Retry(cause),
            _ => TransactionError::Fatal(cause),
        })
    }
}

/// A group's member in its generation, as librdkafka keeps it.
struct NativeMetadata(NonNull<sys::rd_kafka_consumer_group_metadata_t>);

// SAFETY: a plain structure of librdkafka's that is ours alone.
unsafe impl Send for NativeMetadata {}

impl Drop for NativeMetadata {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.0.as_ptr()) }
    }
}

/// Who a consumer is in its group now; none while it is no member. Without a member's name and generation the broker
/// would take anybody's offsets.
///
/// # Safety
/// `client` is a live consumer.
pub(super) unsafe fn metadata_of(client: *mut sys::rd_kafka_t) -> Option<GroupMetadata> {
    // SAFETY: the consumer lives; the result is ours.
    let metadata = NativeMetadata(NonNull::new(unsafe { sys::rd_kafka_consumer_group_metadata(client) })?);
    // SAFETY: the metadata lives, and the name as long.
    let (generation, member_id) = unsafe {
        let raw = metadata.0.as_ptr();
        let name = NonNull::new(sys::rd_kafka_consumer_group_metadata_member_id(raw).cast_mut());
        let generation = sys::rd_kafka_consumer_group_metadata_generation_id(raw);
        (generation, CStr::from_ptr(name?.as_ptr()).to_string_lossy().into_owned())
    };
    (generation > 0 && !member_id.is_empty()).then(|| GroupMetadata::new(&member_id, metadata))
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

/// The calls of a producer. See [`Producer`](crate::kafka::Producer) for what each does.
pub(super) struct TransactionCalls(*mut sys::rd_kafka_t);

impl TransactionCalls {
    /// The calls of a client.
    ///
    /// # Safety
    /// The client lives for as long as this.
    pub(super) unsafe fn new(client: *mut sys::rd_kafka_t) -> TransactionCalls {
        TransactionCalls(client)
    }

    pub(super) fn init_transactions(&self, timeout: Duration) -> Result<(), TransactionError> {
        // SAFETY: the client lives; the error is ours.
        unsafe { take(sys::rd_kafka_init_transactions(self.0, millis(timeout))) }
    }

    pub(super) fn begin_transaction(&self) -> Result<(), TransactionError> {
        // SAFETY: the client lives; the error is ours.
        unsafe { take(sys::rd_kafka_begin_transaction(self.0)) }
    }

    pub(super) fn flush(&self, timeout: Duration) -> bool {
        // SAFETY: the client lives.
        let code = unsafe { sys::rd_kafka_flush(self.0, millis(timeout)) };
        code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
    }

    pub(super) fn send_offsets(
        &self,
        offsets: &[(TopicPartition, Committed)],
        group: &GroupMetadata,
        timeout: Duration,
    ) -> Result<(), TransactionError> {
        let list = offset_list(offsets).map_err(TransactionError::Abort)?;
        let Some(group) = group.get::<NativeMetadata>() else {
            let foreign = KafkaError::new(ErrorKind::Other, "the group's member belongs to another kind of client");
            return Err(TransactionError::Fatal(foreign));
        };
        // SAFETY: client, list and metadata live for the call, which copies them; the error is ours.
        unsafe {
            let (group, timeout) = (group.0.as_ptr(), millis(timeout));
            take(sys::rd_kafka_send_offsets_to_transaction(self.0, list.ptr(), group, timeout))
        }
    }

    pub(super) fn commit_transaction(&self, timeout: Duration) -> Result<(), TransactionError> {
        // SAFETY: the client lives; the error is ours. Reports are served by the producer's own thread.
        unsafe { take(sys::rd_kafka_commit_transaction(self.0, millis(timeout))) }
    }

    pub(super) fn abort_transaction(&self, timeout: Duration) -> Result<(), TransactionError> {
        // SAFETY: as for the commit.
        unsafe { take(sys::rd_kafka_abort_transaction(self.0, millis(timeout))) }
    }
}

pub(super) fn millis(timeout: Duration) -> c_int {
    c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX)
}
