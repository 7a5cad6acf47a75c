//! Writes test data: any bytes, header names included, in transactions where a test asks for them.

use std::ffi::CString;
use std::ptr;
use std::sync::Mutex;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::bindings as sys;
use rdkafka::bindings::rd_kafka_vtype_t as vtype;
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaRespErr;

use crate::kafka::Kafka;
use crate::record::Record;

const FLUSH: Duration = Duration::from_secs(60);

/// The first delivery that failed.
#[derive(Default)]
struct Failure(Mutex<Option<String>>);

impl ClientContext for Failure {}

impl ProducerContext for Failure {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.0.lock().expect("no panic under the lock").get_or_insert_with(|| error.to_string());
        }
    }
}

/// A producer of test data. Records of one partition keep their order.
pub struct Feeder {
    producer: BaseProducer<Failure>,
}

impl Feeder {
    /// A feeder with these librdkafka properties over its own.
    pub fn new(kafka: &Kafka, properties: &[(&str, &str)]) -> Feeder {
        let mut config = kafka.config();
        config.set("enable.idempotence", "true").set("partitioner", "murmur2_random").set("linger.ms", "2");
        config.set("message.max.bytes", "20000000").set("queue.buffering.max.messages", "1000000");
        for (name, value) in properties {
            config.set(*name, *value);
        }
        Feeder { producer: config.create_with_context(Failure::default()).expect("a producer") }
    }

    /// Writes records to where their keys belong, and waits until all are acknowledged.
    ///
    /// # Panics
    /// One is not.
    pub fn feed<'r>(&self, topic: &str, records: impl IntoIterator<Item = &'r Record>) {
        records.into_iter().for_each(|record| self.send(topic, None, record));
        self.flush();
    }

    /// Writes records to one partition, and waits until all are acknowledged.
    ///
    /// # Panics
    /// One is not.
    pub fn feed_partition<'r>(&self, topic: &str, partition: i32, records: impl IntoIterator<Item = &'r Record>) {
        records.into_iter().for_each(|record| self.send(topic, Some(partition), record));
        self.flush();
    }

    /// Begins to write a record; waits only while the queue is full.
    ///
    /// # Panics
    /// librdkafka refuses it.
    pub fn send(&self, topic: &str, partition: Option<i32>, record: &Record) {
        let partition = partition.unwrap_or(rdkafka::producer::PARTITION_UA);
        loop {
            match self.enqueue(topic, partition, record) {
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => break,
                RDKafkaRespErr::RD_KAFKA_RESP_ERR__QUEUE_FULL => self.producer.poll(Duration::from_millis(10)),
                code => panic!("{topic} cannot be fed with {record:?}: {code:?}"),
            }
        }
        self.producer.poll(Duration::ZERO);
    }

    /// Waits until everything is acknowledged.
    ///
    /// # Panics
    /// Something is not.
    pub fn flush(&self) {
        self.producer.flush(FLUSH).unwrap_or_else(|error| panic!("feeding: {error}"));
        if let Some(error) = self.producer.context().0.lock().expect("no panic under the lock").take() {
            panic!("feeding: {error}");
        }
    }

    /// Writes records to a partition in a transaction, which is committed or aborted. The feeder needs a
    /// `transactional.id`, and one call of [`Feeder::init_transactions`].
    ///
    /// # Panics
    /// The transaction fails.
    pub fn transaction(&self, topic: &str, partition: i32, records: &[Record], commit: bool) {
        self.begin_transaction(topic, partition, records);
        self.end_transaction(commit);
    }

    /// Begins a transaction, and writes records to a partition in it.
    ///
    /// # Panics
    /// A record is not delivered.
    pub fn begin_transaction(&self, topic: &str, partition: i32, records: &[Record]) {
        self.producer.begin_transaction().expect("a transaction");
        self.feed_partition(topic, partition, records);
    }

    /// Commits or aborts the transaction.
    ///
    /// # Panics
    /// That fails.
    pub fn end_transaction(&self, commit: bool) {
        let ended =
            if commit { self.producer.commit_transaction(FLUSH) } else { self.producer.abort_transaction(FLUSH) };
        ended.unwrap_or_else(|error| panic!("ending a transaction: {error}"));
    }

    /// Before the first transaction.
    ///
    /// # Panics
    /// The brokers refuse.
    pub fn init_transactions(&self) {
        self.producer.init_transactions(FLUSH).unwrap_or_else(|error| panic!("transactions: {error}"));
    }

    fn enqueue(&self, topic: &str, partition: i32, record: &Record) -> RDKafkaRespErr {
        let topic = CString::new(topic).expect("a topic's name");
        let headers = native_headers(record);
        let (key, key_len) = raw(record.key.as_deref());
        let (value, value_len) = raw(record.value.as_deref());
        // SAFETY: tagged arguments as librdkafka documents them, ended by END; all pointers are good for the call,
        // which copies topic, key and value and takes the headers on success alone.
        unsafe {
            let code = sys::rd_kafka_producev(
                self.producer.client().native_ptr(),
                vtype::RD_KAFKA_VTYPE_TOPIC,
                topic.as_ptr(),
                vtype::RD_KAFKA_VTYPE_PARTITION,
                partition,
                vtype::RD_KAFKA_VTYPE_MSGFLAGS,
                sys::RD_KAFKA_MSG_F_COPY,
                vtype::RD_KAFKA_VTYPE_VALUE,
                value,
                value_len,
                vtype::RD_KAFKA_VTYPE_KEY,
                key,
                key_len,
                vtype::RD_KAFKA_VTYPE_TIMESTAMP,
                record.timestamp,
                vtype::RD_KAFKA_VTYPE_HEADERS,
                headers,
                vtype::RD_KAFKA_VTYPE_END,
            );
            if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && !headers.is_null() {
                sys::rd_kafka_headers_destroy(headers);
            }
            code
        }
    }
}

fn raw(bytes: Option<&[u8]>) -> (*const u8, usize) {
    bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr(), bytes.len()))
}

fn native_headers(record: &Record) -> *mut sys::rd_kafka_headers_t {
    if record.headers.is_empty() {
        return ptr::null_mut();
    }
    // SAFETY: a new list; names and values are good for the calls, which copy them.
    unsafe {
        let list = sys::rd_kafka_headers_new(record.headers.len());
        for (name, value) in &record.headers {
            let (value, len) = raw(value.as_deref());
            let code =
                sys::rd_kafka_header_add(list, name.as_ptr().cast(), name.len() as isize, value.cast(), len as isize);
            assert_eq!(code, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
        }
        list
    }
}
