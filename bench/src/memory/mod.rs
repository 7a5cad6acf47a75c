//! How much memory `sluice run` has at full rate: by how far it is behind, and over time.

mod backlog;
mod long;

use std::env;
use std::process;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use tempfile::TempDir;

use self::long::Curve;
use crate::cluster::Cluster;
use crate::figures::{Figure, Rounds};
use crate::plot::Plot;
use crate::report::Report;

/// A backlog that is little beside the other.
const SMALL: u64 = 100_000;

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Rounds; each works off both backlogs, one after the other.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Records of the large backlog; the small one has 100,000.
    #[arg(long, default_value_t = 3_000_000)]
    records: u64,
    /// Minutes of the long run; 0 leaves it out.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Records that the long run is behind at least.
    #[arg(long, default_value_t = 200_000)]
    lag: u64,
}

/// What all runs share.
struct Bench {
    cluster: Cluster,
    folder: TempDir,
    /// Other runs may use the same brokers.
    prefix: String,
}

/// The rounds of one backlog.
#[derive(Default)]
struct Backlog {
    end: Rounds,
    peak: Rounds,
    rate: Rounds,
}

/// What is written of a row.
#[derive(Serialize)]
struct Measured<'a> {
    row: String,
    records: u64,
    end_mib: Figure,
    peak_mib: Figure,
    records_per_second: Figure,
    growth_mib_per_minute: Option<f64>,
    curve: &'a [long::Sample],
}

/// Measures.
///
/// # Errors
/// There is no broker, the program fails, or records are missing from its output.
pub fn run(options: &Options) -> Result<Report> {
    let bootstrap =
        env::var("SLUICE_TEST_BROKERS").context("SLUICE_TEST_BROKERS is not set: run `cargo xtask bench`")?;
    ensure!(options.rounds > 0 && options.records > 0, "nothing is measured without rounds and records");
    let (cluster, folder) = (Cluster::new(&bootstrap)?, tempfile::tempdir()?);
    let bench = Bench { cluster, folder, prefix: format!("bench-{}", process::id()) };
    let sizes = [SMALL, options.records];
    let mut backlogs: [Backlog; 2] = Default::default();
    let inputs = sizes.map(|records| format!("{}-{records}", bench.prefix));
    for (input, records) in inputs.iter().zip(sizes) {
        bench.fill(input, records)?;
    }
    for round in 0..options.rounds {
        for ((input, records), backlog) in inputs.iter().zip(sizes).zip(&mut backlogs) {
            let drained = bench.drain(round, input, records)?;
            backlog.end.push(mib(drained.memory.now));
            backlog.peak.push(mib(drained.memory.peak));
            backlog.rate.push(drained.rate);
        }
    }
    for input in &inputs {
        bench.cluster.delete(input)?;
    }
    let curve = if options.minutes > 0 { Some(bench.feed_for(options.minutes, options.lag)?) } else { None };
    report(&sizes, &backlogs, curve.as_ref(), options)
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn report(sizes: &[u64], backlogs: &[Backlog], curve: Option<&Curve>, options: &Options) -> Result<Report> {
    let about = format!(
        "MiB of memory (RSS) of `sluice run` with the three stages of order-status at full rate: at the end of a backlog and the \
         most (VmHWM), medians of {} rounds; and over a long run that is always {} records behind, with its growth over \
         the last {:.0} %.",
        options.rounds,
        options.lag,
        long::FITTED * 100.0,
    );
    let columns = ["order-status", "records", "MiB at the end", "peak MiB", "records/s", "growth, MiB/min"];
    let mut report = Report::new("memory", about, &columns);
    for (records, backlog) in sizes.iter().zip(backlogs) {
        let (end, peak, rate) = (backlog.end.figure(), backlog.peak.figure(), backlog.rate.figure());
        let measured = Measured {
            row: format!("a backlog of {records}"),
            records: *records,
            end_mib: end,
            peak_mib: peak,
            records_per_second: rate,
            growth_mib_per_minute: None,
            curve: &[],
        };
        add(&mut report, &measured)?;
    }
    if let Some(curve) = curve {
        let single = |figure: f64| Figure { median: figure, min: figure, max: figure };
        let measured = Measured {
            row: format!("{} min, always {} behind", options.minutes, options.lag),
            records: curve.records,
            end_mib: single(curve.end()),
            peak_mib: single(mib(curve.peak)),
            records_per_second: single(curve.rate),
            growth_mib_per_minute: Some(curve.growth()),
            curve: &curve.samples,
        };
        add(&mut report, &measured)?;
        report.plots.push(Plot {
            name: "memory",
            title: "sluice run, order-status at full rate".to_owned(),
            axes: ["minutes", "MiB (RSS)"],
            logarithmic: false,
            curves: vec![("memory".to_owned(), curve.points())],
        });
    }
    Ok(report)
}

fn add(report: &mut Report, measured: &Measured<'_>) -> Result<()> {
    let mut row = vec![measured.row.clone(), measured.records.to_string()];
    row.extend([measured.end_mib, measured.peak_mib].map(|figure| format!("{:.1}", figure.median)));
    row.push(format!("{:.0}", measured.records_per_second.median));
    row.extend(measured.growth_mib_per_minute.map(|growth| format!("{growth:.2}")));
    report.table.row(row);
    report.log.line(measured)
}
