//! Copies with names: a restart within the session moves nothing, in either group protocol.

use std::path::Path;

use serde_json::{Value, json};
use sluicebox_tests::{Feeder, Folder, Group, Kafka, LogLine, Pipeline, Record, Sluice, audit};

use crate::{alone, busy_records, by_timestamp, stop};

const COPIES: [&str; 2] = ["one", "two"];
const BURST: usize = 5_000;

/// Two copies with names of their own share four partitions.
struct Pair {
    kafka: Kafka,
    pipeline: Pipeline,
    group: Group,
    fed: Vec<Record>,
    copies: [Sluice; 2],
    file: std::path::PathBuf,
    _folder: Folder,
}

fn start(file: &Path, instance: &str) -> Sluice {
    Sluice::run_with(&[file], |command| _ = command.args(["--instance", instance]))
}

/// What has moved, as a copy tells it.
fn moves(copy: &Sluice) -> Vec<String> {
    let has_moved = |line: &&LogLine| {
        let message = line.message();
        message == "assigned" || message == "revoked" || message.contains("assignment was lost")
    };
    copy.lines().iter().filter(has_moved).map(|line| line.text.clone()).collect()
}

impl Pair {
    fn new(test: &str, consumer: Value) -> Pair {
        let (kafka, folder) = (Kafka::shared(), Folder::new());
        let mut pipeline = Pipeline::with_topics(&kafka, test, 4);
        pipeline.stage("misbehave", json!(null)).set("workers", json!(1)).set("consumer", consumer);
        let (file, group) = (pipeline.write(&folder), Group::new(&kafka, &pipeline.name));
        let copies = COPIES.map(|name| start(&file, name));
        let mut pair = Pair { kafka, pipeline, group, fed: Vec::new(), copies, file, _folder: folder };
        pair.wait_until_shared();
        pair
    }

    /// Until each has two partitions, as its last status line says.
    fn wait_until_shared(&mut self) {
        let name = &self.pipeline.name;
        for copy in &mut self.copies {
            copy.wait_for_line("two partitions", |line| {
                line.is_status_of(name) && line.field("partitions") == "2" && line.field("state") == "running"
            });
        }
    }

    fn feed(&mut self) {
        let burst = busy_records(self.fed.len(), BURST, 20_000);
        Feeder::new(&self.kafka, &[]).feed(&self.pipeline.input, &burst);
        self.fed.extend(burst);
    }

    fn wait_until_caught_up(&mut self) {
        self.copies[1].wait_until_caught_up(&self.group, &self.pipeline.input);
    }

    fn stop(&mut self) -> sluicebox_tests::Audit {
        self.wait_until_caught_up();
        self.copies.iter_mut().for_each(stop);
        assert!(self.kafka.read(&self.pipeline.dlq).is_empty());
        audit(&self.fed, &self.kafka.read(&self.pipeline.output).records(), by_timestamp)
    }

    /// The first copy ends so, and comes again under its name; the other one sees nothing of it.
    fn restart(mut self, end: impl FnOnce(&mut Sluice)) -> sluicebox_tests::Audit {
        self.feed();
        self.wait_until_caught_up();
        let before = self.copies.each_ref().map(moves);
        self.feed();
        end(&mut self.copies[0]);
        self.feed();
        self.copies[0] = start(&self.file, COPIES[0]);
        self.feed();
        self.wait_until_shared();
        self.wait_until_caught_up();
        assert_eq!(moves(&self.copies[1]), before[1], "the other copy keeps what it has, and gets no more");
        let partitions = |moves: &[String]| -> Vec<String> {
            let added = moves.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let added = added.filter_map(|line| Some(line["added"].as_str()?.to_owned()));
            let mut all: Vec<String> =
                added.flat_map(|added| added.split(' ').map(str::to_owned).collect::<Vec<_>>()).collect();
            all.retain(|partition| !partition.is_empty());
            all.sort();
            all
        };
        let again = partitions(&moves(&self.copies[0]));
        assert_eq!(again.len(), 2, "{again:?}");
        assert!(again.iter().all(|partition| partitions(&before[0]).contains(partition)), "{again:?}, {before:?}");
        self.stop()
    }
}

#[test]
fn a_restart_within_the_session_moves_nothing_and_repeats_nothing() {
    let _alone = alone();
    Pair::new("static", json!({})).restart(stop).assert_exact();
}

#[test]
fn a_restart_after_a_crash_within_the_session_moves_nothing_and_loses_nothing() {
    let _alone = alone();
    Pair::new("static-crash", json!({})).restart(Sluice::kill).assert_nothing_lost();
}

#[test]
fn a_restart_within_the_session_moves_nothing_in_the_newer_group_protocol_too() {
    let _alone = alone();
    Pair::new("static-newer", json!({ "group.protocol": "consumer" })).restart(stop).assert_exact();
}

#[test]
fn a_copy_that_gets_no_partition_is_ready_in_either_group_protocol() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    for protocol in ["classic", "consumer"] {
        let mut pipeline = Pipeline::with_topics(&kafka, &format!("spare-{protocol}"), 1);
        pipeline.set("consumer", json!({ "group.protocol": protocol }));
        let file = pipeline.write(&folder);
        let mut copies = [Sluice::run(&[&file]), Sluice::run(&[&file])];
        copies.iter_mut().for_each(Sluice::wait_until_ready);
        copies.iter_mut().for_each(stop);
    }
}

#[test]
fn a_crash_in_the_newer_group_protocol_leaves_its_share_to_the_others_and_nothing_is_lost() {
    let _alone = alone();
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "crash-newer", 4);
    pipeline.stage("misbehave", json!(null)).set("consumer", json!({ "group.protocol": "consumer" }));
    let (file, group) = (pipeline.write(&folder), Group::new(&kafka, &pipeline.name));
    let records = busy_records(0, 60_000, 200_000);
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &records);
    let mut copies = [Sluice::run(&[&file]), Sluice::run(&[&file])];
    copies.iter_mut().for_each(Sluice::wait_until_ready);
    kafka.wait_for_size(&pipeline.output, 5_000);
    copies[1].kill();
    copies[0].wait_until_caught_up(&group, &pipeline.input);
    stop(&mut copies[0]);
    audit(&records, &kafka.read(&pipeline.output).records(), by_timestamp).assert_nothing_lost();
    assert!(kafka.read(&pipeline.dlq).is_empty());
}
