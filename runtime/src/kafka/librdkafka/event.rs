//! What comes out of the consumer's queues: librdkafka's events and messages, as [`ConsumerEvent`] and [`Fetched`].

use std::ffi::{CStr, c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rdkafka::bindings as sys;
use rdkafka::types::RDKafkaRespErr;

use super::error_of;
use super::log::Logging;
use super::records::Message;
use crate::batch::{EachHeader, Offset, Partition};
use crate::kafka::{ConsumerEvent, ErrorKind, Fetched, FetchedRecord, KafkaError, RecordOrigin, TopicPartition};

/// An event of librdkafka, given back when dropped.
pub(super) struct Event(NonNull<sys::rd_kafka_event_t>);

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_queue_poll`, destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}

impl Event {
    /// The next event of a queue, if there is one.
    ///
    /// # Safety
    /// The queue lives.
    pub(super) unsafe fn next(queue: NonNull<sys::rd_kafka_queue_t>) -> Option<Event> {
        // SAFETY: the queue lives; the event is ours from here on.
        NonNull::new(unsafe { sys::rd_kafka_queue_poll(queue.as_ptr(), 0) }).map(Event)
    }

    pub(super) fn kind(&self) -> c_int {
        // SAFETY: the event lives.
        unsafe { sys::rd_kafka_event_type(self.0.as_ptr()) }
    }

    pub(super) fn code(&self) -> RDKafkaRespErr {
        // SAFETY: the event lives.
        unsafe { sys::rd_kafka_event_error(self.0.as_ptr()) }
    }

    pub(super) fn error(&self) -> KafkaError {
        // SAFETY: the string lives as long as the event.
        let text = unsafe { text(sys::rd_kafka_event_error_string(self.0.as_ptr())) };
        error_of(self.code(), &text)
    }

    /// The request's own error concerns every partition; without one each has its own.
    pub(super) fn committed(&self) -> Vec<(TopicPartition, Offset, Result<(), KafkaError>)> {
        use RDKafkaRespErr::{RD_KAFKA_RESP_ERR__NO_OFFSET, RD_KAFKA_RESP_ERR_NO_ERROR};
        let request = self.code();
        let result = |own| match if request == RD_KAFKA_RESP_ERR_NO_ERROR { own } else { request } {
            RD_KAFKA_RESP_ERR_NO_ERROR | RD_KAFKA_RESP_ERR__NO_OFFSET => Ok(()),
            code => Err(error_of(code, "")),
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

    pub(super) fn failure(&self) -> ConsumerEvent {
        // SAFETY: the event lives.
        let is_fatal = unsafe { sys::rd_kafka_event_error_is_fatal(self.0.as_ptr()) } != 0;
        if is_fatal { ConsumerEvent::Fatal(self.error()) } else { ConsumerEvent::Failed(self.error()) }
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

/// A message as librdkafka holds it; it goes back when dropped.
pub(super) struct OwnedMessage(Message);

impl Drop for OwnedMessage {
    fn drop(&mut self) {
        // SAFETY: it is ours, destroyed once.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

impl OwnedMessage {
    /// Takes a message over.
    ///
    /// # Safety
    /// The message is the caller's, and nobody else's.
    pub(super) unsafe fn new(message: Message) -> OwnedMessage {
        OwnedMessage(message)
    }

    /// What the message says, which may be that there is no record.
    pub(super) fn read(&self) -> Fetched<'_> {
        let raw = self.raw();
        // SAFETY: pointer and length belong together and live as long as the message.
        let value = unsafe { bytes(raw.payload, raw.len) };
        if raw.err != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return self.failure(value);
        }
        Fetched::Record(FetchedRecord {
            topic_handle: raw.rkt as usize,
            origin: self,
            partition: Partition(raw.partition),
            offset: Offset(raw.offset),
            timestamp: self.timestamp(),
            // SAFETY: as for the value.
            key: unsafe { bytes(raw.key, raw.key_len) },
            value,
        })
    }

    fn failure(&self, value: Option<&[u8]>) -> Fetched<'static> {
        let raw = self.raw();
        // An error's text is in the place of the value.
        let error = error_of(raw.err, &value.map(String::from_utf8_lossy).unwrap_or_default());
        if raw.rkt.is_null() {
            return Fetched::Failed(error);
        }
        let at = TopicPartition { topic: self.topic(), partition: Partition(raw.partition) };
        match raw.err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__PARTITION_EOF => Fetched::End(at, Offset(raw.offset)),
            _ if error.kind == ErrorKind::OffsetOutOfRange => Fetched::OffsetOutOfRange(at, error.text),
            _ => Fetched::Failed(error),
        }
    }

    fn raw(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the message is ours, and lives.
        unsafe { self.0.as_ref() }
    }

    fn timestamp(&self) -> Option<i64> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message lives.
        let at = unsafe { sys::rd_kafka_message_timestamp(self.0.as_ptr(), &mut kind) };
        (kind != sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && at != -1).then_some(at)
    }
}

impl RecordOrigin for OwnedMessage {
    fn topic(&self) -> Arc<str> {
        // SAFETY: the handle lives as long as the message; the name as long as the handle.
        unsafe { text(sys::rd_kafka_topic_name(self.raw().rkt)) }.into()
    }

    /// A name may be any bytes, among them zero.
    fn headers(&self, each: &mut EachHeader<'_>) -> Result<(), KafkaError> {
        let mut headers = ptr::null_mut();
        // SAFETY: the message lives; `headers` belongs to it.
        match unsafe { sys::rd_kafka_message_headers(self.0.as_ptr(), &mut headers) } {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => {}
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__NOENT => return Ok(()),
            code => return Err(error_of(code, "its headers are malformed")),
        }
        for index in 0.. {
            let (mut name, mut value, mut len) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the list lives as long as the message; name and value belong to it.
            unsafe {
                let code = sys::rd_kafka_header_get_all(headers, index, &mut name, &mut value, &mut len);
                if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                    break;
                }
                each(header_name(name), bytes(value, len));
            }
        }
        Ok(())
    }
}

/// The name of a header. librdkafka tells where it begins, and leaves it to the caller to find a zero byte behind it,
/// which may be in the middle of the name, too. It keeps the length and then the value's address in front of the name
/// (`rd_kafka_header_t` in `rdkafka_header.h`); the version that is built in does, and a test says so.
///
/// # Safety
/// `name` was told by `rd_kafka_header_get_all`, of a list that outlives `'a`.
unsafe fn header_name<'a>(name: *const std::ffi::c_char) -> &'a [u8] {
    // SAFETY: name and length are parts of one structure of a list that outlives `'a`; both are aligned as in C.
    unsafe {
        let len = name.cast::<usize>().sub(2).read_unaligned();
        std::slice::from_raw_parts(name.cast(), len)
    }
}

/// The elements of a list.
///
/// # Safety
/// `list` is null or lives for `'a`.
pub(super) unsafe fn list_elements<'a>(
    list: *const sys::rd_kafka_topic_partition_list_t,
) -> impl Iterator<Item = &'a sys::rd_kafka_topic_partition_t> {
    // SAFETY: the list lives for `'a` or is null; librdkafka keeps `cnt` elements from `elems` on.
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
    // SAFETY: where `start` is not null, `len` bytes behind it outlive `'a`.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), len) })
}

