//! What the runtime takes for granted of a producer and its transactions.

use std::time::Duration;

use sluicebox::batch::Offset;
use sluicebox::kafka::{Committed, ErrorKind, Producer, StartPosition, TransactionError};

use crate::ground::{Came, Ground, PATIENCE, Receipt, send, wait_for};

const SLICE: Duration = Duration::from_millis(500);

/// A call that was not over in time is made again.
fn until_done(call: impl Fn() -> Result<(), TransactionError>) -> Result<(), TransactionError> {
    wait_for("the end of a call", || match call() {
        Err(TransactionError::Retry(_)) => None,
        result => Some(result),
    })
}

fn transactional(ground: &Ground, topic: &str) -> std::sync::Arc<dyn Producer<Receipt>> {
    let id = format!("{topic}-id");
    let producer = ground.producer(topic, &[("transactional.id", &id)]);
    until_done(|| producer.init_transactions(SLICE)).unwrap();
    producer
}

pub fn a_record_over_its_topic_s_limit_is_refused(ground: &Ground) {
    let topic = ground.topic("large", 1, Some(1000));
    let producer = ground.producer(&topic, &[]);
    // One after the other: a batch is refused as a whole.
    let large = send(&*producer, &[b'x'; 5000]);
    assert!(producer.flush(PATIENCE));
    let small = send(&*producer, b"small");
    assert!(producer.flush(PATIENCE));
    assert_eq!(large.wait().unwrap_err().kind, ErrorKind::TooLarge);
    small.wait().unwrap();
}

pub fn what_is_purged_is_reported(ground: &Ground) {
    let topic = ground.topic("purge", 1, None);
    let producer = ground.producer(&topic, &[("linger.ms", "60000")]);
    let receipt = send(&*producer, b"value");
    assert!(receipt.result().is_none());
    producer.purge();
    assert_eq!(receipt.wait().unwrap_err().kind, ErrorKind::Purged);
}

pub fn a_flush_ends_what_lingers(ground: &Ground) {
    let topic = ground.topic("flush", 1, None);
    let producer = ground.producer(&topic, &[("linger.ms", "60000")]);
    let receipt = send(&*producer, b"value");
    assert!(producer.flush(PATIENCE));
    assert_eq!(receipt.result(), Some(Ok(())));
}

pub fn an_aborted_transaction_is_invisible(ground: &Ground) {
    let topic = ground.topic("abort", 1, None);
    let producer = transactional(ground, &topic);
    for (value, commit) in [("aborted", false), ("committed", true)] {
        producer.begin_transaction().unwrap();
        let receipt = send(&*producer, value.as_bytes());
        assert!(producer.flush(PATIENCE));
        receipt.wait().unwrap();
        let end = || if commit { producer.commit_transaction(SLICE) } else { producer.abort_transaction(SLICE) };
        until_done(end).unwrap();
    }
    let mut member = ground.member("abort", &topic, StartPosition::Beginning);
    // The first record and its marker take two offsets.
    assert_eq!(member.next(), Came::Record(2, "committed".to_owned()));
    // And the second's marker one more.
    assert_eq!(member.next(), Came::End(4));
    member.consumer.close(PATIENCE);
}

pub fn a_commit_that_is_not_over_in_time_goes_on_and_is_called_again(ground: &Ground) {
    let topic = ground.topic("slow", 1, None);
    let producer = transactional(ground, &topic);
    for value in ["first", "second"] {
        producer.begin_transaction().unwrap();
        let receipt = send(&*producer, value.as_bytes());
        assert!(producer.flush(PATIENCE));
        receipt.wait().unwrap();
        // Shorter than a request takes.
        let begun = producer.commit_transaction(Duration::from_micros(1));
        assert!(matches!(&begun, Ok(()) | Err(TransactionError::Retry(_))), "{begun:?}");
        if begun.is_err() {
            until_done(|| producer.commit_transaction(SLICE)).unwrap();
        }
    }
    let mut member = ground.member("slow", &topic, StartPosition::Beginning);
    let record = |offset: i64, value: &str| Came::Record(offset, value.to_owned());
    // Between them lies the first one's marker.
    assert_eq!([member.next(), member.next()], [record(0, "first"), record(2, "second")]);
    member.consumer.close(PATIENCE);
}

pub fn offsets_of_a_transaction_are_committed_with_it(ground: &Ground) {
    let topic = ground.topic("offsets", 1, None);
    ground.write(&topic, &["0", "1"]);
    let output = ground.topic("offsets-out", 1, None);
    let producer = transactional(ground, &output);
    let member = ground.member("offsets", &topic, StartPosition::Beginning);
    let committed = Committed { offset: Offset(2), note: String::new() };
    producer.begin_transaction().unwrap();
    let group = member.consumer.group_metadata().expect("it is a member");
    producer.send_offsets(&[(member.at(), committed.clone())], &group, PATIENCE).unwrap();
    until_done(|| producer.commit_transaction(SLICE)).unwrap();
    let queries = member.consumer.queries();
    assert_eq!(queries.committed(&[member.at()], PATIENCE).unwrap(), [(member.at(), Ok(Some(committed.clone())))]);
    // Of a member that has left nothing is taken.
    let at = member.at();
    assert!(member.consumer.close(PATIENCE));
    producer.begin_transaction().unwrap();
    let refused = producer.send_offsets(&[(at, committed)], &group, PATIENCE);
    assert!(matches!(refused, Err(TransactionError::Abort(_))), "{refused:?}");
    until_done(|| producer.abort_transaction(SLICE)).unwrap();
}

pub fn a_second_producer_of_a_name_fences_the_first(ground: &Ground) {
    let topic = ground.topic("fence", 1, None);
    let first = transactional(ground, &topic);
    first.begin_transaction().unwrap();
    let receipt = send(&*first, b"value");
    assert!(first.flush(PATIENCE));
    receipt.wait().unwrap();
    let second = transactional(ground, &topic);
    let ended = until_done(|| first.commit_transaction(SLICE)).unwrap_err();
    assert!(matches!(&ended, TransactionError::Fatal(cause) if cause.kind == ErrorKind::FencedProducer), "{ended:?}");
    second.begin_transaction().unwrap();
    until_done(|| second.commit_transaction(SLICE)).unwrap();
}
