//! The producer: enqueues records of any bytes, and reports each one's delivery from a thread of its own.
//!
//! librdkafka is called directly to enqueue: rdkafka's `send` takes header names that are UTF-8 alone, and looks the
//! topic up by its name for every record.

use std::any::Any;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::bindings::rd_kafka_vtype_t as vtype;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext, PurgeConfig};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::util::IntoOpaque;

use super::KafkaError;
use super::log::Logging;
use crate::batch::{Headers, NO_TIMESTAMP};

/// librdkafka's words for what was not tried because of something else.
const NOT_TRIED: &str = "Operation not attempted";

/// Told of each record's end, with what was handed over at [`Producer::send`]. Runs in the producer's own thread:
/// it must not wait.
pub type Report<T> = fn(Arc<T>, Result<(), KafkaError>);

/// A topic to write to. Good for the producer that made it.
pub struct OutputTopic {
    name: String,
    handle: NonNull<sys::rd_kafka_topic_t>,
    // The handle must not outlive its client.
    _client: Arc<dyn Any + Send + Sync>,
}

// SAFETY: librdkafka's handles may be used from any thread.
unsafe impl Send for OutputTopic {}
// SAFETY: as above.
unsafe impl Sync for OutputTopic {}

impl OutputTopic {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for OutputTopic {
    fn drop(&mut self) {
        // SAFETY: a counted reference, given back once.
        unsafe { sys::rd_kafka_topic_destroy(self.handle.as_ptr()) }
    }
}

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
    /// Milliseconds since the epoch; [`NO_TIMESTAMP`] and 0 become the time of sending.
    pub timestamp: i64,
}

/// What became of a call to [`Producer::send`].
pub enum Sent<T> {
    /// Enqueued; a report will come.
    Enqueued,
    /// The queue is full: wait with [`Producer::wait_for_room`], then try again. The receipt comes back.
    Full(Arc<T>),
    /// It will not be sent, and no report will come. The receipt comes back.
    Refused(Arc<T>, KafkaError),
}

struct Context<T> {
    logging: Logging,
    report: Report<T>,
    room: Room,
    refused: Mutex<Option<String>>,
}

/// Where those wait that found the queue full.
#[derive(Default)]
struct Room {
    waiting: AtomicBool,
    lock: Mutex<()>,
    freed: Condvar,
}

impl Room {
    fn notify(&self) {
        if self.waiting.swap(false, Ordering::AcqRel) {
            self.freed.notify_all();
        }
    }

    fn wait(&self, timeout: Duration) {
        let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.store(true, Ordering::Release);
        // A wake-up that comes between the two lines above is made up for by the time-out.
        drop(self.freed.wait_timeout(guard, timeout));
    }
}

impl<T: Send + Sync + 'static> ClientContext for Context<T> {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        // The only place where librdkafka names the partition that it may not write to in a transaction; the others of the
        // request were not tried.
        let is_refusal = fac == "ADDPARTS" && (level as i32) < RDKafkaLogLevel::Warning as i32;
        if is_refusal && !message.contains(NOT_TRIED) {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(message.to_owned());
        }
        self.logging.log(level, fac, message);
    }

    fn error(&self, error: rdkafka::error::KafkaError, reason: &str) {
        self.logging.error(error, reason);
    }
}

impl<T: Send + Sync + 'static> ProducerContext for Context<T> {
    type DeliveryOpaque = Arc<T>;

    fn delivery(&self, result: &DeliveryResult<'_>, receipt: Arc<T>) {
        let result = match result {
            Ok(_) => Ok(()),
            Err((error, message)) => {
                Err(KafkaError::from(error.clone()).about(&format!("topic \"{}\"", message.topic())))
            }
        };
        (self.report)(receipt, result);
        self.room.notify();
    }
}

/// The producer of one pipeline.
pub struct Producer<T: Send + Sync + 'static> {
    base: Arc<BaseProducer<Context<T>>>,
    stopping: Arc<AtomicBool>,
    poller: Option<JoinHandle<()>>,
}

