//! Java's serializers and deserializers at both ends (tests/registry/serdes): random records, of random schemas for
//! Avro, go through the program and come back as they were written. `SLUICE_SERDES_RECORDS` says how many records, over
//! a fiftieth as many schemas; `SLUICE_SERDES_SEED` which.

use std::env;

use serde_json::{Value, json};
use sluicebox_tests::{Finished, Folder, Group, Kafka, Pipeline, Sluice, java_serdes};

use crate::registry::apicurio;
use crate::stop;

fn number(variable: &str, otherwise: usize) -> usize {
    env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

/// How many records of random schemas a test has.
pub fn random_records() -> usize {
    number("SLUICE_SERDES_RECORDS", 2_000)
}

fn seed() -> String {
    number("SLUICE_SERDES_SEED", 1).to_string()
}

/// Has Java write, the pipeline work, and Java read and compare.
fn go_there_and_back(format: &str, input: &Value, output: &Value, folder: &Folder) {
    let kafka = Kafka::shared();
    let mut pipeline = Pipeline::with_topics(&kafka, &format!("serdes-{format}"), 1);
    pipeline.set("schema_registry", json!({ "url": apicurio().url() }));
    pipeline.set_in("input", "value", input.clone());
    pipeline.set("outputs", json!({ "default": { "topic": pipeline.output.clone(), "value": output } }));
    let records = random_records();
    let java = |command: &str, topic: &str| {
        let (registry, counts) = (apicurio().own_url(), [records.to_string(), (records / 50).to_string()]);
        let mut java = java_serdes();
        java.args([command, format, kafka.bootstrap(), &registry, topic]).args(counts).arg(seed());
        let answer = Finished::of(&mut java);
        assert_eq!((answer.code, answer.out.trim()), (Some(0), &*records.to_string()), "{command}: {}", answer.err);
    };
    java("write", &pipeline.input);
    let mut sluice = Sluice::run(&[&pipeline.write(folder)]);
    sluice.wait_until_caught_up(&Group::new(&kafka, &pipeline.name), &pipeline.input);
    stop(&mut sluice);
    let letters = kafka.read(&pipeline.dlq).records();
    let reasons: Vec<_> = letters.iter().map(|letter| letter.header("sluice.error.reason")).collect();
    assert!(letters.is_empty(), "{} dead letters: {:?}", letters.len(), reasons.first());
    java("read", &pipeline.output);
}

#[test]
fn avro_of_random_schemas_comes_back_to_java_as_it_was_written() {
    let (input, output) = (json!({ "format": "avro" }), json!({ "format": "avro", "schema": "input" }));
    go_there_and_back("avro", &input, &output, &Folder::new());
}

#[test]
fn a_readers_schema_is_resolved_as_java_resolves_it() {
    let folder = Folder::new();
    let reader = Finished::of(java_serdes().args(["reader", &seed()]));
    assert_eq!(reader.code, Some(0), "{}", reader.err);
    folder.write("reader.avsc", &reader.out);
    let input = json!({ "format": "avro", "reader": "reader.avsc" });
    let output = json!({ "format": "avro", "schema": { "file": "reader.avsc" }, "register": true });
    go_there_and_back("resolve", &input, &output, &folder);
}

#[test]
fn json_comes_back_to_java_as_it_was_written() {
    let input = json!({ "format": "json_schema", "validate": true });
    go_there_and_back("json", &input, &json!({ "format": "json_schema", "schema": "input" }), &Folder::new());
}
