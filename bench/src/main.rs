//! The benchmarks. `cargo xtask bench` builds what they need and starts the broker; `README.md` says how to read them.

mod boundary;
mod cluster;
mod contest;
mod figures;
mod languages;
mod orders;
mod peers;
mod program;
mod report;
mod usage;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "sluicebox-bench", about = "Measures; bench/README.md says how to read it")]
struct Arguments {
    /// What to measure; everything where nothing is named
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// What a stage costs a record, from the host to the plugin and back; no Kafka
    Boundary(boundary::Options),
    /// What a plugin costs in each language; no Kafka
    Languages(languages::Options),
    /// What copying a topic costs: by hand, by sluice, by sluice through three stages
    Copy(contest::Options),
    /// What the work of the example pipeline costs: by hand, by three plugins, by one
    OrderStatus(contest::Options),
    /// What the same jobs cost by what people use today
    Peers(peers::Options),
    /// The hand-written program that others are compared with
    #[command(hide = true)]
    Native {
        /// What it does
        job: contest::job::Job,
        /// The pipeline file to do as
        pipeline: PathBuf,
        /// How many records there are
        records: u64,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().part {
        Some(Part::Boundary(options)) => boundary::run(&options),
        Some(Part::Languages(options)) => languages::run(&options),
        Some(Part::Copy(options)) => contest::copy(&options),
        Some(Part::OrderStatus(options)) => contest::order_status(&options),
        Some(Part::Peers(options)) => peers::run(&options),
        Some(Part::Native { job, pipeline, records }) => contest::native::run(job, &pipeline, records),
        None => {
            boundary::run(&boundary::Options::default())?;
            println!();
            contest::copy(&contest::Options::default())?;
            println!();
            contest::order_status(&contest::Options::default())
        }
    }
}
