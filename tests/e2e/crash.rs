//! The program's end under load: a crash loses nothing, a stop repeats nothing.

use std::time::{Duration, Instant};

use serde_json::json;
use sluicebox_tests::{Feeder, Folder, Group, Kafka, Pipeline, Record, Sluice, audit};

use crate::{STOP, alone, busy_records, by_timestamp, stop};

const COUNT: usize = 100_000;

/// A pipeline that is busy for some seconds with the records in its input. Its brokers notice a crash quickly.
fn loaded(kafka: &Kafka, test: &str) -> (Pipeline, Vec<Record>) {
    let mut pipeline = Pipeline::with_topics(kafka, test, 4);
    pipeline.stage("misbehave", json!(null));
    pipeline.set("consumer", json!({ "session.timeout.ms": 3_000, "heartbeat.interval.ms": 500 }));
    let records = busy_records(0, COUNT, 200_000);
    Feeder::new(kafka, &[]).feed(&pipeline.input, &records);
    (pipeline, records)
}

#[test]
fn kill_under_load_and_a_restart_lose_nothing() {
    let _alone = alone();
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (pipeline, records) = loaded(&kafka, "kill");
    let (file, group) = (pipeline.write(&folder), Group::new(&kafka, &pipeline.name));
    for crash in 1..=3 {
        let mut sluice = Sluice::run(&[&file]);
        let written = kafka.size(&pipeline.output);
        kafka.wait_for_size(&pipeline.output, written + COUNT as i64 / 20);
        assert!(group.caught_up(&pipeline.input).is_err(), "crash {crash} would come too late");
        sluice.kill();
    }
    let mut sluice = Sluice::run(&[&file]);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    stop(&mut sluice);
    assert_eq!(group.caught_up(&pipeline.input), Ok(()));
    audit(&records, &kafka.read(&pipeline.output).records(), by_timestamp).assert_nothing_lost();
    assert!(kafka.read(&pipeline.dlq).is_empty());
}

#[test]
fn a_stop_under_load_is_quick_and_the_next_run_repeats_nothing() {
    let _alone = alone();
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (pipeline, records) = loaded(&kafka, "stop");
    let (file, group) = (pipeline.write(&folder), Group::new(&kafka, &pipeline.name));
    for number in 1..=2 {
        let mut sluice = Sluice::run(&[&file]);
        let written = kafka.size(&pipeline.output);
        kafka.wait_for_size(&pipeline.output, written + COUNT as i64 / 20);
        let told = Instant::now();
        assert_eq!(sluice.terminate(STOP), 0, "errors in the log: {:?}", sluice.errors());
        assert!(told.elapsed() < Duration::from_secs(30));
        assert!(group.caught_up(&pipeline.input).is_err(), "stop {number} came too late");
        let committed: i64 = group.committed(&pipeline.input).into_iter().flatten().sum();
        let delivered = kafka.read(&pipeline.output).len() as i64;
        assert_eq!(committed, delivered, "what is delivered is committed, and nothing else");
    }
    let mut sluice = Sluice::run(&[&file]);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    stop(&mut sluice);
    audit(&records, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}
