//! Signals while a plugin does not come back, or is compiled.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;
use sluicebox_tests::{Feeder, Folder, Group, Kafka, LIMIT, LogLine, Pipeline, Record, Sluice, plugin};

use crate::{EPOCH, STOP, records, stop};

/// A program whose one pipeline has delivered a record, and is in a call that will not end.
fn stuck(kafka: &Kafka, folder: &Folder, drain: &str) -> (Sluice, Pipeline) {
    let mut pipeline = Pipeline::with_topics(kafka, "stuck", 1);
    pipeline.stage("misbehave", json!(null)).set_stage("limits", json!({ "time": "10m" }));
    pipeline.set("drain", json!(drain));
    let (feeder, group) = (Feeder::new(kafka, &[]), Group::new(kafka, &pipeline.name));
    feeder.feed(&pipeline.input, &records(0, 1, |_| "delivered".to_owned()));
    let mut sluice = Sluice::run(&[&pipeline.write(folder)]);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    let values = ["!log:in-the-call", "!loop"];
    let poison: Vec<_> = values.iter().zip(1..).map(|(value, n)| Record::new("k", *value, EPOCH + n)).collect();
    feeder.feed(&pipeline.input, &poison);
    sluice.wait_for_line("the call", |line| line.message().contains("in-the-call"));
    (sluice, pipeline)
}

fn assert_only_the_first_is_committed(kafka: &Kafka, pipeline: &Pipeline) {
    let committed = Group::new(kafka, &pipeline.name).committed(&pipeline.input)[0].unwrap();
    // The record that says that the call has begun may be a batch of its own.
    assert!((1..=2).contains(&committed), "{committed}");
}

#[test]
fn a_second_signal_stops_at_once() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (mut sluice, pipeline) = stuck(&kafka, &folder, "5m");
    sluice.signal(libc::SIGTERM);
    // Signals that come at the same moment count as one.
    let is_draining = |line: &LogLine| line.is_status_of(&pipeline.name) && line.field("state") == "draining";
    sluice.wait_for_line("the first signal", is_draining);
    let told = Instant::now();
    assert_eq!(sluice.terminate(Duration::from_secs(5)), 1);
    assert!(told.elapsed() < Duration::from_secs(5));
    assert_only_the_first_is_committed(&kafka, &pipeline);
}

#[test]
fn records_that_come_to_no_end_are_named_within_seconds() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (mut sluice, _) = stuck(&kafka, &folder, "1s");
    sluice.wait_for_line("the standstill", |line| line.message().contains("nothing has left the stages for 1"));
    assert_eq!(sluice.terminate(Duration::from_secs(15)), 1);
}

#[test]
fn a_drain_that_misses_its_deadline_ends_with_an_error_and_commits_nothing_more() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (mut sluice, pipeline) = stuck(&kafka, &folder, "1s");
    assert_eq!(sluice.terminate(Duration::from_secs(15)), 1);
    assert!(sluice.errors().iter().any(|error| error.contains("drain")), "{:?}", sluice.errors());
    assert_only_the_first_is_committed(&kafka, &pipeline);
}

/// Starts a pipeline whose plugins are not compiled yet, and waits until that is about to begin. Returns the compile
/// cache too.
fn compiling(pipeline: &Pipeline, folder: &Folder) -> (Sluice, PathBuf) {
    let cache = folder.path().join("cache");
    let mut sluice = Sluice::run_with(&[&pipeline.write(folder)], |command| {
        command.env("SLUICE_CACHE_DIR", &cache);
    });
    // It is made just before.
    sluice.wait_for("the compile cache", LIMIT, || match cache.is_dir() {
        true => Ok(()),
        false => Err("there is none".to_owned()),
    });
    (sluice, cache)
}

#[test]
fn signals_are_heeded_while_plugins_are_compiled() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "cold", 1);
    plugin("order-enrich-python");
    pipeline.stage("order-enrich-python", json!({}));
    let (mut sluice, cache) = compiling(&pipeline, &folder);
    sluice.signal(libc::SIGHUP);
    sluice.signal(libc::SIGTERM);
    assert_eq!(sluice.wait_for_end(STOP), 0);
    assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 0, "it was still compiled");
}

#[test]
fn a_hang_up_while_plugins_are_compiled_is_served_after_the_start() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "cold-reload", 1);
    pipeline.stage("jq", json!({ "program": "." }));
    let (mut sluice, _) = compiling(&pipeline, &folder);
    sluice.signal(libc::SIGHUP);
    sluice.wait_for_line("the reload", |line| line.message().contains("SIGHUP: reading"));
    sluice.wait_until_ready();
    stop(&mut sluice);
}
