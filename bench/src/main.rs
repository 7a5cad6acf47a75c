//! The benchmarks. `cargo xtask bench` builds what they need and starts the broker; `README.md` says how to read them.

mod boundary;
mod cluster;
mod copy;
mod feed;
mod figures;
mod languages;
mod latency;
mod memory;
mod orders;
mod pipeline;
mod plot;
mod program;
mod report;
mod scale;
mod start;
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
    Copy(copy::Options),
    /// How long a record takes from producer to consumer, at a steady rate
    Latency(latency::Options),
    /// How long `sluice run` takes from its start to its first poll
    Start(start::Options),
    /// How much memory `sluice run` has at full rate, by how far it is behind and over time
    Memory(memory::Options),
    /// How the cost of a record grows with workers, partitions, stages and sizes; no Kafka
    Scale(scale::Options),
    /// The hand-written loop that `copy` compares with
    #[command(hide = true)]
    NativeCopy {
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
        Some(Part::Copy(options)) => copy::run(&options),
        Some(Part::Latency(options)) => latency::run(&options)?.tell(),
        Some(Part::Start(options)) => start::run(&options)?.tell(),
        Some(Part::Memory(options)) => memory::run(&options)?.tell(),
        Some(Part::Scale(options)) => scale::run(&options)?.tell(),
        Some(Part::NativeCopy { pipeline, records }) => copy::native::run(&pipeline, records),
        None => {
            boundary::run(&boundary::Options::default())?;
            println!();
            copy::run(&copy::Options::default())
        }
    }
}
