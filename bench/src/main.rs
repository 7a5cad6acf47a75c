//! The benchmarks. `cargo xtask bench` builds what they need and starts the broker; `README.md` says how to read them.

mod boundary;
mod cluster;
mod contest;
mod feed;
mod figures;
mod jq;
mod languages;
mod latency;
mod memory;
mod orders;
mod pairs;
mod peers;
mod pipeline;
mod plot;
mod profile;
mod program;
mod report;
mod scale;
mod start;
mod surroundings;
mod usage;
mod watchers;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "sluicebox-bench", about = "Measures; bench/README.md says how to read it")]
struct Arguments {
    /// What to measure; everything where nothing is named
    #[command(subcommand)]
    part: Option<Part>,
    /// Write the results into the documents that show them, too: bench/RESULTS.md, docs/languages.md
    #[arg(long, global = true)]
    write: bool,
}

#[derive(Subcommand)]
enum Part {
    /// What a stage costs a record, from the host to the plugin and back; no Kafka
    Boundary(boundary::Options),
    /// What a plugin costs in each language; no Kafka
    Languages(languages::Options),
    /// What jq programs cost in the plugin, beside the programs jq and jaq; no Kafka
    Jq(jq::Options),
    /// What copying a topic costs: by hand, by sluice, by sluice through three stages
    Copy(contest::Options),
    /// What the work of the example pipeline costs: by hand, by three plugins, by one, by SQL
    OrderStatus(contest::Options),
    /// How long a record takes from producer to consumer, at a steady rate
    Latency(latency::Options),
    /// How long `sluice run` takes from its start to its first poll
    Start(start::Options),
    /// How much memory `sluice run` has at full rate, by how far it is behind and over time
    Memory(memory::Options),
    /// How the cost of a record grows with workers, partitions, stages and sizes; no Kafka
    Scale(scale::Options),
    /// What the program costs beside another build of it, or watched beside unwatched, in many pairs of runs
    Pairs(pairs::Options),
    /// What the same jobs cost by what people use today
    Peers(peers::Options),
    /// Where `sluice run` spends its processor time; needs Linux' perf
    Profile(profile::Options),
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

/// The parts that run where none is named, in this order. `languages` is not one of them: it needs the tools of every
/// language, and has a document of its own; nor is `jq`, which needs other programs.
const PARTS: [&str; 8] = ["boundary", "copy", "order-status", "latency", "start", "memory", "scale", "peers"];

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(part) = arguments.part {
        return run(part, arguments.write);
    }
    for name in PARTS {
        println!("\n{name}\n");
        let part = Arguments::try_parse_from(["sluicebox-bench", name])?.part;
        run(part.context("it is named")?, arguments.write).context(name)?;
    }
    Ok(())
}

fn run(part: Part, write: bool) -> Result<()> {
    let report = match part {
        Part::Boundary(options) => boundary::run(&options)?,
        Part::Languages(options) => return languages::run(&options, write),
        Part::Jq(options) => jq::run(&options)?,
        Part::Copy(options) => contest::copy(&options)?,
        Part::OrderStatus(options) => contest::order_status(&options)?,
        Part::Peers(options) => match peers::run(&options)? {
            Some(report) => report,
            None => return Ok(()),
        },
        Part::Latency(options) => latency::run(&options)?,
        Part::Start(options) => start::run(&options)?,
        Part::Memory(options) => memory::run(&options)?,
        Part::Scale(options) => scale::run(&options)?,
        Part::Pairs(options) => pairs::run(&options)?,
        Part::Profile(options) => return profile::run(&options),
        Part::Native { job, pipeline, records } => return contest::native::run(job, &pipeline, records),
    };
    report.tell(write)
}
