//! A committed offset that is no longer in the log, or never was.

use serde_json::{Value, json};
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

/// A copy that has read 30 records of each of three partitions.
fn of_three(kafka: &Kafka, folder: &Folder, test: &str, on_lost_offset: &str, consumer: Value) -> (Pipeline, Sluice) {
    let mut pipeline = Pipeline::with_topics(kafka, test, 3);
    pipeline.remove("dlq").set_in("input", "on_lost_offset", json!(on_lost_offset)).set("consumer", consumer);
    let (feeder, group) = (Feeder::new(kafka, &[]), Group::new(kafka, &pipeline.name));
    for partition in 0..3 {
        let first = 100 * partition;
        feeder.feed_partition(&pipeline.input, partition as i32, &records(first, 30, |n| n.to_string()));
    }
    let mut sluice = Sluice::run(&[&pipeline.write(folder)]);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    (pipeline, sluice)
}

fn wait_for_outputs(kafka: &Kafka, pipeline: &Pipeline, sluice: &mut Sluice, expected: &[String]) {
    sluice.wait_for("all that was fed", LIMIT, || {
        let reading = kafka.read(&pipeline.output);
        let texts = reading.texts();
        let missing = expected.iter().find(|text| !texts.contains(&text.as_str()));
        missing.map_or(Ok(()), |text| Err(format!("{text} is missing in {texts:?}")))
    });
}

fn wait_for_partitions(pipeline: &Pipeline, sluice: &mut Sluice, count: &str) {
    let name = pipeline.name.clone();
    sluice.wait_for_line("the partitions that there are, with their lag", |line| {
        line.is_status_of(&name) && line.field("partitions") == count && line.field("lag") == "0"
    });
}

/// Under every way of sharing partitions. With the cooperative one librdkafka lets the member keep those that are gone.
#[test]
fn partitions_that_a_topic_has_no_more_are_said_and_given_up_and_read_when_it_grows_again() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    // So that the group hears soon of a topic that grows.
    let consumer = |key: &str, value: &str| json!({ key: value, "topic.metadata.refresh.interval.ms": 1_000 });
    let all = [
        ("fewer-range", consumer("partition.assignment.strategy", "range")),
        ("fewer-sticky", consumer("partition.assignment.strategy", "cooperative-sticky")),
        ("fewer-newer", consumer("group.protocol", "consumer")),
    ];
    let mut all = all.map(|(test, consumer)| of_three(&kafka, &folder, test, "earliest", consumer));
    for (pipeline, _) in &all {
        kafka.delete_topic(&pipeline.input);
        kafka.create_topic(&pipeline.input, 1, &[]);
        Feeder::new(&kafka, &[]).feed(&pipeline.input, &records(1_000, 50, |n| n.to_string()));
    }
    for (pipeline, sluice) in &mut all {
        sluice.wait_for_line("the topic that is another one", |line| line.message().contains("created again"));
        wait_for_partitions(pipeline, sluice, "1");
        wait_for_outputs(&kafka, pipeline, sluice, &numbers(1_000..1_050));
    }
    let said = |sluice: &Sluice, text: &str| sluice.lines().iter().any(|line| line.message().contains(text));
    // It may be the client that notices, in the moment between the two topics.
    let words = ["with fewer partitions: some are gone", "the assignment was lost"];
    assert!(words.iter().any(|words| said(&all[1].1, words)), "{:?}", all[1].1.lines());

    for (pipeline, _) in &all {
        kafka.grow_topic(&pipeline.input, 3);
        for partition in 1..3 {
            let first = 1_000 + 100 * partition;
            let feeder = Feeder::new(&kafka, &[]);
            feeder.feed_partition(&pipeline.input, partition as i32, &records(first, 30, |n| n.to_string()));
        }
    }
    for (pipeline, sluice) in &mut all {
        let expected = [numbers(1_100..1_130), numbers(1_200..1_230)].concat();
        wait_for_outputs(&kafka, pipeline, sluice, &expected);
        wait_for_partitions(pipeline, sluice, "3");
        stop(sluice);
    }
}

#[test]
fn a_topic_that_is_deleted_is_waited_for_with_words_and_read_as_another_one() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    for (test, consumer) in [("gone", json!({})), ("gone-newer", json!({ "group.protocol": "consumer" }))] {
        let (pipeline, mut sluice) = of_three(&kafka, &folder, test, "earliest", consumer);
        kafka.delete_topic(&pipeline.input);
        let warning = sluice.wait_for_line("a topic that is gone", |line| {
            line.field("level") == "WARN" && line.message().contains("the topic does not exist any more")
        });
        assert_eq!(warning.field("topic"), pipeline.input);
        let name = pipeline.name.clone();
        let status = sluice.wait_for_line("a status line that says so", |line| {
            line.is_status_of(&name) && line.field("partitions") == "0" && line.message().contains("is waited for")
        });
        assert!(status.message().contains(&pipeline.input), "{}", status.message());
        kafka.create_topic(&pipeline.input, 2, &[]);
        Feeder::new(&kafka, &[]).feed(&pipeline.input, &records(1_000, 50, |n| n.to_string()));
        wait_for_outputs(&kafka, &pipeline, &mut sluice, &numbers(1_000..1_050));
        wait_for_partitions(&pipeline, &mut sluice, "2");
        stop(&mut sluice);
    }
}
