//! What a copy from topic to topic costs: by hand, by Sluicebox, and by Sluicebox through three sandboxed stages.

pub mod native;
mod records;
mod variant;

use std::env;
use std::process;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use self::variant::{ALL, Run};
use crate::cluster::{self, Cluster};
use crate::figures::{Figure, Rounds};
use crate::orders;
use crate::report::{Log, Table};

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Rounds; each runs every variant once, one after the other.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Records in the input.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// A librdkafka property for every variant, the native loop too, as the `kafka:` of a pipeline takes it; may repeat
    #[arg(long, value_name = "NAME=VALUE")]
    kafka: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Options { rounds: 5, records: 1_000_000, kafka: Vec::new() }
    }
}

/// The rounds of one variant.
#[derive(Default)]
struct Variants {
    cpu: Rounds,
    user: Rounds,
    system: Rounds,
    rate: Rounds,
}

/// What is written of a variant.
#[derive(Serialize)]
struct Measured<'a> {
    variant: String,
    records: u64,
    value_bytes: usize,
    rounds: u32,
    kafka: &'a [String],
    cpu_us_per_record: Figure,
    user_us_per_record: Figure,
    system_us_per_record: Figure,
    records_per_second: Figure,
    cpu_ratio: f64,
}

/// Measures, and prints and writes the results.
///
/// # Errors
/// There is no broker, a program fails, or what it made is no copy; the results cannot be written.
pub fn run(options: &Options) -> Result<()> {
    let bootstrap =
        env::var("SLUICE_TEST_BROKERS").context("SLUICE_TEST_BROKERS is not set: run `cargo xtask bench`")?;
    ensure!(options.rounds > 0 && options.records > 0, "nothing is measured without rounds and records");
    let cluster = Cluster::new(&bootstrap)?;
    let folder = tempfile::tempdir()?;
    // Other runs may use the same brokers.
    let prefix = format!("bench-{}", process::id());
    let input = format!("{prefix}-input");
    cluster.create(&input)?;
    records::write(&cluster, &input, options.records)?;
    let properties = properties(options)?;
    let mut variants: [Variants; ALL.len()] = Default::default();
    for round in 0..options.rounds as usize {
        // Each round begins with another one, so that none always comes after the same.
        for turn in 0..ALL.len() {
            let number = (round + turn) % ALL.len();
            let name = format!("{prefix}-{round}-{number}");
            let run = Run {
                cluster: &cluster,
                input: &input,
                records: options.records,
                properties: &properties,
                name,
                folder: folder.path(),
            };
            let measured = ALL[number].run(&run)?;
            let a_record = |time: std::time::Duration| time.as_secs_f64() * 1e6 / options.records as f64;
            let (user, system) = (a_record(measured.usage.user), a_record(measured.usage.system));
            eprintln!("round {round}, {}: {:.2} us, {:.0}/s", ALL[number].name(), user + system, measured.rate);
            let own = &mut variants[number];
            own.cpu.push(user + system);
            own.user.push(user);
            own.system.push(system);
            own.rate.push(measured.rate);
        }
    }
    cluster.delete(&input)?;
    report(&variants, options)
}

/// The properties that were asked for, as lines of a pipeline's `kafka:`.
fn properties(options: &Options) -> Result<String> {
    let mut lines = String::new();
    for property in &options.kafka {
        let (name, value) = property.split_once('=').context("--kafka takes NAME=VALUE")?;
        lines.push_str(&format!("  {name}: {value}\n"));
    }
    Ok(lines)
}

fn report(variants: &[Variants], options: &Options) -> Result<()> {
    let Options { rounds, records, ref kafka } = *options;
    let columns = ["a copy", "CPU us/record", "min", "max", "user", "system", "ratio", "records/s", "min", "max"];
    let mut table = Table::new(&columns);
    let mut log = Log::new("copy");
    let native = variants[0].cpu.figure().median;
    for (variant, own) in ALL.iter().zip(variants) {
        let (cpu, rate) = (own.cpu.figure(), own.rate.figure());
        let (user, system, ratio) = (own.user.figure(), own.system.figure(), cpu.median / native);
        let mut row = vec![variant.name()];
        row.extend(
            [cpu.median, cpu.min, cpu.max, user.median, system.median, ratio].map(|figure| format!("{figure:.2}")),
        );
        row.extend([rate.median, rate.min, rate.max].map(|figure| format!("{figure:.0}")));
        table.row(row);
        log.line(&Measured {
            variant: variant.name(),
            records,
            value_bytes: orders::VALUE,
            rounds,
            kafka,
            cpu_us_per_record: cpu,
            user_us_per_record: user,
            system_us_per_record: system,
            records_per_second: rate,
            cpu_ratio: ratio,
        })?;
    }
    let path = log.write()?;
    println!("Copying {records} records of {} B, {} partitions, {rounds} rounds\n", orders::VALUE, cluster::PARTITIONS);
    println!("{}\nwritten to {}", table.text(), path.display());
    Ok(())
}
