//! Reads a topic to its end: all partitions, raw bytes.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::ptr;
use std::slice;
use std::time::{Duration, Instant};

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::{Kafka, partitions};
use crate::record::{Header, Record, Stored};
use crate::wait::LIMIT;

/// What a topic holds, in the order of partitions and offsets.
#[derive(Clone, Debug, Default)]
pub struct Reading(pub Vec<Stored>);

impl Kafka {
    /// Reads a topic from its start to its present end, once no transaction is open in it. Records of aborted
    /// transactions are left out.
    ///
    /// # Panics
    /// There is no such topic, or its end is not reached in time.
    pub fn read(&self, topic: &str) -> Reading {
        let mut config = self.config();
        config.set("group.id", "reader").set("enable.auto.commit", "false").set("enable.partition.eof", "true");
        config.set("fetch.queue.backoff.ms", "2").set("fetch.wait.max.ms", "50").set("check.crcs", "true");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let count = partitions(&consumer, topic).unwrap_or_else(|| panic!("there is no topic {topic}"));
        self.wait_until_no_transaction_is_open(topic);
        let mut list = TopicPartitionList::new();
        for partition in 0..count {
            list.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
        }
        consumer.assign(&list).expect("an assignment");
        let mut open: BTreeSet<i32> = (0..count).collect();
        let mut read = Vec::new();
        let mut moved = Instant::now();
        while !open.is_empty() {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    moved = Instant::now();
                    read.push(stored(&message));
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => _ = open.remove(&partition),
                Some(Err(error)) => panic!("reading {topic}: {error}"),
                None => assert!(moved.elapsed() < LIMIT, "the end of {topic} is not reached"),
            }
        }
        read.sort_by_key(|stored: &Stored| (stored.partition, stored.offset));
        Reading(read)
    }
}

impl Reading {
    /// How many records.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The records, in order.
    pub fn records(&self) -> Vec<Record> {
        self.0.iter().map(|stored| stored.record.clone()).collect()
    }

    /// The records of dead letters as they came in: without the headers that say what went wrong.
    pub fn inputs(&self) -> Vec<Record> {
        self.0.iter().map(|stored| stored.record.without_headers("sluice.error.")).collect()
    }

    /// The values as text, in order.
    pub fn texts(&self) -> Vec<&str> {
        self.0.iter().map(|stored| stored.record.text()).collect()
    }
}

fn stored(message: &BorrowedMessage<'_>) -> Stored {
    let record = Record {
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers(message),
        timestamp: message.timestamp().to_millis().unwrap_or(-1),
    };
    Stored { partition: message.partition(), offset: message.offset(), record }
}

/// Straight from librdkafka: rdkafka's own accessor panics where a name is not UTF-8.
fn headers(message: &BorrowedMessage<'_>) -> Vec<Header> {
    let mut list = ptr::null_mut();
    // SAFETY: the message lives, and the headers belong to it; no headers leaves the pointer null.
    unsafe { sys::rd_kafka_message_headers(message.ptr(), &mut list) };
    if list.is_null() {
        return Vec::new();
    }
    let mut headers = Vec::new();
    loop {
        let (mut name, mut value, mut len) = (ptr::null(), ptr::null(), 0);
        // SAFETY: what is pointed to belongs to the message; a null value stands for null.
        unsafe {
            let code = sys::rd_kafka_header_get_all(list, headers.len(), &mut name, &mut value, &mut len);
            if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                return headers;
            }
            let value = (!value.is_null()).then(|| slice::from_raw_parts(value.cast::<u8>(), len).to_vec());
            headers.push((CStr::from_ptr(name).to_bytes().to_vec(), value));
        }
    }
}
