//! Dead letters of inputs with a format, as the admin API shows them: what their bytes say, masked, or why that is not
//! known; and that what is hidden is nowhere else.

use serde_json::{Value, json};
use sluicebox_tests::{Feeder, LIMIT, Mood, Record, wait_for};

use crate::dlq::Desk;
use crate::formats::{Case, ORDER, framed, order, record};
use crate::inspect::Daemon;
use crate::{EPOCH, stop};

/// A pipeline that reads Avro, and rejects every order in words that quote it.
fn rejecting(test: &str, format: Value) -> Case {
    let mut case = Case::new(test, 1, format, json!({ "format": "bytes" }));
    let program = "error(\"no such customer: \" + .id + \", who wants \" + (.quantity | tostring))";
    case.pipeline.stage("jq", json!({ "program": program })).set("breaker", json!("off"));
    case
}

#[test]
fn a_dead_letter_is_decoded_by_its_schema_file_and_masked() {
    let mut case = rejecting("decoded-file", json!({ "format": "avro", "schema": { "file": "order.avsc" } }));
    case.pipeline.remove("schema_registry").set("show", json!({ "mask": ["value.id"] }));
    case.folder.write("order.avsc", ORDER);
    case.feed(&[record(0, order("ann@example.com", 41)), record(1, b"\x02".to_vec())]);
    case.run_to_the_end();
    let mut daemon = Daemon::run(&case.pipeline.write(&case.folder));
    // Under exactly_once markers have offsets, too.
    let offsets: Vec<i64> = case.kafka.read(&case.pipeline.dlq).0.iter().map(|stored| stored.offset).collect();
    let one =
        |number: usize| daemon.get(&format!("pipelines/{}/dead-letters/0/{}", case.pipeline.name, offsets[number]));
    let letter = one(0);
    let decoded = &letter["decoded_value"];
    assert_eq!((&decoded["format"], &decoded["error"]), (&json!("avro"), &Value::Null), "{letter}");
    let value: Value = serde_json::from_str(decoded["json"].as_str().unwrap()).unwrap();
    assert_eq!(value, json!({ "id": "***", "quantity": 41 }));
    let reason = letter["error"]["reason"].as_str().unwrap();
    assert!(reason.contains("no such customer") && reason.contains("***") && reason.contains("41"), "{reason}");
    assert!(!letter.to_string().contains("ann@"), "{letter}");
    assert!(letter.get("decoded_key").is_none(), "the key has no format: {letter}");

    let broken = one(1);
    assert_eq!((&broken["error"]["class"], &broken["decoded_value"]["json"]), (&json!("decode"), &Value::Null));
    assert!(broken["decoded_value"]["error"].as_str().is_some_and(|why| !why.is_empty()), "{broken}");
    assert!(broken["record"]["value"].as_str().unwrap().starts_with("(1 bytes, hash "), "{broken}");

    let hidden = |line: &sluicebox_tests::LogLine| line.text.contains("ann@");
    assert!(!daemon.running.lines().iter().any(hidden), "what is hidden is in no log line");
    assert!(!daemon.get("log").to_string().contains("ann@"));
    stop(&mut daemon.running);
}

#[test]
fn a_dead_letter_is_decoded_by_the_registry_and_shown_as_bytes_while_that_is_away() {
    let case = rejecting("decoded-registry", json!({ "format": "avro" }));
    case.registry.add("in", 7, "AVRO", ORDER);
    let bytes = framed(7, &order("a", 1));
    case.feed(&[record(0, bytes.clone())]);
    case.run_to_the_end();
    let mut daemon = Daemon::run(&case.pipeline.write(&case.folder));
    let path = format!("pipelines/{}/dead-letters/0/0", case.pipeline.name);
    let letter = daemon.get(&path);
    assert_eq!(letter["decoded_value"]["json"], json!("{\"id\":\"a\",\"quantity\":1}"), "{letter}");
    // The bytes are text by chance.
    assert_eq!(letter["record"]["value"], json!(String::from_utf8(bytes).unwrap()), "{letter}");
    case.registry.set_mood(Mood::Gone);
    let letter = daemon.get(&path);
    let why = letter["decoded_value"]["error"].as_str().unwrap_or_default();
    assert!(why.contains("schema 7 is not known"), "{letter}");
    assert_eq!(letter["decoded_value"]["json"], Value::Null, "{letter}");
    stop(&mut daemon.running);
}

#[test]
fn what_is_hidden_is_in_no_log_line_and_in_no_error() {
    let mut desk = Desk::new("hidden", 1);
    desk.pipeline.set("show", json!({ "mask": ["value"] }));
    // It opens at once.
    desk.pipeline.set("breaker", json!({ "min_records": 10, "share": 0.3 }));
    let values: Vec<String> = (0..40)
        .map(|n| if n < 20 { format!("!log:ann{n}@example.com") } else { format!("!reject:ann{n}@example.com") })
        .collect();
    let fed: Vec<Record> = values.iter().map(|value| Record::new("k", value.as_str(), EPOCH)).collect();
    Feeder::new(&desk.kafka, &[]).feed(&desk.pipeline.input, &fed);
    let mut daemon = Daemon::run(&desk.pipeline.write(&desk.folder));
    let view = wait_for("the circuit breaker to open", LIMIT, || {
        let view = daemon.get(&format!("pipelines/{}", desk.pipeline.name));
        if view["circuit_breaker"].is_null() { Err(view.to_string()) } else { Ok(view) }
    });
    let open = view["circuit_breaker"].as_str().unwrap();
    assert!(open.contains("(reject: the log and the dead letters say why)"), "{open}");
    daemon.running.wait_for_line("what the plugin says", |line| line.field("target") == "plugin");
    let said = daemon.running.wait_for_line("the circuit breaker", |line| line.text.contains("circuit breaker open"));
    assert!(said.text.contains("(reject: its words may quote what `show` hides"), "{}", said.text);
    for line in daemon.running.lines() {
        assert!(!line.text.contains("example.com"), "{}", line.text);
    }
    for answer in [view, daemon.get("log"), daemon.get("pipelines")] {
        assert!(!answer.to_string().contains("example.com"), "{answer}");
    }
    assert!(!crate::metrics::ask_with(daemon.address(), "GET", "/metrics", "").1.contains("example.com"));
    stop(&mut daemon.running);
}
