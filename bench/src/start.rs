//! How long `sluice run` takes from its start to its first poll, by what it has to load.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::figures::{Figure, Rounds};
use crate::pipeline::{HOW_TO_BUILD, JAVASCRIPT, Pipeline, Stages, sluice_run};
use crate::report::Report;

/// How long a start may take; a large plugin is compiled for many seconds.
const LIMIT: Duration = Duration::from_secs(180);

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Rounds; each starts every pipeline once with its plugins in the compile cache, one after the other.
    #[arg(long, default_value_t = 9)]
    rounds: u32,
    /// Rounds that compile the plugins.
    #[arg(long, default_value_t = 1)]
    cold_rounds: u32,
}

/// One pipeline, and its starts.
struct Case<'a> {
    stages: Stages,
    pipeline: Pipeline<'a>,
    file: PathBuf,
    warm: Rounds,
    /// What of that comes after the plugins are loaded: asking the brokers for topics and starting the workers.
    behind_load: Rounds,
    cold: Rounds,
}

/// One start, in milliseconds.
struct Started {
    first_poll: f64,
    behind_load: f64,
}

/// What is written of a pipeline.
#[derive(Serialize)]
struct Measured {
    pipeline: &'static str,
    rounds: u32,
    warm_ms: Figure,
    warm_behind_load_ms: Figure,
    cold_rounds: u32,
    cold_ms: Figure,
}

/// Measures.
///
/// # Errors
/// There is no broker, or the program does not start.
pub fn run(options: &Options) -> Result<Report> {
    let bootstrap =
        env::var("SLUICE_TEST_BROKERS").context("SLUICE_TEST_BROKERS is not set: run `cargo xtask bench`")?;
    ensure!(options.rounds > 0 && options.cold_rounds > 0, "nothing is measured without rounds");
    let (cluster, folder) = (Cluster::new(&bootstrap)?, tempfile::tempdir()?);
    let input = format!("bench-{}-input", process::id());
    cluster.create(&input)?;
    let kinds = [Stages::None, Stages::OrderStatus, Stages::OrderStatusAndJavaScript];
    let names = kinds.map(|stages| format!("bench-{}-{}", process::id(), stages as u8));
    let mut cases = Vec::new();
    for (stages, name) in kinds.into_iter().zip(&names) {
        if stages == Stages::OrderStatusAndJavaScript && !has_plugin(JAVASCRIPT) {
            continue;
        }
        let pipeline = Pipeline { name, input: &input, stages, settings: "" };
        pipeline.create_output(&cluster)?;
        let file = pipeline.write(&cluster, folder.path())?;
        let (warm, behind_load, cold) = Default::default();
        cases.push(Case { stages, pipeline, file, warm, behind_load, cold });
    }
    measure(&mut cases, folder.path(), options)?;
    for case in &cases {
        case.pipeline.delete_output(&cluster)?;
    }
    cluster.delete(&input)?;
    report(&kinds, &cases, options)
}

/// Whether a plugin of this name is in the plugin path.
fn has_plugin(name: &str) -> bool {
    let path = env::var_os("SLUICE_PLUGIN_PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(name).with_extension("wasm").is_file())
}

fn measure(cases: &mut [Case<'_>], folder: &Path, options: &Options) -> Result<()> {
    let mut cache = folder.to_owned();
    for round in 0..options.cold_rounds {
        for (number, case) in cases.iter_mut().enumerate() {
            cache = folder.join(format!("cache-{round}-{number}"));
            case.cold.push(start(&case.file, &cache)?.first_poll);
            eprintln!("compiling, {}: {:.0} ms", case.stages.name(), case.cold.figure().max);
        }
    }
    // The last one's cache lacks nothing but what others have compiled for themselves.
    for case in cases.iter() {
        start(&case.file, &cache)?;
    }
    let count = cases.len();
    for round in 0..options.rounds as usize {
        // Each round begins with another one, so that none always comes after the same.
        for turn in 0..count {
            let case = &mut cases[(round + turn) % count];
            let started = start(&case.file, &cache)?;
            case.warm.push(started.first_poll);
            case.behind_load.push(started.behind_load);
        }
    }
    Ok(())
}

/// Starts the program, and ends it when it polls. It says `started` when it has subscribed, right before the first poll.
fn start(file: &Path, cache: &Path) -> Result<Started> {
    let mut command: Command = sluice_run(file)?;
    command.args(["--log-format", "json"]).env("SLUICE_CACHE_DIR", cache);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let begin = Instant::now();
    let mut child = command.spawn().context("cannot run sluice")?;
    let started = wait_for_poll(&mut child, begin);
    // Each has a group of its own, which nobody else waits for.
    child.kill()?;
    child.wait()?;
    started.with_context(|| file.display().to_string())
}

fn wait_for_poll(child: &mut Child, begin: Instant) -> Result<Started> {
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().context("it is piped")?).lines() {
        let (line, took) = (line?, begin.elapsed());
        if let Some(behind_load) = behind_load(&line) {
            return Ok(Started { first_poll: took.as_secs_f64() * 1e3, behind_load });
        }
        said.push_str(&line);
        said.push('\n');
        ensure!(took < LIMIT, "the program does not start; it says:\n{said}");
    }
    bail!("the program has ended; it says:\n{said}")
}

/// The milliseconds that the line `started` tells; none in any other line.
fn behind_load(line: &str) -> Option<f64> {
    let line: Value = serde_json::from_str(line).ok()?;
    if line["message"] == "started" { line["started_in_ms"].as_f64() } else { None }
}

fn report(kinds: &[Stages], cases: &[Case<'_>], options: &Options) -> Result<Report> {
    let Options { rounds, cold_rounds } = *options;
    let about = format!(
        "Milliseconds from the start of `sluice run` to its first poll, in {rounds} rounds with compiled plugins in the \
         cache; `topics, workers` is what of that comes after the plugins are loaded and tried; `compiling` without the cache."
    );
    let columns = ["a start with", "ms", "min", "max", "topics, workers", "compiling"];
    let mut report = Report::new("start", about, &columns);
    for stages in kinds {
        let Some(case) = cases.iter().find(|case| case.stages == *stages) else {
            eprintln!("{}: there is no plugin {JAVASCRIPT}; {}", stages.name(), HOW_TO_BUILD);
            report.table.row(vec![stages.name().to_owned(), "not built".to_owned()]);
            continue;
        };
        let (warm, behind, cold) = (case.warm.figure(), case.behind_load.figure(), case.cold.figure());
        let mut row = vec![stages.name().to_owned()];
        row.extend([warm.median, warm.min, warm.max, behind.median, cold.median].map(|figure| format!("{figure:.0}")));
        report.table.row(row);
        report.log.line(&Measured {
            pipeline: stages.name(),
            rounds,
            warm_ms: warm,
            warm_behind_load_ms: behind,
            cold_rounds,
            cold_ms: cold,
        })?;
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_before_the_first_poll_is_told_from_others() {
        let line = r#"{"level":"INFO","message":"started","pipeline":"p","started_in_ms":12,"target":"pipeline"}"#;
        assert_eq!(behind_load(line), Some(12.0));
        assert_eq!(behind_load(&line.replace("started\"", "status\"")), None);
        assert_eq!(behind_load("warning: not JSON"), None);
    }
}
