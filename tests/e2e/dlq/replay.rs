//! `sluice dlq replay`: what it delivers, what it leaves, and that nothing is delivered twice.

use serde_json::json;
use sluicebox_tests::{Feeder, Kafka, Record};

use super::Desk;
use crate::{EPOCH, noise};

const LIST: &str = r#"{"list": [{"ok": 1}, {"ok": 2}, 3, {"ok": 4}]}"#;

/// A chain of three whose second stage emits four records for [`LIST`], of which the third fails in the last stage
/// until that is mended.
fn split(desk: &mut Desk, first: &str, judge: &str) {
    desk.pipeline.set(
        "stages",
        json!([
            { "name": "first", "plugin": first },
            { "name": "split", "plugin": "jq", "config": { "program": ".list[]" } },
            { "name": "judge", "plugin": "jq", "config": { "program": judge } },
        ]),
    );
}

const BROKEN: &str = "{ok: .ok}";
const MENDED: &str = "{ok: (if type == \"object\" then .ok else . end)}";

#[test]
fn from_the_failed_stage_only_what_had_failed_is_delivered_and_only_once() {
    let mut desk = Desk::new("replay", 1);
    split(&mut desk, "identity", BROKEN);
    desk.process(&[LIST]);
    let siblings = [r#"{"ok":1}"#, r#"{"ok":2}"#, r#"{"ok":4}"#];
    assert_eq!(desk.output().texts(), siblings);

    split(&mut desk, "identity", MENDED);
    let summary = desk.replay(0, &[]);
    assert_eq!((&summary["replayed"], &summary["failed_again"]), (&json!(1), &json!(0)));
    assert_eq!(desk.output().texts()[..3], siblings, "siblings are not delivered again");
    assert_eq!(desk.output().texts()[3..], [r#"{"ok":3}"#]);
    assert_eq!(desk.list(&[])[0]["replayed"], 1);

    let again = desk.replay(0, &[]);
    assert_eq!((&again["replayed"], &again["already"]), (&json!(0), &json!(1)));
    assert_eq!(desk.output().len(), 4, "a second run repeats nothing");
    assert_eq!(desk.letters().len(), 1);

    assert_eq!(desk.replay(0, &["--again"])["replayed"], 1);
    assert_eq!(desk.output().len(), 5);
}

#[test]
fn from_the_start_everything_is_delivered_again() {
    let mut desk = Desk::new("replay-start", 1);
    split(&mut desk, "identity", BROKEN);
    desk.process(&[LIST]);
    // Another plugin in the first stage is no hindrance here.
    split(&mut desk, "misbehave", MENDED);
    assert_eq!(desk.replay(0, &["--from", "start"])["replayed"], 1);
    let output = desk.output();
    assert_eq!(output.texts()[3..], [r#"{"ok":1}"#, r#"{"ok":2}"#, r#"{"ok":3}"#, r#"{"ok":4}"#]);
}

#[test]
fn with_another_plugin_in_an_earlier_stage_it_is_refused_to_begin_at_the_failed_one() {
    let mut desk = Desk::new("replay-chain", 1);
    split(&mut desk, "identity", BROKEN);
    desk.process(&[LIST]);
    split(&mut desk, "misbehave", MENDED);
    let summary = desk.replay(1, &[]);
    assert_eq!((&summary["replayed"], &summary["left"][0]["because"]), (&json!(0), &json!("chain_changed")));
    assert_eq!((desk.output().len(), desk.letters().len()), (3, 1));
    assert_eq!(desk.list(&[])[0]["replayed"], 0);
}

#[test]
fn a_path_that_the_earlier_stages_no_longer_take_is_left_and_nothing_of_it_is_written() {
    let mut desk = Desk::new("replay-path", 1);
    split(&mut desk, "identity", BROKEN);
    desk.process(&[LIST]);
    split(&mut desk, "identity", MENDED);
    // The same plugin with another program emits two records for the list.
    desk.pipeline.set(
        "stages",
        json!([
            { "name": "first", "plugin": "identity" },
            { "name": "split", "plugin": "jq", "config": { "program": ".list[:2][]" } },
            { "name": "judge", "plugin": "jq", "config": { "program": MENDED } },
        ]),
    );
    let summary = desk.replay(1, &[]);
    assert_eq!((&summary["replayed"], &summary["left"][0]["because"]), (&json!(0), &json!("path_lost")));
    assert_eq!(summary["left"][0]["detail"], "stage \"split\": it emits 2, and 2 is not among them");
    assert_eq!((desk.output().len(), desk.letters().len()), (3, 1));
}

#[test]
fn a_dry_run_writes_nothing_and_tells_what_would_come_of_it() {
    let mut desk = Desk::new("replay-dry", 1);
    desk.process(&["!reject:a", "!reject:b", "{}"]);
    desk.pipeline.stage("jq", json!({ "program": "if . == null then . else error(\"still \\(.)\") end" }));
    let written = |desk: &Desk| [&desk.pipeline.output, &desk.pipeline.dlq].map(|topic| desk.kafka.size(topic));
    let before = written(&desk);
    let broken = desk.replay(0, &["--dry-run"]);
    assert_eq!(
        (&broken["dry_run"], &broken["replayed"], &broken["failed_again"]),
        (&json!(true), &json!(2), &json!(2))
    );
    desk.pipeline.stage("identity", json!({}));
    let mended = desk.replay(0, &["--dry-run"]);
    assert_eq!(
        (&mended["failed_again"], &mended["outputs"]),
        (&json!(0), &json!({ format!("default ({})", desk.pipeline.output): 2 }))
    );
    assert_eq!(written(&desk), before);
    assert_eq!(desk.kafka.partitions(&desk.marks()), None);
    assert_eq!(desk.replay(0, &[])["replayed"], 2);
}

#[test]
fn what_fails_again_is_dead_lettered_with_its_count_until_the_cap() {
    let desk = Desk::new("replay-cap", 1);
    let input = Record::new("k", "!reject:never", EPOCH).with_header("trace", "t");
    desk.process_records(std::slice::from_ref(&input));
    for _ in 1..=2 {
        let summary = desk.replay(0, &["--max-replays", "2"]);
        assert_eq!((&summary["replayed"], &summary["failed_again"]), (&json!(1), &json!(1)), "{summary}");
    }
    let summary = desk.replay(1, &["--max-replays", "2"]);
    assert_eq!((&summary["replayed"], &summary["left"][0]["because"]), (&json!(0), &json!("over_cap")));

    let letters = desk.letters();
    let counts: Vec<_> = letters.0.iter().map(|stored| stored.record.header("sluice.replays")).collect();
    assert_eq!(counts, [None, Some("1"), Some("2")]);
    for stored in &letters.0 {
        let header = |name: &str| stored.record.header(&format!("sluice.error.{name}")).map(str::to_owned);
        assert_eq!((header("topic"), header("offset")), (Some(desk.pipeline.input.clone()), Some("0".to_owned())));
        assert_eq!(stored.record.headers.iter().filter(|(name, _)| name == b"sluice.error.class").count(), 1);
        assert_eq!(stored.record.without_headers("sluice."), input);
    }
    assert!(desk.output().is_empty());
}

#[test]
fn the_chain_sees_a_replayed_record_as_it_came_in() {
    let mut desk = Desk::new("replay-input", 1);
    // jq takes none of these values, `misbehave` does.
    desk.pipeline.stage("jq", json!({ "program": "." })).set_in("dlq", "connect_headers", json!(true));
    let echo = |field: &str, n: i64| Record::new("k", format!("!echo:{field}"), EPOCH + n).with_header("trace", "t");
    desk.process_records(&[echo("source", 0), echo("headers", 1), echo("timestamp", 2)]);
    assert_eq!(desk.letters().len(), 3);
    desk.pipeline.stage("misbehave", json!(null));
    assert_eq!(desk.replay(0, &[])["replayed"], 3);
    let output = desk.output();
    let (source, timestamp) = (format!("{}/0/0", desk.pipeline.input), (EPOCH + 2).to_string());
    assert_eq!((output.texts()[0], output.texts()[2]), (source.as_str(), timestamp.as_str()));
    assert!(output.texts()[1].contains("trace") && !output.texts()[1].contains("error"), "{}", output.texts()[1]);
    for (n, stored) in output.0.iter().enumerate() {
        assert_eq!((stored.record.timestamp, stored.record.header("trace")), (EPOCH + n as i64, Some("t")));
        assert_eq!(stored.record.headers.len(), 1, "{:?}", stored.record);
    }
}

#[test]
fn only_what_is_selected_and_is_this_pipelines_own_is_replayed() {
    let mut desk = Desk::new("replay-some", 1);
    desk.process(&["!reject:one", "!reject:two", "!output:nowhere", "!reject:three"]);
    let others = Desk::new("replay-other", 1);
    let mut other = Desk { pipeline: others.pipeline.clone(), kafka: Kafka::shared(), folder: others.folder };
    other.pipeline.set("dlq", json!({ "topic": desk.pipeline.dlq }));
    other.process(&["!reject:foreign"]);
    Feeder::new(&desk.kafka, &[]).feed(&desk.pipeline.dlq, [&Record::new("k", "by hand", EPOCH)]);

    desk.pipeline.stage("identity", json!({}));
    assert_eq!(desk.replay(0, &["--class", "output"])["replayed"], 1);
    assert_eq!(desk.replay(0, &["--reason", "two"])["replayed"], 1);
    assert_eq!(desk.replay(0, &["--limit", "1"])["replayed"], 1);
    assert_eq!(desk.output().texts(), ["!output:nowhere", "!reject:two", "!reject:one"]);
    let rest = desk.replay(0, &[]);
    assert_eq!((&rest["replayed"], &rest["already"]), (&json!(1), &json!(3)));
    assert_eq!((&rest["other_pipelines"], &rest["foreign"]), (&json!(1), &json!(1)));
    assert_eq!(desk.output().texts()[3], "!reject:three");
}

#[test]
fn retries_are_waited_for_and_hold_up_no_other() {
    let mut desk = Desk::new("replay-retry", 1);
    desk.pipeline.set_stage("on_error", json!({ "retries": 0 }));
    desk.process(&["!retry:2", "!retry:9", "!reject:no"]);
    assert_eq!(desk.letters().len(), 3);
    desk.pipeline.set_stage("on_error", json!({ "retries": 3, "backoff": "10ms" }));
    let summary = desk.replay(0, &["--class", "retries"]);
    assert_eq!((&summary["replayed"], &summary["failed_again"]), (&json!(2), &json!(1)), "{summary}");
    assert_eq!(desk.output().texts(), ["!retry:2"]);
    assert_eq!(desk.letters().0[3].record.header("sluice.error.attempts"), Some("4"));
}

#[test]
fn what_is_too_large_for_its_topic_is_left_and_its_neighbours_are_replayed() {
    let mut desk = Desk::new("replay-large", 1);
    desk.pipeline.output = format!("{}.small", desk.pipeline.name);
    desk.kafka.create_topic(&desk.pipeline.output, 1, &[("max.message.bytes", "10000")]);
    desk.pipeline.set("outputs", json!({ "default": { "topic": desk.pipeline.output } }));
    let large = noise(50_000, 1);
    desk.process_records(&[Record::new("a", large.clone(), EPOCH), Record::new("b", "!reject:no", EPOCH + 1)]);
    assert_eq!(desk.list(&["--class", "oversize"])[0]["count"], 1);
    desk.pipeline.stage("identity", json!({}));
    // The stage that it failed behind has another plugin now.
    let summary = desk.replay(1, &["--from", "start"]);
    assert_eq!((&summary["replayed"], &summary["left"][0]["because"]), (&json!(1), &json!("too_large")), "{summary}");
    assert_eq!(desk.output().texts(), ["!reject:no"]);

    desk.pipeline.output = format!("{}.large", desk.pipeline.name);
    desk.kafka.create_topic(&desk.pipeline.output, 1, &[]);
    desk.pipeline.set("outputs", json!({ "default": { "topic": desk.pipeline.output } }));
    assert_eq!(desk.replay(0, &["--from", "start"])["replayed"], 1);
    assert_eq!(desk.output().records(), [Record::new("a", large, EPOCH)]);
}

#[test]
fn a_record_without_its_value_is_left_and_does_not_become_a_tombstone() {
    let mut desk = Desk::new("replay-value", 1);
    desk.pipeline.dlq = format!("{}.small", desk.pipeline.name);
    desk.kafka.create_topic(&desk.pipeline.dlq, 1, &[("max.message.bytes", "10000")]);
    desk.pipeline.set("dlq", json!({ "topic": desk.pipeline.dlq, "oversize": "drop_value" }));
    let large = [b"!reject:no ".as_slice(), &"x".repeat(50_000).into_bytes()].concat();
    desk.process_records(&[Record::new("k", large, EPOCH)]);
    desk.pipeline.stage("identity", json!({}));
    let summary = desk.replay(1, &[]);
    assert_eq!((&summary["replayed"], &summary["left"][0]["because"]), (&json!(0), &json!("value_dropped")));
    assert!(summary["left"][0]["detail"].as_str().unwrap().contains(&format!("{}/0/0", desk.pipeline.input)));
    assert!(desk.output().is_empty());
}
