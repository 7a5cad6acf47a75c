//! Commands that look into topics and take records by hand, where keys and values have formats.

use std::io::Write as _;
use std::process::Stdio;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sluicebox_tests::{Finished, Folder, LIMIT, Mood, Record, Sluice, sluice, wait_for};

use crate::formats::{Case, ORDER, WIDER, framed, order, record};
use crate::metrics::{address, scrape};
use crate::{EPOCH, stop};

const PROTO: &str = "syntax = \"proto3\"; package shop; message Order { string id = 1; int64 quantity = 2; }";

impl Case {
    fn run_command(&self, command: &[&str], arguments: &[&str]) -> Finished {
        let file = self.pipeline.write(&self.folder);
        Finished::of(sluice().args(command).arg(file).args(arguments))
    }

    fn sql(&self, query: &str) -> Finished {
        self.run_command(&["sql"], &[query])
    }

    /// The rows of a query, and what is said beside them.
    fn rows(&self, query: &str) -> (Vec<Value>, String) {
        let answer = self.sql(query);
        assert_eq!(answer.code, Some(0), "{}", answer.err);
        (answer.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), answer.err)
    }

    /// A pipeline whose records have their schema in a file.
    fn with_files(test: &str, format: &str, file: &str, schema: &str) -> Case {
        let part = json!({ "format": format, "schema": { "file": file } });
        let mut case = Case::new(test, 1, part.clone(), part);
        case.pipeline.remove("schema_registry");
        case.folder.write(file, schema);
        case
    }
}

#[test]
fn sql_reads_avro_behind_a_registry_and_names_what_it_cannot_read() {
    let case = Case::new(
        "sql-avro",
        1,
        json!({ "format": "avro" }),
        json!({ "format": "avro", "subject": "out", "id_in": "header" }),
    );
    case.registry.add("in", 7, "AVRO", ORDER);
    case.registry.add("out", 8, "AVRO", WIDER);
    case.feed(&[
        record(0, framed(7, &order("a", 1))),
        record(1, framed(7, &order("b", 40))),
        record(2, framed(7, b"\x02")),
        record(3, framed(7, &order("c", 2))),
        record(4, framed(99, &order("d", 1))),
        record(5, b"{\"id\":\"e\"}".to_vec()),
    ]);
    let (rows, said) = case.rows("SELECT id, quantity * 2 AS twice FROM input WHERE quantity < 10");
    assert_eq!(rows, [json!({"id": "a", "twice": 2}), json!({"id": "c", "twice": 4})]);
    let first = format!("3 records were left out, which the query cannot read: {}/0/2: ", case.pipeline.input);
    assert!(said.contains(&first) && said.contains("value: schema 7: "), "{said}");
    let (rows, _) = case.rows("SELECT sum(quantity) AS n, count(*) AS all FROM input");
    assert_eq!(rows, [json!({"n": 43, "all": 3})]);
    // What needs no value needs no schema.
    let (rows, said) = case.rows("SELECT count(*) FROM input");
    assert_eq!((rows, said.contains("left out")), (vec![json!({"count": 6})], false), "{said}");

    case.run_to_the_end();
    let (rows, _) = case.rows("SELECT * FROM default WHERE id = 'b'");
    assert_eq!(rows, [json!({"id": "b", "quantity": 40, "note": null})]);
    let (rows, said) = case.rows("SELECT __headers['sluice.error.class'] AS class, count(*) FROM dlq GROUP BY class");
    assert_eq!((rows, said.contains("left out")), (vec![json!({"class": "decode", "count": 3})], false), "{said}");

    case.registry.set_mood(Mood::Page(502));
    let answer = case.sql("SELECT id FROM input");
    let place = format!("{}/0/0: schema 7 is not known, because no registry answers: ", case.pipeline.input);
    assert!(answer.code == Some(1) && answer.err.contains(&place), "{}", answer.err);
}

