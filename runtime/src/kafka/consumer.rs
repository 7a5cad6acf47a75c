//! The consumer: one queue polled by one thread, with what comes out of it as [`Polled`].
//!
//! librdkafka's events are read from its consumer queue directly, because rdkafka's own `poll` leaves out what the
//! rules of correctness need: the topic and offset of a partition's end, header names that are not UTF-8, and a
//! revoke that is acknowledged later than its event.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_int, c_void};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use rdkafka::{ClientConfig, Offset as KafkaOffset, TopicPartitionList};

use super::log::{self, Logging};
use super::{KafkaError, TopicPartition};
use crate::batch::{Offset, Partition};

impl ConsumerContext for Logging {}

/// What one poll brings.
pub enum Polled<'a> {
    /// Nothing, within the time given; or something that was only logged.
    Nothing,
    /// A record.
    Record(Fetched<'a>),
    /// There is nothing behind this offset for now: the next record will have it, or a later one.
    End(TopicPartition, Offset),
    /// These partitions are ours once [`Consumer::assign`] is called.
    Assigned(Vec<TopicPartition>),
    /// These partitions are to be given up with [`Consumer::unassign`]; `lost`: others may have them already.
    Revoked {
        /// The partitions.
        partitions: Vec<TopicPartition>,
        /// Whether the membership is gone, so that nothing can be committed any more.
        lost: bool,
    },
    /// A commit has ended: how, for each partition.
    Committed(Vec<(TopicPartition, Offset, Result<(), KafkaError>)>),
    /// The broker no longer has, or never had, the offset to read from.
    OffsetGone(TopicPartition, String),
    /// An error of one partition or of the client; it goes on by itself.
    Failed(KafkaError),
    /// The client cannot go on.
    Fatal(KafkaError),
}

/// Where to begin with a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// At this offset.
    Offset(Offset),
    /// At the oldest record that there is.
    Beginning,
}

/// What a group has committed of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The offset.
    pub offset: Offset,
    /// What we noted beside it, or nothing.
    pub note: String,
}

/// The consumer of one pipeline.
pub struct Consumer {
    // Not dropped by itself: its drop waits without a deadline. See `close`.
    base: ManuallyDrop<BaseConsumer<Logging>>,
    queue: NonNull<sys::rd_kafka_queue_t>,
    pipeline: Arc<str>,
}

// SAFETY: librdkafka's handles may be used from any thread; the pointer is a counted reference to one.
unsafe impl Send for Consumer {}

impl Consumer {
    /// Makes a consumer; contacts no broker yet.
    ///
    /// # Errors
    /// Properties that librdkafka refuses.
    pub fn new(pipeline: &Arc<str>, properties: &BTreeMap<String, String>) -> Result<Consumer, KafkaError> {
        let config: ClientConfig = properties.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        let base: BaseConsumer<Logging> = config.create_with_context(Logging { pipeline: pipeline.clone() })?;
        // SAFETY: the client lives; the queue is a new reference that `drop` gives back.
        let queue = unsafe { sys::rd_kafka_queue_get_consumer(base.client().native_ptr()) };
        let queue = NonNull::new(queue)
            .ok_or_else(|| KafkaError::new(RDKafkaRespErr::RD_KAFKA_RESP_ERR__UNKNOWN_GROUP, "no group.id"))?;
        Ok(Consumer { base: ManuallyDrop::new(base), queue, pipeline: pipeline.clone() })
    }

    /// Joins the group for these topics; a name that begins with `^` is a regular expression.
    ///
    /// # Errors
    /// Names that librdkafka refuses.
    pub fn subscribe(&self, topics: &[String]) -> Result<(), KafkaError> {
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        Ok(self.base.subscribe(&names)?)
    }

