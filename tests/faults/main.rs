//! The fault suite: the program under load on real Kafka while something breaks, and a checker that holds every input
//! against what came out.
//!
//! `cargo test` runs the short set (as it is, or those whose names contain a word). `cargo xtask faults` runs the
//! whole:
//! `--whole`, with `--repeat N` and `--seed S`.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is a failed test, in its helpers too")]

mod brokers;
mod copies;
mod failpoints;
mod flow;
mod letters;
mod network;
mod options;
mod plugins;
mod report;
mod runner;
mod scenario;
mod site;
mod stops;
mod suite;
mod trial;

use std::process::ExitCode;

use crate::options::{Options, Task};

fn main() -> ExitCode {
    let options = match Options::parse(lexopt::Parser::from_env()) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    match options.task {
        Task::List => {
            scenario::selected(&options).for_each(|(scenario, mode)| println!("{}: test", scenario.title(mode)));
            ExitCode::SUCCESS
        }
        Task::Run if suite::run(&options) => ExitCode::SUCCESS,
        Task::Run => ExitCode::FAILURE,
    }
}
