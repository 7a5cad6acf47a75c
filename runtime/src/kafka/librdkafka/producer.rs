//! The producer: enqueues records of any bytes, and reports each one's delivery from a thread of its own.
//!
//! librdkafka is called directly to enqueue: rdkafka's `send` takes header names that are UTF-8 alone, and looks the
//! topic up by its name for every record.

use std::collections::BTreeMap;
use std::ffi::{CString, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::bindings::rd_kafka_vtype_t as vtype;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext, PurgeConfig};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::util::IntoOpaque;

use super::describe::describe_topics;
use super::log::Logging;
use super::records::disable_callback;
use super::tokens::TokenKeeper;
use super::transactions::TransactionCalls;
use super::{client_config, error_of};
use crate::batch::NO_TIMESTAMP;
use crate::kafka::{
    Committed, Described, GroupMetadata, KafkaError, Outgoing, Producer, Report, Sent, TopicPartition, TransactionError,
};
use crate::rt::{self, JoinHandle, Turn, Wakeup};

/// librdkafka's words for what was not tried because of something else.
const NOT_TRIED: &str = "Operation not attempted";

/// A topic to write to.
struct TopicHandle(NonNull<sys::rd_kafka_topic_t>);

// SAFETY: librdkafka's handles may be used from any thread.
unsafe impl Send for TopicHandle {}
// SAFETY: as above.
unsafe impl Sync for TopicHandle {}

impl Drop for TopicHandle {
    fn drop(&mut self) {
        // SAFETY: a counted reference, given back once; the producer drops its topics before its client.
        unsafe { sys::rd_kafka_topic_destroy(self.0.as_ptr()) }
    }
}

struct Context<T> {
    logging: Logging,
    report: Report<T>,
    room: Room,
    refused: Mutex<Option<String>>,
    // Bytes of keys and values that had their report. Only the thread that polls writes it.
    reported: AtomicU64,
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
        // The only place where librdkafka names the partition that it may not write to in a transaction; the others of
        // the request were not tried.
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
        let message = match result {
            Ok(message) | Err((_, message)) => message,
        };
        let bytes = message.payload_len() + message.key_len();
        // No other thread writes it, so nothing has to be locked.
        self.reported.store(self.reported.load(Ordering::Relaxed) + bytes as u64, Ordering::Relaxed);
        let result = match result {
            Ok(_) => Ok(()),
            Err((error, message)) => Err(KafkaError::from(error.clone()).of_output(message.topic())),
        };
        (self.report)(receipt, result);
    }
}

/// A producer and its thread.
pub(super) struct NativeProducer<R: Send + Sync + 'static> {
    // Before the client, which it is about.
    _tokens: Option<TokenKeeper>,
    // Before the client, which they belong to.
    topics: Vec<TopicHandle>,
    base: Arc<BaseProducer<Context<R>>>,
    stopping: Arc<AtomicBool>,
    reports: Wakeup,
    poller: Option<JoinHandle<()>>,
}

impl<R: Send + Sync + 'static> NativeProducer<R> {
    /// Makes a producer and its thread; contacts no broker yet.
    pub(super) fn new(
        pipeline: &Arc<str>,
        properties: &BTreeMap<String, String>,
        topics: &[&str],
        report: Report<R>,
    ) -> anyhow::Result<NativeProducer<R>> {
        let context = Context {
            logging: Logging::new(pipeline),
            report,
            room: Room::default(),
            refused: Mutex::default(),
            reported: AtomicU64::new(0),
        };
        let base: Arc<BaseProducer<Context<R>>> = Arc::new(client_config(properties).create_with_context(context)?);
        // SAFETY: the producer owns both, and drops the keeper first.
        let tokens = unsafe { TokenKeeper::start(properties, base.client().native_ptr(), &base.context().logging) }?;
        let topics = topics.iter().map(|name| open_topic(&base, name)).collect::<Result<_, _>>()?;
        let (stopping, reports) = (Arc::new(AtomicBool::new(false)), Wakeup::default());
        let poller = {
            // SAFETY: the client lives for as long as the queue, which the loop owns together with it.
            let queue = unsafe { ReportQueue::new(base.client().native_ptr(), reports.clone()) }?;
            let (base, stopping) = (base.clone(), stopping.clone());
            let turn = move || {
                if stopping.load(Ordering::Acquire) {
                    return Turn::Ended(());
                }
                base.poll(Duration::ZERO);
                // Reported records take up room until all that were reported together are freed.
                base.context().room.notify();
                if queue.is_empty() { Turn::Wait } else { Turn::Again }
            };
            rt::spawn_on_demand(&format!("{pipeline}/sink"), reports.clone(), turn)?
        };
        Ok(NativeProducer { _tokens: tokens, topics, base, stopping, reports, poller: Some(poller) })
    }

    fn native(&self) -> *mut sys::rd_kafka_t {
        self.base.client().native_ptr()
    }

    fn calls(&self) -> TransactionCalls {
        // SAFETY: the client lives for as long as the producer, and so for the call that is made with this.
        unsafe { TransactionCalls::new(self.native()) }
    }
}

