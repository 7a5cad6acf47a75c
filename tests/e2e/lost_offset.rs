//! A committed offset that is no longer in the log, or never was.

use serde_json::json;
use sluicebox_tests::{Feeder, Folder, Group, Kafka, LIMIT, Pipeline, Sluice};

use crate::{STOP, records, stop};

/// A copy whose group has committed an offset in a topic of 100 records, of which the first 50 are gone.
fn with_gap(kafka: &Kafka, committed: i64, on_lost_offset: &str) -> (Pipeline, Group) {
    let mut pipeline = Pipeline::with_topics(kafka, "gap", 1);
    pipeline.remove("dlq").set_in("input", "on_lost_offset", json!(on_lost_offset));
    Feeder::new(kafka, &[]).feed(&pipeline.input, &records(0, 100, |n| n.to_string()));
    let group = Group::new(kafka, &pipeline.name);
    group.commit(&pipeline.input, 0, committed);
    kafka.delete_records(&pipeline.input, 0, 50);
    (pipeline, group)
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

#[test]
fn stop_names_the_gap_and_leaves_the_offset() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (pipeline, group) = with_gap(&kafka, 10, "stop");
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    assert_eq!(sluice.wait_for_end(STOP), 1);
    let errors = sluice.errors().join("\n");
    for part in [&format!("{}/0", pipeline.input), "10", "49", "on_lost_offset"] {
        assert!(errors.contains(part), "{part} in {errors}");
    }
    assert_eq!(group.committed(&pipeline.input), [Some(10)]);
    assert!(kafka.read(&pipeline.output).is_empty());
}

#[test]
fn stop_says_so_where_the_log_is_shorter_than_what_was_read() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (pipeline, group) = with_gap(&kafka, 5_000, "stop");
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    assert_eq!(sluice.wait_for_end(STOP), 1);
    let errors = sluice.errors().join("\n");
    assert!(errors.contains("5000") && errors.contains("100"), "{errors}");
    assert_eq!(group.committed(&pipeline.input), [Some(5_000)]);
}

#[test]
fn earliest_goes_on_with_the_oldest_record_and_logs_the_gap() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (pipeline, group) = with_gap(&kafka, 10, "earliest");
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    stop(&mut sluice);
    assert_eq!(kafka.read(&pipeline.output).texts(), numbers(50..100));
    assert!(sluice.lines().iter().any(|line| line.field("level") == "WARN" && line.message().contains("10 to 49")));
}

#[test]
fn latest_goes_on_with_what_comes_next() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (pipeline, group) = with_gap(&kafka, 10, "latest");
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &records(100, 20, |n| n.to_string()));
    sluice.wait_until_caught_up(&group, &pipeline.input);
    stop(&mut sluice);
    assert_eq!(kafka.read(&pipeline.output).texts(), numbers(100..120));
}

/// A copy that has read 50 records of a topic, which is then deleted, created again and fed 100 others at once.
fn recreate_under(kafka: &Kafka, on_lost_offset: &str, go_on: impl FnOnce(&mut Sluice, &Pipeline)) -> Pipeline {
    let folder = Folder::new();
    let mut pipeline = Pipeline::with_topics(kafka, "recreated", 1);
    pipeline.remove("dlq").set_in("input", "on_lost_offset", json!(on_lost_offset));
    let (feeder, group) = (Feeder::new(kafka, &[]), Group::new(kafka, &pipeline.name));
    feeder.feed(&pipeline.input, &records(0, 50, |n| n.to_string()));
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    kafka.delete_topic(&pipeline.input);
    kafka.create_topic(&pipeline.input, 1, &[]);
    // The one that fed before may still know the old topic.
    Feeder::new(kafka, &[]).feed(&pipeline.input, &records(1_000, 100, |n| n.to_string()));
    go_on(&mut sluice, &pipeline);
    pipeline
}

#[test]
fn a_topic_that_is_created_again_while_it_is_read_stops_and_says_so() {
    let kafka = Kafka::shared();
    recreate_under(&kafka, "stop", |sluice, pipeline| {
        assert_eq!(sluice.wait_for_end(STOP), 1);
        let errors = sluice.errors().join("\n");
        for part in [&pipeline.input, "created again", "on_lost_offset"] {
            assert!(errors.contains(part), "{part} in {errors}");
        }
    });
}

#[test]
fn a_topic_that_is_created_again_while_it_is_read_is_read_from_its_beginning_with_earliest() {
    let kafka = Kafka::shared();
    recreate_under(&kafka, "earliest", |sluice, pipeline| {
        // What was delivered before it was noticed may come twice.
        let expected = [numbers(0..50), numbers(1_000..1_100)].concat();
        sluice.wait_for("all records of both topics", LIMIT, || {
            let reading = kafka.read(&pipeline.output);
            let texts = reading.texts();
            let missing = expected.iter().find(|text| !texts.contains(&text.as_str()));
            missing.map_or(Ok(()), |text| Err(format!("{text} is missing in {texts:?}")))
        });
        stop(sluice);
        assert!(sluice.lines().iter().any(|line| line.text.contains("created again")));
    });
}
