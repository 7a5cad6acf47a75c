//! One job done by several programs: who does it with how much of the processor, and how fast.

mod avro;
mod check;
pub mod contender;
mod input;
pub mod job;
pub mod native;
pub mod peer;
mod registry;
mod report;
pub mod row;
mod run;

use std::collections::BTreeMap;
use std::env;
use std::process;

use anyhow::{Context, Result, ensure};

use self::contender::{Contender, Launch, Stages};
use self::job::{Job, Written};
use self::row::Row;
use self::run::Run;
use crate::cluster::Cluster;
use crate::report::Report;

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Rounds; each runs every contender once, one after the other.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Records in the input.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// A librdkafka property for every contender, the native one too, as the `kafka:` of a pipeline takes it; may repeat
    #[arg(long, value_name = "NAME=VALUE")]
    kafka: Vec<String>,
}

/// Copies from topic to topic: by hand, by Sluicebox, and by Sluicebox through three sandboxed stages.
///
/// # Errors
/// There is no broker, a program fails, or what it made is no copy.
pub fn copy(options: &Options) -> Result<Report> {
    let sluice = |stages, exactly_once| Contender::Sluice { stages: Stages::Identity(stages), exactly_once };
    let contenders = [Contender::Native, sluice(0, false), sluice(0, true), sluice(3, false), sluice(3, true)];
    run("copy", Job::Copy, &contenders, options)
}

/// Does what the example pipeline does: by hand, by three plugins, by one, and by SQL.
///
/// # Errors
/// There is no broker, a program fails, or what it wrote is wrong.
pub fn order_status(options: &Options) -> Result<Report> {
    let sluice = |stages, exactly_once| Contender::Sluice { stages, exactly_once };
    let contenders = [
        Contender::Native,
        sluice(Stages::Example, false),
        sluice(Stages::Example, true),
        sluice(Stages::OnePlugin, false),
        sluice(Stages::Sql, false),
    ];
    run("order-status", Job::OrderStatus, &contenders, options)
}

/// Has contenders do a job.
fn run(part: &'static str, job: Job, contenders: &[Contender], options: &Options) -> Result<Report> {
    let entrants: Vec<Entrant> = contenders.iter().map(|&contender| Entrant::new(contender, options.records)).collect();
    let properties = properties(&options.kafka)?;
    let rows = Contest { job, entrants: &entrants, rounds: options.rounds, properties }.run()?;
    report::report(part, job, &rows, options)
}

/// The properties that were asked for, by their names.
fn properties(asked: &[String]) -> Result<BTreeMap<String, String>> {
    let mut properties = BTreeMap::new();
    for property in asked {
        let (name, value) = property.split_once('=').context("--kafka takes NAME=VALUE")?;
        properties.insert(name.to_owned(), value.to_owned());
    }
    Ok(properties)
}

/// Who takes part, and on how many records.
pub struct Entrant {
    /// Who.
    pub contender: Contender,
    /// Records of its input: the first ones of the job's.
    pub records: u64,
    /// How it is started, where it is `sluice`.
    pub launch: Launch,
}

impl Entrant {
    /// A contender that is started as usual.
    pub fn new(contender: Contender, records: u64) -> Entrant {
        Entrant { contender, records, launch: Launch::default() }
    }
}

/// A job, and who does it.
pub struct Contest<'a> {
    /// What is done.
    pub job: Job,
    /// By whom.
    pub entrants: &'a [Entrant],
    /// How often.
    pub rounds: u32,
    /// Properties of librdkafka for those who use it as a pipeline does.
    pub properties: BTreeMap<String, String>,
}

/// What is read: a topic with so many of the job's records.
struct Input {
    topic: String,
    written: Written,
}

impl Contest<'_> {
    /// Runs all rounds. Answers a row for each who takes part.
    ///
    /// # Errors
    /// There is no broker, a program fails, or what it wrote is wrong.
    pub fn run(&self) -> Result<Vec<Row>> {
        let bootstrap =
            env::var("SLUICE_TEST_BROKERS").context("SLUICE_TEST_BROKERS is not set: run `cargo xtask bench`")?;
        let records = self.entrants.iter().map(|entrant| entrant.records).min().unwrap_or_default();
        ensure!(self.rounds > 0 && records > 0, "nothing is measured without rounds and records");
        let cluster = Cluster::new(&bootstrap)?;
        // Other runs may use the same brokers.
        let prefix = format!("bench-{}", process::id());
        let registry = if self.job.has_schemas() { Some(registry::start()?) } else { None };
        let inputs = self.inputs(&cluster, &prefix)?;
        let rows = self.rounds(&cluster, &prefix, &inputs, registry.as_deref());
        // Whatever came of it: the brokers may be others' too.
        for input in inputs.values() {
            cluster.delete(&input.topic)?;
        }
        rows
    }

    /// An input for each number of records.
    fn inputs(&self, cluster: &Cluster, prefix: &str) -> Result<BTreeMap<u64, Input>> {
        let mut inputs = BTreeMap::new();
        for records in self.entrants.iter().map(|entrant| entrant.records) {
            if inputs.contains_key(&records) {
                continue;
            }
            let topic = format!("{prefix}-input-{records}");
            input::write(cluster, &topic, self.job, records)?;
            inputs.insert(records, Input { topic, written: self.job.written(records) });
        }
        Ok(inputs)
    }

    fn rounds(
        &self,
        cluster: &Cluster,
        prefix: &str,
        inputs: &BTreeMap<u64, Input>,
        registry: Option<&str>,
    ) -> Result<Vec<Row>> {
        let folder = tempfile::tempdir()?;
        let name = |entrant: &Entrant| format!("{}{}", entrant.contender.name(self.job), entrant.launch.name());
        let row = |entrant: &Entrant| Row::new(name(entrant), entrant.records);
        let mut rows: Vec<Row> = self.entrants.iter().map(row).collect();
        for round in 0..self.rounds as usize {
            // Each round begins with another one, so that none always comes after the same.
            for turn in 0..rows.len() {
                let number = (round + turn) % rows.len();
                let Entrant { contender, records, ref launch } = self.entrants[number];
                let input = &inputs[&records];
                let run = Run {
                    cluster,
                    job: self.job,
                    input: &input.topic,
                    records,
                    written: input.written,
                    properties: &self.properties,
                    name: format!("{prefix}-{round}-{number}"),
                    folder: folder.path(),
                    launch,
                    registry,
                };
                rows[number].push(round, &run.measure(contender)?);
            }
        }
        Ok(rows)
    }
}
