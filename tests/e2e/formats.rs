//! Formats and the schema registry: decoded before the chain, encoded after it, and a registry that is away.

use std::time::Duration;

use serde_json::{Value, json};
use sluicebox_tests::{Feeder, Folder, Group, Kafka, Mood, Pipeline, Record, Registry, Sluice, wait_for};

use crate::{EPOCH, run_to_the_end, stop};

pub const ORDER: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"quantity","type":"long"}]}"#;
pub const WIDER: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"quantity","type":"long"},{"name":"note","type":["null","string"],"default":null}]}"#;

/// A pipeline with a registry, its topics, and what looks at them.
pub struct Case {
    pub kafka: Kafka,
    pub registry: Registry,
    pub pipeline: Pipeline,
    pub folder: Folder,
    pub group: Group,
}

impl Case {
    pub fn new(test: &str, partitions: i32, input: Value, output: Value) -> Case {
        let (kafka, registry) = (Kafka::shared(), Registry::start());
        let mut pipeline = Pipeline::with_topics(&kafka, test, partitions);
        pipeline.set("schema_registry", json!({ "url": registry.url() }));
        pipeline.set_in("input", "value", input);
        let topic = pipeline.output.clone();
        pipeline.set("outputs", json!({ "default": { "topic": topic, "value": output } }));
        let group = Group::new(&kafka, &pipeline.name);
        Case { kafka, registry, pipeline, folder: Folder::new(), group }
    }

    pub fn start(&self) -> Sluice {
        Sluice::run(&[&self.pipeline.write(&self.folder)])
    }

    pub fn feed(&self, records: &[Record]) {
        Feeder::new(&self.kafka, &[]).feed(&self.pipeline.input, records);
    }

    pub fn run_to_the_end(&self) {
        run_to_the_end(&self.kafka, &self.pipeline);
    }

    pub fn output(&self) -> Vec<Record> {
        self.kafka.read(&self.pipeline.output).records()
    }

    pub fn letters(&self) -> Vec<Record> {
        self.kafka.read(&self.pipeline.dlq).records()
    }
}

