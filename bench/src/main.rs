//! The benchmarks. `cargo xtask bench` builds what they need and starts the broker; `README.md` says how to read them.

mod boundary;
mod figures;
mod orders;
mod report;
mod usage;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "sluicebox-bench", about = "Measures; see bench/README.md for how to read it")]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// What a stage costs a record, from the host to the plugin and back; no Kafka
    Boundary(boundary::Options),
}

fn main() -> Result<()> {
    match Arguments::parse().part {
        Some(Part::Boundary(options)) => boundary::run(&options),
        None => boundary::run(&boundary::Options::default()),
    }
}
