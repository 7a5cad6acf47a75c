//! What is said of a contest among ourselves: the others' ratios are to the first, written by hand.

use anyhow::Result;
use serde::Serialize;

use super::Options;
use super::job::Job;
use super::row::{Figures, Row};
use crate::cluster;
use crate::orders;
use crate::report::Report;

/// What is written of a contender.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    figures: &'a Figures<'a>,
    rounds: u32,
    kafka: &'a [String],
    cpu_ratio: f64,
}

/// The results.
///
/// # Errors
/// They have no form in JSON.
pub fn report(part: &'static str, job: Job, rows: &[Row], options: &Options) -> Result<Report> {
    let Options { rounds, records, ref kafka } = *options;
    let (title, bytes, partitions) = (job.title(), orders::VALUE, cluster::PARTITIONS);
    let about = format!(
        "{title} {records} records of {bytes} B from a topic of {partitions} partitions to another: processor time of the \
         program from its start to its end, and records a second, in {rounds} rounds."
    );
    let columns =
        [job.name(), "CPU us/record", "min", "max", "user", "system", "ratio", "records/s", "min", "max", "peak MiB"];
    let mut report = Report::new(part, about, &columns);
    let native = rows[0].figures().cpu_us_per_record.median;
    for row in rows {
        let figures = row.figures();
        let (cpu, rate) = (figures.cpu_us_per_record, figures.records_per_second);
        let (user, system) = (figures.user_us_per_record.median, figures.system_us_per_record.median);
        let cpu_ratio = cpu.median / native;
        let mut cells = vec![figures.variant.to_owned()];
        cells.extend([cpu.median, cpu.min, cpu.max, user, system, cpu_ratio].map(|figure| format!("{figure:.2}")));
        let peak = figures.peak_mib.median;
        cells.extend([rate.median, rate.min, rate.max, peak].map(|figure| format!("{figure:.0}")));
        report.table.row(cells);
        report.log.line(&Line { figures: &figures, rounds, kafka, cpu_ratio })?;
    }
    Ok(report)
}
