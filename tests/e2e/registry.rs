//! A registry and clients of others: what Confluent's serializers and fastavro write is read, and they read what is
//! written.

use std::sync::OnceLock;

use serde_json::{Value, json};
use sluicebox_tests::{
    Apicurio, Finished, Folder, Group, Kafka, Pipeline, Registry, Sluice, confluent_clients, sluice,
};

use crate::serdes::random_records;
use crate::stop;

/// Records of a test of one schema.
const COUNT: usize = 500;

/// The schema of what fastavro writes, and of what goes out as Avro: that of tests/registry/clients.py.
const ORDER: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
    {"name":"id","type":"string"},{"name":"quantity","type":"long"},{"name":"ratio","type":"double"},
    {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
    {"name":"placed_at","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"day","type":{"type":"int","logicalType":"date"}},
    {"name":"status","type":{"type":"enum","name":"Status","symbols":["NEW","PAID"]}},
    {"name":"note","type":["null","string"],"default":null},
    {"name":"tags","type":{"type":"array","items":"string"}},
    {"name":"counts","type":{"type":"map","values":"long"}},
    {"name":"raw","type":{"type":"fixed","name":"Raw","size":3}},
    {"name":"parent","type":["null","Order"],"default":null}]}"#;

/// The schema of what goes out as JSON.
const JSON_SCHEMA: &str = r#"{"$schema":"http://json-schema.org/draft-07/schema#","title":"Order","type":"object",
    "required":["id","quantity"]}"#;

/// A registry for all tests, which ends with the process.
pub fn apicurio() -> &'static Apicurio {
    static APICURIO: OnceLock<Apicurio> = OnceLock::new();
    APICURIO.get_or_init(Apicurio::start)
}

/// A pipeline between two clients of others.
struct Between {
    kafka: Kafka,
    pipeline: Pipeline,
    folder: Folder,
    url: String,
    count: usize,
}

impl Between {
    fn new(test: &str, url: Option<&str>, input: Value, output: Value) -> Between {
        let kafka = Kafka::shared();
        let mut pipeline = Pipeline::with_topics(&kafka, test, 1);
        if let Some(url) = url {
            pipeline.set("schema_registry", json!({ "url": url }));
        }
        pipeline.set_in("input", "value", input);
        let topic = pipeline.output.clone();
        pipeline.set("outputs", json!({ "default": { "topic": topic, "value": output } }));
        let folder = Folder::new();
        folder.write("order.avsc", ORDER);
        folder.write("order.json", JSON_SCHEMA);
        let url = url.unwrap_or("http://127.0.0.1:1").to_owned();
        Between { kafka, pipeline, folder, url, count: COUNT }
    }

    fn client(&self, command: &str, format: &str, topic: &str) -> Vec<Value> {
        let (brokers, count) = (self.kafka.bootstrap(), self.count.to_string());
        let mut client = confluent_clients();
        let answer = Finished::of(client.args([command, format, brokers, &self.url, topic, &count]));
        assert_eq!(answer.code, Some(0), "{command} {format}: {}", answer.err);
        let values: Vec<Value> = answer.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(values.len(), self.count);
        values
    }

    /// Has a client write, the pipeline work, and the client read. Returns what was written.
    fn go_there_and_back(&self, write: &str, read: &str) -> Vec<Value> {
        let written = self.client("write", write, &self.pipeline.input);
        let mut sluice = Sluice::run(&[&self.pipeline.write(&self.folder)]);
        let group = Group::new(&self.kafka, &self.pipeline.name);
        sluice.wait_until_caught_up(&group, &self.pipeline.input);
        stop(&mut sluice);
        let letters = self.kafka.read(&self.pipeline.dlq).records();
        let reasons: Vec<_> = letters.iter().map(|letter| letter.header("sluice.error.reason")).collect();
        assert!(letters.is_empty(), "{:?}", reasons.first());
        let came = self.client("read", read, &self.pipeline.output);
        for (number, (written, read)) in written.iter().zip(&came).enumerate() {
            assert_eq!(written, read, "record {number}");
        }
        written
    }