impl<T: Send + Sync + 'static> Producer<T> {
    /// Makes a producer and its thread; contacts no broker yet.
    ///
    /// # Errors
    /// Properties that librdkafka refuses; a thread that cannot be made.
    pub fn new(
        pipeline: &Arc<str>,
        properties: &BTreeMap<String, String>,
        report: Report<T>,
    ) -> anyhow::Result<Producer<T>> {
        let config = super::client_config(properties);
        let context =
            Context { logging: Logging::new(pipeline), report, room: Room::default(), refused: Mutex::default() };
        let base: Arc<BaseProducer<Context<T>>> = Arc::new(config.create_with_context(context)?);
        let stopping = Arc::new(AtomicBool::new(false));
        let poller = {
            let (base, stopping) = (base.clone(), stopping.clone());
            std::thread::Builder::new().name(format!("{pipeline}/sink")).spawn(move || {
                while !stopping.load(Ordering::Acquire) {
                    base.poll(Duration::from_millis(50));
                }
            })?
        };
        Ok(Producer { base, stopping, poller: Some(poller) })
    }

    /// A topic to write to.
    ///
    /// # Errors
    /// A name that librdkafka refuses.
    pub fn topic(&self, name: &str) -> Result<OutputTopic, KafkaError> {
        let invalid = || KafkaError::new(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, name);
        let c_name = CString::new(name).map_err(|_| invalid())?;
        let client = self.base.client().native_ptr();
        // SAFETY: client and name are good for the call; no configuration of its own.
        let handle = unsafe { sys::rd_kafka_topic_new(client, c_name.as_ptr(), ptr::null_mut()) };
        let handle = NonNull::new(handle).ok_or_else(invalid)?;
        Ok(OutputTopic { name: name.to_owned(), handle, _client: self.base.clone() })
    }

    /// Enqueues one record; never waits. The bytes are copied.
    pub fn send(&self, topic: &OutputTopic, record: &Outgoing<'_>, receipt: Arc<T>) -> Sent<T> {
        let headers = native_headers(record);
        let opaque = receipt.into_ptr();
        let (key, key_len) = raw(record.key);
        let (value, value_len) = raw(record.value);
        let timestamp = if record.timestamp == NO_TIMESTAMP { 0 } else { record.timestamp };
        // SAFETY: a list of tagged arguments as librdkafka documents it, ended by END; all pointers are good for the
        // call, which copies key and value and takes the headers on success.
        let code = unsafe {
            sys::rd_kafka_producev(
                self.native(),
                vtype::RD_KAFKA_VTYPE_RKT,
                topic.handle.as_ptr(),
                vtype::RD_KAFKA_VTYPE_PARTITION,
                rdkafka::producer::PARTITION_UA,
                vtype::RD_KAFKA_VTYPE_MSGFLAGS,
                sys::RD_KAFKA_MSG_F_COPY,
                vtype::RD_KAFKA_VTYPE_VALUE,
                value,
                value_len,
                vtype::RD_KAFKA_VTYPE_KEY,
                key,
                key_len,
                vtype::RD_KAFKA_VTYPE_TIMESTAMP,
                timestamp,
                vtype::RD_KAFKA_VTYPE_HEADERS,
                headers,
                vtype::RD_KAFKA_VTYPE_OPAQUE,
                opaque,
                vtype::RD_KAFKA_VTYPE_END,
            )
        };
        if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Sent::Enqueued;
        }
        // SAFETY: refused, so both are still ours: the headers, and the receipt that `into_ptr` gave away.
        let receipt = unsafe {
            if !headers.is_null() {
                sys::rd_kafka_headers_destroy(headers);
            }
            Arc::from_ptr(opaque)
        };
        if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__QUEUE_FULL {
            return Sent::Full(receipt);
        }
        Sent::Refused(receipt, KafkaError::new(code, ""))
    }

    /// Waits until a record has left the full queue, or for `timeout`.
    pub fn wait_for_room(&self, timeout: Duration) {
        self.base.context().room.wait(timeout);
    }

    /// The last partition that could not be written to in a transaction, and why, in librdkafka's words.
    pub fn refused_partition(&self) -> Option<String> {
        self.base.context().refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn native(&self) -> *mut sys::rd_kafka_t {
        self.base.client().native_ptr()
    }

    /// Throws away what is enqueued and not on its way to a broker yet; each is reported as failed.
    pub fn purge(&self) {
        self.base.purge(PurgeConfig::default().queue());
    }
}

impl<T: Send + Sync + 'static> Drop for Producer<T> {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        if let Some(poller) = self.poller.take() {
            // A panic of that thread has been reported by its own hook.
            let _ = poller.join();
        }
    }
}

fn raw(bytes: Option<&[u8]>) -> (*const u8, usize) {
    bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr(), bytes.len()))
}

fn native_headers(record: &Outgoing<'_>) -> *mut sys::rd_kafka_headers_t {
    let count = record.headers.count_left() + record.more_headers.len();
    if count == 0 {
        return ptr::null_mut();
    }
    // SAFETY: a new list; names and values are good for the calls, which copy them. Adding cannot fail: the list
    // is ours alone and not read-only.
    unsafe {
        let list = sys::rd_kafka_headers_new(count);
        for (name, value) in record.headers.clone() {
            let (value, len) = raw(value);
            sys::rd_kafka_header_add(list, name.as_ptr().cast(), name.len() as isize, value.cast(), len as isize);
        }
        for (name, value) in record.more_headers {
            let (value, len) = raw(Some(value.as_bytes()));
            sys::rd_kafka_header_add(list, name.as_ptr().cast(), name.len() as isize, value.cast(), len as isize);
        }
        list
    }
}