/// # Safety
/// `start` is null or points to a C string.
pub(super) unsafe fn text(start: *const std::ffi::c_char) -> String {
    if start.is_null() {
        return String::new();
    }
    // SAFETY: it is not null, so it points to a C string.
    unsafe { CStr::from_ptr(start).to_string_lossy().into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_names_are_read_whole_whatever_is_in_them() {
        let long = vec![b'n'; 5_000];
        let names: [&[u8]; 6] = [b"trace", b"a\0b", b"\0", b"", b"\xff\0\0", &long];
        // SAFETY: the list is made, read and destroyed here; names and values live for the calls, which copy them.
        unsafe {
            let list = sys::rd_kafka_headers_new(1);
            for name in names {
                for value in [Some(&b"value"[..]), Some(b""), None] {
                    let start = value.map_or(ptr::null(), <[u8]>::as_ptr);
                    let (name_len, len) = (name.len() as isize, value.map_or(0, <[u8]>::len) as isize);
                    sys::rd_kafka_header_add(list, name.as_ptr().cast(), name_len, start.cast(), len);
                }
            }
            let mut read = Vec::new();
            for index in 0..names.len() * 3 {
                let (mut name, mut value, mut len) = (ptr::null(), ptr::null(), 0);
                sys::rd_kafka_header_get_all(list, index, &mut name, &mut value, &mut len);
                read.push((header_name(name).to_vec(), bytes(value, len).map(<[u8]>::to_vec)));
            }
            let values = || [Some(b"value".to_vec()), Some(Vec::new()), None];
            let written: Vec<_> = names.iter().flat_map(|name| values().map(|value| (name.to_vec(), value))).collect();
            assert_eq!(read, written);
            sys::rd_kafka_headers_destroy(list);
        }
    }
}