#[test]
fn sql_reads_what_has_its_schema_in_a_file_or_none() {
    let case = Case::with_files("sql-file", "avro", "order.avsc", ORDER);
    case.feed(&[record(0, order("a", 1)), record(1, b"\xff".to_vec()), record(2, order("b", 40))]);
    let (rows, said) = case.rows("SELECT id FROM input WHERE quantity > 1");
    assert_eq!(rows, [json!({"id": "b"})]);
    assert!(said.contains(&format!("1 record was left out, which the query cannot read: {}/0/1", case.pipeline.input)));
    case.run_to_the_end();
    assert_eq!(case.rows("SELECT id, quantity FROM default").0.len(), 2);

    let case = Case::with_files("sql-proto", "protobuf", "order.proto", PROTO);
    case.feed(&[record(0, b"\x0a\x01a\x10\x05".to_vec())]);
    assert_eq!(case.rows("SELECT id, quantity FROM input").0, [json!({"id": "a", "quantity": "5"})]);

    let csv = json!({ "format": "csv", "columns": ["id", "quantity"] });
    let mut case = Case::new("sql-csv", 1, csv, json!({ "format": "msgpack" }));
    case.pipeline.remove("schema_registry");
    case.feed(&[record(0, b"a,1".to_vec()), record(1, b"b,40".to_vec())]);
    let query = "SELECT id, quantity::int AS quantity FROM input WHERE quantity::int > 1";
    assert_eq!(case.rows(query).0, [json!({"id": "b", "quantity": 40})]);
    case.run_to_the_end();
    assert_eq!(case.rows("SELECT id FROM default").0, [json!({"id": "a"}), json!({"id": "b"})]);
}

#[test]
fn a_dead_letter_is_shown_decoded_and_where_that_cannot_be_as_bytes() {
    let mut case =
        Case::new("dlq-avro", 1, json!({ "format": "avro" }), json!({ "format": "avro", "schema": "input" }));
    case.pipeline.set_in("input", "key", json!({ "format": "text" }));
    case.registry.add("in", 7, "AVRO", ORDER);
    case.feed(&[record(0, framed(7, b"\x02")), record(1, framed(7, &order("a", 1)))]);
    case.run_to_the_end();
    assert_eq!(case.letters().len(), 1);

    let shown = case.run_command(&["dlq", "show"], &["0/0"]);
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    for part in [
        "key, decoded from 5 bytes of text (7 bytes, text)\n  \"key-0\"\n",
        "value is shown as it is: it cannot be decoded from avro: value: schema 7: ",
        "value (6 bytes, text)\n  \\u{0}\\u{0}\\u{0}\\u{0}\\u{7}\\u{2}\n",
    ] {
        assert!(shown.out.contains(part), "{part} in {}", shown.out);
    }
    assert_eq!(case.run_command(&["dlq", "show"], &["0/0", "--raw", "value"]).out, "\0\0\0\0\u{7}\u{2}");
}

