use std::slice;
use std::thread;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::*;
use crate::kafka::librdkafka::embedded::Embedded;
use crate::kafka::librdkafka::records::BATCH;

const TOPIC: &str = "t";
/// What comes within milliseconds is waited for this long before it is said not to come.
const PATIENCE: Duration = Duration::from_secs(30);
const ASK: Duration = Duration::from_secs(10);

/// What comes out of a queue: an offset.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Record(i64),
    End(i64),
}

/// A topic with one partition on a broker of its own, and a consumer that has it.
struct Setting {
    broker: Embedded,
    consumer: NativeConsumer,
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
        let consumer = NativeConsumer::new(&"p".into(), &properties.into(), 2, Wakeup::default()).unwrap();
        Setting { broker, consumer, at: TopicPartition::new(TOPIC, 0) }
    }

    fn write(&self, records: usize) {
        write(&self.broker.bootstrap_servers(), TOPIC, records);
    }

    fn assign(&mut self) {
        self.consumer.assign(&[(self.at.clone(), StartPosition::Beginning, 0)]).unwrap();
    }

    fn pause(&mut self) {
        self.consumer.pause(slice::from_ref(&self.at)).unwrap();
    }

    fn seek(&mut self, from: StartPosition) {
        assert!(self.consumer.seek(&[(self.at.clone(), from)], ASK).unwrap().is_empty());
    }

    fn resume(&mut self) {
        self.consumer.resume(slice::from_ref(&self.at)).unwrap();
    }

    /// What comes next out of queue 0.
    fn next(&mut self) -> Next {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(next) = self.try_next(0) {
                return next;
            }
            self.consumer.wakeup.wait_until(Some(Instant::now() + Duration::from_millis(100)));
        }
        panic!("nothing comes");
    }

    fn try_next(&mut self, queue: usize) -> Option<Next> {
        if let Some(event) = self.consumer.next_event() {
            panic!("neither a record nor an end: {event:?}");
        }
        let mut next = None;
        self.consumer.read(queue, &mut |fetched| {
            next = Some(match fetched {
                Fetched::Record(record) => Next::Record(record.offset.0),
                Fetched::End(_, offset) => Next::End(offset.0),
                Fetched::OffsetOutOfRange(at, why) => panic!("{at}: {why}"),
                Fetched::Failed(error) => panic!("{error}"),
            });
            false
        });
        next
    }

    fn next_offset(&mut self) -> i64 {
        loop {
            if let Next::Record(offset) = self.next() {
                return offset;
            }
        }
    }

    fn wait_for_end(&mut self) -> i64 {
        loop {
            if let Next::End(offset) = self.next() {
                return offset;
            }
        }
    }

    fn close(self) {
        assert!(Box::new(self.consumer).close(PATIENCE));
    }

    fn wait_until_fetched(&self, records: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.consumer.records.waiting(0) < records {
            assert!(Instant::now() < deadline, "{} of {records} are fetched", self.consumer.records.waiting(0));
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
    let mut setting = Setting::new();
    let records = 8 * BATCH;
    setting.write(records);
    setting.assign();
    setting.wait_until_fetched(records);
    let mut calls = 0;
    for offset in 0..records {
        let before = setting.consumer.records.waiting(0);
        assert_eq!(setting.next_offset(), offset as i64);
        calls += usize::from(setting.consumer.records.waiting(0) != before);
    }
    assert_eq!(calls, records / BATCH);
    setting.close();
}

#[test]
fn what_was_in_hand_at_a_pause_is_read_after_it() {
    let mut setting = Setting::new();
    setting.write(2 * BATCH);
    setting.assign();
    setting.wait_until_fetched(2 * BATCH);
    for offset in 0..10 {
        assert_eq!(setting.next_offset(), offset);
    }
    setting.pause();
    assert_eq!(setting.try_next(0), None);
    setting.seek(StartPosition::Offset(Offset(10)));
    setting.resume();
    for offset in 10..2 * BATCH as i64 {
        assert_eq!(setting.next_offset(), offset);
    }
    setting.close();
}

#[test]
fn what_was_in_hand_is_not_taken_for_what_is_read_again() {
    let mut setting = Setting::new();
    setting.write(BATCH);
    setting.assign();
    setting.wait_until_fetched(BATCH);
    assert_eq!(setting.next_offset(), 0);
    setting.seek(StartPosition::Offset(Offset(5)));
    assert_eq!(setting.next_offset(), 5);
    setting.assign();
    assert_eq!(setting.next_offset(), 0);
    setting.consumer.unassign(slice::from_ref(&setting.at)).unwrap();
    assert_eq!(setting.try_next(0), None);
    setting.close();
}

/// With a partition that it forgets librdkafka empties the queue that its records go to.
#[test]
fn the_end_of_one_topic_takes_nothing_of_another() {
    let mut setting = Setting::new();
    setting.broker.create_topic("other", 1).unwrap();
    let other = TopicPartition::new("other", 0);
    setting.write(4 * BATCH);
    let both = [(setting.at.clone(), StartPosition::Beginning, 0), (other, StartPosition::Beginning, 1)];
    setting.consumer.assign(&both).unwrap();
    setting.wait_until_fetched(4 * BATCH);
    setting.assign();
    assert_eq!(setting.next_offset(), 0);
    setting.wait_until_fetched(3 * BATCH);
    setting.broker.deny_topic("other");
    let client = setting.consumer.queries();
    let is_known = || client.partition_count("other", ASK).is_ok_and(|count| count > 0);
    let deadline = Instant::now() + PATIENCE;
    while is_known() {
        assert!(Instant::now() < deadline, "the topic is still there");
        thread::yield_now();
    }
    for offset in 1..4 * BATCH as i64 {
        assert_eq!(setting.next_offset(), offset);
    }
    setting.close();
}

/// librdkafka takes the offset of an end that comes in a batch for read.
#[test]
fn the_first_record_behind_an_end_is_read_after_a_pause() {
    let mut setting = Setting::new();
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
    setting.close();
}

#[test]
fn a_record_wakes_whoever_waits() {
    let mut setting = Setting::new();
    setting.assign();
    setting.wait_for_end();
    let servers = setting.broker.bootstrap_servers();
    thread::scope(|scope| {
        scope.spawn(|| write(&servers, TOPIC, 1));
        let begun = Instant::now();
        while setting.try_next(0) != Some(Next::Record(0)) {
            setting.consumer.wakeup.wait_until(Some(begun + PATIENCE));
            assert!(begun.elapsed() < PATIENCE, "the wait has waited to its end");
        }
    });
    setting.close();
}

#[test]
fn a_partition_that_moves_to_another_queue_loses_nothing_and_repeats_nothing() {
    let mut setting = Setting::new();
    setting.write(2 * BATCH);
    setting.assign();
    setting.wait_until_fetched(2 * BATCH);
    for offset in 0..10 {
        assert_eq!(setting.next_offset(), offset);
    }
    setting.pause();
    setting.consumer.move_to_queue(&setting.at.clone(), 1).unwrap();
    setting.seek(StartPosition::Offset(Offset(10)));
    setting.resume();
    let deadline = Instant::now() + PATIENCE;
    for offset in 10..2 * BATCH as i64 {
        loop {
            assert_eq!(setting.try_next(0), None);
            if let Some(Next::Record(found)) = setting.try_next(1) {
                assert_eq!(found, offset);
                break;
            }
            assert!(Instant::now() < deadline, "offset {offset} does not come");
            setting.consumer.wakeup.wait_until(Some(Instant::now() + Duration::from_millis(100)));
        }
    }
    setting.close();
}
