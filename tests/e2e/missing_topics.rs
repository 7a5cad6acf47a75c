//! Topics that are not there: the pipeline ends and says which, the others go on.

use std::path::Path;

use serde_json::json;
use sluicebox_tests::{Feeder, Finished, Folder, Group, Kafka, LIMIT, Pipeline, Record, Sluice, audit, sluice};

use crate::{STOP, by_timestamp, records, stop};

/// A pipeline with records in its input and neither an output nor a dead-letter topic; every fifth is a reject.
fn without_topics(kafka: &Kafka, test: &str) -> (Pipeline, Vec<Record>) {
    let mut pipeline = Pipeline::new(kafka, test);
    pipeline.stage("misbehave", json!(null));
    kafka.create_topic(&pipeline.input, 2, &[]);
    let records = records(0, 100, |n| if n % 5 == 0 { "!reject".to_owned() } else { n.to_string() });
    Feeder::new(kafka, &[]).feed(&pipeline.input, &records);
    (pipeline, records)
}

fn assert_ends_naming(mut sluice: Sluice, topic: &str) {
    assert_eq!(sluice.wait_for_end(STOP), 1);
    let errors = sluice.errors();
    assert!(errors.iter().any(|error| error.contains(topic) && error.contains("does not exist")), "{errors:?}");
}

fn assert_finishes(kafka: &Kafka, pipeline: &Pipeline, file: &Path, records: Vec<Record>) {
    let mut sluice = Sluice::run(&[file]);
    sluice.wait_until_caught_up(&Group::new(kafka, &pipeline.name), &pipeline.input);
    stop(&mut sluice);
    let (bad, good): (Vec<Record>, Vec<Record>) = records.into_iter().partition(|r| r.text().starts_with('!'));
    audit(&good, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
    audit(&bad, &kafka.read(&pipeline.dlq).inputs(), by_timestamp).assert_exact();
}

#[test]
fn a_missing_topic_ends_the_pipeline_and_a_restart_finishes_the_job_once_it_exists() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (pipeline, records) = without_topics(&kafka, "missing");
    let (file, group) = (pipeline.write(&folder), Group::new(&kafka, &pipeline.name));

    kafka.create_topic(&pipeline.dlq, 1, &[]);
    assert_ends_naming(Sluice::run(&[&file]), &pipeline.output);
    kafka.delete_topic(&pipeline.dlq);
    kafka.create_topic(&pipeline.output, 1, &[]);
    assert_ends_naming(Sluice::run(&[&file]), &pipeline.dlq);
    assert_eq!(group.committed(&pipeline.input), [None, None]);
    assert!(kafka.read(&pipeline.output).is_empty());

    kafka.create_topic(&pipeline.dlq, 1, &[]);
    assert_finishes(&kafka, &pipeline, &file, records);
}

#[test]
fn a_topic_that_is_created_at_the_start_may_be_known_a_moment_later() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (pipeline, records) = without_topics(&kafka, "known-later");
    kafka.create_topic(&pipeline.dlq, 1, &[]);
    let file = pipeline.write(&folder);
    let mut sluice = Sluice::run(&[&file]);
    sluice.wait_for_line("the output that is missing", |line| line.message().contains("a topic is not known yet"));
    kafka.create_topic(&pipeline.output, 1, &[]);
    sluice.wait_until_caught_up(&Group::new(&kafka, &pipeline.name), &pipeline.input);
    stop(&mut sluice);
    assert_finishes(&kafka, &pipeline, &file, records);
}

#[test]
fn a_topic_is_created_where_the_file_asks_for_it() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (mut pipeline, records) = without_topics(&kafka, "create");
    let create = json!({ "partitions": 3, "replication": 1 });
    pipeline.set("outputs", json!({ "default": { "topic": pipeline.output, "create": create } }));
    pipeline.set("dlq", json!({ "topic": pipeline.dlq, "create": create }));
    assert_finishes(&kafka, &pipeline, &pipeline.write(&folder), records);
    assert_eq!((kafka.partitions(&pipeline.output), kafka.partitions(&pipeline.dlq)), (Some(3), Some(3)));
}

