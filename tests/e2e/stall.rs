//! The process stopped for a while in the middle of its work: nobody is blamed for the time that has passed.

use std::thread;
use std::time::Duration;

use serde_json::json;
use sluicebox_tests::{Audit, Feeder, Folder, Group, Kafka, Pipeline, Sluice, audit};

use crate::{alone, busy_records, by_timestamp, stop};

const COUNT: usize = 60_000;

/// The fault itself: far longer than a batch may take.
const STALL: Duration = Duration::from_secs(5);

fn stalled(test: &str, session_ms: u32) -> Audit {
    let _alone = alone();
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, test, 4);
    pipeline.stage("misbehave", json!(null));
    pipeline.set("consumer", json!({ "session.timeout.ms": session_ms, "heartbeat.interval.ms": session_ms / 6 }));
    // Some seconds of work, so that the stall comes into the middle of it on a machine that is busy, too.
    let records = busy_records(0, COUNT, 200_000);
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &records);
    let group = Group::new(&kafka, &pipeline.name);
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    kafka.wait_for_size(&pipeline.output, COUNT as i64 / 4);
    sluice.signal(libc::SIGSTOP);
    thread::sleep(STALL);
    sluice.signal(libc::SIGCONT);
    assert!(group.caught_up(&pipeline.input).is_err(), "the stall came too late");
    sluice.wait_until_caught_up(&group, &pipeline.input);
    stop(&mut sluice);
    assert_eq!(kafka.read(&pipeline.dlq).records(), []);
    audit(&records, &kafka.read(&pipeline.output).records(), by_timestamp)
}

#[test]
fn a_stall_in_the_middle_of_a_batch_dead_letters_nothing_and_repeats_nothing() {
    stalled("stall", 30_000).assert_exact();
}

#[test]
fn a_stall_that_costs_the_membership_loses_nothing() {
    stalled("lost", 2_000).assert_nothing_lost();
}
