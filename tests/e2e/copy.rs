//! What passes through unchanged: everything that Kafka can hold.

use serde_json::json;
use sluicebox_tests::{Feeder, Kafka, Pipeline, Record, audit, java_partition};

use crate::{EPOCH, by_timestamp, noise, run_to_the_end};

/// The corners of what a record can be.
fn odd_records() -> Vec<Record> {
    let header = |name: &[u8], value: Option<&[u8]>| (name.to_vec(), value.map(<[u8]>::to_vec));
    let plain = || Record::new("key", "value", 0);
    let mut records = vec![
        plain(),
        Record { key: None, value: None, ..plain() },
        Record::new("", "", 0),
        Record { key: None, ..plain() },
        Record { key: None, value: Some(Vec::new()), ..plain() },
        Record { value: None, ..plain() },
        Record { value: Some(Vec::new()), ..plain() },
        Record::new(b"\xff\x00\xfe key".to_vec(), b"\x00\xc3\x28 value\xff".to_vec(), 0),
        Record::new("large", noise(900_000, 0), 0),
        Record::new("large", vec![b'x'; 900_000], 0),
        Record::new(noise(100_000, 0), "a large key", 0),
        Record { headers: (0..500).map(|n| header(format!("h-{n}").as_bytes(), Some(b"v"))).collect(), ..plain() },
        Record { headers: vec![header(b"large", Some(&noise(300_000, 0)))], ..plain() },
        Record {
            headers: vec![
                header(b"same", Some(b"1")),
                header(b"null", None),
                header(b"same", Some(b"2")),
                header(b"empty", Some(b"")),
                header(b"same", None),
                header(b"bytes", Some(b"\xff\x00\xfe")),
                header(b"", Some(b"an empty name")),
                header("naïve ☃".as_bytes(), Some("ünïcode".as_bytes())),
            ],
            ..plain()
        },
    ];
    // Keys of every length, for the partitioner.
    records.extend((0..64).map(|len| Record::new(noise(len, 0), format!("a key of {len} bytes"), 0)));
    number(&mut records);
    records
}

fn number(records: &mut [Record]) {
    for (n, record) in records.iter_mut().enumerate() {
        record.timestamp = EPOCH + n as i64;
    }
}

fn unreadable_header() -> Record {
    let mut record = Record::new("key", "its header's name is not UTF-8", EPOCH + 1_000);
    record.headers = vec![(b"caf\xe9".to_vec(), Some(b"latin-1".to_vec())), (b"plain".to_vec(), None)];
    record
}

/// Runs a pipeline over odd records. The input has other partitions than the output.
fn pass(pipeline: &Pipeline, kafka: &Kafka, records: &[Record]) {
    kafka.create_topic(&pipeline.input, 4, &[]);
    kafka.create_topic(&pipeline.output, 3, &[]);
    kafka.create_topic(&pipeline.dlq, 1, &[]);
    Feeder::new(kafka, &[("compression.type", "gzip")]).feed(&pipeline.input, records);
    run_to_the_end(kafka, pipeline);
}

#[test]
fn a_copy_leaves_every_kind_of_record_as_it_was() {
    let kafka = Kafka::shared();
    let mut pipeline = Pipeline::new(&kafka, "copy");
    pipeline.remove("dlq");
    let mut records = odd_records();
    records.push(unreadable_header());
    pass(&pipeline, &kafka, &records);
    audit(&records, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}

#[test]
fn a_stage_that_keeps_leaves_every_kind_of_record_as_it_was() {
    let kafka = Kafka::shared();
    let mut pipeline = Pipeline::new(&kafka, "identity");
    pipeline.stage("identity", json!({}));
    let records = odd_records();
    pass(&pipeline, &kafka, &records);
    assert_eq!(kafka.read(&pipeline.dlq).records(), []);
    audit(&records, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}

#[test]
fn a_stage_that_sends_the_value_back_leaves_every_kind_of_record_as_it_was() {
    let kafka = Kafka::shared();
    let mut pipeline = Pipeline::new(&kafka, "echo");
    pipeline.stage("identity", json!({ "echo": true }));
    let records = odd_records();
    pass(&pipeline, &kafka, &records);
    assert_eq!(kafka.read(&pipeline.dlq).records(), []);
    audit(&records, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}

#[test]
fn a_header_name_that_is_not_utf8_is_rejected_only_where_a_stage_reads_headers() {
    let kafka = Kafka::shared();
    let records = [Record::new("key", "fine", EPOCH), unreadable_header()];

    let mut reads = Pipeline::new(&kafka, "reads-headers");
    reads.stage("identity", json!({}));
    pass(&reads, &kafka, &records);
    assert_eq!(kafka.read(&reads.output).records(), records[..1]);
    let letters = kafka.read(&reads.dlq);
    assert_eq!(letters.inputs(), records[1..]);
    assert_eq!(letters.0[0].record.header("sluice.error.class"), Some("reject"));
    assert!(letters.0[0].record.header("sluice.error.reason").unwrap().contains("UTF-8"));

    let mut does_not = Pipeline::new(&kafka, "reads-no-headers");
    does_not.stage("misbehave", json!({ "needs": ["value"] }));
    pass(&does_not, &kafka, &records);
    audit(&records, &kafka.read(&does_not.output).records(), by_timestamp).assert_exact();
}

#[test]
fn keys_land_where_a_java_client_puts_them() {
    let kafka = Kafka::shared();
    let mut pipeline = Pipeline::new(&kafka, "partitions");
    pipeline.stage("misbehave", json!(null));
    let mut records: Vec<Record> = (0..500).map(|n| Record::new(noise(n % 41, n), format!("value {n}"), 0)).collect();
    records.extend((0..500).map(|n| Record::new(format!("order-{n}"), "!reject", 0)));
    number(&mut records);
    pipeline.set("breaker", json!("off"));
    pass(&pipeline, &kafka, &records);

    let output = kafka.read(&pipeline.output);
    assert_eq!(output.len(), 500);
    for stored in &output.0 {
        assert_eq!(stored.partition, java_partition(stored.record.key.as_deref().unwrap(), 3), "{stored:?}");
    }
    assert_eq!(kafka.read(&pipeline.dlq).len(), 500);
}
