//! The same work in two ways, by turns and many times: what a change costs, or what it costs to be looked at.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::contest::contender::{Contender, Launch, Stages};
use crate::contest::job::Job;
use crate::contest::{Contest, Entrant};
use crate::figures::{Ratio, ratio};
use crate::report::Report;
use crate::watchers::READERS;

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Pairs of runs of each job.
    #[arg(long, default_value_t = 20)]
    pairs: u32,
    /// Records in the input.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Another build of the program, which this one is compared with
    #[arg(long, value_name = "PROGRAM", required_unless_present = "watched")]
    against: Option<PathBuf>,
    /// Compare the program when 50 read its events and its metrics are asked for each second with the program unwatched
    #[arg(long, conflicts_with = "against")]
    watched: bool,
}

/// What is written of a job.
#[derive(Serialize)]
struct Line<'a> {
    job: &'a str,
    pairs: u32,
    records: u64,
    watched: bool,
    cpu: Ratio,
    rate: Ratio,
}

/// Measures.
///
/// # Errors
/// There is no broker, a program fails, or what it wrote is wrong.
pub fn run(options: &Options) -> Result<Report> {
    let Options { pairs, records, watched, ref against } = *options;
    ensure!(pairs >= 6, "less than six pairs say nothing: give --pairs 6 or more");
    let jobs = [(Job::Copy, Stages::Identity(0)), (Job::OrderStatus, Stages::Example)];
    let what = if watched {
        format!("when {READERS} read its events and its metrics are asked for each second, to the same unwatched")
    } else {
        "to that of another build".to_owned()
    };
    let about = format!(
        "Processor time of `sluice run` a record {what}, on {records} records in {pairs} pairs of runs: the median of \
         the pairs' ratios, and the interval that holds it with a probability of 95 %."
    );
    let columns = ["job", "CPU us/record", "the other", "ratio", "from", "to", "ratio of records/s", "from", "to"];
    let mut report = Report::new("pairs", about, &columns);
    for (job, stages) in jobs {
        let contender = Contender::Sluice { stages, exactly_once: false };
        let entrant = |launch| Entrant { contender, records, launch };
        let other = Launch { program: against.clone(), is_watched: false };
        let entrants = [entrant(Launch { program: None, is_watched: watched }), entrant(other)];
        let rows = Contest { job, entrants: &entrants, rounds: pairs, properties: BTreeMap::new() }.run()?;
        let (cpu, rate) = (ratio(rows[0].cpu(), rows[1].cpu()), ratio(rows[0].rate(), rows[1].rate()));
        let mut cells = vec![contender.name(job)];
        let medians = [rows[0].cpu(), rows[1].cpu()].map(|rounds| rounds.figure().median);
        cells.extend(medians.map(|figure| format!("{figure:.2}")));
        let ratios = [cpu, rate].into_iter().flat_map(|ratio| [ratio.median, ratio.low, ratio.high]);
        cells.extend(ratios.map(|figure| format!("{figure:.3}")));
        report.table.row(cells);
        report.log.line(&Line { job: job.name(), pairs, records, watched, cpu, rate })?;
    }
    Ok(report)
}
