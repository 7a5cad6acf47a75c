//! What becomes of records that a stage refuses: dead letters, drops, stops.

use std::path::PathBuf;

use serde_json::json;
use sluicebox_tests::{Feeder, Folder, Group, Kafka, Pipeline, Reading, Record, Sluice, audit};

use crate::{EPOCH, STOP, by_timestamp, records, run_to_the_end, stop};

/// A pipeline of one partition with these values in its input, so that their order is known.
struct Case {
    kafka: Kafka,
    pipeline: Pipeline,
    folder: Folder,
    group: Group,
}

impl Case {
    fn new(test: &str, values: &[&str]) -> Case {
        let kafka = Kafka::shared();
        let mut pipeline = Pipeline::with_topics(&kafka, test, 1);
        pipeline.stage("misbehave", json!(null));
        let group = Group::new(&kafka, &pipeline.name);
        let case = Case { kafka, pipeline, folder: Folder::new(), group };
        case.feed(values);
        case
    }

    fn feed(&self, values: &[&str]) {
        let first = usize::try_from(self.kafka.size(&self.pipeline.input)).unwrap();
        let records = records(first, values.len(), |n| values[n - first].to_owned());
        Feeder::new(&self.kafka, &[]).feed(&self.pipeline.input, &records);
    }

    fn start(&self) -> Sluice {
        let file: PathBuf = self.pipeline.write(&self.folder);
        Sluice::run(&[&file])
    }

    fn run_to_the_end(&self) {
        run_to_the_end(&self.kafka, &self.pipeline);
    }

    fn committed(&self) -> Option<i64> {
        self.group.committed(&self.pipeline.input)[0]
    }

    fn output(&self) -> Reading {
        self.kafka.read(&self.pipeline.output)
    }

    fn letters(&self) -> Reading {
        self.kafka.read(&self.pipeline.dlq)
    }
}

fn error_header(record: &Record, name: &str) -> String {
    record.header(&format!("sluice.error.{name}")).unwrap_or_default().to_owned()
}

#[test]
fn every_kind_of_refusal_is_a_dead_letter_with_its_class_and_reason() {
    let case = Case::new("refusals", &["good 1", "!reject:because", "!output:nowhere", "!no-such-order", "good 2"]);
    case.run_to_the_end();
    assert_eq!(case.output().texts(), ["good 1", "good 2"]);
    let letters = case.letters();
    let said: Vec<_> = letters
        .0
        .iter()
        .map(|stored| {
            let record = &stored.record;
            (record.text(), error_header(record, "class"), error_header(record, "reason"))
        })
        .collect();
    assert_eq!(said[0], ("!reject:because", "reject".into(), "because".into()));
    assert_eq!((said[1].0, said[1].1.as_str()), ("!output:nowhere", "output"));
    assert!(said[1].2.contains("nowhere"), "{}", said[1].2);
    assert_eq!((said[2].0, said[2].1.as_str()), ("!no-such-order", "reject"));
    assert_eq!(said.len(), 3);
}

