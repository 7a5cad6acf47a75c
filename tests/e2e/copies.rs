//! Copies of one pipeline share its partitions, and hand them over in good order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use sluicebox_tests::{Feeder, Folder, Group, Kafka, Pipeline, Record, Sluice, audit};

use crate::{alone, busy_records, by_timestamp, stop};

const BURST: usize = 500;

/// Between two bursts: the load is meant to last, and not to pile up.
const PACE: Duration = Duration::from_millis(25);

/// Feeds records, a burst after the other, until it is told to stop. Answers all of them.
fn feed_until(done: &AtomicBool, kafka: &Kafka, topic: &str) -> Vec<Record> {
    let (feeder, mut fed) = (Feeder::new(kafka, &[]), Vec::new());
    while !done.load(Ordering::Acquire) {
        let burst = busy_records(fed.len(), BURST, 20_000);
        feeder.feed(topic, &burst);
        fed.extend(burst);
        thread::sleep(PACE);
    }
    fed
}

/// How many records a copy that has ended had read.
fn records_in(copy: &Sluice, name: &str) -> usize {
    let last = copy.lines().into_iter().rfind(|line| line.is_status_of(name)).expect("a last status line");
    last.field("records_in").parse().unwrap()
}

/// One copy, then two, then three, then one again, all under load, with these properties of their consumers.
fn come_and_go(test: &str, consumer: Value) {
    let _alone = alone();
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, test, 6);
    pipeline.stage("misbehave", json!(null)).set("workers", json!(2)).set("consumer", consumer);
    let (file, group) = (pipeline.write(&folder), Group::new(&kafka, &pipeline.name));
    let done = AtomicBool::new(false);

    let mut copies: Vec<Sluice> = Vec::new();
    let fed = thread::scope(|scope| {
        let feeding = scope.spawn(|| feed_until(&done, &kafka, &pipeline.input));
        // A failed assertion must not leave the feeder at work.
        let finish = Finish(&done);
        let go_on = || kafka.wait_for_size(&pipeline.output, kafka.size(&pipeline.output) + 10_000);
        for _ in 0..3 {
            let mut copy = Sluice::run(&[&file]);
            copy.wait_until_ready();
            copies.push(copy);
            go_on();
        }
        for leaver in [1, 2] {
            stop(&mut copies[leaver]);
            go_on();
        }
        drop(finish);
        feeding.join().unwrap()
    });
    copies[0].wait_until_caught_up(&group, &pipeline.input);
    stop(&mut copies[0]);

    audit(&fed, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
    assert!(kafka.read(&pipeline.dlq).is_empty());
    let shares: Vec<usize> = copies.iter().map(|copy| records_in(copy, &pipeline.name)).collect();
    assert!(shares.iter().all(|&share| share > 0), "{shares:?}");
    let processed = shares.iter().sum::<usize>();
    // A transaction that a rebalance overtakes is aborted, and its records are processed again.
    if pipeline.is_exactly_once() {
        assert!(processed >= fed.len(), "{shares:?}");
    } else {
        assert_eq!(processed, fed.len(), "{shares:?}");
    }
}

#[test]
fn copies_come_and_go_under_load_and_no_record_is_lost_or_processed_twice() {
    come_and_go("cooperative", json!({}));
}

#[test]
fn copies_come_and_go_under_load_with_an_eager_strategy_too() {
    come_and_go("eager", json!({ "partition.assignment.strategy": "range" }));
}

#[test]
fn copies_come_and_go_under_load_with_the_newer_group_protocol_too() {
    come_and_go("newer", json!({ "group.protocol": "consumer" }));
}

#[test]
fn a_copy_that_crashes_leaves_its_share_to_the_others_and_nothing_is_lost() {
    let _alone = alone();
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "crashes", 6);
    pipeline.stage("misbehave", json!(null));
    pipeline.set("consumer", json!({ "session.timeout.ms": 3_000, "heartbeat.interval.ms": 500 }));
    let (file, group) = (pipeline.write(&folder), Group::new(&kafka, &pipeline.name));
    let records = busy_records(0, 100_000, 200_000);
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &records);
    let mut copies = [Sluice::run(&[&file]), Sluice::run(&[&file])];
    copies.iter_mut().for_each(Sluice::wait_until_ready);
    kafka.wait_for_size(&pipeline.output, 20_000);
    copies[1].kill();
    copies[0].wait_until_caught_up(&group, &pipeline.input);
    stop(&mut copies[0]);
    audit(&records, &kafka.read(&pipeline.output).records(), by_timestamp).assert_nothing_lost();
    assert!(kafka.read(&pipeline.dlq).is_empty());
}

struct Finish<'a>(&'a AtomicBool);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
