//! `on_error: { hold: key }`: a record that waits holds its key, and the others of its partition flow.

use std::time::Duration;

use serde_json::json;
use sluicebox_tests::{Feeder, Folder, Group, Kafka, LIMIT, Pipeline, Record, Sluice, audit};

use crate::{EPOCH, STOP, by_timestamp, records, stop};

/// A pipeline of so many partitions that holds keys and waits so long between calls.
fn pipeline(kafka: &Kafka, test: &str, partitions: i32, backoff: &str) -> Pipeline {
    let mut pipeline = Pipeline::with_topics(kafka, test, partitions);
    pipeline.stage("misbehave", json!(null));
    set_backoff(&mut pipeline, backoff);
    pipeline
}

fn set_backoff(pipeline: &mut Pipeline, backoff: &str) {
    pipeline.set_stage("on_error", json!({ "hold": "key", "backoff": backoff, "max_backoff": backoff }));
    pipeline.set("delivery", json!("at_least_once"));
}

/// A record that waits, and behind it in turns 5 more of its key and 500 of others.
fn behind_one_that_waits() -> (Vec<Record>, usize) {
    let mut all = vec![Record::new("waits", "!retry:1", EPOCH)];
    for n in 1..=505 {
        let key = if n % 101 == 0 { "waits".to_owned() } else { format!("key-{}", n % 20) };
        all.push(Record::new(key, format!("value {n}"), EPOCH + n));
    }
    let others = all.iter().filter(|record| record.key.as_deref() != Some(b"waits")).count();
    (all, others)
}

fn wait_for_output(sluice: &mut Sluice, kafka: &Kafka, pipeline: &Pipeline, count: usize) {
    sluice.wait_for("the other keys to be written", LIMIT, || match kafka.size(&pipeline.output) {
        size if size >= count as i64 => Ok(()),
        size => Err(format!("{size} are")),
    });
}

#[test]
fn other_keys_of_the_partition_flow_while_one_waits_and_nothing_is_committed_over_it() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let pipeline = pipeline(&kafka, "hold-key", 1, "15s");
    let group = Group::new(&kafka, &pipeline.name);
    let (all, others) = behind_one_that_waits();
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &all);
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    wait_for_output(&mut sluice, &kafka, &pipeline, others);
    let flowed = kafka.read(&pipeline.output);
    assert!(flowed.0.iter().all(|stored| stored.record.key.as_deref() != Some(b"waits")), "the key waits as a whole");
    sluice
        .wait_for_line("a partition that waits", |line| line.is_status_of(&pipeline.name) && line.field("held") == "1");
    assert_eq!(group.committed(&pipeline.input)[0].unwrap_or(0), 0);

    sluice.wait_until_caught_up(&group, &pipeline.input);
    stop(&mut sluice);
    audit(&all, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
    let last = sluice.lines().into_iter().rfind(|line| line.is_status_of(&pipeline.name)).unwrap();
    assert_eq!((last.field("held"), last.field("records_in")), ("0".to_owned(), all.len().to_string()));
}

/// The next run begins with what waited, whichever way the first one ends.
fn ends_while_a_key_waits(test: &str, end: impl FnOnce(&mut Sluice)) {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = pipeline(&kafka, test, 1, "10m");
    pipeline.set("consumer", json!({ "session.timeout.ms": 3_000, "heartbeat.interval.ms": 500 }));
    let group = Group::new(&kafka, &pipeline.name);
    let (all, others) = behind_one_that_waits();
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &all);
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    wait_for_output(&mut sluice, &kafka, &pipeline, others);
    end(&mut sluice);
    assert_eq!(group.committed(&pipeline.input)[0].unwrap_or(0), 0);

    set_backoff(&mut pipeline, "10ms");
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    stop(&mut sluice);
    audit(&all, &kafka.read(&pipeline.output).records(), by_timestamp).assert_nothing_lost();
}

#[test]
fn kill_while_a_key_waits_loses_nothing() {
    ends_while_a_key_waits("hold-kill", Sluice::kill);
}

#[test]
fn a_stop_does_not_wait_for_a_key_that_waits_and_loses_nothing() {
    ends_while_a_key_waits("hold-stop", |sluice| assert_eq!(sluice.terminate(STOP), 0, "{:?}", sluice.errors()));
}

/// Many records of few keys, of which every tenth or so is put off, dropped, refused or fails its batch. Every
/// sixteenth has no key.
fn eventful(count: usize, seed: usize) -> Vec<Record> {
    let mut records = records(0, count, |n| match n.wrapping_mul(2_654_435_761).wrapping_add(seed) % 101 {
        0..5 => "!retry:1".to_owned(),
        5..8 => "!retry:3".to_owned(),
        8..10 => "!batch-retry:1".to_owned(),
        10..13 => "!drop".to_owned(),
        13..16 => "!reject".to_owned(),
        _ => format!("value {n}"),
    });
    records.iter_mut().step_by(16).for_each(|record| record.key = None);
    records
}

#[test]
fn whatever_waits_every_key_keeps_its_order_and_nothing_is_lost_or_repeated() {
    for (seed, holds) in [["key", "key"], ["key", "partition"]].into_iter().enumerate() {
        let (kafka, folder) = (Kafka::shared(), Folder::new());
        let mut pipeline = Pipeline::with_topics(&kafka, "hold-eventful", 2);
        pipeline.set("delivery", json!("at_least_once"));
        let stage = |n: usize| {
            let on_error = json!({ "hold": holds[n], "retries": 5, "backoff": "20ms", "max_backoff": "50ms" });
            json!({ "name": format!("stage-{n}"), "plugin": "misbehave", "on_error": on_error })
        };
        pipeline.set("stages", json!([stage(0), stage(1)])).set("batch", json!({ "max_records": 50 }));
        pipeline.set("breaker", json!("off"));
        let all = eventful(4_000, seed);
        Feeder::new(&kafka, &[]).feed(&pipeline.input, &all);
        let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
        sluice.wait_until_caught_up(&Group::new(&kafka, &pipeline.name), &pipeline.input);
        stop(&mut sluice);
        let (rejected, rest): (Vec<Record>, Vec<Record>) = all.into_iter().partition(|r| r.text() == "!reject");
        let kept: Vec<Record> = rest.into_iter().filter(|record| record.text() != "!drop").collect();
        audit(&kept, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
        audit(&rejected, &kafka.read(&pipeline.dlq).inputs(), by_timestamp).assert_exact();
    }
}

#[test]
fn a_copy_takes_over_while_a_key_waits_and_nothing_is_lost() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let pipeline = pipeline(&kafka, "hold-move", 4, "1s");
    let group = Group::new(&kafka, &pipeline.name);
    let all = records(0, 4_000, |n| if n % 40 == 0 { "!retry:2".to_owned() } else { format!("value {n}") });
    let (feeder, file) = (Feeder::new(&kafka, &[]), pipeline.write(&folder));
    feeder.feed(&pipeline.input, &all[..2_000]);
    let mut first = Sluice::run(&[&file]);
    wait_for_output(&mut first, &kafka, &pipeline, 100);
    let mut second = Sluice::run(&[&file]);
    second.wait_until_ready();
    feeder.feed(&pipeline.input, &all[2_000..]);
    second.wait_until_caught_up(&group, &pipeline.input);
    let told = std::time::Instant::now();
    stop(&mut first);
    assert!(told.elapsed() < Duration::from_secs(15), "a stop waits for no retry");
    second.wait_until_caught_up(&group, &pipeline.input);
    stop(&mut second);
    audit(&all, &kafka.read(&pipeline.output).records(), by_timestamp).assert_nothing_lost();
}
