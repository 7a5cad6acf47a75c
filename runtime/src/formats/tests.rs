//! What becomes of one record on its way in and out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::batch::{Arena, Field, HeaderList, Offset, Record};
use crate::config::plan::Plan;
use crate::config::{PlanOptions, load_text};
use crate::registry::testing::{TestRegistry, avro};
use crate::registry::{LocalSchemas, RegisteredSchema, SchemaKind};

const PROTO: &str =
    r#"syntax = "proto3"; message First { string a = 1; } message Second { message Inner { int32 n = 1; } }"#;

/// Formats of a pipeline, and one record at a time.
struct Bench {
    formats: Arc<Formats>,
    scratch: Scratch,
    arena: Arena,
}

fn plan(input: &str, output: &str) -> Plan {
    let text = format!(
        "name: p\nkafka: {{ bootstrap.servers: x }}\nschema_registry: {{ url: http://x }}\ninput: {{ topics: [a], {input} }}\n\
         outputs: {{ default: {{ topic: b, {output} }} }}\ndlq: {{ topic: d }}\n"
    );
    load_text("p.yaml".as_ref(), &text, &|_| None, &PlanOptions::default()).unwrap_or_else(|e| panic!("{e}")).0
}

fn json(text: &str) -> RegisteredSchema {
    RegisteredSchema { kind: SchemaKind::Json, ..avro(text) }
}

