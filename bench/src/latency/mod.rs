//! How long a record takes from producer to consumer, at a steady rate.

mod arrivals;
mod load;
mod variant;

use std::env;
use std::process;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;
use tempfile::TempDir;

use self::load::Load;
use self::variant::{ALL, Run, Variant};
use crate::cluster::Cluster;
use crate::feed;
use crate::figures::{Figure, Rounds};
use crate::pipeline::{Pipeline, Stages, sluice_run};
use crate::program::Program;
use crate::report::Report;

/// A rate that is little work.
const LOW: u64 = 2_000;
/// Rates that are found are rounded down to whole ones of these.
const STEP: u64 = 1_000;

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Rounds; each runs every variant once at each rate, one after the other.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Records a second, beside a low rate; half of what order-status can do where it is not given.
    #[arg(long)]
    rate: Option<u64>,
    /// Seconds that are measured in each run.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Seconds of the same load before that.
    #[arg(long, default_value_t = 5)]
    warm_up: u64,
    /// Records that are worked off to find what order-status can do.
    #[arg(long, default_value_t = 1_000_000)]
    backlog: u64,
    /// Have 50 read the program's events and ask for its metrics each second meanwhile
    #[arg(long)]
    watched: bool,
}

/// The share of records up to which a latency is the longest, and its name.
const QUANTILES: [(&str, f64); 5] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// The rounds of one variant at one rate.
#[derive(Default)]
struct Variants {
    /// For each of the quantiles, in milliseconds.
    latencies: [Rounds; QUANTILES.len()],
    cpu: Option<Rounds>,
}

/// What is written of a variant at one rate.
#[derive(Serialize)]
struct Measured {
    variant: String,
    records_per_second: u64,
    seconds: u64,
    rounds: u32,
    p50_ms: Figure,
    p90_ms: Figure,
    p99_ms: Figure,
    p999_ms: Figure,
    max_ms: Figure,
    cpu_us_per_record: Option<Figure>,
}

/// What all runs share.
struct Bench<'a> {
    options: &'a Options,
    cluster: Cluster,
    folder: TempDir,
    /// Other runs may use the same brokers.
    prefix: String,
}

/// Measures.
///
/// # Errors
/// There is no broker, a program fails, or what arrives is not what should.
pub fn run(options: &Options) -> Result<Report> {
    let bootstrap =
        env::var("SLUICE_TEST_BROKERS").context("SLUICE_TEST_BROKERS is not set: run `cargo xtask bench`")?;
    ensure!(options.rounds > 0 && options.seconds > 0, "nothing is measured without rounds and seconds");
    let (cluster, folder) = (Cluster::new(&bootstrap)?, tempfile::tempdir()?);
    let bench = Bench { options, cluster, folder, prefix: format!("bench-{}", process::id()) };
    let rate = match options.rate {
        Some(rate) => rate,
        None => (bench.top_rate()? as u64 / 2 / STEP * STEP).max(STEP),
    };
    ensure!(rate > 0, "nothing is measured without records");
    let rates = [LOW, rate];
    let mut variants: [[Variants; ALL.len()]; 2] = Default::default();
    for round in 0..options.rounds as usize {
        for (rate, variants) in rates.into_iter().zip(&mut variants) {
            // Each round begins with another one, so that none always comes after the same.
            for turn in 0..ALL.len() {
                let number = (round + turn) % ALL.len();
                variants[number].push(bench.measure(round, rate, number)?);
            }
        }
    }
    report(&rates, &variants, options)
}

