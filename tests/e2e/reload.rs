//! SIGHUP: the files are read again, and what has changed in them is carried out.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;
use sluicebox_tests::{Feeder, Folder, Group, Kafka, Pipeline, Sluice, plugin};

use crate::{records, stop};

/// Feeds a pipeline and waits until it has committed that; then this many records are in its output.
fn assert_works(kafka: &Kafka, sluice: &mut Sluice, pipeline: &Pipeline, output: usize) {
    let first = usize::try_from(kafka.size(&pipeline.input)).unwrap();
    Feeder::new(kafka, &[]).feed(&pipeline.input, &records(first, 10, |n| n.to_string()));
    sluice.wait_until_caught_up(&Group::new(kafka, &pipeline.name), &pipeline.input);
    assert_eq!(kafka.read(&pipeline.output).len(), output);
}

#[test]
fn a_hang_up_starts_what_is_new_drains_what_is_gone_and_restarts_what_has_changed() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let [mut changed, gone, added, kept] = ["changed", "gone", "added", "kept"].map(|test| {
        let mut pipeline = Pipeline::with_topics(&kafka, test, 1);
        pipeline.remove("dlq");
        pipeline
    });
    changed.write(&folder);
    let kept_file = kept.write(&folder);
    let gone_file = gone.write(&folder);
    let mut sluice = Sluice::run(&[folder.path()]);
    for pipeline in [&changed, &gone, &kept] {
        assert_works(&kafka, &mut sluice, pipeline, 10);
    }

    let elsewhere = format!("{}.elsewhere", changed.name);
    kafka.create_topic(&elsewhere, 1, &[]);
    changed.set("outputs", json!({ "default": { "topic": elsewhere } }));
    changed.write(&folder);
    added.write(&folder);
    fs::remove_file(gone_file).unwrap();
    // How a file is called means nothing.
    fs::rename(&kept_file, kept_file.with_file_name("renamed.yaml")).unwrap();
    sluice.signal(libc::SIGHUP);
    sluice.wait_for_line("the end of what is gone", |line| {
        line.is_status_of(&gone.name) && line.field("state") == "stopped"
    });
    assert_works(&kafka, &mut sluice, &added, 10);
    assert_works(&kafka, &mut sluice, &kept, 20);
    assert_works(&kafka, &mut sluice, &changed, 10);
    assert_eq!(kafka.read(&elsewhere).len(), 10);
    let ended =
        |name: &str| sluice.lines().iter().any(|line| line.is_status_of(name) && line.field("state") == "stopped");
    assert!(ended(&changed.name) && !ended(&kept.name), "what has not changed goes on");
    stop(&mut sluice);
}

#[test]
fn a_hang_up_leaves_a_pipeline_at_work_whose_file_is_broken() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "broken", 1);
    pipeline.remove("dlq");
    let file = pipeline.write(&folder);
    let mut sluice = Sluice::run(&[folder.path()]);
    assert_works(&kafka, &mut sluice, &pipeline, 10);

    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, whole.replace("outputs:", "outptus:")).unwrap();
    sluice.signal(libc::SIGHUP);
    let said = sluice.wait_for_line("the broken file", |line| line.is_error()).message();
    assert!(said.contains("outptus") && said.contains(&format!("{}:", file.display())), "{said}");
    assert_works(&kafka, &mut sluice, &pipeline, 20);

    // Mended, it is what runs already: nothing is restarted.
    fs::write(&file, whole).unwrap();
    let seen = sluice.lines().len();
    sluice.signal(libc::SIGHUP);
    assert_works(&kafka, &mut sluice, &pipeline, 30);
    let restarted = sluice.lines()[seen..].iter().any(|line| line.message() == "started");
    assert!(!restarted);
    stop(&mut sluice);
}

#[test]
fn a_watch_reloads_when_a_file_a_plugin_or_a_mounted_secret_changes() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "watched", 1);
    let secret = |version: &str, text: &str| {
        let directory = folder.path().join(version);
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("client"), text).unwrap();
        symlink(version, folder.path().join("..tmp")).unwrap();
        fs::rename(folder.path().join("..tmp"), folder.path().join("..data")).unwrap();
    };
    secret("..1", "first");
    symlink("..data/client", folder.path().join("client")).unwrap();
    fs::copy(plugin("identity"), folder.path().join("stage.wasm")).unwrap();
    pipeline.stage("./stage.wasm", json!({})).set_in("kafka", "client.id", json!("${file:client}"));
    pipeline.write(&folder);
    let mut sluice = Sluice::run_with(&[folder.path()], |command| _ = command.arg("--watch"));
    assert_works(&kafka, &mut sluice, &pipeline, 10);

    let restarts = |sluice: &mut Sluice, what: &str, seen: usize| {
        sluice.wait_for_line_from(seen, what, |line| line.message() == "started");
    };
    let seen = sluice.lines().len();
    secret("..2", "second");
    restarts(&mut sluice, "a start with the other secret", seen);
    let seen = sluice.lines().len();
    fs::copy(plugin("jq"), folder.path().join("stage.tmp")).unwrap();
    pipeline.set_stage("config", json!({ "program": "." }));
    fs::rename(folder.path().join("stage.tmp"), folder.path().join("stage.wasm")).unwrap();
    pipeline.write(&folder);
    restarts(&mut sluice, "a start with the other plugin", seen);
    let seen = sluice.lines().len();
    pipeline.set("commit_interval", json!("500ms"));
    pipeline.write(&folder);
    restarts(&mut sluice, "a start with the other file", seen);
    stop(&mut sluice);
}
