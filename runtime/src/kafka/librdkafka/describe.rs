//! Descriptions of topics and groups, by librdkafka's own calls: rdkafka has none for them.

use std::ffi::{CString, c_char, c_int};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::bindings::rd_kafka_AclOperation_t as Operation;
use rdkafka::bindings::rd_kafka_admin_op_t as AdminOp;
use rdkafka::types::RDKafkaRespErr;

use super::error_of;
use super::event::text;
use super::transactions::millis;
use crate::kafka::{Described, KafkaError, Rights, TopicDescription};

/// What brokers give as the id of a topic where they know none.
const NO_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// Asks what topics these are, and what the client may do with each.
///
/// # Errors
/// The request as a whole failed, or there is no answer within `timeout`.
///
/// # Safety
/// The client lives for the call.
pub(super) unsafe fn describe_topics(
    client: *mut sys::rd_kafka_t,
    topics: &[Arc<str>],
    timeout: Duration,
) -> Result<Described, KafkaError> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<CString> = topics.iter().filter_map(|name| CString::new(&**name).ok()).collect();
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: the client lives; names are good for the calls, which copy them; all that is made here is destroyed here,
    // and what the answer holds is copied before that.
    unsafe {
        let request = Request::new(client, AdminOp::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, timeout)?;
        let collection = sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        sys::rd_kafka_DescribeTopics(client, collection, request.options.as_ptr(), request.queue.as_ptr());
        sys::rd_kafka_TopicCollection_destroy(collection);
        let answer = request.answer(timeout)?;
        let mut count = 0;
        let result = sys::rd_kafka_event_DescribeTopics_result(answer.0.as_ptr());
        let described = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        let cluster = cluster_id(client, timeout);
        Ok((0..count).map(|index| described_topic(*described.add(index), cluster.as_deref())).collect())
    }
}

/// The cluster's id, where brokers say one.
///
/// # Safety
/// The client lives for the call.
unsafe fn cluster_id(client: *mut sys::rd_kafka_t, timeout: Duration) -> Option<String> {
    // SAFETY: the client lives; the text is ours, and copied before it is given back.
    unsafe {
        let id = NonNull::new(sys::rd_kafka_clusterid(client, millis(timeout)))?;
        let cluster = text(id.as_ptr());
        sys::rd_kafka_mem_free(client, id.as_ptr().cast());
        Some(cluster)
    }
}

/// # Safety
/// `topic` belongs to an answer that lives.
unsafe fn described_topic(
    topic: *const sys::rd_kafka_TopicDescription_t,
    cluster: Option<&str>,
) -> (Arc<str>, Result<TopicDescription, KafkaError>) {
    // SAFETY: by the contract.
    unsafe {
        let name = text(sys::rd_kafka_TopicDescription_name(topic)).into();
        if let Some(error) = refusal(sys::rd_kafka_TopicDescription_error(topic)) {
            return (name, Err(error));
        }
        let id = sys::rd_kafka_TopicDescription_topic_id(topic);
        let id = (!id.is_null()).then(|| text(sys::rd_kafka_Uuid_base64str(id))).filter(|id| id != NO_ID);
        let id = cluster.zip(id).map(|(cluster, id)| format!("{cluster}:{id}"));
        let mut count = 0;
        sys::rd_kafka_TopicDescription_partitions(topic, &mut count);
        let partitions = i32::try_from(count).unwrap_or(i32::MAX);
        let operations = operations(sys::rd_kafka_TopicDescription_authorized_operations(topic, &mut count), count);
        let rights = operations.map(|operations| Rights {
            read: operations.contains(&(Operation::RD_KAFKA_ACL_OPERATION_READ as c_int)),
            write: operations.contains(&(Operation::RD_KAFKA_ACL_OPERATION_WRITE as c_int)),
        });
        (name, Ok(TopicDescription { id, partitions, rights }))
    }
}

/// Asks whether the client may be a member of a group; none where the brokers do not say.
///
/// # Errors
/// The brokers', among them that the group may not even be asked about; no answer within `timeout`.
///
/// # Safety
/// The client lives for the call.
pub(super) unsafe fn may_join(
    client: *mut sys::rd_kafka_t,
    group: &str,
    timeout: Duration,
) -> Result<Option<bool>, KafkaError> {
    let may_read = |group| {
        let mut count = 0;
        let read = Operation::RD_KAFKA_ACL_OPERATION_READ as c_int;
        // SAFETY: the group belongs to an answer that lives.
        let operations = unsafe {
            let list = sys::rd_kafka_ConsumerGroupDescription_authorized_operations(group, &mut count);
            operations(list, count)
        };
        operations.map(|operations| operations.contains(&read))
    };
    // SAFETY: by the contract.
    unsafe { describe_group(client, group, timeout, may_read) }.map(Option::flatten)
}

