//! `sluice dlq`: dead letters are listed, shown and replayed.

mod faults;
mod look;
mod replay;

use serde_json::{Value, json};
use sluicebox_tests::{Feeder, Finished, Folder, Group, Kafka, Pipeline, Reading, Record, Sluice, sluice};

use crate::{EPOCH, stop};

/// A pipeline with dead letters, and whoever looks after it.
pub struct Desk {
    pub kafka: Kafka,
    pub pipeline: Pipeline,
    pub folder: Folder,
}

impl Desk {
    /// Topics of so many partitions, and the one stage `misbehave`.
    pub fn new(test: &str, partitions: i32) -> Desk {
        let kafka = Kafka::shared();
        let mut pipeline = Pipeline::with_topics(&kafka, test, partitions);
        pipeline.stage("misbehave", json!(null));
        Desk { kafka, pipeline, folder: Folder::new() }
    }

    /// Feeds values, each with a timestamp of its own, and runs the pipeline until all are through.
    pub fn process(&self, values: &[&str]) {
        let record = |(n, value): (usize, &&str)| Record::new(format!("key-{n}"), *value, EPOCH + n as i64);
        self.process_records(&values.iter().enumerate().map(record).collect::<Vec<_>>());
    }

    /// The same with records.
    pub fn process_records(&self, records: &[Record]) {
        Feeder::new(&self.kafka, &[]).feed(&self.pipeline.input, records);
        let mut running = Sluice::run(&[&self.pipeline.write(&self.folder)]);
        running.wait_until_caught_up(&Group::new(&self.kafka, &self.pipeline.name), &self.pipeline.input);
        stop(&mut running);
    }

    /// `sluice dlq COMMAND PIPELINE ARGUMENTS`, to its end.
    pub fn dlq(&self, command: &str, arguments: &[&str]) -> Finished {
        let file = self.pipeline.write(&self.folder);
        Finished::of(sluice().args(["dlq", command]).arg(file).args(arguments))
    }

    /// The lines of JSON that `sluice dlq list` answers.
    pub fn list(&self, arguments: &[&str]) -> Vec<Value> {
        let answer = self.dlq("list", &[&["--json"], arguments].concat());
        assert_eq!(answer.code, Some(0), "{}", answer.err);
        answer.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The summary of a replay that ends with this code.
    pub fn replay(&self, code: i32, arguments: &[&str]) -> Value {
        let answer = self.dlq("replay", &[&["--json"], arguments].concat());
        assert_eq!(answer.code, Some(code), "{}\n{}", answer.out, answer.err);
        serde_json::from_str(&answer.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", answer.out, answer.err))
    }

    pub fn output(&self) -> Reading {
        self.kafka.read(&self.pipeline.output)
    }

    pub fn letters(&self) -> Reading {
        self.kafka.read(&self.pipeline.dlq)
    }

    /// The topic of what has been replayed.
    pub fn marks(&self) -> String {
        format!("{}.replayed", self.pipeline.dlq)
    }
}
