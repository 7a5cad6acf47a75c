//! Retries: bounded, with backoff, and one partition's wait holds up no other.

use serde_json::json;
use sluicebox_tests::{Feeder, Folder, Group, Kafka, LIMIT, Pipeline, Record, Sluice, audit};

use crate::{EPOCH, by_timestamp, records, run_to_the_end, stop};

/// A pipeline whose stage gets up to three calls for a record.
fn pipeline(kafka: &Kafka, test: &str, partitions: i32) -> Pipeline {
    let mut pipeline = Pipeline::with_topics(kafka, test, partitions);
    pipeline.stage("misbehave", json!(null));
    pipeline.set_stage("on_error", json!({ "retries": 2, "backoff": "20ms" }));
    pipeline
}

#[test]
fn a_record_that_is_put_off_is_delivered_in_its_place_once_it_passes() {
    let kafka = Kafka::shared();
    let pipeline = pipeline(&kafka, "retry", 2);
    let records = records(0, 200, |n| match n % 20 {
        3 => "!retry:1".to_owned(),
        4 => "!retry:2".to_owned(),
        _ => format!("value {n}"),
    });
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &records);
    run_to_the_end(&kafka, &pipeline);
    assert!(kafka.read(&pipeline.dlq).is_empty());
    audit(&records, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}

#[test]
fn retries_used_up_are_a_dead_letter_with_the_number_of_calls() {
    let kafka = Kafka::shared();
    let pipeline = pipeline(&kafka, "used-up", 1);
    let records = records(0, 20, |n| if n == 7 { "!retry".to_owned() } else { format!("value {n}") });
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &records);
    run_to_the_end(&kafka, &pipeline);
    let letters = kafka.read(&pipeline.dlq);
    assert_eq!(letters.inputs(), records[7..8]);
    let letter = &letters.0[0].record;
    assert_eq!(letter.header("sluice.error.class"), Some("retries"));
    assert_eq!(letter.header("sluice.error.attempts"), Some("3"));
    assert_eq!(letter.header("sluice.error.reason"), Some("not yet"));
    let others: Vec<Record> = records.into_iter().filter(|record| !record.text().starts_with('!')).collect();
    audit(&others, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}

#[test]
fn a_batch_that_is_put_off_goes_record_by_record_when_its_retries_are_used_up() {
    let kafka = Kafka::shared();
    let pipeline = pipeline(&kafka, "batch-retry", 1);
    let records = records(0, 20, |n| if n == 7 { "!batch-retry".to_owned() } else { format!("value {n}") });
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &records);
    run_to_the_end(&kafka, &pipeline);
    let letters = kafka.read(&pipeline.dlq);
    assert_eq!(letters.inputs(), records[7..8]);
    assert_eq!(letters.0[0].record.header("sluice.error.class"), Some("retries"));
    let others: Vec<Record> = records.into_iter().filter(|record| !record.text().starts_with('!')).collect();
    audit(&others, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}

#[test]
fn a_partition_that_waits_holds_up_no_other_and_no_stop() {
    let kafka = Kafka::shared();
    let mut pipeline = pipeline(&kafka, "wait", 2);
    pipeline.set_stage("on_error", json!({ "backoff": "10m", "max_backoff": "10m" })).set("workers", json!(1));
    let (feeder, group) = (Feeder::new(&kafka, &[]), Group::new(&kafka, &pipeline.name));
    let waiting = [Record::new("a", "before", EPOCH), Record::new("a", "!retry:1", EPOCH + 1)];
    let others = records(10, 500, |n| format!("value {n}"));
    feeder.feed_partition(&pipeline.input, 0, &waiting);
    feeder.feed_partition(&pipeline.input, 1, &others);
    let folder = Folder::new();
    let file = pipeline.write(&folder);
    let mut sluice = Sluice::run(&[&file]);
    sluice.wait_for("the other partition to be done", LIMIT, || match group.committed(&pipeline.input)[1] {
        Some(500) => Ok(()),
        other => Err(format!("{other:?} is committed")),
    });
    stop(&mut sluice);
    assert!(group.committed(&pipeline.input)[0].unwrap_or(0) <= 1);

    // The next run begins with what waited.
    pipeline.set_stage("on_error", json!({ "backoff": "10ms" }));
    run_to_the_end(&kafka, &pipeline);
    let all: Vec<Record> = waiting.into_iter().chain(others).collect();
    audit(&all, &kafka.read(&pipeline.output).records(), by_timestamp).assert_nothing_lost();
}
