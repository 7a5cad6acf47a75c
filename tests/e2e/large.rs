//! Records of 17 MiB among small ones, where topics take them.

use serde_json::json;
use sluicebox_tests::{Feeder, Finished, Folder, Group, Kafka, Pipeline, Record, Sluice, audit, sluice};

use crate::dlq::Desk;
use crate::{by_timestamp, noise, records, stop};

const LARGE: usize = 17 << 20;
/// What the topics take.
const LIMIT: &str = "33554432";

/// Ten small records, one of 17 MiB whose value begins with `order`, and ten more.
fn one_among_twenty(order: &str) -> Vec<Record> {
    let text = || noise(LARGE, 1).into_iter().map(|byte| char::from(b'#' + byte % 92)).collect::<String>();
    records(0, 21, |n| if n == 10 { format!("{order}{}", text()) } else { format!("small {n}") })
}

/// A pipeline with the stage `misbehave` and topics of one partition that take such a record.
fn pipeline(kafka: &Kafka, delivery: &str) -> Pipeline {
    let mut pipeline = Pipeline::new(kafka, "large");
    for topic in [&pipeline.input, &pipeline.output, &pipeline.dlq] {
        kafka.create_topic(topic, 1, &[("max.message.bytes", LIMIT)]);
    }
    pipeline.set("delivery", json!(delivery)).stage("misbehave", json!(null));
    pipeline
}

fn run(kafka: &Kafka, pipeline: &Pipeline, folder: &Folder, inputs: &[Record]) {
    let feeder = Feeder::new(kafka, &[("message.max.bytes", LIMIT)]);
    feeder.feed_partition(&pipeline.input, 0, inputs);
    let mut sluice = Sluice::run(&[&pipeline.write(folder)]);
    sluice.wait_until_caught_up(&Group::new(kafka, &pipeline.name), &pipeline.input);
    stop(&mut sluice);
}

#[test]
fn a_large_record_among_small_ones_is_delivered_with_both_kinds_of_delivery() {
    let (kafka, inputs) = (Kafka::shared(), one_among_twenty("keep "));
    for delivery in ["at_least_once", "exactly_once"] {
        let pipeline = pipeline(&kafka, delivery);
        run(&kafka, &pipeline, &Folder::new(), &inputs);
        let outputs = kafka.read(&pipeline.output).records();
        assert!(outputs == inputs, "{delivery}: {} records", outputs.len());
    }
}

#[test]
fn a_large_dead_letter_is_written_and_replayed_with_both_kinds_of_delivery() {
    let kafka = Kafka::shared();
    for delivery in ["at_least_once", "exactly_once"] {
        let mut inputs = one_among_twenty("!reject ");
        let pipeline = pipeline(&kafka, delivery);
        let mut desk = Desk { kafka: kafka.clone(), pipeline, folder: Folder::new() };
        run(&kafka, &desk.pipeline, &desk.folder, &inputs);
        let large = inputs.remove(10);
        audit(&inputs, &desk.output().records(), by_timestamp).assert_exact();
        let letters = desk.letters();
        assert!(letters.inputs() == [large.clone()], "{delivery}: {} dead letters", letters.len());
        assert_eq!(letters.0[0].record.header("sluice.error.class"), Some("reject"));
        desk.pipeline.stage("identity", json!({}));
        assert_eq!(desk.replay(0, &[])["replayed"], 1);
        let outputs = desk.output().records();
        assert!(outputs.len() == 21 && outputs[20] == large, "{delivery}: {} records", outputs.len());
    }
}

#[test]
fn a_test_takes_large_records_up_to_the_size_of_its_file_and_says_so_beyond() {
    let folder = Folder::new();
    folder.write(
        "p.yaml",
        "name: p\nkafka: { bootstrap.servers: nowhere:1 }\ninput: { topics: [in] }\noutputs: { default: { topic: out } }\n",
    );
    let run = |len: usize| {
        let value = "x".repeat(len);
        let expect = format!("{{ outputs: {{ default: [{value}] }} }}");
        let case = format!("cases:\n  - name: large\n    records: [{value}]\n    expect: {expect}\n");
        Finished::of(sluice().arg("test").arg(folder.write("p.test.yaml", case)))
    };
    let answer = run(7 << 20);
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    let answer = run(LARGE);
    assert_eq!(answer.code, Some(2), "{}", answer.err);
    assert!(answer.err.contains("16 MiB"), "{}", answer.err);
}
