//! How the cost of a record grows with workers, partitions, stages and sizes, where no broker is the limit.

mod case;
mod line;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use sluicebox::plugin::{CacheDirs, Engine};

use self::case::{AXES, Case, WORKERS};
use self::line::{Line, Worked};
use crate::figures::{Figure, Rounds};
use crate::plot::Plot;
use crate::report::Report;

/// How long a case works before it is measured.
const WARM_UP: Duration = Duration::from_millis(100);

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Rounds; each measures every case once, one after the other.
    #[arg(long, default_value_t = 9)]
    rounds: u32,
    /// Milliseconds of each case in a round.
    #[arg(long, default_value_t = 500)]
    millis: u64,
}

/// The rounds of one case.
struct Measured {
    case: Case,
    line: Line,
    /// Nanoseconds of processor time for a record.
    cost: Rounds,
    rate: Rounds,
}

/// What is written of a case.
#[derive(Serialize)]
struct Row<'a> {
    axis: &'a str,
    at: usize,
    workers: usize,
    partitions: usize,
    bytes: usize,
    rounds: u32,
    cpu_ns_per_record: Figure,
    /// That of the axis' first case is 1.
    cost_ratio: f64,
    /// The same for what is varied.
    axis_ratio: f64,
    records_per_second: Figure,
    rate_ratio: f64,
}

/// Measures.
///
/// # Errors
/// A plugin is missing, fails or loses records.
pub fn run(options: &Options) -> Result<Report> {
    ensure!(options.rounds > 0, "nothing is measured without rounds");
    let engine = Engine::new(&CacheDirs::from_env())?;
    let mut cases = Vec::new();
    for case in Case::all() {
        let line = Line::start(&engine, &case).with_context(|| case.name())?;
        let (cost, rate) = Default::default();
        cases.push(Measured { case, line, cost, rate });
    }
    let time = Duration::from_millis(options.millis);
    for _ in 0..options.rounds {
        for measured in &mut cases {
            let worked = measured.line.work(WARM_UP, time).with_context(|| measured.case.name())?;
            measured.push(&worked);
        }
    }
    report(&cases, options)
}

impl Measured {
    fn push(&mut self, worked: &Worked) {
        let records = worked.records as f64;
        self.cost.push(worked.cpu.as_nanos() as f64 / records);
        self.rate.push(records / worked.took.as_secs_f64());
    }
}

fn report(cases: &[Measured], options: &Options) -> Result<Report> {
    let about = format!(
        "Processor time of the workers for a record, chain and plugins and delivery up to the producer included, without \
         Kafka: medians of {} rounds. `cost, x` says how many times the first row's it is, `axis, x` the same of what is varied: \
         the cost grows no faster than in proportion while the one is not above the other.",
        options.rounds
    );
    let columns =
        ["varied", "CPU us/record", "min", "max", "cost, x", "axis, x", "CPU ns/byte", "records/s", "records/s, x"];
    let mut report = Report::new("scale", about, &columns);
    for axis in 0..AXES.len() {
        let own: Vec<&Measured> = cases.iter().filter(|measured| measured.case.axis == axis).collect();
        for measured in &own {
            add(&mut report, own[0], measured, options.rounds)?;
        }
        if axis != WORKERS {
            report.plots.push(plot(axis, &own));
        }
    }
    Ok(report)
}

fn add(report: &mut Report, first: &Measured, measured: &Measured, rounds: u32) -> Result<()> {
    let (case, cost, rate) = (&measured.case, measured.cost.figure(), measured.rate.figure());
    let row = Row {
        axis: AXES[case.axis].0,
        at: case.at,
        workers: case.workers,
        partitions: case.partitions,
        bytes: case.bytes,
        rounds,
        cpu_ns_per_record: cost,
        cost_ratio: cost.median / first.cost.figure().median,
        axis_ratio: case.at as f64 / first.case.at as f64,
        records_per_second: rate,
        rate_ratio: rate.median / first.rate.figure().median,
    };
    let mut cells = vec![case.name()];
    cells.extend([cost.median, cost.min, cost.max].map(|nanos| format!("{:.3}", nanos / 1e3)));
    cells.extend([row.cost_ratio, row.axis_ratio].map(|ratio| format!("{ratio:.2}")));
    let a_byte = case.is_of_bytes().then(|| format!("{:.3}", cost.median / case.bytes as f64));
    cells.push(a_byte.unwrap_or_default());
    cells.extend([format!("{:.0}", rate.median), format!("{:.2}", row.rate_ratio)]);
    report.table.row(cells);
    report.log.line(&row)
}

fn plot(axis: usize, cases: &[&Measured]) -> Plot {
    const NAMES: [&str; AXES.len()] =
        ["scale-workers", "scale-partitions", "scale-stages", "scale-bytes", "scale-bytes-order-status"];
    let at = |measured: &Measured| measured.case.at as f64;
    let points = |cost: &dyn Fn(&Measured) -> f64| cases.iter().map(|own| (at(own), cost(own))).collect();
    let first = (at(cases[0]), cases[0].cost.figure().median / 1e3);
    Plot {
        name: NAMES[axis],
        title: "Processor time of a worker for a record".to_owned(),
        axes: [AXES[axis].0, "us"],
        logarithmic: true,
        curves: vec![
            ("measured".to_owned(), points(&|own| own.cost.figure().median / 1e3)),
            ("in proportion".to_owned(), points(&|own| first.1 * at(own) / first.0)),
        ],
    }
}
