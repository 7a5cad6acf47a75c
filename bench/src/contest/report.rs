//! What is said of a contest: a row for each contender.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::Options;
use super::job::Job;
use super::run::Measured;
use crate::cluster;
use crate::figures::{Figure, Rounds};
use crate::orders;
use crate::report::{Log, Table};

/// The rounds of one contender.
pub struct Row {
    name: String,
    cpu: Rounds,
    user: Rounds,
    system: Rounds,
    rate: Rounds,
    peak: Rounds,
}

/// What is written of a contender.
#[derive(Serialize)]
struct Line<'a> {
    variant: &'a str,
    records: u64,
    value_bytes: usize,
    rounds: u32,
    kafka: &'a [String],
    cpu_us_per_record: Figure,
    user_us_per_record: Figure,
    system_us_per_record: Figure,
    records_per_second: Figure,
    peak_mib: Figure,
    cpu_ratio: f64,
}

impl Row {
    /// A contender that has not run yet.
    pub fn new(name: String) -> Row {
        let (cpu, user, system, rate, peak) = Default::default();
        Row { name, cpu, user, system, rate, peak }
    }

    /// Adds a round, and says so.
    pub fn push(&mut self, round: usize, measured: &Measured, records: u64) {
        let Measured { rate, usage } = measured;
        let a_record = |time: Duration| time.as_secs_f64() * 1e6 / records as f64;
        let (user, system) = (a_record(usage.user), a_record(usage.system));
        eprintln!("round {round}, {}: {:.2} us, {rate:.0}/s", self.name, user + system);
        self.cpu.push(user + system);
        self.user.push(user);
        self.system.push(system);
        self.rate.push(*rate);
        self.peak.push(usage.peak as f64 / f64::from(1 << 20));
    }
}

/// Prints and writes the results.
///
/// # Errors
/// They cannot be written.
pub fn report(part: &'static str, job: Job, rows: &[Row], options: &Options) -> Result<()> {
    let Options { rounds, records, ref kafka } = *options;
    let columns =
        [job.name(), "CPU us/record", "min", "max", "user", "system", "ratio", "records/s", "min", "max", "peak MiB"];
    let mut table = Table::new(&columns);
    let mut log = Log::new(part);
    let native = rows[0].cpu.figure().median;
    for row in rows {
        let (cpu, rate, peak) = (row.cpu.figure(), row.rate.figure(), row.peak.figure());
        let (user, system, ratio) = (row.user.figure(), row.system.figure(), cpu.median / native);
        let mut cells = vec![row.name.clone()];
        cells.extend(
            [cpu.median, cpu.min, cpu.max, user.median, system.median, ratio].map(|figure| format!("{figure:.2}")),
        );
        cells.extend([rate.median, rate.min, rate.max, peak.median].map(|figure| format!("{figure:.0}")));
        table.row(cells);
        log.line(&Line {
            variant: &row.name,
            records,
            value_bytes: orders::VALUE,
            rounds,
            kafka,
            cpu_us_per_record: cpu,
            user_us_per_record: user,
            system_us_per_record: system,
            records_per_second: rate,
            peak_mib: peak,
            cpu_ratio: ratio,
        })?;
    }
    let path = log.write()?;
    let (title, bytes, partitions) = (job.title(), orders::VALUE, cluster::PARTITIONS);
    println!("{title} {records} records of {bytes} B, {partitions} partitions, {rounds} rounds\n");
    println!("{}\nwritten to {}", table.text(), path.display());
    Ok(())
}