pub fn framed(id: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A long as Avro has it.
fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = (value << 1 ^ value >> 63) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// An order as Avro has it.
pub fn order(id: &str, quantity: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    long(id.len() as i64, &mut bytes);
    bytes.extend_from_slice(id.as_bytes());
    long(quantity, &mut bytes);
    bytes
}

pub fn record(n: i64, value: Vec<u8>) -> Record {
    Record::new(format!("key-{n}"), value, EPOCH + n)
}

pub fn values(records: &[Record]) -> Vec<Vec<u8>> {
    records.iter().map(|record| record.value.clone().unwrap()).collect()
}

#[test]
fn json_with_a_schema_is_validated_and_carries_its_id() {
    let case = Case::new(
        "format-json",
        1,
        json!({ "format": "json_schema", "validate": true }),
        json!({ "format": "json_schema", "subject": "out", "id_in": "header" }),
    );
    case.registry.add("in", 1, "JSON", r#"{"type":"object","properties":{"n":{"type":"integer"}}}"#);
    case.registry.add("out", 2, "JSON", r#"{"type":"object","properties":{"n":{"maximum":5}}}"#);
    case.feed(&[
        record(0, framed(1, br#"{"n":1}"#)),
        record(1, framed(1, br#"{"n":"x"}"#)),
        record(2, framed(1, br#"{"n":6}"#)),
        record(3, b"{\"n\":1}".to_vec()),
        record(4, br#"{"n":2}"#.to_vec()).with_header("__value_schema_id", vec![0, 0, 0, 0, 1]),
    ]);
    case.run_to_the_end();
    let output = case.output();
    assert_eq!(values(&output), [br#"{"n":1}"#.to_vec(), br#"{"n":2}"#.to_vec()]);
    for record in &output {
        assert_eq!(record.headers, [(b"__value_schema_id".to_vec(), Some(vec![0, 0, 0, 0, 2]))]);
    }
    let letters = case.letters();
    let said = |name: &str| -> Vec<Option<&str>> {
        letters.iter().map(|letter| letter.header(&format!("sluice.error.{name}"))).collect()
    };
    assert_eq!(said("class"), [Some("decode"), Some("encode"), Some("decode")]);
    assert_eq!(said("output"), [None, Some("default"), None]);
    assert_eq!(said("stage"), [None; 3]);
    let reasons = said("reason");
    assert!(reasons[0].unwrap().starts_with("value: schema 1: /n: "), "{reasons:?}");
    assert!(reasons[1].unwrap().starts_with("value: /n: "), "{reasons:?}");
    assert!(reasons[2].unwrap().contains("no id of a schema"), "{reasons:?}");
    let kept = values(&letters);
    assert_eq!(kept, [framed(1, br#"{"n":"x"}"#), framed(1, br#"{"n":6}"#), b"{\"n\":1}".to_vec()], "as they came in");
}

#[test]
fn avro_goes_in_and_out_and_evolves_while_it_runs() {
    let mut case =
        Case::new("format-avro", 1, json!({ "format": "avro" }), json!({ "format": "avro", "schema": "input" }));
    case.pipeline.stage("misbehave", json!(null));
    case.registry.add("in", 7, "AVRO", ORDER);
    case.feed(&[record(0, framed(7, &order("a", 1))), record(1, framed(7, &order("b", -5)))]);
    let mut sluice = case.start();
    sluice.wait_until_caught_up(&case.group, &case.pipeline.input);
    case.registry.add("in", 8, "AVRO", WIDER);
    let mut wider = order("c", i64::MAX);
    wider.extend_from_slice(&[2, 2, b'x']);
    case.feed(&[record(2, framed(8, &wider)), record(3, framed(7, &order("d", 0))), record(4, framed(7, b"\x02"))]);
    sluice.wait_until_caught_up(&case.group, &case.pipeline.input);
    stop(&mut sluice);
    assert_eq!(
        values(&case.output()),
        [framed(7, &order("a", 1)), framed(7, &order("b", -5)), framed(8, &wider), framed(7, &order("d", 0))]
    );
    let letters = case.letters();
    assert_eq!((letters.len(), letters[0].header("sluice.error.class")), (1, Some("decode")));
    let asked = |id: u32| case.registry.requests().iter().filter(|line| line.ends_with(&format!("/ids/{id}"))).count();
    assert_eq!((asked(7), asked(8)), (1, 1), "a schema that is known is not asked for again");
}

#[test]
fn a_registry_that_is_away_costs_time_and_no_record() {
    let case = Case::new(
        "format-absence",
        2,
        json!({ "format": "json_schema" }),
        json!({ "format": "json_schema", "schema": "input" }),
    );
    case.registry.add("in", 1, "JSON", "{}");
    let at = |partition: i32, n: i64, id: u32| {
        let record = Record::new(b"k".to_vec(), framed(id, format!("{{\"n\":{n}}}").as_bytes()), EPOCH + n);
        (partition, record)
    };
    let feed = |records: &[(i32, Record)]| {
        for (partition, record) in records {
            Feeder::new(&case.kafka, &[]).feed_partition(
                &case.pipeline.input,
                *partition,
                std::slice::from_ref(record),
            );
        }
    };
    feed(&[at(0, 0, 1), at(1, 1, 1)]);
    let mut sluice = case.start();
    sluice.wait_until_caught_up(&case.group, &case.pipeline.input);
    case.registry.set_mood(Mood::Gone);
    feed(&[at(0, 2, 2), at(0, 3, 1), at(1, 4, 1)]);
    let input = case.pipeline.input.clone();
    sluice.wait_for("the other partition to go on", Duration::from_secs(60), || {
        let committed = case.group.committed(&input);
        if committed == [Some(1), Some(2)] { Ok(()) } else { Err(format!("{committed:?}")) }
    });
    let line = sluice.wait_for_line("the partition that waits", |line| line.message().contains("waits for schema 2"));
    assert!(line.message().contains("goes on by itself"), "{}", line.message());
    for mood in [Mood::Page(404), Mood::Page(200), Mood::Trouble(503, 50001), Mood::Trouble(404, 404)] {
        let before = case.registry.requests().len();
        case.registry.set_mood(mood);
        wait_for("the registry to be asked", Duration::from_secs(30), || {
            if case.registry.requests().len() > before + 1 { Ok(()) } else { Err("it is not asked".to_owned()) }
        });
    }
    assert_eq!(case.group.committed(&input), [Some(1), Some(2)], "nothing of the partition that waits is passed over");
    case.registry.add("in", 2, "JSON", "{}");
    case.registry.set_mood(Mood::Well);
    sluice.wait_until_caught_up(&case.group, &input);
    stop(&mut sluice);
    assert!(case.letters().is_empty(), "absence is no record's fault");
    let output = case.kafka.read(&case.pipeline.output);
    let of_first: Vec<i64> = output.0.iter().map(|stored| stored.record.timestamp - EPOCH).collect();
    let mut all = of_first.clone();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3, 4], "nothing is lost, and nothing comes twice");
}

#[test]
fn an_id_that_the_registry_does_not_know_is_a_dead_letter() {
    let case = Case::new("format-unknown", 1, json!({ "format": "json_schema" }), json!({ "format": "bytes" }));
    case.registry.add("in", 1, "JSON", "{}");
    case.feed(&[record(0, framed(9, b"1")), record(1, framed(1, b"2"))]);
    case.run_to_the_end();
    assert_eq!(values(&case.output()), [b"2".to_vec()]);
    let letters = case.letters();
    assert_eq!(values(&letters), [framed(9, b"1")]);
    let reason = letters[0].header("sluice.error.reason").unwrap();
    assert!(reason.starts_with("value: the registry knows no schema 9"), "{reason}");
}
