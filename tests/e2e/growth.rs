//! Where a pipeline starts, and topics that grow while it runs.

use serde_json::json;
use sluicebox_tests::{Feeder, Folder, Group, Kafka, Pipeline, Record, Sluice, audit};

use crate::{by_timestamp, records, stop};

/// A copy of a topic of one partition with 10 records from before its first start.
fn pipeline(kafka: &Kafka, start: &str) -> (Pipeline, Vec<Record>) {
    let mut pipeline = Pipeline::with_topics(kafka, start, 1);
    pipeline.remove("dlq").set_in("input", "start", json!(start));
    pipeline.set_in("kafka", "topic.metadata.refresh.interval.ms", json!(500));
    let before = records(0, 10, |n| n.to_string());
    Feeder::new(kafka, &[]).feed(&pipeline.input, &before);
    (pipeline, before)
}

/// Lets the topic grow under a running pipeline and feeds the new partitions at once. Answers what was fed since the
/// start, when it is all committed.
fn grow_under(kafka: &Kafka, pipeline: &Pipeline) -> Vec<Record> {
    let (feeder, group, folder) = (Feeder::new(kafka, &[]), Group::new(kafka, &pipeline.name), Folder::new());
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    let mut fed = records(100, 10, |n| n.to_string());
    feeder.feed_partition(&pipeline.input, 0, &fed);
    sluice.wait_until_caught_up(&group, &pipeline.input);

    kafka.grow_topic(&pipeline.input, 3);
    // The one that fed before has yet to learn of the new partitions.
    let feeder = Feeder::new(kafka, &[]);
    for partition in 1..3 {
        let mut first = records(partition * 1_000, 50, |n| n.to_string());
        // A key has an order within a partition, not across them.
        first.iter_mut().for_each(|record| record.key = Some(format!("key of {partition}").into()));
        feeder.feed_partition(&pipeline.input, i32::try_from(partition).unwrap(), &first);
        fed.extend(first);
    }
    sluice.wait_until_caught_up(&group, &pipeline.input);
    stop(&mut sluice);
    fed
}

#[test]
fn a_topic_that_grows_loses_none_of_its_first_records_with_start_earliest() {
    let kafka = Kafka::shared();
    let (pipeline, mut expected) = pipeline(&kafka, "earliest");
    expected.extend(grow_under(&kafka, &pipeline));
    audit(&expected, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}

#[test]
fn a_topic_that_grows_loses_none_of_its_first_records_with_start_latest() {
    let kafka = Kafka::shared();
    let (pipeline, _before) = pipeline(&kafka, "latest");
    let expected = grow_under(&kafka, &pipeline);
    audit(&expected, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}

#[test]
fn start_latest_holds_from_the_first_start_on_and_what_comes_while_away_is_read() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (pipeline, _before) = pipeline(&kafka, "latest");
    let (file, group) = (pipeline.write(&folder), Group::new(&kafka, &pipeline.name));
    let mut sluice = Sluice::run(&[&file]);
    sluice.wait_until_ready();
    stop(&mut sluice);
    assert_eq!(group.committed(&pipeline.input), [Some(10)]);

    let while_away = records(10, 5, |n| n.to_string());
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &while_away);
    let mut sluice = Sluice::run(&[&file]);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    stop(&mut sluice);
    audit(&while_away, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}

#[test]
fn a_pattern_takes_up_topics_that_come_later() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "pattern", 1);
    let later = format!("{}2", pipeline.input);
    let pattern = format!("^{}.?$", pipeline.input.replace('.', "[.]"));
    pipeline.remove("dlq").set("input", json!({ "topics": [pattern] }));
    pipeline.set_in("kafka", "topic.metadata.refresh.interval.ms", json!(500));
    let (feeder, group) = (Feeder::new(&kafka, &[]), Group::new(&kafka, &pipeline.name));
    let (first, second) = (records(0, 10, |n| n.to_string()), records(10, 10, |n| n.to_string()));
    feeder.feed(&pipeline.input, &first);
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    kafka.create_topic(&later, 2, &[]);
    feeder.feed(&later, &second);
    sluice.wait_until_caught_up(&group, &later);
    stop(&mut sluice);
    let all: Vec<Record> = first.into_iter().chain(second).collect();
    audit(&all, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}

#[test]
fn a_topic_that_comes_to_a_pattern_is_read_from_its_beginning_with_start_latest_too() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "pattern", 1);
    let [running, stopped] = ["2", "3"].map(|number| format!("{}{number}", pipeline.input));
    let pattern = format!("^{}.?$", pipeline.input.replace('.', "[.]"));
    pipeline.remove("dlq").set("input", json!({ "topics": [pattern], "start": "latest" }));
    pipeline.set_in("kafka", "topic.metadata.refresh.interval.ms", json!(500));
    let (feeder, group) = (Feeder::new(&kafka, &[]), Group::new(&kafka, &pipeline.name));
    let file = pipeline.write(&folder);
    feeder.feed(&pipeline.input, &records(0, 10, |n| n.to_string()));
    let mut sluice = Sluice::run(&[&file]);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    let while_running = records(100, 50, |n| n.to_string());
    kafka.create_topic(&running, 2, &[]);
    feeder.feed(&running, &while_running);
    sluice.wait_until_caught_up(&group, &running);
    stop(&mut sluice);

    let while_stopped = records(200, 50, |n| n.to_string());
    kafka.create_topic(&stopped, 2, &[]);
    feeder.feed(&stopped, &while_stopped);
    let mut sluice = Sluice::run(&[&file]);
    sluice.wait_until_caught_up(&group, &stopped);
    stop(&mut sluice);
    let all: Vec<Record> = while_running.into_iter().chain(while_stopped).collect();
    audit(&all, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}

#[test]
fn the_first_topic_of_a_pattern_that_comes_while_it_runs_is_read_from_its_beginning_with_start_latest_too() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::new(&kafka, "first-of-pattern");
    kafka.create_topic(&pipeline.output, 1, &[]);
    let pattern = format!("^{}$", pipeline.input.replace('.', "[.]"));
    pipeline.remove("dlq").set("input", json!({ "topics": [pattern], "start": "latest" }));
    pipeline.set_in("kafka", "topic.metadata.refresh.interval.ms", json!(500));
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    // It joins the group when there is something to read.
    sluice.wait_for_line("the start", |line| line.message() == "started");
    let fed = records(0, 100, |n| n.to_string());
    kafka.create_topic(&pipeline.input, 2, &[]);
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &fed);
    sluice.wait_until_caught_up(&Group::new(&kafka, &pipeline.name), &pipeline.input);
    stop(&mut sluice);
    audit(&fed, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}
