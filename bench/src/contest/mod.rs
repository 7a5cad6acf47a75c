//! One job done by several programs: who does it with how much of the processor, and how fast.

mod check;
pub mod contender;
mod input;
pub mod job;
pub mod native;
mod report;
mod run;

use std::collections::BTreeMap;
use std::env;
use std::process;

use anyhow::{Context, Result, ensure};

use self::contender::{Contender, Stages};
use self::job::Job;
use self::report::Row;
use self::run::Run;
use crate::cluster::Cluster;

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

impl Default for Options {
    fn default() -> Self {
        Options { rounds: 5, records: 1_000_000, kafka: Vec::new() }
    }
}

/// Copies from topic to topic: by hand, by Sluicebox, and by Sluicebox through three sandboxed stages.
///
/// # Errors
/// There is no broker, a program fails, or what it made is no copy; the results cannot be written.
pub fn copy(options: &Options) -> Result<()> {
    let sluice = |stages, exactly_once| Contender::Sluice { stages: Stages::Identity(stages), exactly_once };
    let contenders = [Contender::Native, sluice(0, false), sluice(0, true), sluice(3, false), sluice(3, true)];
    Contest { part: "copy", job: Job::Copy, contenders: &contenders }.run(options)
}

/// Does what the example pipeline does: by hand, by three plugins, and by one.
///
/// # Errors
/// There is no broker, a program fails, or what it wrote is wrong; the results cannot be written.
pub fn order_status(options: &Options) -> Result<()> {
    let sluice = |stages, exactly_once| Contender::Sluice { stages, exactly_once };
    let contenders = [
        Contender::Native,
        sluice(Stages::Example, false),
        sluice(Stages::Example, true),
        sluice(Stages::OnePlugin, false),
    ];
    Contest { part: "order-status", job: Job::OrderStatus, contenders: &contenders }.run(options)
}

/// A job, and who does it; the others' ratios are to the first.
struct Contest<'a> {
    part: &'static str,
    job: Job,
    contenders: &'a [Contender],
}

impl Contest<'_> {
    fn run(&self, options: &Options) -> Result<()> {
        let bootstrap =
            env::var("SLUICE_TEST_BROKERS").context("SLUICE_TEST_BROKERS is not set: run `cargo xtask bench`")?;
        ensure!(options.rounds > 0 && options.records > 0, "nothing is measured without rounds and records");
        let (job, records, properties) = (self.job, options.records, properties(options)?);
        let cluster = Cluster::new(&bootstrap)?;
        let folder = tempfile::tempdir()?;
        // Other runs may use the same brokers.
        let prefix = format!("bench-{}", process::id());
        let input = format!("{prefix}-input");
        input::write(&cluster, &input, job, records)?;
        let written = job.written(records);
        let mut rows: Vec<Row> = self.contenders.iter().map(|contender| Row::new(contender.name(job))).collect();
        for round in 0..options.rounds as usize {
            // Each round begins with another one, so that none always comes after the same.
            for turn in 0..rows.len() {
                let number = (round + turn) % rows.len();
                let run = Run {
                    cluster: &cluster,
                    job,
                    input: &input,
                    records,
                    written,
                    properties: &properties,
                    name: format!("{prefix}-{round}-{number}"),
                    folder: folder.path(),
                };
                let measured = run.measure(self.contenders[number])?;
                rows[number].push(round, &measured, records);
            }
        }
        cluster.delete(&input)?;
        report::report(self.part, job, &rows, options)
    }
}

/// The properties that were asked for, by their names.
fn properties(options: &Options) -> Result<BTreeMap<&str, &str>> {
    options.kafka.iter().map(|property| property.split_once('=').context("--kafka takes NAME=VALUE")).collect()
}
