//! A call that takes longer than `max.poll.interval.ms`: the consumer goes on polling, and keeps its place in the
//! group.

use std::time::{Duration, Instant};

use serde_json::json;
use sluicebox_tests::{Feeder, Folder, Group, Kafka, LogLine, Pipeline, Record, Sluice, audit};

use crate::{EPOCH, alone, by_timestamp, records, stop};

/// What the group allows between two polls.
const POLL_INTERVAL: Duration = Duration::from_secs(6);

/// Turns of a loop that take longer than that, in one call.
const TURNS: u64 = 60_000_000_000;

fn rebalances(copy: &Sluice) -> usize {
    let is_one = |line: &&LogLine| {
        let message = line.message();
        message == "assigned" || message == "revoked" || message.contains("assignment was lost")
    };
    copy.lines().iter().filter(is_one).count()
}

#[test]
fn a_call_longer_than_the_poll_interval_moves_no_partition_and_nothing_is_repeated() {
    let _alone = alone();
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "slow-stage", 2);
    pipeline.stage("misbehave", json!(null)).set_stage("limits", json!({ "time": "5m" })).set("workers", json!(1));
    let poll_interval = POLL_INTERVAL.as_millis() as u64;
    let consumer = json!({ "max.poll.interval.ms": poll_interval, "session.timeout.ms": 5_000 });
    pipeline.set("consumer", consumer);
    let (feeder, group) = (Feeder::new(&kafka, &[]), Group::new(&kafka, &pipeline.name));
    let file = pipeline.write(&folder);
    let mut copies = [Sluice::run(&[&file]), Sluice::run(&[&file])];
    for copy in &mut copies {
        copy.wait_for_line("one partition each", |line| {
            line.is_status_of(&pipeline.name) && line.field("partitions") == "1" && line.field("state") == "running"
        });
    }
    let before = copies.each_ref().map(rebalances);

    let begun = Instant::now();
    let mut all = vec![Record::new("slow", format!("!spin:{TURNS}"), EPOCH)];
    feeder.feed_partition(&pipeline.input, 0, &all);
    // Behind it on both partitions, more than its worker may have.
    for partition in 0..2 {
        let mut more = records(1 + partition * 20_000, 20_000, |n| format!("value {n}"));
        // Keys of its own, for one key in two partitions has no order.
        more.iter_mut().for_each(|record| record.key.iter_mut().for_each(|key| key.push(b'a' + partition as u8)));
        feeder.feed_partition(&pipeline.input, partition as i32, &more);
        all.extend(more);
    }
    copies[0].wait_until_caught_up(&group, &pipeline.input);
    assert!(begun.elapsed() > POLL_INTERVAL, "the call was not slow enough to show anything: {:?}", begun.elapsed());
    assert_eq!(copies.each_ref().map(rebalances), before, "nothing has moved");
    copies.iter_mut().for_each(stop);
    audit(&all, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
    assert!(kafka.read(&pipeline.dlq).is_empty());
}

/// A third is less than the circuit breaker's `share`: the pipeline goes on, one record after another.
#[test]
fn where_every_third_record_loops_it_is_said_what_is_settled_is_delivered_and_a_stop_does_not_wait() {
    let _alone = alone();
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "every-third", 1);
    pipeline.stage("misbehave", json!(null)).set_stage("limits", json!({ "time": "300ms" }));
    let all = records(0, 300, |n| if n % 3 == 2 { "!loop".to_owned() } else { format!("value {n}") });
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &all);
    let file = pipeline.write(&folder);
    let mut sluice = Sluice::run(&[&file]);
    sluice.wait_for_line("a status line that names the stage", |line| {
        line.is_status_of(&pipeline.name) && line.message().contains("stage \"stage\" does not answer in time: ")
    });
    // Time and again, though calls are answered in time in between.
    let seen = sluice.lines().len();
    let said = sluice.wait_for_line_from(seen, "a status line with what is delivered", |line| {
        let delivered = line.is_status_of(&pipeline.name) && line.field("dead_letters").parse().unwrap_or(0) >= 5;
        delivered && line.field("breaker") == "closed"
    });
    assert!(said.message().contains("does not answer in time"), "{}", said.message());

    let asked = Instant::now();
    stop(&mut sluice);
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}: half of `drain`", asked.elapsed());
    let committed = Group::new(&kafka, &pipeline.name).committed(&pipeline.input)[0].unwrap() as usize;
    assert!((15..300).contains(&committed), "{committed}");
    let before = all.into_iter().take(committed);
    let (bad, good): (Vec<Record>, Vec<Record>) = before.partition(|record| record.text() == "!loop");
    audit(&good, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
    audit(&bad, &kafka.read(&pipeline.dlq).inputs(), by_timestamp).assert_exact();
}
