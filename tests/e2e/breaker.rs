//! A stage that fails on everything: the breaker opens before the topic is drained into the dead letters.

use serde_json::json;
use sluicebox_tests::{Feeder, Folder, Group, Kafka, Pipeline, Record, Sluice, audit};

use crate::{STOP, by_timestamp, records, stop};

const MIN_RECORDS: usize = 100;
const BATCH: usize = 20;

/// What can be in flight beside the batch that trips: one at work and one that waits for it.
const IN_FLIGHT: usize = 3 * BATCH;

/// A pipeline of one partition with so many rejects in its input, and good records behind them.
fn failing(kafka: &Kafka, test: &str, bad: usize, good: usize) -> (Pipeline, Vec<Record>) {
    let mut pipeline = Pipeline::with_topics(kafka, test, 1);
    pipeline.stage("misbehave", json!(null));
    pipeline.set("workers", json!(1)).set("batch", json!({ "max_records": BATCH }));
    pipeline.set("breaker", json!({ "share": 0.5, "window": "30s", "min_records": MIN_RECORDS }));
    let records = records(0, bad + good, |n| if n < bad { format!("!reject {n}") } else { n.to_string() });
    Feeder::new(kafka, &[]).feed(&pipeline.input, &records);
    (pipeline, records)
}

fn wait_until_open(sluice: &mut Sluice, name: &str) {
    sluice.wait_for_line("an open breaker", |line| line.is_status_of(name) && line.field("breaker") == "open");
}

#[test]
fn an_open_breaker_leaves_the_offsets_and_a_failed_probe_writes_nothing() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (mut pipeline, records) = failing(&kafka, "breaker", 2_000, 0);
    let group = Group::new(&kafka, &pipeline.name);
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    wait_until_open(&mut sluice, &pipeline.name);
    let letters = kafka.read(&pipeline.dlq).len();
    assert!((MIN_RECORDS..=MIN_RECORDS + IN_FLIGHT).contains(&letters), "{letters} dead letters");
    let said = sluice.errors().join("\n");
    let record = format!("{}/0 offset ", pipeline.input);
    let status = sluice
        .wait_for_line("a paused line", |line| line.is_status_of(&pipeline.name) && line.field("state") == "paused");
    for part in [&record, "stage \"stage\"", "reject: it was told to reject", "it closes by itself", "fix"] {
        assert!(said.contains(part) && status.message().contains(part), "{part}: which record, why, and how to go on");
    }

    sluice.wait_for_line("a failed probe", |line| line.message().contains("probe failed"));
    assert_eq!(kafka.read(&pipeline.dlq).len(), letters);
    assert!(kafka.read(&pipeline.output).is_empty());
    stop(&mut sluice);
    assert_eq!(kafka.read(&pipeline.dlq).len(), letters);
    assert_eq!(group.committed(&pipeline.input), [Some(letters as i64)]);

    // Who wants them all among the dead letters says so, and gets each of them once.
    pipeline.set("breaker", json!("off"));
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    stop(&mut sluice);
    audit(&records, &kafka.read(&pipeline.dlq).inputs(), by_timestamp).assert_exact();
}

#[test]
fn a_probe_that_passes_closes_the_breaker_and_nothing_is_lost_or_repeated() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (pipeline, records) = failing(&kafka, "closes", MIN_RECORDS, 1_000);
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    wait_until_open(&mut sluice, &pipeline.name);
    sluice.wait_for_line("a probe that passed", |line| line.message().contains("probe passed"));
    sluice.wait_until_caught_up(&Group::new(&kafka, &pipeline.name), &pipeline.input);
    stop(&mut sluice);
    let (bad, good) = records.split_at(MIN_RECORDS);
    audit(bad, &kafka.read(&pipeline.dlq).inputs(), by_timestamp).assert_exact();
    audit(good, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}

/// The letters that were written when the breaker opened, each time that it did.
fn letters_at_openings(sluice: &Sluice, name: &str) -> Vec<usize> {
    let lines = sluice.lines();
    let open = lines.iter().filter(|line| line.is_status_of(name) && line.field("breaker") == "open");
    let mut letters: Vec<usize> = open.map(|line| line.field("dead_letters").parse().unwrap()).collect();
    letters.dedup();
    letters
}

