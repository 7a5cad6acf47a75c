//! One run of one contender, and what it showed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::check::Topic;
use super::contender::{Contender, Launch};
use super::job::{Job, Written};
use crate::cluster::Cluster;
use crate::program::{Goal, Program};
use crate::usage::Usage;
use crate::watchers::{self, Watchers};

/// What one run showed.
pub struct Measured {
    /// Records of the input a second.
    pub rate: f64,
    /// What the process used from its start to its end.
    pub usage: Usage,
    /// The most memory that it had, in bytes.
    pub peak: u64,
}

/// One run: its own name, and what all runs share.
pub struct Run<'a> {
    /// The brokers.
    pub cluster: &'a Cluster,
    /// What is done.
    pub job: Job,
    /// The topic that is read.
    pub input: &'a str,
    /// How many records are in it.
    pub records: u64,
    /// What must be written.
    pub written: Written,
    /// Properties of librdkafka that come beside the brokers.
    pub properties: &'a BTreeMap<String, String>,
    /// The group, the output topic and the files of this run have this name.
    pub name: String,
    /// Where its files go.
    pub folder: &'a Path,
    /// How the program is started, where it is `sluice`.
    pub launch: &'a Launch,
    /// Where the schemas are, if the job has any.
    pub registry: Option<&'a str>,
}

impl Run<'_> {
    /// The topic for dead letters, where the job has one.
    pub fn dead_letters(&self) -> Option<String> {
        self.job.has_dead_letters().then(|| format!("{}-dlq", self.name))
    }

    /// Has a contender do the job into new topics in a new group, checks what it wrote, and removes it again.
    ///
    /// # Errors
    /// The program fails, or what it wrote is wrong.
    pub fn measure(&self, contender: Contender) -> Result<Measured> {
        let dead_letters = self.dead_letters();
        let topics = || std::iter::once(&self.name).chain(&dead_letters);
        for topic in topics() {
            self.cluster.create(topic)?;
        }
        let measured = self.watch(contender, dead_letters.as_deref());
        for topic in topics() {
            self.cluster.delete(topic)?;
        }
        measured.with_context(|| format!("{} ({})", contender.name(self.job), self.name))
    }

    fn watch(&self, contender: Contender, dead_letters: Option<&str>) -> Result<Measured> {
        let Run { cluster, job, records, name, folder, written, .. } = self;
        let transactions = contender.exactly_once();
        let goal = Goal {
            cluster,
            input: self.input,
            group: name,
            output: name,
            dead_letters,
            written: written.all(),
            records: *records,
            transactions,
        };
        let pipeline = folder.join(format!("{name}.yaml"));
        fs::write(&pipeline, contender.pipeline(self)?)
            .with_context(|| format!("cannot write {}", pipeline.display()))?;
        let mut command = contender.command(self, &pipeline)?;
        let address = self.launch.is_watched.then(watchers::free_address).transpose()?;
        if let Some(address) = address {
            command.args(["--admin", &address.to_string()]);
        }
        let mut program = Program::start(command, &folder.join(format!("{name}.log")))?;
        let watchers = address.map(Watchers::start);
        let rate = program.wait_for_output(&goal)?;
        watchers.map_or(Ok(()), Watchers::stop)?;
        // At once, so that none is charged for waiting; the rest is committed at the stop.
        if !contender.ends() {
            program.stop()?;
        }
        program.wait_for_commit(&goal)?;
        let peak = program.peak();
        let usage = program.wait()?;
        Topic { name, records: written.outputs, dead_letters: false, transactions }.check(cluster, *job)?;
        if let Some(name) = dead_letters {
            Topic { name, records: written.dead_letters, dead_letters: true, transactions }.check(cluster, *job)?;
        }
        Ok(Measured { rate, usage, peak })
    }
}