#[test]
fn an_input_that_is_missing_is_named_until_it_is_there() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::new(&kafka, "no-input");
    pipeline.remove("dlq");
    kafka.create_topic(&pipeline.output, 1, &[]);
    let pattern = format!("^{}-[0-9]", pipeline.input);
    pipeline.set("input", json!({ "topics": [pipeline.input, pattern], "group": pipeline.name }));
    let missing = format!("input topic \"{}\" does not exist: create it", pipeline.input);
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_for_line("what is missing", |line| {
        let message = line.message();
        line.field("level") == "WARN"
            && message.contains(&missing)
            && message.contains(&format!("\"{pattern}\""))
            && message.contains("matches no topic")
    });
    sluice.wait_for_line("the status line", |line| {
        line.field("target") == "status" && line.field("state") != "running" && line.message().starts_with(&missing)
    });
    kafka.create_topic(&pipeline.input, 1, &[]);
    kafka.create_topic(&format!("{}-1", pipeline.input), 1, &[]);
    let records = records(0, 10, |n| n.to_string());
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &records);
    sluice.wait_for_line("the end of it", |line| line.message() == "every topic of the input is there now");
    sluice.wait_for_line("the status line", |line| line.field("target") == "status" && line.message() == "status");
    sluice.wait_until_caught_up(&Group::new(&kafka, &pipeline.name), &pipeline.input);
    stop(&mut sluice);
    audit(&records, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}

#[test]
fn a_missing_topic_is_answered_by_check_with_what_can_be_done() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::new(&kafka, "check-missing");
    pipeline.remove("dlq");
    let file = pipeline.write(&folder);
    let check = || Finished::of(sluice().args(["check", "--broker"]).arg(&file));
    let answer = check();
    assert_eq!(answer.code, Some(2));
    let said =
        format!("topic \"{}\" (output \"default\") does not exist: create it, or let the pipeline", pipeline.output);
    assert!(answer.err.contains(&said), "{}", answer.err);
    kafka.create_topic(&pipeline.output, 1, &[]);
    let answer = check();
    assert_eq!(answer.code, Some(2));
    let said = format!("topic \"{}\" (input) does not exist: create it\n", pipeline.input);
    assert!(answer.err.contains(&said), "{}", answer.err);
}

#[test]
fn a_dead_letter_topic_that_goes_away_stops_the_pipeline_with_the_offset_uncommitted() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "goes-away", 1);
    pipeline.stage("misbehave", json!(null));
    pipeline.set(
        "producer",
        json!({
            "topic.metadata.refresh.interval.ms": 500, "topic.metadata.propagation.max.ms": 1_000
        }),
    );
    let (feeder, group) = (Feeder::new(&kafka, &[]), Group::new(&kafka, &pipeline.name));
    let (good, bad) = (records(0, 10, |n| n.to_string()), records(10, 2, |_| "!reject".to_owned()));
    feeder.feed(&pipeline.input, &good);
    let file = pipeline.write(&folder);
    let mut sluice = Sluice::run(&[&file]);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    kafka.delete_topic(&pipeline.dlq);
    feeder.feed(&pipeline.input, &bad);
    assert_eq!(sluice.wait_for_end(LIMIT), 1);
    assert_eq!(group.committed(&pipeline.input), [Some(10)]);
    let said = format!("topic \"{}\" does not exist any more", pipeline.dlq);
    assert!(sluice.errors().iter().any(|error| error.contains(&said)), "{:?}", sluice.errors());

    kafka.create_topic(&pipeline.dlq, 1, &[]);
    assert_finishes(&kafka, &pipeline, &file, good.into_iter().chain(bad).collect());
}

#[test]
fn a_pipeline_that_cannot_start_leaves_the_others_at_work_and_shows_in_the_exit_code() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (broken, _records) = without_topics(&kafka, "broken");
    let mut whole = Pipeline::with_topics(&kafka, "whole", 2);
    whole.remove("dlq");
    let (broken_file, whole_file) = (broken.write(&folder), whole.write(&folder));
    let mut sluice = Sluice::run(&[&broken_file, &whole_file]);
    sluice.wait_for_line("the pipeline that cannot start", |line| {
        line.is_error() && line.field("pipeline") == broken.name && line.message().contains(&broken.output)
    });
    let records = records(0, 100, |n| n.to_string());
    Feeder::new(&kafka, &[]).feed(&whole.input, &records);
    sluice.wait_until_caught_up(&Group::new(&kafka, &whole.name), &whole.input);
    assert_eq!(sluice.terminate(STOP), 1, "one has failed");
    audit(&records, &kafka.read(&whole.output).records(), by_timestamp).assert_exact();
}

#[test]
fn on_failure_exit_drains_the_others_and_ends() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (broken, _records) = without_topics(&kafka, "broken");
    let mut whole = Pipeline::with_topics(&kafka, "whole", 2);
    whole.remove("dlq");
    let (broken_file, whole_file) = (broken.write(&folder), whole.write(&folder));
    let mut sluice = Sluice::run_with(&[&broken_file, &whole_file], |command| {
        command.args(["--on-failure", "exit"]);
    });
    assert_eq!(sluice.wait_for_end(STOP), 1);
    assert!(sluice.errors().iter().any(|error| error.contains(&broken.output)));
}