    /// Waits up to `timeout` for one event. Must be called often, or the group takes the partitions away.
    pub fn poll(&self, timeout: Duration) -> Polled<'_> {
        let millis = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the queue is ours; the event is owned by `Event` from here on.
        let event = unsafe { sys::rd_kafka_queue_poll(self.queue.as_ptr(), millis) };
        let Some(event) = NonNull::new(event).map(Event) else { return Polled::Nothing };
        match event.kind() {
            sys::RD_KAFKA_EVENT_FETCH => Fetched::take_from(event),
            sys::RD_KAFKA_EVENT_REBALANCE => self.rebalance(&event),
            sys::RD_KAFKA_EVENT_OFFSET_COMMIT => Polled::Committed(event.committed()),
            sys::RD_KAFKA_EVENT_ERROR => event.failure(),
            sys::RD_KAFKA_EVENT_LOG => {
                event.log(&self.pipeline);
                Polled::Nothing
            }
            _ => Polled::Nothing,
        }
    }

    fn rebalance(&self, event: &Event) -> Polled<'_> {
        let partitions = event.elements().into_iter().map(|(partition, ..)| partition).collect();
        match event.code() {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Polled::Assigned(partitions),
            _ => Polled::Revoked { partitions, lost: self.base.assignment_lost() },
        }
    }

    /// Whether partitions can be taken and given up one by one. Under an eager protocol [`Consumer::assign`] names all.
    pub fn incremental(&self) -> bool {
        matches!(self.base.rebalance_protocol(), RebalanceProtocol::Cooperative)
    }

    /// Takes partitions, and begins to fetch.
    ///
    /// # Errors
    /// What librdkafka refuses, e.g. after the membership was lost.
    pub fn assign(&self, partitions: &[(TopicPartition, From)]) -> Result<(), KafkaError> {
        let list = start_list(partitions)?;
        if self.incremental() {
            return Ok(self.base.incremental_assign(&list)?);
        }
        Ok(self.base.assign(&list)?)
    }

    /// Gives partitions up; under an eager protocol all of them.
    ///
    /// # Errors
    /// What librdkafka refuses.
    pub fn unassign(&self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        if self.incremental() {
            return Ok(self.base.incremental_unassign(&partition_list(partitions))?);
        }
        Ok(self.base.unassign()?)
    }

    /// Stops fetching; what is fetched already is thrown away and fetched again on [`Consumer::resume`].
    ///
    /// # Errors
    /// What librdkafka refuses.
    pub fn pause(&self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        Ok(self.base.pause(&partition_list(partitions))?)
    }

    /// Fetches again.
    ///
    /// # Errors
    /// What librdkafka refuses.
    pub fn resume(&self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        Ok(self.base.resume(&partition_list(partitions))?)
    }

    /// Makes sure that partitions are fetched, each from where it is read next, and answers those of which fetching has
    /// stopped. A pause may throw away the one event that tells of an offset that is gone.
    ///
    /// # Errors
    /// What librdkafka refuses, or no answer within `timeout`.
    pub fn stopped(
        &self,
        next: &[(TopicPartition, From)],
        timeout: Duration,
    ) -> Result<Vec<TopicPartition>, KafkaError> {
        let list = self.base.seek_partitions(start_list(next)?, timeout)?;
        let stopped = |element: &TopicPartitionListElem<'_>| {
            let code = element.error().err().and_then(|error| error.rdkafka_error_code());
            code == Some(RDKafkaErrorCode::State)
        };
        let elements = list.elements();
        Ok(elements.iter().filter(|e| stopped(e)).map(|e| topic_partition(e.topic(), e.partition())).collect())
    }

    /// Asks for a commit, with a note for each partition; the answer comes as [`Polled::Committed`].
    ///
    /// # Errors
    /// What librdkafka refuses at once.
    pub fn commit(&self, offsets: &[(TopicPartition, Committed)]) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (at, committed) in offsets {
            let mut element = list.add_partition(&at.topic, at.partition.0);
            element.set_offset(KafkaOffset::Offset(committed.offset.0))?;
            element.set_metadata(&committed.note);
        }
        let client = self.base.client().native_ptr();
        // rdkafka's own `commit` would tell nobody: librdkafka answers a commit without a queue only to a callback.
        // SAFETY: client, list and queue are good for the call, which copies the list; no callback.
        let code =
            unsafe { sys::rd_kafka_commit_queue(client, list.ptr(), self.queue.as_ptr(), None, ptr::null_mut()) };
        if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Ok(());
        }
        Err(KafkaError::new(code, ""))
    }

    /// What the group has committed; none where it has nothing.
    ///
    /// # Errors
    /// The broker's, or no answer within `timeout`.
    pub fn committed(
        &self,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<(TopicPartition, Option<Committed>)>, KafkaError> {
        let list = self.base.committed_offsets(partition_list(partitions), timeout)?;
        list.elements()
            .iter()
            .map(|element| {
                element.error()?;
                let committed = match element.offset() {
                    KafkaOffset::Offset(offset) => {
                        Some(Committed { offset: Offset(offset), note: element.metadata().to_owned() })
                    }
                    _ => None,
                };
                Ok((topic_partition(element.topic(), element.partition()), committed))
            })
            .collect()
    }

    /// How many partitions a topic has.
    ///
    /// # Errors
    /// The broker's, or no answer within `timeout`.
    pub fn partition_count(&self, topic: &str, timeout: Duration) -> Result<i32, KafkaError> {
        let metadata = self.base.fetch_metadata(Some(topic), timeout)?;
        Ok(metadata.topics().first().map_or(0, |topic| topic.partitions().len() as i32))
    }

    /// The first offset that the broker has and the one that comes next, asked of the broker.
    ///
    /// # Errors
    /// The broker's, or no answer within `timeout`.
    pub fn watermarks(&self, of: &TopicPartition, timeout: Duration) -> Result<(Offset, Offset), KafkaError> {
        let (low, high) = self.base.fetch_watermarks(&of.topic, of.partition.0, timeout)?;
        Ok((Offset(low), Offset(high)))
    }

    /// The partition's end as the last fetch saw it; none before the first.
    pub fn known_end(&self, of: &TopicPartition) -> Option<Offset> {
        let topic = CString::new(&*of.topic).ok()?;
        let (mut low, mut high) = (-1, -1);
        // SAFETY: all pointers are good for the call, which reads local state alone.
        let code = unsafe {
            let client = self.base.client().native_ptr();
            sys::rd_kafka_get_watermark_offsets(client, topic.as_ptr(), of.partition.0, &mut low, &mut high)
        };
        (code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(Offset(high))
    }

    /// Leaves the group and ends the client, waiting up to `timeout` for the broker's answer. What does not end in
    /// time is left to the end of the process: librdkafka's own clean-up would wait without a bound.
    pub fn close(self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        if self.base.close_queue().is_err() {
            return false;
        }
        // A revoke that was not answered yet would keep it from closing. Refused where nothing is assigned.
        let _ = self.base.unassign();
        while !self.base.closed() {
            if Instant::now() > deadline {
                return false;
            }
            if let Polled::Revoked { partitions, .. } = self.poll(Duration::from_millis(20)) {
                // Nothing can be done about a refusal here; `closed` and the deadline decide.
                let _ = self.unassign(&partitions);
            }
        }
        let Consumer { base, queue, .. } = self;
        // SAFETY: the queue's reference is given back once; the client outlives it by a line.
        unsafe { sys::rd_kafka_queue_destroy(queue.as_ptr()) };
        drop(ManuallyDrop::into_inner(base));
        true
    }
}

/// An event of librdkafka, given back when dropped.
struct Event(NonNull<sys::rd_kafka_event_t>);

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_queue_poll`, destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}

impl Event {
    fn kind(&self) -> c_int {
        // SAFETY: the event lives.
        unsafe { sys::rd_kafka_event_type(self.0.as_ptr()) }
    }

    fn code(&self) -> RDKafkaRespErr {
        // SAFETY: the event lives.
        unsafe { sys::rd_kafka_event_error(self.0.as_ptr()) }
    }

    fn error(&self) -> KafkaError {
        // SAFETY: the string lives as long as the event.
        let text = unsafe { text(sys::rd_kafka_event_error_string(self.0.as_ptr())) };
        KafkaError::new(self.code(), &text)
    }

    /// The request's own error concerns every partition; without one each has its own.
    fn committed(&self) -> Vec<(TopicPartition, Offset, Result<(), KafkaError>)> {
        use RDKafkaRespErr::{RD_KAFKA_RESP_ERR__NO_OFFSET, RD_KAFKA_RESP_ERR_NO_ERROR};
        let request = self.code();
        let result = |own| match if request == RD_KAFKA_RESP_ERR_NO_ERROR { own } else { request } {
            RD_KAFKA_RESP_ERR_NO_ERROR | RD_KAFKA_RESP_ERR__NO_OFFSET => Ok(()),
            code => Err(KafkaError::new(code, "")),
        };
        self.elements().into_iter().map(|(at, offset, own)| (at, offset, result(own))).collect()
    }

    fn elements(&self) -> Vec<(TopicPartition, Offset, RDKafkaRespErr)> {
        // SAFETY: the list belongs to the event and lives as long.
        unsafe {
            let list = sys::rd_kafka_event_topic_partition_list(self.0.as_ptr());
            let Some(list) = list.as_ref() else { return Vec::new() };
            (0..list.cnt as usize)
                .map(|i| {
                    let element = &*list.elems.add(i);
                    (topic_partition(&text(element.topic), element.partition), Offset(element.offset), element.err)
                })
                .collect()
        }
    }

    fn failure(&self) -> Polled<'static> {
        let error = self.error();
        // SAFETY: the partition is a copy that is ours to destroy.
        let at = unsafe {
            let at = sys::rd_kafka_event_topic_partition(self.0.as_ptr());
            at.as_ref().map(|raw| {
                let found = (topic_partition(&text(raw.topic), raw.partition), Offset(raw.offset));
                sys::rd_kafka_topic_partition_destroy(at);
                found
            })
        };
        match (error.code, at) {
            (RDKafkaErrorCode::PartitionEOF, Some((partition, offset))) => Polled::End(partition, offset),
            (RDKafkaErrorCode::AutoOffsetReset, Some((partition, _))) => Polled::OffsetGone(partition, error.text),
            // SAFETY: the event lives.
            _ if unsafe { sys::rd_kafka_event_error_is_fatal(self.0.as_ptr()) } != 0 => Polled::Fatal(error),
            _ => Polled::Failed(error),
        }
    }

    fn log(&self, pipeline: &str) {
        let (mut fac, mut line, mut level) = (ptr::null(), ptr::null(), 0);
        // SAFETY: the strings live as long as the event.
        unsafe {
            if sys::rd_kafka_event_log(self.0.as_ptr(), &mut fac, &mut line, &mut level) == 0 {
                log::write(pipeline, level, &text(fac), &text(line));
            }
        }
    }
}

/// A record as librdkafka holds it; it goes back when dropped.
pub struct Fetched<'a> {
    message: NonNull<sys::rd_kafka_message_t>,
    // The message belongs to the event.
    _event: Event,
    _consumer: PhantomData<&'a Consumer>,
}

impl Fetched<'_> {
    fn take_from(event: Event) -> Polled<'static> {
        // SAFETY: a fetch event holds one message, which it owns.
        let message = unsafe { sys::rd_kafka_event_message_next(event.0.as_ptr()) };
        let Some(message) = NonNull::new(message.cast_mut()) else { return Polled::Nothing };
        let fetched = Fetched { message, _event: event, _consumer: PhantomData };
        let raw = fetched.raw();
        if raw.err == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Polled::Record(fetched);
        }
        Polled::Failed(KafkaError::new(raw.err, ""))
    }

    fn raw(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the message lives as long as the event.
        unsafe { self.message.as_ref() }
    }

    /// The address of the topic's handle: the same for all records of a partition while it is assigned, and so a
    /// cheap way to see that a record comes from where the last one did.
    pub fn topic_handle(&self) -> usize {
        self.raw().rkt as usize
    }

    /// The topic.
    pub fn topic(&self) -> String {
        // SAFETY: the handle lives as long as the message; the name as long as the handle.
        unsafe { text(sys::rd_kafka_topic_name(self.raw().rkt)) }
    }

    /// The partition.
    pub fn partition(&self) -> Partition {
        Partition(self.raw().partition)
    }

    /// The offset.
    pub fn offset(&self) -> Offset {
        Offset(self.raw().offset)
    }

    /// The key; none is null.
    pub fn key(&self) -> Option<&[u8]> {
        // SAFETY: pointer and length belong together and live as long as the message.
        unsafe { bytes(self.raw().key, self.raw().key_len) }
    }

    /// The value; none is null.
    pub fn value(&self) -> Option<&[u8]> {
        // SAFETY: as for the key.
        unsafe { bytes(self.raw().payload, self.raw().len) }
    }

    /// Milliseconds since the epoch; none where the record has none.
    pub fn timestamp(&self) -> Option<i64> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message lives.
        let at = unsafe { sys::rd_kafka_message_timestamp(self.message.as_ptr(), &mut kind) };
        (kind != sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && at != -1).then_some(at)
    }

    /// Names and values in order. A name may be any bytes; one with a zero byte in it ends there, because that is
    /// all that librdkafka tells of it.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let mut headers = ptr::null_mut();
        // SAFETY: the message lives; `headers` belongs to it. No headers leaves it null.
        unsafe { sys::rd_kafka_message_headers(self.message.as_ptr(), &mut headers) };
        let mut index = 0;
        std::iter::from_fn(move || {
            if headers.is_null() {
                return None;
            }
            let (mut name, mut value, mut len) = (ptr::null(), ptr::null(), 0);
            // SAFETY: name and value belong to the message and live as long.
            unsafe {
                let code = sys::rd_kafka_header_get_all(headers, index, &mut name, &mut value, &mut len);
                if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                    return None;
                }
                index += 1;
                Some((CStr::from_ptr(name).to_bytes(), bytes(value, len)))
            }
        })
    }
}

/// # Safety
/// `start` is null or points to `len` bytes that outlive `'a`.
unsafe fn bytes<'a>(start: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller promises.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), len) })
}

/// # Safety
/// `start` is null or points to a C string.
unsafe fn text(start: *const std::ffi::c_char) -> String {
    if start.is_null() {
        return String::new();
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(start).to_string_lossy().into_owned() }
}

fn topic_partition(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition { topic: topic.into(), partition: Partition(partition) }
}

fn partition_list(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition.0);
    }
    list
}

fn start_list(partitions: &[(TopicPartition, From)]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (at, from) in partitions {
        let from = match from {
            From::Offset(offset) => KafkaOffset::Offset(offset.0),
            From::Beginning => KafkaOffset::Beginning,
        };
        list.add_partition_offset(&at.topic, at.partition.0, from)?;
    }
    Ok(list)
}
