//! The same jobs by what people use today, beside Sluicebox and the program written by hand.

mod choice;
mod report;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use self::choice::{Choice, Who};
use crate::contest::job::Job;
use crate::contest::{Contest, Entrant};
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
    /// Records in the input of those that would take minutes on as many.
    #[arg(long, default_value_t = 100_000)]
    slow_records: u64,
    /// What is done.
    #[arg(long, default_value = "order-status")]
    job: Job,
    #[command(flatten)]
    choice: Choice,
    /// Measure nothing, only say who takes part
    #[arg(long)]
    list: bool,
}

/// Measures; no results where only a list was asked for.
///
/// # Errors
/// Nobody takes part, there is no broker, a program fails, or what it wrote is wrong.
pub fn run(options: &Options) -> Result<Option<Report>> {
    let (chosen, missing) = options.choice.take(options.job);
    if options.list {
        chosen.iter().for_each(|who| println!("{}", who.name()));
        return Ok(None);
    }
    missing.iter().for_each(|line| eprintln!("{line}"));
    ensure!(!chosen.is_empty(), "nobody takes part");
    let entrant = |who: &Who| {
        let records = if who.is_slow() { options.slow_records.min(options.records) } else { options.records };
        Entrant::new(who.contender(options.job), records)
    };
    let entrants: Vec<Entrant> = chosen.iter().map(entrant).collect();
    let contest =
        Contest { job: options.job, entrants: &entrants, rounds: options.rounds, properties: BTreeMap::new() };
    report::report(&chosen, &contest.run()?, options).map(Some)
}
