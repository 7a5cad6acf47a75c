//! Dead letters of inputs with a format, as the admin API shows them: what their bytes say, masked, or why that is not
//! known.

use serde_json::{Value, json};
use sluicebox_tests::Mood;

use crate::formats::{Case, ORDER, framed, order, record};
use crate::inspect::Daemon;
use crate::stop;

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
    let one = |offset: u32| daemon.get(&format!("pipelines/{}/dead-letters/0/{offset}", case.pipeline.name));
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
