//! A simulated producer for tests: it keeps what is written, and acknowledges, refuses or fails as a test says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::receipt::Receipt;
use crate::kafka::{
    Committed, ErrorKind, GroupConsumer, GroupMetadata, Kafka, KafkaError, Outgoing, PartitionReader, Producer,
    Properties, Report, Sent, TopicAdmin, TopicPartition, TransactionError,
};
use crate::rt::Wakeup;

/// A record as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrittenRecord {
    pub(crate) topic: String,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) more_headers: Vec<(&'static str, String)>,
    pub(crate) timestamp: i64,
}

impl WrittenRecord {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.more_headers.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }
}

pub(super) type Refuse = Box<dyn Fn(&WrittenRecord) -> Option<KafkaError> + Send>;

/// What a test decides about all producers, and what they did.
#[derive(Default)]
pub(crate) struct Script {
    /// Records are acknowledged as soon as they are sent; else when the test says so.
    pub(crate) holds_back: bool,
    /// The bytes of values that the queue takes; none: any.
    pub(crate) capacity: Option<usize>,
    /// Why the client itself refuses a record.
    pub(crate) refuse_to_send: Option<Refuse>,
    /// Why a broker refuses a record.
    pub(crate) refuse: Option<Refuse>,
    /// The results of the next calls for transactions; when there are none they succeed.
    pub(crate) transactions: VecDeque<Result<(), TransactionError>>,
    /// Whether a flush ends.
    pub(crate) never_flushes: bool,
    /// What was written and is not refused.
    pub(crate) written: Vec<WrittenRecord>,
    /// The calls for transactions.
    pub(crate) calls: Vec<&'static str>,
    /// The properties of each producer that was made.
    pub(crate) producers: Vec<Properties>,
    in_flight: Vec<(Arc<Receipt>, WrittenRecord)>,
}

/// Makes simulated producers, and no other client.
#[derive(Clone, Default)]
pub(crate) struct SimulatedKafka(Arc<Mutex<Script>>);

impl SimulatedKafka {
    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the texts that were written to a topic.
    pub(crate) fn texts(&self, topic: &str) -> Vec<String> {
        self.script().written.iter().filter(|record| record.topic == topic).map(WrittenRecord::text).collect()
    }

    /// Reports what was held back.
    pub(crate) fn acknowledge(&self) {
        let in_flight = std::mem::take(&mut self.script().in_flight);
        for (receipt, record) in in_flight {
            self.settle(receipt, record);
        }
    }

    /// Reports one record, without the lock: the report may ask for more.
    fn settle(&self, receipt: Arc<Receipt>, record: WrittenRecord) {
        let refused = {
            let mut script = self.script();
            let refused = script.refuse.as_ref().and_then(|refuse| refuse(&record));
            if refused.is_none() {
                script.written.push(record);
            }
            refused
        };
        Receipt::report(receipt, refused.map_or(Ok(()), Err));
    }
}

fn none<T>() -> Result<T, KafkaError> {
    Err(KafkaError::new(ErrorKind::Other, "only producers are simulated here"))
}

impl Kafka<Receipt> for SimulatedKafka {
    fn consumer(
        &self,
        _pipeline: &Arc<str>,
        _properties: &Properties,
        _queues: usize,
        _wakeup: Wakeup,
    ) -> Result<Box<dyn GroupConsumer>, KafkaError> {
        none()
    }

    fn producer(
        &self,
        _pipeline: &Arc<str>,
        properties: &Properties,
        topics: &[&str],
        _report: Report<Receipt>,
    ) -> anyhow::Result<Arc<dyn Producer<Receipt>>> {
        self.script().producers.push(properties.clone());
        let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
        Ok(Arc::new(SimulatedProducer { kafka: self.clone(), topics }))
    }

    fn admin(
        &self,
        _pipeline: &Arc<str>,
        _properties: &Properties,
        _timeout: Duration,
    ) -> anyhow::Result<Box<dyn TopicAdmin>> {
        Ok(none()?)
    }

    fn reader(&self, _pipeline: &Arc<str>, _properties: &Properties) -> Result<Box<dyn PartitionReader>, KafkaError> {
        none()
    }
}

struct SimulatedProducer {
    kafka: SimulatedKafka,
    topics: Vec<String>,
}

impl SimulatedProducer {
    fn transaction(&self, call: &'static str) -> Result<(), TransactionError> {
        let mut script = self.kafka.script();
        script.calls.push(call);
        script.transactions.pop_front().unwrap_or(Ok(()))
    }
}

impl Producer<Receipt> for SimulatedProducer {
    fn send(&self, topic: usize, record: &Outgoing<'_>, receipt: Arc<Receipt>) -> Sent<Receipt> {
        let record = WrittenRecord {
            topic: self.topics[topic].clone(),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            more_headers: record.more_headers.to_vec(),
            timestamp: record.timestamp,
        };
        let size = |record: &WrittenRecord| record.value.as_ref().map_or(0, Vec::len);
        {
            let mut script = self.kafka.script();
            if let Some(error) = script.refuse_to_send.as_ref().and_then(|refuse| refuse(&record)) {
                return Sent::Refused(receipt, error);
            }
            let queued: usize = script.in_flight.iter().map(|(_, record)| size(record)).sum();
            if script.capacity.is_some_and(|capacity| queued + size(&record) > capacity) {
                return Sent::Full(receipt);
            }
            if script.holds_back {
                script.in_flight.push((receipt, record));
                return Sent::Enqueued;
            }
        }
        self.kafka.settle(receipt, record);
        Sent::Enqueued
    }

    fn wait_for_room(&self, _timeout: Duration) {
        self.kafka.acknowledge();
    }

    fn purge(&self) {
        let purged = std::mem::take(&mut self.kafka.script().in_flight);
        for (receipt, _) in purged {
            Receipt::report(receipt, Err(KafkaError::new(ErrorKind::Purged, "purged")));
        }
    }

    fn flush(&self, _timeout: Duration) -> bool {
        if self.kafka.script().never_flushes {
            return false;
        }
        self.kafka.acknowledge();
        true
    }

    fn init_transactions(&self, _timeout: Duration) -> Result<(), TransactionError> {
        self.transaction("init")
    }

    fn begin_transaction(&self) -> Result<(), TransactionError> {
        self.transaction("begin")
    }

    fn send_offsets(
        &self,
        _offsets: &[(TopicPartition, Committed)],
        _group: &GroupMetadata,
        _timeout: Duration,
    ) -> Result<(), TransactionError> {
        self.transaction("offsets")
    }

    fn commit_transaction(&self, _timeout: Duration) -> Result<(), TransactionError> {
        self.transaction("commit")
    }

    fn abort_transaction(&self, _timeout: Duration) -> Result<(), TransactionError> {
        self.transaction("abort")
    }

    fn refused_partition(&self) -> Option<String> {
        None
    }
}
