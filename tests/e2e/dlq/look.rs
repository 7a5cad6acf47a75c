//! Looking into dead letters: `list` and `show`.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};
use sluicebox_tests::{Feeder, Finished, Group, Record, sluice};

use super::Desk;
use crate::EPOCH;

#[test]
fn dead_letters_are_listed_by_what_they_have_in_common() {
    let desk = Desk::new("list", 2);
    desk.process(&["!reject:no-1", "good", "!reject:no-22", "!reject:other", "!output:nowhere"]);
    Feeder::new(&desk.kafka, &[]).feed(&desk.pipeline.dlq, [&Record::new("k", "by hand", EPOCH)]);

    let lines = desk.list(&[]);
    let shown: Vec<_> = lines.iter().map(|line| (line["count"].as_u64(), line["class"].as_str())).collect();
    assert_eq!(
        shown,
        [(Some(2), Some("reject")), (Some(1), Some("reject")), (Some(1), Some("output")), (None, None)],
        "{lines:?}"
    );
    assert_eq!(lines[0]["reason"], "no-N");
    assert_eq!((&lines[0]["pipeline"], &lines[0]["stage"]), (&json!(desk.pipeline.name), &json!("stage")));
    assert_eq!(lines[0]["replayed"], 0);
    // Without the zone's letter the order of the texts is that of the times, however many digits they have.
    let time = |name: &str| lines[0][name].as_str().unwrap().trim_end_matches('Z');
    assert!(time("first") <= time("last"), "{lines:?}");
    assert_eq!(
        (&lines[3]["foreign"], &lines[3]["because"]),
        (&json!(1), &json!("it has no header sluice.error.class"))
    );

    // The example is one of them.
    let example = desk.dlq("show", &[lines[0]["example"].as_str().unwrap()]);
    assert!(example.out.contains("reason     no-"), "{}", example.out);

    let count =
        |arguments: &[&str]| -> u64 { desk.list(arguments).iter().filter_map(|line| line["count"].as_u64()).sum() };
    assert_eq!(count(&["--class", "reject"]), 3);
    assert_eq!(count(&["--class", "reject", "--class", "output", "--reason", "o-"]), 2);
    assert_eq!((count(&["--stage", "stage"]), count(&["--stage", "other"])), (4, 0));
    assert_eq!((count(&["--since", "1h"]), count(&["--until", "1h"])), (4, 0));
    assert_eq!((count(&["--limit", "3"]), count(&["--partition", "0"]) + count(&["--partition", "1"])), (3, 4));
    assert_eq!((count(&["--offset", "0..1"]), count(&["--offset", "0..1", "--partition", "0"])), (2, 1));
    assert_eq!(count(&["--at", lines[0]["example"].as_str().unwrap()]), 1);
    let inputs = desk.kafka.read(&desk.pipeline.input);
    let of = inputs.0.iter().find(|stored| stored.record.text() == "!reject:other").unwrap();
    let input = format!("{}/{}/{}", desk.pipeline.input, of.partition, of.offset);
    assert_eq!(desk.list(&["--input", &input])[0]["reason"], "other");
    assert_eq!(desk.list(&["--exact", "--reason", "no-"]).iter().filter(|line| line["count"] == 1).count(), 2);

    let table = desk.dlq("list", &[]);
    assert!(table.out.starts_with("COUNT  REPLAYED  PIPELINE"), "{}", table.out);
    assert!(table.out.contains("1 are not dead letters of sluice"), "{}", table.out);
    let nothing = desk.dlq("list", &["--class", "trap", "--at", "1/999"]);
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(0), ""), "{}", nothing.err);
    assert!(nothing.err.contains("no such dead letters"), "{}", nothing.err);
}

#[test]
fn looking_commits_nothing_and_joins_no_group() {
    let desk = Desk::new("look", 1);
    desk.process(&["!reject:no"]);
    let group = Group::new(&desk.kafka, &desk.pipeline.name);
    let committed = group.committed(&desk.pipeline.dlq);
    assert_eq!(desk.list(&[]).len(), 1);
    assert_eq!((group.committed(&desk.pipeline.dlq), committed), (vec![None], vec![None]));
    assert_eq!(desk.kafka.partitions(&desk.marks()), None, "looking creates no topic");
}

#[test]
fn a_dead_letter_is_shown_whole_and_can_be_fed_to_dev() {
    let desk = Desk::new("show", 1);
    let value = "!reject:because {\"a\": 1}";
    let input = Record::new(b"\xff\x00".to_vec(), value, EPOCH).with_header("trace", "t-1");
    desk.process_records(std::slice::from_ref(&input));

    let shown = desk.dlq("show", &["0/0"]);
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    for part in [
        "class      reject",
        "reason     because",
        &format!("stage      stage of pipeline {}", desk.pipeline.name),
        &format!("input      {}/0/0, written 2026-01-01T00:00:00Z", desk.pipeline.input),
        "trace: t-1",
        "00000000  ff 00",
        value,
    ] {
        assert!(shown.out.contains(part), "{part} in {}", shown.out);
    }
    assert_eq!(desk.dlq("show", &["0/0", "--raw", "value"]).out, value);

    let whole: Value = serde_json::from_str(&desk.dlq("show", &["0/0", "--json"]).out).unwrap();
    assert!(whole["headers"].as_array().unwrap().contains(&json!(["sluice.error.class", "reject"])), "{whole}");
    let line = desk.dlq("show", &["0/0", "--json", "--as-input"]).out;
    let as_input: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&as_input["headers"], &as_input["key_base64"]), (&json!([["trace", "t-1"]]), &json!("/wA=")));

    // The embedded broker knows no transactions.
    let mut copy = desk.pipeline.clone();
    copy.set("delivery", json!("at_least_once"));
    let mut dev = sluice();
    dev.arg("dev").arg(copy.write(&desk.folder)).args(["--records-format", "record"]);
    let mut child = dev.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&result["topic"], &result["value"]), (&json!(desk.pipeline.dlq), &json!(value)));
}

#[test]
fn what_is_not_there_or_wrongly_asked_for_is_said_with_its_exit_code() {
    let desk = Desk::new("nothing", 1);
    let says = |answer: Finished, code: i32, part: &str| {
        assert_eq!(answer.code, Some(code), "{}", answer.err);
        assert!(answer.err.contains(part), "{part} in {}", answer.err);
    };
    says(desk.dlq("show", &["0/0"]), 1, "the partition holds no records");
    says(desk.dlq("show", &["7/0"]), 1, "it has no such partition");
    says(desk.dlq("list", &["--topic", "no-such-topic"]), 1, "\"no-such-topic\" does not exist");
    says(desk.dlq("replay", &["--topic", "no-such-topic"]), 1, "\"no-such-topic\" does not exist");
    says(desk.dlq("show", &["0"]), 2, "expected PARTITION/OFFSET");
    says(desk.dlq("list", &["--since", "yesterday"]), 2, "expected a time");
    says(desk.dlq("list", &["--class", "odd"]), 2, "expected one of reject, trap");
    let mut without = Desk::new("no-dlq", 1);
    without.pipeline.set_stage("on_error", json!({ "then": "drop" })).remove("dlq");
    says(without.dlq("list", &[]), 2, "say with --topic");
    says(Finished::of(sluice().args(["dlq", "list", "no-such-file.yaml"])), 2, "no-such-file.yaml");
}