/// Asks how many members a group has; 0 where there is no such group.
///
/// # Errors
/// The brokers', among them that the group may not be asked about; no answer within `timeout`.
///
/// # Safety
/// The client lives for the call.
pub(super) unsafe fn members(
    client: *mut sys::rd_kafka_t,
    group: &str,
    timeout: Duration,
) -> Result<usize, KafkaError> {
    // SAFETY: the group belongs to an answer that lives.
    let count = |group| unsafe { sys::rd_kafka_ConsumerGroupDescription_member_count(group) };
    // SAFETY: by the contract.
    unsafe { describe_group(client, group, timeout, count) }.map(Option::unwrap_or_default)
}

/// Asks the brokers about a group, and reads their description of it; none where they say nothing.
///
/// # Safety
/// The client lives for the call.
unsafe fn describe_group<T>(
    client: *mut sys::rd_kafka_t,
    group: &str,
    timeout: Duration,
    read: impl FnOnce(*const sys::rd_kafka_ConsumerGroupDescription_t) -> T,
) -> Result<Option<T>, KafkaError> {
    let Ok(name) = CString::new(group) else { return Ok(None) };
    // SAFETY: as in `describe_topics`.
    unsafe {
        let request = Request::new(client, AdminOp::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout)?;
        let (mut pointer, mut count) = (name.as_ptr(), 0);
        let (options, queue) = (request.options.as_ptr(), request.queue.as_ptr());
        sys::rd_kafka_DescribeConsumerGroups(client, &mut pointer, 1, options, queue);
        let answer = request.answer(timeout)?;
        let result = sys::rd_kafka_event_DescribeConsumerGroups_result(answer.0.as_ptr());
        let groups = sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &mut count);
        if count != 1 {
            return Ok(None);
        }
        match refusal(sys::rd_kafka_ConsumerGroupDescription_error(*groups)) {
            Some(error) => Err(error),
            None => Ok(Some(read(*groups))),
        }
    }
}

/// # Safety
/// `error` is null or belongs to an answer that lives.
unsafe fn refusal(error: *const sys::rd_kafka_error_t) -> Option<KafkaError> {
    if error.is_null() {
        return None;
    }
    // SAFETY: it is not null, and lives.
    let code = unsafe { sys::rd_kafka_error_code(error) };
    (code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| error_of(code, ""))
}

/// The numbers of operations; a newer broker may know more than the bindings do.
///
/// # Safety
/// `list` is null or points to `count` operations.
unsafe fn operations(list: *const sys::rd_kafka_AclOperation_t, count: usize) -> Option<Vec<c_int>> {
    // SAFETY: by the contract; an enumeration of C is as large as its `int`.
    (!list.is_null()).then(|| unsafe { std::slice::from_raw_parts(list.cast::<c_int>(), count) }.to_vec())
}

/// An administrator's request: its options, and the queue for its answer.
struct Request {
    options: NonNull<sys::rd_kafka_AdminOptions_t>,
    queue: NonNull<sys::rd_kafka_queue_t>,
}

impl Request {
    /// # Safety
    /// The client lives for as long as this.
    unsafe fn new(client: *mut sys::rd_kafka_t, op: AdminOp, timeout: Duration) -> Result<Request, KafkaError> {
        let failed = || error_of(RDKafkaRespErr::RD_KAFKA_RESP_ERR__FAIL, "a request for a description");
        // SAFETY: the client lives; options and queue are ours. An error of an option would be one of its range.
        unsafe {
            let options = NonNull::new(sys::rd_kafka_AdminOptions_new(client, op)).ok_or_else(failed)?;
            let Some(queue) = NonNull::new(sys::rd_kafka_queue_new(client)) else {
                sys::rd_kafka_AdminOptions_destroy(options.as_ptr());
                return Err(failed());
            };
            let request = Request { options, queue };
            sys::rd_kafka_AdminOptions_set_request_timeout(options.as_ptr(), millis(timeout), ptr::null_mut(), 0);
            let error = sys::rd_kafka_AdminOptions_set_include_authorized_operations(options.as_ptr(), 1);
            if !error.is_null() {
                sys::rd_kafka_error_destroy(error);
                return Err(failed());
            }
            Ok(request)
        }
    }

    /// Waits for the answer.
    fn answer(&self, timeout: Duration) -> Result<Answer, KafkaError> {
        // SAFETY: the queue lives, and the event is ours.
        let event = unsafe { sys::rd_kafka_queue_poll(self.queue.as_ptr(), millis(timeout)) };
        let answer = Answer(NonNull::new(event).ok_or_else(|| KafkaError::timed_out("a description"))?);
        // SAFETY: the event lives.
        let code = unsafe { sys::rd_kafka_event_error(answer.0.as_ptr()) };
        if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(answer) } else { Err(error_of(code, "")) }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // SAFETY: both are ours, given back once. librdkafka drops an answer that comes later.
        unsafe {
            sys::rd_kafka_AdminOptions_destroy(self.options.as_ptr());
            sys::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

struct Answer(NonNull<sys::rd_kafka_event_t>);

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: it is ours, destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}