/// The queue that delivery reports come out of, and what wakes whoever polls it.
struct ReportQueue {
    native: NonNull<sys::rd_kafka_queue_t>,
    // Known to librdkafka's callback, so it is given back only when that is disabled.
    wakeup: NonNull<Wakeup>,
}

// SAFETY: librdkafka's queues may be used from any thread, and so may the wake-up.
unsafe impl Send for ReportQueue {}

impl ReportQueue {
    /// The queue of a client.
    ///
    /// # Safety
    /// The client lives for as long as this.
    unsafe fn new(client: *mut sys::rd_kafka_t, wakeup: Wakeup) -> Result<ReportQueue, KafkaError> {
        // SAFETY: the client lives; the queue is a reference of ours.
        let native = NonNull::new(unsafe { sys::rd_kafka_queue_get_main(client) })
            .ok_or_else(|| error_of(RDKafkaRespErr::RD_KAFKA_RESP_ERR__FAIL, "no queue for delivery reports"))?;
        let wakeup = NonNull::from(Box::leak(Box::new(wakeup)));
        // SAFETY: the queue lives, and the wake-up until `drop` has disabled the callback.
        unsafe { sys::rd_kafka_queue_cb_event_enable(native.as_ptr(), Some(on_report), wakeup.as_ptr().cast()) };
        Ok(ReportQueue { native, wakeup })
    }

    fn is_empty(&self) -> bool {
        // SAFETY: the queue lives.
        unsafe { sys::rd_kafka_queue_length(self.native.as_ptr()) == 0 }
    }
}

impl Drop for ReportQueue {
    fn drop(&mut self) {
        // SAFETY: the queue's reference and the wake-up are given back once, after the callback is disabled.
        unsafe {
            disable_callback(self.native);
            sys::rd_kafka_queue_destroy(self.native.as_ptr());
            drop(Box::from_raw(self.wakeup.as_ptr()));
        }
    }
}

/// Called by a thread of librdkafka's: there is a delivery report.
unsafe extern "C" fn on_report(_client: *mut sys::rd_kafka_t, wakeup: *mut c_void) {
    // SAFETY: the wake-up lives for as long as this may be called.
    unsafe { (*wakeup.cast::<Wakeup>()).wake() }
}

fn open_topic<R: Send + Sync + 'static>(
    base: &BaseProducer<Context<R>>,
    name: &str,
) -> Result<TopicHandle, KafkaError> {
    let invalid = || error_of(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, name);
    let c_name = CString::new(name).map_err(|_| invalid())?;
    // SAFETY: client and name are good for the call; no configuration of its own.
    let handle = unsafe { sys::rd_kafka_topic_new(base.client().native_ptr(), c_name.as_ptr(), ptr::null_mut()) };
    Ok(TopicHandle(NonNull::new(handle).ok_or_else(invalid)?))
}

impl<R: Send + Sync + 'static> Producer<R> for NativeProducer<R> {
    fn send(&self, topic: usize, record: &Outgoing<'_>, receipt: Arc<R>) -> Sent<R> {
        let topic = self.topics[topic].0.as_ptr();
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
                topic,
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
        Sent::Refused(receipt, error_of(code, ""))
    }

    fn wait_for_room(&self, timeout: Duration) {
        self.base.context().room.wait(timeout);
    }

    fn purge(&self) {
        self.base.purge(PurgeConfig::default().queue());
    }

    fn flush(&self, timeout: Duration) -> bool {
        self.calls().flush(timeout)
    }

    fn init_transactions(&self, timeout: Duration) -> Result<(), TransactionError> {
        self.calls().init_transactions(timeout)
    }

    fn begin_transaction(&self) -> Result<(), TransactionError> {
        self.calls().begin_transaction()
    }

    fn send_offsets(
        &self,
        offsets: &[(TopicPartition, Committed)],
        group: &GroupMetadata,
        timeout: Duration,
    ) -> Result<(), TransactionError> {
        self.calls().send_offsets(offsets, group, timeout)
    }

    fn commit_transaction(&self, timeout: Duration) -> Result<(), TransactionError> {
        self.calls().commit_transaction(timeout)
    }

    fn abort_transaction(&self, timeout: Duration) -> Result<(), TransactionError> {
        self.calls().abort_transaction(timeout)
    }

    fn reported_bytes(&self) -> Option<u64> {
        Some(self.base.context().reported.load(Ordering::Relaxed))
    }

    fn refused_partition(&self) -> Option<String> {
        self.base.context().refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn describe(&self, topics: &[Arc<str>], timeout: Duration) -> Result<Described, KafkaError> {
        // SAFETY: the client lives.
        let described = unsafe { describe_topics(self.native(), topics, timeout) }?;
        for (topic, _) in described.iter().filter(|(_, description)| description.is_ok()) {
            // librdkafka refuses records of a topic by itself until it has asked for the topic's metadata again.
            let _ = self.base.client().fetch_metadata(Some(topic), timeout);
        }
        Ok(described)
    }
}

impl<T: Send + Sync + 'static> Drop for NativeProducer<T> {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        self.reports.wake();
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