impl Bench<'_> {
    /// Records a second that order-status takes, with the load and the consumer beside it.
    fn top_rate(&self) -> Result<f64> {
        let (cluster, records) = (&self.cluster, self.options.backlog);
        let (name, input) = (format!("{}-top", self.prefix), format!("{}-backlog", self.prefix));
        cluster.create(&input)?;
        feed::fill(cluster, &input, records)?;
        let pipeline = Pipeline { name: &name, input: &input, stages: Stages::OrderStatus, settings: "" };
        pipeline.create_output(cluster)?;
        let file = pipeline.write(cluster, self.folder.path())?;
        let goal = pipeline.goal(cluster, records);
        let mut program = Program::start(sluice_run(&file)?, &file.with_extension("log"))?;
        let rate = program.wait_for_output(&goal)?;
        program.stop()?;
        program.wait()?;
        pipeline.delete_output(cluster)?;
        cluster.delete(&input)?;
        eprintln!("order-status takes {rate:.0} records/s from a backlog of {records}");
        // Without a load and a consumer beside it, that is: under a load of so much they take their part of the machine.
        let load = Load { rate: rate as u64, warm_up: Duration::from_secs(2), measured: Duration::from_secs(5) };
        let name = format!("{}-under-load", self.prefix);
        let variant = Variant::Sluice { stages: Stages::OrderStatus, exactly_once: None };
        let rate = variant.run(&Run { cluster, name, folder: self.folder.path(), load, is_watched: false })?.rate;
        eprintln!("under a load of as many it takes {rate:.0}");
        Ok(rate)
    }

    fn measure(&self, round: usize, rate: u64, number: usize) -> Result<variant::Measured> {
        let seconds = Duration::from_secs;
        let load = Load { rate, warm_up: seconds(self.options.warm_up), measured: seconds(self.options.seconds) };
        let name = format!("{}-{round}-{rate}-{number}", self.prefix);
        let (cluster, folder, is_watched) = (&self.cluster, self.folder.path(), self.options.watched);
        let measured = ALL[number].run(&Run { cluster, name, folder, load, is_watched })?;
        let figures = QUANTILES.map(|(name, share)| format!("{name} {:.1}", millis(&measured.latencies, share)));
        let cpu = measured.cpu_us_per_record.map(|cpu| format!(", {cpu:.2} us")).unwrap_or_default();
        eprintln!("round {round}, {rate}/s, {}: {} ms{cpu}", ALL[number].name(), figures.join(", "));
        Ok(measured)
    }
}

impl Variants {
    fn push(&mut self, measured: variant::Measured) {
        for (rounds, (_, share)) in self.latencies.iter_mut().zip(QUANTILES) {
            rounds.push(millis(&measured.latencies, share));
        }
        if let Some(cpu) = measured.cpu_us_per_record {
            self.cpu.get_or_insert_default().push(cpu);
        }
    }
}

/// The longest latency of this share of the records.
fn millis(latencies: &Histogram<u64>, share: f64) -> f64 {
    latencies.value_at_quantile(share) as f64 / 1e3
}

fn report(rates: &[u64], variants: &[[Variants; ALL.len()]], options: &Options) -> Result<Report> {
    let Options { rounds, seconds, .. } = *options;
    let about = format!(
        "Milliseconds from the moment that a record was meant to be sent to its arrival at a consumer of the output, \
         at a steady rate, with {seconds} s measured in each of {rounds} rounds: medians of the rounds, and of `max` the largest."
    );
    let columns = ["a record's way", "records/s", "p50", "p90", "p99", "p99.9", "max", "CPU us/record"];
    let mut report = Report::new("latency", about, &columns);
    for (&rate, variants) in rates.iter().zip(variants) {
        for (variant, own) in ALL.iter().zip(variants) {
            let [p50, p90, p99, p999, max] = own.latencies.each_ref().map(Rounds::figure);
            let cpu = own.cpu.as_ref().map(Rounds::figure);
            let mut row = vec![variant.name(), rate.to_string()];
            let latencies = [p50.median, p90.median, p99.median, p999.median, max.max];
            row.extend(latencies.map(|figure| format!("{figure:.1}")));
            row.extend(cpu.map(|cpu| format!("{:.2}", cpu.median)));
            report.table.row(row);
            report.log.line(&Measured {
                variant: variant.name(),
                records_per_second: rate,
                seconds,
                rounds,
                p50_ms: p50,
                p90_ms: p90,
                p99_ms: p99,
                p999_ms: p999,
                max_ms: max,
                cpu_us_per_record: cpu,
            })?;
        }
    }
    Ok(report)
}