#[test]
fn a_burst_longer_than_a_probe_that_ends_lets_the_breaker_close_by_itself() {
    const BURST: usize = 500;
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (pipeline, records) = failing(&kafka, "burst", BURST, 1_000);
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_caught_up(&Group::new(&kafka, &pipeline.name), &pipeline.input);
    stop(&mut sluice);
    let (bad, good) = records.split_at(BURST);
    audit(bad, &kafka.read(&pipeline.dlq).inputs(), by_timestamp).assert_exact();
    audit(good, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
    let letters = letters_at_openings(&sluice, &pipeline.name);
    assert!(letters.len() >= BURST / (MIN_RECORDS + IN_FLIGHT), "it opened again and again: {letters:?}");
    let first = std::iter::once(&0).chain(&letters);
    for (before, after) in first.zip(&letters) {
        assert!(after - before <= MIN_RECORDS + IN_FLIGHT, "each opening lets so many through: {letters:?}");
    }
}

#[test]
fn a_stage_that_begins_to_fail_is_noticed_as_soon_after_many_good_records() {
    const GOOD: usize = 20_000;
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "breaker-late", 1);
    pipeline.stage("misbehave", json!(null));
    pipeline.set("workers", json!(1)).set("batch", json!({ "max_records": BATCH }));
    pipeline.set("breaker", json!({ "share": 0.5, "window": "5m", "min_records": MIN_RECORDS }));
    let records = records(0, GOOD + 5_000, |n| if n < GOOD { n.to_string() } else { "!trap".to_owned() });
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &records);
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    wait_until_open(&mut sluice, &pipeline.name);
    stop(&mut sluice);
    let letters = kafka.read(&pipeline.dlq).len();
    assert!((MIN_RECORDS / 2..=MIN_RECORDS + IN_FLIGHT).contains(&letters), "{letters} dead letters");
    audit(&records[..GOOD], &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}

#[test]
fn what_waits_for_a_retry_when_the_breaker_opens_is_not_dead_lettered_either() {
    for hold in ["partition", "key"] {
        let (kafka, folder) = (Kafka::shared(), Folder::new());
        let (mut pipeline, _) = failing(&kafka, &format!("breaker-{hold}"), 0, 0);
        pipeline.set_stage("on_error", json!({ "retries": 1, "backoff": "200ms", "hold": hold }));
        // Which alone allows both.
        pipeline.set("delivery", json!("at_least_once"));
        let records = records(0, 2_000, |_| "!retry".to_owned());
        Feeder::new(&kafka, &[]).feed(&pipeline.input, &records);
        let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
        wait_until_open(&mut sluice, &pipeline.name);
        sluice.wait_for_line("a failed probe", |line| line.message().contains("probe failed"));
        stop(&mut sluice);
        let letters = kafka.read(&pipeline.dlq).len();
        assert!((MIN_RECORDS..=MIN_RECORDS + IN_FLIGHT).contains(&letters), "{hold}: {letters} dead letters");
    }
}

/// One partition whose records fail from now on is no reason to go on because of another whose records pass.
#[test]
fn good_records_of_one_partition_do_not_close_the_breaker_over_another() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "breaker-two", 2);
    pipeline.stage("misbehave", json!(null));
    pipeline.set("workers", json!(1)).set("batch", json!({ "max_records": BATCH }));
    pipeline.set("breaker", json!({ "share": 0.5, "window": "30s", "min_records": MIN_RECORDS }));
    let feeder = Feeder::new(&kafka, &[]);
    feeder.feed_partition(&pipeline.input, 0, &records(0, 2_000, |_| "!reject".to_owned()));
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    wait_until_open(&mut sluice, &pipeline.name);
    let letters = kafka.read(&pipeline.dlq).len();
    // Few enough that the next probe has bad ones for the greater part.
    feeder.feed_partition(&pipeline.input, 1, &records(5_000, 4, |n| n.to_string()));
    sluice.wait_for_line("a failed probe", |line| line.message().contains("probe failed"));
    sluice.wait_for_line("a second one", |line| {
        line.message().contains("probe failed") && line.message().contains("(every 40 s)")
    });
    stop(&mut sluice);
    assert_eq!(kafka.read(&pipeline.dlq).len(), letters);
}

#[test]
fn on_break_stop_ends_the_pipeline() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (mut pipeline, _records) = failing(&kafka, "break-stop", 2_000, 0);
    pipeline.set_in("breaker", "on_break", json!("stop"));
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    assert_eq!(sluice.wait_for_end(STOP), 1);
    let letters = kafka.read(&pipeline.dlq).len();
    assert!((MIN_RECORDS..=MIN_RECORDS + IN_FLIGHT).contains(&letters), "{letters} dead letters");
    assert_eq!(Group::new(&kafka, &pipeline.name).committed(&pipeline.input), [Some(letters as i64)]);
    assert!(sluice.errors().iter().any(|error| error.contains("stage \"stage\"")), "{:?}", sluice.errors());
}
