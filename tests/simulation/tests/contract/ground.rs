//! What the tests stand on: a cluster, simulated or real, and clients of it by the runtime's own traits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sluicebox::batch::{Headers, Offset};
use sluicebox::kafka::{
    ConsumerEvent, Create, Fetched, GroupConsumer, Kafka, KafkaError, Outgoing, Producer, Properties, Sent,
    StartPosition, TopicPartition,
};
use sluicebox::rt::{self, Wakeup};

/// How long a broker may take for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);

/// A record's receipt: what became of it, once that is known.
#[derive(Default)]
pub struct Receipt(Mutex<Option<Result<(), KafkaError>>>);

impl Receipt {
    fn report(receipt: Arc<Receipt>, result: Result<(), KafkaError>) {
        *receipt.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
    }

    /// What became of the record, if that is known.
    pub fn result(&self) -> Option<Result<(), KafkaError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for what becomes of the record.
    pub fn wait(&self) -> Result<(), KafkaError> {
        wait_for("a report", || self.result())
    }
}

/// A cluster.
pub struct Ground {
    /// Makes its clients.
    pub kafka: Arc<dyn Kafka<Receipt>>,
    /// What clients need to find it.
    pub properties: Properties,
    /// Before all names, so that tests on one cluster do not meet.
    pub prefix: String,
}

/// Waits until something is there.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = rt::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(rt::now() < until, "{what} does not come");
        rt::sleep(POLL);
    }
}

impl Ground {
    fn with(&self, more: &[(&str, &str)]) -> Properties {
        let mut properties = self.properties.clone();
        properties.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        properties
    }

    /// Makes a topic, and returns its name.
    pub fn topic(&self, name: &str, partitions: i32, max_message_bytes: Option<usize>) -> String {
        let name = format!("{}-{name}", self.prefix);
        let admin = self.kafka.admin(&"contract".into(), &self.properties, PATIENCE).unwrap();
        let create = Create { partitions, replication: 1, max_message_bytes, compacted: false };
        admin.ensure_topic("test", &name, Some(&create)).unwrap();
        wait_for("the topic", || (admin.replication(&name).ok().flatten()? > 0).then_some(()));
        admin.close();
        name
    }

    /// Makes a producer for a topic.
    pub fn producer(&self, topic: &str, more: &[(&str, &str)]) -> Arc<dyn Producer<Receipt>> {
        let properties = self.with(more);
        self.kafka.producer(&"contract".into(), &properties, &[topic], Receipt::report).unwrap()
    }

    /// Writes records with these values, and waits until they are written.
    pub fn write(&self, topic: &str, values: &[&str]) {
        let producer = self.producer(topic, &[]);
        let receipts: Vec<_> = values.iter().map(|value| send(&*producer, value.as_bytes())).collect();
        assert!(producer.flush(PATIENCE));
        receipts.iter().for_each(|receipt| receipt.wait().unwrap());
    }

    /// Makes a consumer that is a member of a group and has what it is assigned from there on, in queue 0.
    pub fn member(&self, group: &str, topic: &str, from: StartPosition) -> Member {
        let mut member = self.joining_member(group, topic);
        let partitions = member.wait_until_assigned();
        member.take(partitions, from);
        member
    }

    /// Makes a consumer that joins a group.
    pub fn joining_member(&self, group: &str, topic: &str) -> Member {
        let group = format!("{}-{group}", self.prefix);
        let properties = self.with(&[
            ("group.id", &group),
            ("auto.offset.reset", "error"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "true"),
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("session.timeout.ms", "10000"),
        ]);
        let wakeup = Wakeup::default();
        let mut consumer = self.kafka.consumer(&"contract".into(), &properties, 1, wakeup).unwrap();
        consumer.subscribe(&[topic.to_owned()]).unwrap();
        Member { consumer, topic: topic.to_owned() }
    }
}

/// Sends one record, which the queue has room for.
pub fn send(producer: &dyn Producer<Receipt>, value: &[u8]) -> Arc<Receipt> {
    send_with_key(producer, b"key", value)
}

/// Sends one record with this key.
pub fn send_with_key(producer: &dyn Producer<Receipt>, key: &[u8], value: &[u8]) -> Arc<Receipt> {
    let receipt = Arc::new(Receipt::default());
    let (key, value) = (Some(key), Some(value));
    let record = Outgoing { key, value, headers: Headers::EMPTY, more_headers: &[], timestamp: 1_700_000_000_000 };
    match producer.send(0, &record, receipt.clone()) {
        Sent::Enqueued => receipt,
        Sent::Full(_) => panic!("the queue is full"),
        Sent::Refused(_, error) => panic!("{error}"),
    }
}

/// What came out of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    Record(i64, String),
    End(i64),
    OutOfRange,
    Failed(String),
}

/// A consumer in its group.
pub struct Member {
    pub consumer: Box<dyn GroupConsumer>,
    topic: String,
}

impl Member {
    /// Takes partitions.
    fn take(&mut self, partitions: Vec<TopicPartition>, from: StartPosition) {
        let list: Vec<_> = partitions.into_iter().map(|at| (at, from, 0)).collect();
        self.consumer.assign(&list).unwrap();
    }

    /// Does what the group asks for: takes new partitions from their beginning, and gives up what is revoked. Returns
    /// whether it has asked for anything.
    pub fn answer(&mut self) -> bool {
        match self.consumer.next_event() {
            Some(ConsumerEvent::Assigned(partitions)) => self.take(partitions, StartPosition::Beginning),
            Some(ConsumerEvent::Revoked { partitions, .. }) => self.consumer.unassign(&partitions).unwrap(),
            _ => return false,
        }
        true
    }

    /// Its one partition, where the topic has one.
    pub fn at(&self) -> TopicPartition {
        TopicPartition::new(&self.topic, 0)
    }

    fn wait_until_assigned(&mut self) -> Vec<TopicPartition> {
        wait_for("an assignment", || match self.consumer.next_event()? {
            ConsumerEvent::Assigned(partitions) => Some(partitions),
            _ => None,
        })
    }

    /// Returns the next that comes out of the queue.
    pub fn next(&mut self) -> Came {
        wait_for("a record", || {
            // A member that asks for nothing is thrown out.
            let _ = self.consumer.next_event();
            self.poll()
        })
    }

    /// Returns the next that comes out of the queue, if it is there.
    pub fn poll(&mut self) -> Option<Came> {
        let mut came = None;
        self.consumer.read(0, &mut |fetched| {
            came = Some(match fetched {
                Fetched::Record(record) => {
                    let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
                    Came::Record(record.offset.0, value)
                }
                Fetched::End(_, end) => Came::End(end.0),
                Fetched::OffsetOutOfRange(..) => Came::OutOfRange,
                Fetched::Failed(error) => Came::Failed(error.text),
            });
            false
        });
        came
    }

    /// Returns the next record's offset, whatever ends come before it.
    pub fn next_offset(&mut self) -> i64 {
        loop {
            match self.next() {
                Came::Record(offset, _) => return offset,
                Came::End(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Reads on from an offset, as the runtime does it: paused, sought, resumed.
    pub fn read_on_from(&mut self, at: &TopicPartition, offset: i64) -> Vec<TopicPartition> {
        let at = [at.clone()];
        self.consumer.pause(&at).unwrap();
        let to = at.clone().map(|at| (at, StartPosition::Offset(Offset(offset))));
        let stopped = self.consumer.seek(&to, PATIENCE).unwrap();
        self.consumer.resume(&at).unwrap();
        stopped
    }
}