    /// The rows of a query on the input: what plugins see.
    fn rows(&self, query: &str) -> Vec<Value> {
        let file = self.pipeline.write(&self.folder);
        let answer = Finished::of(sluice().arg("sql").arg(file).arg(query));
        assert_eq!((answer.code, answer.err.contains("left out")), (Some(0), false), "{}", answer.err);
        answer.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Picks fields.
fn pick(values: &[Value], fields: &[&str]) -> Vec<Value> {
    let pick = |value: &Value| fields.iter().map(|field| ((*field).to_owned(), value[*field].clone())).collect();
    values.iter().map(|value| Value::Object(pick(value))).collect()
}

#[test]
fn avro_of_confluents_serializer_goes_through_a_registry_there_and_back() {
    let output = json!({ "format": "avro", "schema": { "file": "order.avsc" }, "register": true });
    let between = Between::new("registry-avro", Some(&apicurio().url()), json!({ "format": "avro" }), output);
    let written = between.go_there_and_back("avro", "avro");
    let rows = between.rows("SELECT id, quantity, price, day, raw FROM input");
    assert_eq!(rows, pick(&written, &["id", "quantity", "price", "day", "raw"]));
    let subject = format!("{}-value", between.pipeline.output);
    let file = between.pipeline.write(&between.folder);
    let listed = Finished::of(sluice().args(["schema", "list"]).arg(&file));
    assert!(listed.out.contains(&format!("{subject}: AVRO, versions 1")), "{}{}", listed.out, listed.err);
    let pulled = Finished::of(sluice().args(["schema", "pull"]).arg(&file).current_dir(between.folder.path()));
    assert_eq!(pulled.code, Some(0), "{}", pulled.err);
    assert!(between.folder.path().join(format!("schemas/{subject}/1.avsc")).is_file(), "{}", pulled.out);
}

#[test]
fn avro_of_random_schemas_comes_back_to_confluents_deserializer_as_it_was_written() {
    let registry = Registry::start();
    let output = json!({ "format": "avro", "schema": "input" });
    let mut between = Between::new("registry-random", Some(registry.url()), json!({ "format": "avro" }), output);
    between.count = random_records();
    between.go_there_and_back("random", "random");
}

#[test]
fn protobuf_of_confluents_serializer_goes_through_a_registry_there_and_back() {
    let output = json!({ "format": "protobuf", "schema": "input" });
    let between = Between::new("registry-protobuf", Some(&apicurio().url()), json!({ "format": "protobuf" }), output);
    let written = between.go_there_and_back("protobuf", "protobuf");
    assert_eq!(between.rows("SELECT id, quantity, tags FROM input"), pick(&written, &["id", "quantity", "tags"]));
}

#[test]
fn json_of_confluents_serializer_goes_through_a_registry_there_and_back() {
    let output = json!({ "format": "json_schema", "schema": { "file": "order.json" }, "register": true });
    let input = json!({ "format": "json_schema", "validate": true });
    Between::new("registry-json", Some(&apicurio().url()), input, output).go_there_and_back("json", "json");
}

#[test]
fn ids_in_headers_are_read_and_written_as_confluents_clients_do() {
    let registry = Registry::start();
    registry.give_guids();
    let (input, output) =
        (json!({ "format": "avro" }), json!({ "format": "avro", "schema": "input", "id_in": "header" }));
    let between = Between::new("registry-header", Some(registry.url()), input, output.clone());
    between.go_there_and_back("avro-header", "avro-header");
    let input = json!({ "format": "protobuf" });
    let output = json!({ "format": "protobuf", "schema": "input", "id_in": "header" });
    let between = Between::new("registry-header-protobuf", Some(registry.url()), input, output);
    between.go_there_and_back("protobuf-header", "protobuf-header");
    let asked = registry.requests();
    assert!(asked.iter().any(|line| line.starts_with("GET /schemas/guids/")), "{asked:?}");
}

#[test]
fn fastavro_needs_no_registry() {
    let format = json!({ "format": "avro", "schema": { "file": "order.avsc" } });
    let between = Between::new("registry-fastavro", None, format.clone(), format);
    let written = between.go_there_and_back("fastavro", "fastavro");
    assert_eq!(between.rows("SELECT id, status, counts FROM input"), pick(&written, &["id", "status", "counts"]));
}