fn registry() -> Arc<TestRegistry> {
    let registry = Arc::new(TestRegistry::default());
    registry.script(SchemaId::Number(1), vec![Ok(json(r#"{"type":"object"}"#))]);
    registry.script(SchemaId::Number(2), vec![Ok(RegisteredSchema { kind: SchemaKind::Protobuf, ..avro(PROTO) })]);
    registry.script(SchemaId::Number(3), vec![Ok(RegisteredSchema { has_rules: true, ..json("{}") })]);
    registry.script(SchemaId::Guid([5; 16]), vec![Ok(json("true"))]);
    let newest = |id, text| RegisteredSchema { id: Some(id), guid: Some([8; 16]), ..json(text) };
    registry.add_version("b-value", 1, newest(70, "false"));
    registry.add_version("b-value", 2, newest(71, r#"{"required":["n"]}"#));
    registry
}

impl Bench {
    fn new(input: &str, output: &str) -> Bench {
        let registry: Arc<dyn Registry> = registry();
        let formats = Formats::new(&plan(input, output), Some(&registry)).unwrap().unwrap();
        Bench { formats, scratch: Scratch::default(), arena: Arena::default() }
    }

    fn raw(&mut self, value: Option<&[u8]>, headers: &[(&str, &[u8])]) -> Record {
        let value = self.arena.push_option(value);
        let headers = headers.iter().map(|(name, value)| (name.as_bytes(), Some(*value)));
        let headers: HeaderList = self.arena.push_headers(headers);
        Record { key: Field::NULL, value, headers, timestamp: 0, offset: Offset(0), source: 0 }
    }

    /// Decodes a record, however long its schema takes.
    fn decode(&mut self, raw: &Record) -> Result<Record, String> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut record = *raw;
        loop {
            match self.formats.decode(&mut self.scratch, &mut self.arena, raw, &mut record) {
                Decoded::Done => return Ok(record),
                Decoded::Failed(why) => return Err(why),
                Decoded::Waits(_) => assert!(Instant::now() < deadline && record == *raw),
            }
            std::thread::yield_now();
        }
    }

    /// Decodes a value and encodes it again, with this JSON in its place where one is given.
    fn through(&mut self, raw: &Record, new: Option<&str>) -> Result<Record, String> {
        let mut record = self.decode(raw)?;
        if let Some(new) = new {
            record.value = self.arena.push(new.as_bytes());
        }
        self.formats.encode(&mut self.scratch, &mut self.arena, 0, raw, &mut record)?;
        Ok(record)
    }

    fn value(&self, record: &Record) -> Option<Vec<u8>> {
        self.arena.get(record.value).map(<[u8]>::to_vec)
    }

    fn headers(&self, record: &Record) -> Vec<(String, Vec<u8>)> {
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let headers = self.arena.headers(record.headers);
        headers.map(|(name, value)| (text(name), value.unwrap_or_default().to_vec())).collect()
    }
}

#[test]
fn the_schema_that_a_record_came_with_is_the_one_that_it_goes_with() {
    let mut bench = Bench::new("value: { format: registry }", "value: { format: registry }");
    let raw = bench.raw(Some(b"\0\0\0\0\x01{}"), &[("x", b"y")]);
    let record = bench.through(&raw, Some("{\"n\":1}")).unwrap();
    assert_eq!(bench.value(&record).unwrap(), b"\0\0\0\0\x01{\"n\":1}");
    assert_eq!(bench.headers(&record), [("x".to_owned(), b"y".to_vec())]);
    let why = bench.through(&raw, Some("[]")).unwrap_err();
    assert!(why.starts_with("value: ") && why.contains("object"), "{why}");
    let rules = bench.raw(Some(b"\0\0\0\0\x03{}"), &[]);
    assert!(bench.through(&rules, None).unwrap_err().contains("rules (ruleSet)"));
}

#[test]
fn the_indexes_of_a_message_travel_with_its_id() {
    let mut bench = Bench::new("value: { format: protobuf }", "value: { format: protobuf, schema: input }");
    let raw = bench.raw(Some(b"\0\0\0\0\x02\x04\x02\x00\x08\x07"), &[]);
    let decoded = bench.decode(&raw).unwrap();
    assert_eq!(bench.value(&decoded).unwrap(), b"{\"n\":7}");
    let record = bench.through(&raw, None).unwrap();
    assert_eq!(bench.value(&record), bench.value(&raw));
    let mut bench =
        Bench::new("value: { format: protobuf }", "value: { format: protobuf, schema: input, id_in: header }");
    let raw = bench.raw(Some(b"\x08\x07"), &[("__value_schema_id", b"\0\0\0\0\x02\x04\x02\x00")]);
    let record = bench.through(&raw, None).unwrap();
    assert_eq!((bench.value(&record), bench.headers(&record)), (bench.value(&raw), bench.headers(&raw)));
}

#[test]
fn headers_of_the_input_are_replaced_by_what_was_encoded() {
    let id = [("a", &b"1"[..]), ("__value_schema_id", &[1, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5])];
    let mut bench = Bench::new("value: { format: json_schema }", "value: { format: json_schema, id_in: header }");
    let raw = bench.raw(Some(b"{\"n\":1}"), &id);
    let record = bench.through(&raw, None).unwrap();
    let guid = [1, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8].to_vec();
    assert_eq!(bench.headers(&record), [("a".to_owned(), b"1".to_vec()), ("__value_schema_id".to_owned(), guid)]);
    assert!(bench.through(&raw, Some("{}")).unwrap_err().starts_with("value: "), "the newest version is meant");
    let mut bench = Bench::new("value: { format: json_schema }", "value: { format: json_schema }");
    let raw = bench.raw(Some(b"{\"n\":1}"), &id);
    let record = bench.through(&raw, None).unwrap();
    assert_eq!(bench.value(&record).unwrap(), b"\0\0\0\0\x47{\"n\":1}");
    assert_eq!(bench.headers(&record), [("a".to_owned(), b"1".to_vec())]);
    let mut bench = Bench::new("value: { format: json_schema }", "key: { format: bytes }");
    let raw = bench.raw(Some(b"1"), &id);
    let record = bench.through(&raw, None).unwrap();
    assert_eq!((bench.value(&record).unwrap(), bench.headers(&record).len()), (b"1".to_vec(), 1));
}

#[test]
fn a_tombstone_is_one_on_both_sides() {
    let mut bench = Bench::new("value: { format: json_schema }", "value: { format: json_schema }");
    let raw = bench.raw(None, &[]);
    let record = bench.through(&raw, None).unwrap();
    assert_eq!(bench.value(&record), None);
}

#[test]
fn what_is_not_of_the_format_names_the_part_and_the_schema() {
    let mut bench = Bench::new("value: { format: protobuf }", "value: { format: text }");
    for (bytes, said) in [
        (&b"{}"[..], "value: it has no id of a schema: it begins with byte 0x7b, not 0x00"),
        (b"", "value: it is empty, and has no id of a schema before it"),
        (b"\0\0\0\0\x01{}", "value: schema 1: it is of type JSON, and not PROTOBUF"),
        (b"\0\0\0\0\x02\x02\x08", "value: schema 2: the schema has no message [4]"),
    ] {
        let raw = bench.raw(Some(bytes), &[]);
        assert_eq!(bench.decode(&raw).unwrap_err(), said);
    }
}

#[test]
fn csv_goes_in_and_messagepack_out() {
    let mut bench = Bench::new("value: { format: csv, columns: [a] }", "value: { format: msgpack }");
    let raw = bench.raw(Some(b"x"), &[("__value_schema_id", b"stays away")]);
    let record = bench.through(&raw, None).unwrap();
    assert_eq!(bench.value(&record).unwrap(), b"\x81\xa1a\xa1x");
    assert!(bench.headers(&record).is_empty());
}

#[test]
fn where_records_are_json_already_they_only_have_to_fit() {
    let plan = plan("value: { format: json_schema }", "value: { format: json_schema }");
    let registry: Arc<dyn Registry> = registry();
    let schemas = LocalSchemas::new(Some(registry), "nowhere".as_ref()).unwrap();
    let formats = Formats::by_hand(&plan, schemas, &mut |why| panic!("{why}")).unwrap().unwrap();
    let mut bench = Bench { formats, scratch: Scratch::default(), arena: Arena::default() };
    let raw = bench.raw(Some(b"{\"n\":1}"), &[]);
    let mut record = raw;
    bench.formats.encode(&mut bench.scratch, &mut bench.arena, 0, &raw, &mut record).unwrap();
    assert_eq!(record, raw);
    let raw = bench.raw(Some(b"{}"), &[]);
    record = raw;
    assert!(bench.formats.encode(&mut bench.scratch, &mut bench.arena, 0, &raw, &mut record).is_err());
    let missed = Formats::by_hand(&plan, None, &mut |_| {}).unwrap().unwrap();
    bench.scratch.begin_batch();
    assert!(missed.encode(&mut bench.scratch, &mut bench.arena, 0, &raw, &mut record).is_ok());
}
