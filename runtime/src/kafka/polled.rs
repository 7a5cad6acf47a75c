//! What comes out of the consumer's queue: librdkafka's events, as [`Polled`] and [`Fetched`].

use std::ffi::{CStr, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use rdkafka::bindings as sys;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use super::consumer::Consumer;
use super::log::Logging;
use super::records::Message;
use super::{KafkaError, TopicPartition};
use crate::batch::{Offset, Partition};

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

/// An event of librdkafka, given back when dropped.
pub(super) struct Event(NonNull<sys::rd_kafka_event_t>);

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_queue_poll`, destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}

impl Event {
    /// The next event of a queue, or none within `millis`.
    ///
    /// # Safety
    /// The queue lives.
    pub(super) unsafe fn next(queue: NonNull<sys::rd_kafka_queue_t>, millis: c_int) -> Option<Event> {
        // SAFETY: as the caller promises; the event is ours from here on.
        NonNull::new(unsafe { sys::rd_kafka_queue_poll(queue.as_ptr(), millis) }).map(Event)
    }

    pub(super) fn kind(&self) -> c_int {
        // SAFETY: the event lives.
        unsafe { sys::rd_kafka_event_type(self.0.as_ptr()) }
    }

    pub(super) fn code(&self) -> RDKafkaRespErr {
        // SAFETY: the event lives.
        unsafe { sys::rd_kafka_event_error(self.0.as_ptr()) }
    }

    fn error(&self) -> KafkaError {
        // SAFETY: the string lives as long as the event.
        let text = unsafe { text(sys::rd_kafka_event_error_string(self.0.as_ptr())) };
        KafkaError::new(self.code(), &text)
    }

    /// The request's own error concerns every partition; without one each has its own.
    pub(super) fn committed(&self) -> Vec<(TopicPartition, Offset, Result<(), KafkaError>)> {
        use RDKafkaRespErr::{RD_KAFKA_RESP_ERR__NO_OFFSET, RD_KAFKA_RESP_ERR_NO_ERROR};
        let request = self.code();
        let result = |own| match if request == RD_KAFKA_RESP_ERR_NO_ERROR { own } else { request } {
            RD_KAFKA_RESP_ERR_NO_ERROR | RD_KAFKA_RESP_ERR__NO_OFFSET => Ok(()),
            code => Err(KafkaError::new(code, "")),
        };
        self.elements().into_iter().map(|(at, offset, own)| (at, offset, result(own))).collect()
    }

    pub(super) fn elements(&self) -> Vec<(TopicPartition, Offset, RDKafkaRespErr)> {
        // SAFETY: the list belongs to the event, and the names in it to the list.
        unsafe {
            list_elements(sys::rd_kafka_event_topic_partition_list(self.0.as_ptr()))
                .map(|element| {
                    (TopicPartition::new(&text(element.topic), element.partition), Offset(element.offset), element.err)
                })
                .collect()
        }
    }

    pub(super) fn failure(&self) -> Polled<'static> {
        // SAFETY: the event lives.
        let is_fatal = unsafe { sys::rd_kafka_event_error_is_fatal(self.0.as_ptr()) } != 0;
        if is_fatal { Polled::Fatal(self.error()) } else { Polled::Failed(self.error()) }
    }

    pub(super) fn log(&self, logging: &Logging) {
        let (mut fac, mut line, mut level) = (ptr::null(), ptr::null(), 0);
        // SAFETY: the strings live as long as the event.
        unsafe {
            if sys::rd_kafka_event_log(self.0.as_ptr(), &mut fac, &mut line, &mut level) == 0 {
                logging.write(level, &text(fac), &text(line));
            }
        }
    }
}

/// A record as librdkafka holds it; it goes back when dropped.
pub struct Fetched<'a> {
    message: Message,
    _consumer: PhantomData<&'a Consumer>,
}

impl Drop for Fetched<'_> {
    fn drop(&mut self) {
        // SAFETY: it is ours, destroyed once.
        unsafe { sys::rd_kafka_message_destroy(self.message.as_ptr()) }
    }
}

impl Fetched<'_> {
    /// What a message says, which may be that there is no record.
    ///
    /// # Safety
    /// The message is the caller's, and for nobody else.
    pub(super) unsafe fn read<'a>(message: Message) -> Polled<'a> {
        let fetched = Fetched { message, _consumer: PhantomData };
        let raw = fetched.raw();
        if raw.err == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Polled::Record(fetched);
        }
        // An error's text is in the place of the value.
        let text = fetched.value().map(String::from_utf8_lossy).unwrap_or_default();
        let error = KafkaError::new(raw.err, &text);
        if raw.rkt.is_null() {
            return Polled::Failed(error);
        }
        let at = TopicPartition::new(&fetched.topic(), raw.partition);
        match error.code {
            RDKafkaErrorCode::PartitionEOF => Polled::End(at, fetched.offset()),
            RDKafkaErrorCode::AutoOffsetReset => Polled::OffsetGone(at, error.text),
            _ => Polled::Failed(error),
        }
    }

    fn raw(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the message is ours, and lives.
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

/// The elements of a list.
///
/// # Safety
/// `list` is null or lives for `'a`.
pub(super) unsafe fn list_elements<'a>(
    list: *const sys::rd_kafka_topic_partition_list_t,
) -> impl Iterator<Item = &'a sys::rd_kafka_topic_partition_t> {
    // SAFETY: as the caller promises; librdkafka keeps `cnt` elements from `elems` on.
    let elements = unsafe {
        list.as_ref().map_or(&[][..], |list| match list.elems.is_null() {
            true => &[],
            false => std::slice::from_raw_parts(list.elems, list.cnt as usize),
        })
    };
    elements.iter()
}

/// # Safety
/// `start` is null or points to `len` bytes that outlive `'a`.
pub(super) unsafe fn bytes<'a>(start: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller promises.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), len) })
}

/// # Safety
/// `start` is null or points to a C string.
pub(super) unsafe fn text(start: *const std::ffi::c_char) -> String {
    if start.is_null() {
        return String::new();
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(start).to_string_lossy().into_owned() }
}
