use std::slice;
use std::thread;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::*;
use crate::kafka::embedded::Embedded;
use crate::kafka::records::BATCH;

const TOPIC: &str = "t";
/// What comes within milliseconds is waited for this long before it is said not to come.
const PATIENCE: Duration = Duration::from_secs(30);
const ASK: Duration = Duration::from_secs(10);

/// A topic with one partition on a broker of its own, and a consumer that has it.
struct Setting {
    broker: Embedded,
    consumer: Consumer,
    at: TopicPartition,
}

impl Setting {
    fn new() -> Setting {
        let broker = Embedded::start().unwrap();
        broker.create_topic(TOPIC, 1).unwrap();
        let properties = [
            ("bootstrap.servers", broker.bootstrap_servers().as_str()),
            ("group.id", "g"),
            ("auto.offset.reset", "error"),
            ("enable.auto.commit", "false"),
            ("enable.partition.eof", "true"),
            ("topic.metadata.refresh.interval.ms", "100"),
            // A topic that is denied is believed to be gone.
            ("topic.metadata.propagation.max.ms", "0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let consumer = Consumer::new(&"p".into(), &properties.into(), Waker::default()).unwrap();
        Setting { broker, consumer, at: TopicPartition::new(TOPIC, 0) }
    }

    fn write(&self, records: usize) {
        write(&self.broker.bootstrap_servers(), TOPIC, records);
    }

    fn assign(&self) {
        self.consumer.assign(&[(self.at.clone(), StartPosition::Beginning)]).unwrap();
    }

    fn pause(&self) {
        self.consumer.pause(slice::from_ref(&self.at)).unwrap();
    }

    fn seek(&self, from: From) {
        assert!(self.consumer.seek(&[(self.at.clone(), from)], ASK).unwrap().is_empty());
    }

    fn resume(&self) {
        self.consumer.resume(slice::from_ref(&self.at)).unwrap();
    }

    fn next(&self) -> ConsumerEvent<'_> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.consumer.poll(Duration::from_millis(100)) {
                ConsumerEvent::Nothing => {}
                polled => return polled,
            }
        }
        panic!("nothing comes");
    }

    fn next_offset(&self) -> i64 {
        loop {
            match self.next() {
                ConsumerEvent::Record(record) => return record.offset().0,
                ConsumerEvent::End(..) => {}
                ConsumerEvent::Failed(error) | ConsumerEvent::Fatal(error) => panic!("{error}"),
                _ => panic!("neither a record nor an end"),
            }
        }
    }

    fn wait_for_end(&self) -> i64 {
        loop {
            match self.next() {
                ConsumerEvent::End(_, offset) => return offset.0,
                ConsumerEvent::Record(_) => {}
                _ => panic!("neither a record nor an end"),
            }
        }
    }

    fn wait_until_fetched(&self, records: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.consumer.records.waiting() < records {
            assert!(Instant::now() < deadline, "{} of {records} are fetched", self.consumer.records.waiting());
            thread::yield_now();
        }
    }
}

fn write(servers: &str, topic: &str, records: usize) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", servers).create().unwrap();
    for _ in 0..records {
        producer.send(BaseRecord::<(), [u8]>::to(topic).payload(b"value")).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

#[test]
fn a_call_of_librdkafka_brings_many_records() {
    let setting = Setting::new();
    let records = 8 * BATCH;
    setting.write(records);
    setting.assign();
    setting.wait_until_fetched(records);
    let mut calls = 0;
    for offset in 0..records {
        let before = setting.consumer.records.waiting();
        assert_eq!(setting.next_offset(), offset as i64);
        calls += usize::from(setting.consumer.records.waiting() != before);
    }
    assert_eq!(calls, records / BATCH);
    assert!(setting.consumer.close(PATIENCE));
}

#[test]
fn what_was_in_hand_at_a_pause_is_read_after_it() {
    let setting = Setting::new();
    setting.write(2 * BATCH);
    setting.assign();
    setting.wait_until_fetched(2 * BATCH);
    for offset in 0..10 {
        assert_eq!(setting.next_offset(), offset);
    }
    setting.pause();
    assert!(matches!(setting.consumer.poll(Duration::ZERO), ConsumerEvent::Nothing));
    setting.seek(StartPosition::Offset(Offset(10)));
    setting.resume();
    for offset in 10..2 * BATCH as i64 {
        assert_eq!(setting.next_offset(), offset);
    }
    assert!(setting.consumer.close(PATIENCE));
}

#[test]
fn what_was_in_hand_is_not_taken_for_what_is_read_again() {
    let setting = Setting::new();
    setting.write(BATCH);
    setting.assign();
    setting.wait_until_fetched(BATCH);
    assert_eq!(setting.next_offset(), 0);
    setting.seek(StartPosition::Offset(Offset(5)));
    assert_eq!(setting.next_offset(), 5);
    setting.assign();
    assert_eq!(setting.next_offset(), 0);
    setting.consumer.unassign(slice::from_ref(&setting.at)).unwrap();
    assert!(matches!(setting.consumer.poll(Duration::ZERO), ConsumerEvent::Nothing));
    assert!(setting.consumer.close(PATIENCE));
}

/// With a partition that it forgets librdkafka empties the queue that its records go to.
#[test]
fn the_end_of_one_topic_takes_nothing_of_another() {
    let setting = Setting::new();
    setting.broker.create_topic("other", 1).unwrap();
    let other = TopicPartition::new("other", 0);
    setting.write(4 * BATCH);
    setting.consumer.assign(&[(setting.at.clone(), StartPosition::Beginning), (other, StartPosition::Beginning)]).unwrap();
    setting.wait_until_fetched(4 * BATCH);
    setting.assign();
    assert_eq!(setting.next_offset(), 0);
    setting.wait_until_fetched(3 * BATCH);
    setting.broker.deny_topic("other");
    let is_known = || setting.consumer.partition_count("other", ASK).is_ok_and(|count| count > 0);
    let deadline = Instant::now() + PATIENCE;
    while is_known() {
        assert!(Instant::now() < deadline, "the topic is still there");
        thread::yield_now();
    }
    for offset in 1..4 * BATCH as i64 {
        assert_eq!(setting.next_offset(), offset);
    }
    assert!(setting.consumer.close(PATIENCE));
}

/// librdkafka takes the offset of an end that comes in a batch for read.
#[test]
fn the_first_record_behind_an_end_is_read_after_a_pause() {
    let setting = Setting::new();
    setting.assign();
    assert_eq!(setting.wait_for_end(), 0);
    for from in [StartPosition::Beginning, StartPosition::Offset(Offset(1))] {
        setting.pause();
        setting.write(1);
        setting.seek(from);
        setting.resume();
        let offset = if from == StartPosition::Beginning { 0 } else { 1 };
        assert_eq!(setting.next_offset(), offset);
        assert_eq!(setting.wait_for_end(), offset + 1);
    }
    assert!(setting.consumer.close(PATIENCE));
}

#[test]
fn a_record_ends_a_poll_that_waits() {
    let setting = Setting::new();
    setting.assign();
    setting.wait_for_end();
    let servers = setting.broker.bootstrap_servers();
    thread::scope(|scope| {
        scope.spawn(|| write(&servers, TOPIC, 1));
        let begun = Instant::now();
        while !matches!(setting.consumer.poll(PATIENCE), ConsumerEvent::Record(_)) {
            assert!(begun.elapsed() < PATIENCE, "the poll waits on");
        }
        assert!(begun.elapsed() < PATIENCE, "the poll has waited to its end");
    });
    assert!(setting.consumer.close(PATIENCE));
}