#[test]
fn a_dead_letter_names_the_emitted_record_that_failed_and_carries_the_input() {
    let mut case = Case::new("path", &[]);
    case.pipeline.set(
        "stages",
        json!([
            { "name": "first", "plugin": "identity" },
            { "name": "split", "plugin": "jq", "config": { "program": ".list[]" } },
            { "name": "judge", "plugin": "jq", "config": { "program": "{ok: .ok}" } },
        ]),
    );
    let mut input = Record::new("k", r#"{"list": [{"ok": 1}, {"ok": 2}, 3, {"ok": 4}]}"#, EPOCH);
    // What an earlier failure left behind is replaced, the rest stays.
    input = input.with_header("sluice.error.class", "old").with_header("trace", "t");
    Feeder::new(&case.kafka, &[]).feed(&case.pipeline.input, [&input]);
    case.run_to_the_end();
    assert_eq!(case.output().texts(), [r#"{"ok":1}"#, r#"{"ok":2}"#, r#"{"ok":4}"#], "siblings go on");
    let letters = case.letters();
    assert_eq!(letters.len(), 1);
    let letter = &letters.0[0].record;
    assert_eq!((error_header(letter, "path"), error_header(letter, "stage")), ("0/2".into(), "judge".into()));
    assert_eq!((&letter.value, letter.header("trace")), (&input.value, Some("t")));
    assert_eq!(letter.headers.iter().filter(|(name, _)| name == b"sluice.error.class").count(), 1);
}

#[test]
fn then_drop_drops_what_fails_and_writes_no_dead_letter() {
    let mut case = Case::new("then-drop", &["1", "!reject", "2", "!trap", "3"]);
    case.pipeline.set_stage("on_error", json!({ "then": "drop" })).remove("dlq");
    case.run_to_the_end();
    assert_eq!(case.output().texts(), ["1", "2", "3"]);
    assert!(case.letters().is_empty());
}

#[test]
fn then_stop_delivers_and_commits_everything_before_the_record_and_nothing_behind() {
    let values: Vec<String> = (0..100).map(|n| if n == 50 { "!reject:no".to_owned() } else { n.to_string() }).collect();
    let mut case = Case::new("then-stop", &values.iter().map(String::as_str).collect::<Vec<_>>());
    case.pipeline.set_stage("on_error", json!({ "then": "stop" })).remove("dlq");
    let mut sluice = case.start();
    assert_eq!(sluice.wait_for_end(STOP), 1);
    assert_eq!(case.output().texts(), values[..50]);
    assert_eq!(case.committed(), Some(50));
    let errors = sluice.errors().join("\n");
    for part in ["stage", "offset 50", "reject", "then: stop", &case.pipeline.input] {
        assert!(errors.contains(part), "{part} in {errors}");
    }

    case.pipeline.set_stage("on_error", json!({ "then": "drop" }));
    case.run_to_the_end();
    let rest: Vec<&str> = values.iter().map(String::as_str).filter(|value| !value.starts_with('!')).collect();
    assert_eq!(case.output().texts(), rest, "the next run goes on at the record, and repeats nothing");
}

#[test]
fn fatal_stops_the_pipeline_and_commits_nothing_of_the_batch() {
    let mut case = Case::new("fatal", &["1", "2", "3"]);
    let mut sluice = case.start();
    sluice.wait_until_caught_up(&case.group, &case.pipeline.input);
    case.feed(&["!fatal", "4", "5"]);
    assert_eq!(sluice.wait_for_end(STOP), 1);
    assert_eq!(case.output().texts(), ["1", "2", "3"]);
    assert!(case.letters().is_empty());
    assert_eq!(case.committed(), Some(3));
    assert!(sluice.errors().iter().any(|error| error.contains("it was told to be fatal")), "{:?}", sluice.errors());

    // Another plugin, and the next run finishes the job.
    case.pipeline.stage("identity", json!({}));
    case.run_to_the_end();
    assert_eq!(case.output().texts(), ["1", "2", "3", "!fatal", "4", "5"]);
}

#[test]
fn what_a_plugin_changes_and_what_it_inherits_comes_out_so() {
    let case = Case::new("changes", &["!null", "!echo:source", "!emit:3", "!emit:0", "!drop", "kept"]);
    case.run_to_the_end();
    let output = case.output();
    let source = format!("{}/0/1", case.pipeline.input);
    assert_eq!(output.0[0].record.value, None);
    assert_eq!(output.texts()[1..], [source.as_str(), "0", "1", "2", "kept"]);
    let inherited: Vec<i64> = output.0.iter().map(|stored| by_timestamp(&stored.record) - EPOCH).collect();
    assert_eq!(inherited, [0, 1, 2, 2, 2, 5]);
    assert!(output.0.iter().all(|stored| stored.record.key.is_some()));
}

#[test]
fn named_outputs_leave_the_chain_and_the_default_may_be_dropped() {
    let kafka = Kafka::shared();
    let mut pipeline = Pipeline::with_topics(&kafka, "named", 2);
    let program = r#"., ("copy of " + tostring)"#;
    let output = r#"if type == "string" then "side" else null end"#;
    pipeline.stage("jq", json!({ "program": program, "output": output }));
    // A name and the default may share a topic; this one gets what is named alone.
    pipeline.set("outputs", json!({ "default": { "drop": true }, "side": { "topic": pipeline.output } }));
    let inputs = records(0, 50, |n| format!("{n}"));
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &inputs);
    let folder = Folder::new();
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_caught_up(&Group::new(&kafka, &pipeline.name), &pipeline.input);
    stop(&mut sluice);
    let expected: Vec<Record> = inputs
        .iter()
        .map(|input| Record { value: Some(format!("\"copy of {}\"", input.text()).into()), ..input.clone() })
        .collect();
    audit(&expected, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}