#[test]
fn a_dead_letter_of_the_encoding_is_shown_as_plugins_saw_it_and_fed_to_dev() {
    let mut case = Case::new(
        "dlq-encode",
        1,
        json!({ "format": "avro" }),
        json!({ "format": "json_schema", "schema": { "file": "out.json" }, "register": true }),
    );
    case.folder.write("out.json", r#"{"properties":{"quantity":{"maximum":5}}}"#);
    case.registry.add("in", 7, "AVRO", ORDER);
    case.feed(&[record(0, framed(7, &order("a", 9)))]);
    case.run_to_the_end();
    let shown = case.run_command(&["dlq", "show"], &["0/0"]);
    let part =
        "value, decoded from 8 bytes of avro (23 bytes, JSON)\n  {\n    \"id\": \"a\",\n    \"quantity\": 9\n  }\n";
    assert!(shown.out.contains(part), "{}", shown.out);

    // `dev` decodes what is not JSON by the registry, and `test` by the files that `schema pull` has fetched.
    let line = case.run_command(&["dlq", "show"], &["0/0", "--json", "--as-input"]).out;
    // The embedded broker has no transactions.
    case.pipeline.set("delivery", json!("at_least_once"));
    let file = case.pipeline.write(&case.folder);
    let dev = |line: &str| {
        let mut command = sluice();
        command.arg("dev").arg(&file).args(["--records-format", "record"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
        let answer = child.wait_with_output().unwrap();
        let said = String::from_utf8(answer.stderr).unwrap();
        assert!(answer.status.success(), "{said}");
        (serde_json::from_slice::<Value>(&answer.stdout).unwrap(), said)
    };
    let (letter, _) = dev(&line);
    assert!(letter["headers"].to_string().contains(r#"["sluice.error.class","encode"]"#), "{letter}");
    let good = json!({ "value_base64": BASE64_STANDARD.encode(framed(7, &order("a", 1))) });
    let (record, said) = dev(&format!("{good}\n"));
    assert_eq!(record["value"], r#"{"id":"a","quantity":1}"#, "{said}");

    let to = case.folder.path().join("schemas");
    let pulled = case.run_command(&["schema", "pull"], &["in", "--to", to.to_str().unwrap()]);
    assert_eq!(pulled.code, Some(0), "{}", pulled.err);
    case.registry.set_mood(Mood::Gone);
    let (record, said) = dev(&format!("{good}\n"));
    assert_eq!(record["value"], r#"{"id":"a","quantity":1}"#, "{said}");
    let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
    let tests = format!(
        "cases:\n  - name: bytes\n    records: [{good}]\n    expect: {{ outputs: {{ default: [{{ value: {{ id: a, quantity: 1 }} }}] }} }}\n  \
         - name: does not fit\n    records: [{{ value: {{ id: a, quantity: 9 }} }}]\n    expect: {{ outputs: {{ default: [{{ value: {{ id: a, quantity: 9 }} }}] }} }}\n  \
         - name: unknown\n    records: [{{ value_base64: {} }}]\n    expect: {{ dead_letters: [{{ class: decode, reason_contains: has no schema 8 }}] }}\n",
        BASE64_STANDARD.encode(framed(8, b"\x02"))
    );
    let tests = case.folder.write(&format!("{name}.test.yaml"), &tests);
    let tested = Finished::of(sluice().arg("test").arg(tests));
    assert!(tested.code == Some(1) && tested.out.contains("passed: 2, failed: 1"), "{}{}", tested.out, tested.err);
    assert!(tested.out.contains("FAILED   does not fit") && tested.out.contains("/quantity: "), "{}", tested.out);
}

#[test]
fn an_explanation_waits_for_a_schema_and_shows_no_retry() {
    let case =
        Case::new("explain-avro", 1, json!({ "format": "avro" }), json!({ "format": "avro", "schema": "input" }));
    case.registry.add("in", 7, "AVRO", ORDER);
    case.feed(&[record(0, framed(7, &order("a", 1))), record(1, framed(9, b"\x02"))]);
    let place = |offset: i64| format!("{}/0/{offset}", case.pipeline.input);
    case.registry.set_mood(Mood::Trouble(503, 50001));
    let file = case.pipeline.write(&case.folder);
    let asked = case.registry.requests().len();
    let mut command = sluice();
    command.arg("explain").arg(&file).arg(place(0)).arg("--json").stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    wait_for("the registry to be asked", LIMIT, || {
        if case.registry.requests().len() > asked + 1 { Ok(()) } else { Err("it is not asked".to_owned()) }
    });
    case.registry.set_mood(Mood::Well);
    let answer = child.wait_with_output().unwrap();
    let text = String::from_utf8(answer.stdout).unwrap();
    let explanation: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(explanation["outputs"].as_array().map(Vec::len), Some(1), "{text}");
    assert!(!text.contains("retr") && !text.contains("attempts"), "{text}");

    let unknown = case.run_command(&["explain"], &[&place(1)]);
    assert!(unknown.out.contains("the registry knows no schema 9"), "{}{}", unknown.out, unknown.err);

    case.registry.set_mood(Mood::Gone);
    let absent = case.run_command(&["explain"], &[&place(0)]);
    assert!(
        absent.code == Some(1) && absent.err.contains("its schema is not known yet, so it waits: "),
        "{}",
        absent.err
    );
}

#[test]
fn a_record_that_is_given_by_hand_is_json_or_bytes_of_its_topic() {
    let folder = Folder::new();
    folder.write("order.avsc", ORDER);
    let format = "{ format: avro, schema: { file: order.avsc } }";
    let file = folder.write(
        "p.yaml",
        format!(
            "name: p\nkafka: {{ bootstrap.servers: nowhere:1 }}\ninput: {{ topics: [in], value: {format} }}\n\
             outputs: {{ default: {{ topic: out, value: {format} }} }}\ndlq: {{ topic: dlq }}\n"
        ),
    );
    let good = json!({ "value_base64": BASE64_STANDARD.encode(order("a", 1)), "timestamp": EPOCH });
    let bad = json!({ "value_base64": BASE64_STANDARD.encode(b"\xff") });
    let json_text = json!({ "value": { "id": "b" } });
    let records = folder.write("records.json", format!("{good}\n{bad}\n{json_text}\n"));
    let answer = Finished::of(sluice().arg("explain").arg(&file).arg("--record").arg(&records).arg("--json"));
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    let lines: Vec<&str> = answer.out.lines().collect();
    assert!(lines[0].contains(r#"{\"id\":\"a\",\"quantity\":1}"#), "{}", lines[0]);
    assert!(lines[1].contains(r#""class":"decode""#), "{}", lines[1]);
    assert!(lines[2].contains(r#""class":"encode""#) && lines[2].contains("quantity"), "{}", lines[2]);
}

#[test]
fn what_the_registry_is_asked_and_the_time_in_codecs_are_counted() {
    let case = Case::new("format-metrics", 1, json!({ "format": "json_schema" }), json!({ "format": "bytes" }));
    case.registry.add("in", 1, "JSON", "{}");
    case.registry.set_mood(Mood::Page(404));
    let mut sluice = Sluice::run_with(&[&case.pipeline.write(&case.folder)], |command| {
        command.args(["--admin", "127.0.0.1:0"]);
    });
    let address = address(&mut sluice);
    let pipeline = case.pipeline.name.clone();
    let requests = |result: &str| {
        let name = format!("sluice_registry_requests_total{{pipeline=\"{pipeline}\",result=\"{result}\"}}");
        scrape(&address)[&name]
    };
    assert_eq!(["answered", "unknown", "refused", "absent"].map(requests), [0.0; 4], "zeros from the start");
    let values = |id: u32| -> Vec<Record> { (0..200).map(|n| record(n, framed(id, b"{\"n\":1}"))).collect() };
    case.feed(&values(1));
    sluice.wait_for("an absence", LIMIT, || {
        if requests("absent") >= 2.0 { Ok(()) } else { Err("no absence is counted".to_owned()) }
    });
    case.registry.set_mood(Mood::Well);
    sluice.wait_until_caught_up(&case.group, &case.pipeline.input);
    case.feed(&values(9)[..1]);
    sluice.wait_until_caught_up(&case.group, &case.pipeline.input);
    assert_eq!(["answered", "unknown", "refused"].map(requests), [1.0, 2.0, 0.0]);
    let samples = scrape(&address);
    let spent = |activity: &str| -> f64 {
        let part = format!("activity=\"{activity}\"");
        let is_its = |name: &str| name.starts_with("sluice_worker_seconds_total{") && name.contains(&part);
        samples.iter().filter(|(name, _)| is_its(name)).map(|(_, seconds)| seconds).sum()
    };
    assert!(spent("codec") > 0.0 && spent("codec") < spent("idle"), "{samples:?}");
    stop(&mut sluice);
}
