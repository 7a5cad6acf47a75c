//! `cargo xtask simulate`: histories of the whole line on a simulated Kafka, by the thousand.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Result, bail};
use lexopt::Arg::Long;
use lexopt::ValueExt as _;

use crate::run;
use crate::workspace::Workspace;

/// How many histories are played where nothing else is said.
const HISTORIES: u64 = 10_000;
/// The program.
const PROGRAM: &str = "sluicebox-simulation";

struct Options {
    seed: Option<u64>,
    histories: Option<u64>,
    // What the program itself is to be told.
    others: Vec<OsString>,
}

/// Plays histories.
pub fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let options = parse(arguments)?;
    play(&build(workspace)?, &options)
}

fn parse(arguments: &[OsString]) -> Result<Options> {
    let mut options = Options { seed: None, histories: None, others: Vec::new() };
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seed") => options.seed = Some(parser.value()?.parse()?),
            Long("histories") => options.histories = Some(parser.value()?.parse()?),
            Long("scenario") => options.others.extend(["--scenario".into(), parser.value()?]),
            Long(name @ ("trace" | "no-shrink" | "counts" | "keep-going")) => {
                options.others.push(format!("--{name}").into());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn build(workspace: &Workspace) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--package", PROGRAM]);
    run::run(&mut cargo)?;
    Ok(workspace.target.join("release").join(PROGRAM))
}

/// One history where a seed is given alone; else two processes side by side, each with half of the seeds.
fn play(program: &Path, options: &Options) -> Result<()> {
    let first = options.seed.unwrap_or(0);
    let count = match (options.histories, options.seed) {
        (Some(count), _) => count,
        (None, Some(_)) => 1,
        (None, None) => HISTORIES,
    };
    let half = count / 2;
    let parts = [(first, count - half), (first + count - half, half)];
    let parts = parts.into_iter().filter(|(_, count)| *count > 0);
    let running: Vec<_> = parts
        .map(|(first, count)| {
            let mut command = Command::new(program);
            command.args(["--seed", &first.to_string(), "--histories", &count.to_string()]).args(&options.others);
            thread::spawn(move || run::run(&mut command))
        })
        .collect();
    let results = running.into_iter().map(|part| part.join().unwrap_or_else(|_| bail!("a thread panicked")));
    results.collect()
}
