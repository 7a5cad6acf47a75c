//! Where `sluice run` spends its processor time: Linux' perf, thread by thread.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::cluster::Cluster;
use crate::feed;
use crate::pipeline::{Pipeline, Stages, sluice_run};
use crate::program::Program;
use crate::report::Table;

/// Samples a second of each thread.
const FREQUENCY: &str = "997";
/// How long perf may take to begin.
const BEGIN: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(10);

/// Between the fields of perf's report; in no function's name.
const SEPARATOR: char = '\u{1f}';

/// What to look at.
#[derive(clap::Args)]
pub struct Options {
    /// What is run.
    #[arg(default_value = "order-status")]
    job: Job,
    /// Records that are worked off meanwhile.
    #[arg(long, default_value_t = 3_000_000)]
    records: u64,
    /// Functions that are shown of each thread.
    #[arg(long, default_value_t = 15)]
    top: usize,
}

/// A pipeline to look into.
#[derive(Clone, Copy, ValueEnum)]
enum Job {
    /// The three stages of the example
    OrderStatus,
    /// No stages
    Copy,
}

/// A function of a thread, with its share of all samples, in percent.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    share: f64,
    thread: String,
    function: String,
}

/// A thread, with its share of all samples and those of its functions, the largest first.
struct Thread {
    name: String,
    share: f64,
    functions: Vec<(String, f64)>,
}

/// Runs the job under perf, and prints what it says.
///
/// # Errors
/// There is no broker or no perf; the program fails.
pub fn run(options: &Options) -> Result<()> {
    let bootstrap =
        env::var("SLUICE_TEST_BROKERS").context("SLUICE_TEST_BROKERS is not set: run `cargo xtask profile`")?;
    let (cluster, folder) = (Cluster::new(&bootstrap)?, tempfile::tempdir()?);
    let stages = match options.job {
        Job::OrderStatus => Stages::OrderStatus,
        Job::Copy => Stages::None,
    };
    let (name, input) = (format!("bench-{}", process::id()), format!("bench-{}-input", process::id()));
    cluster.create(&input)?;
    feed::fill(&cluster, &input, options.records)?;
    let pipeline = Pipeline { name: &name, input: &input, stages, settings: "" };
    pipeline.create_output(&cluster)?;
    let lines = record(&cluster, &pipeline, folder.path(), options.records)?;
    pipeline.delete_output(&cluster)?;
    cluster.delete(&input)?;
    print(&lines, &name, options.top);
    Ok(())
}

/// Works off the input under perf, from when the plugins are loaded.
fn record(cluster: &Cluster, pipeline: &Pipeline<'_>, folder: &Path, records: u64) -> Result<Vec<Line>> {
    let (file, data) = (pipeline.write(cluster, folder)?, folder.join("perf.data"));
    let mut command = sluice_run(&file)?;
    // perf takes code from a file of the compile cache for a program of its own, and does not look into the map. So
    // it is compiled anew, into memory.
    command.env("SLUICE_PROFILE", "perfmap").env("SLUICE_CACHE_DIR", "/dev/null/none");
    let ready = file.with_extension("ready");
    command.arg("--ready-file").arg(&ready);
    let mut program = Program::start(command, &file.with_extension("log"))?;
    program.wait_for_file(&ready)?;
    let mut perf = Command::new("perf");
    perf.args(["record", "--freq", FREQUENCY, "--pid", &program.id().to_string(), "--output"]).arg(&data);
    let mut perf = perf.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().context("no perf")?;
    wait_for(&data, &mut perf)?;
    let rate = program.wait_for_output(&pipeline.goal(cluster, records))?;
    let map = format!("/tmp/perf-{}.map", program.id());
    program.stop()?;
    program.wait()?;
    let recorded = perf.wait_with_output()?;
    let said = String::from_utf8_lossy(&recorded.stderr);
    ensure!(data.exists(), "perf has recorded nothing:\n{said}");
    eprintln!("{records} records, {rate:.0}/s under perf");
    let lines = report(&data);
    // perf reads it to the end; it may be gone all the same.
    let _ = fs::remove_file(map);
    lines
}

/// Waits until perf has begun.
fn wait_for(data: &Path, perf: &mut Child) -> Result<()> {
    let begin = Instant::now();
    while !data.exists() && perf.try_wait()?.is_none() {
        ensure!(begin.elapsed() < BEGIN, "perf does not begin");
        thread::sleep(LOOK);
    }
    Ok(())
}

fn report(data: &Path) -> Result<Vec<Line>> {
    let mut perf = Command::new("perf");
    perf.args(["report", "--stdio", "--stdio-color", "never", "--quiet", "--fields", "overhead,comm,dso,symbol"]);
    let output = perf.args(["--field-separator", &SEPARATOR.to_string(), "--input"]).arg(data).output()?;
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "perf report failed:\n{errors}");
    Ok(text.lines().filter_map(parse).collect())
}

/// A line of the report: share, thread, file, and `[.]` or `[k]` with the function.
fn parse(line: &str) -> Option<Line> {
    let mut fields = line.split(SEPARATOR).map(str::trim);
    let share = fields.next()?.strip_suffix('%')?.parse().ok()?;
    let (thread, file, symbol) = (fields.next()?, fields.next()?, fields.next()?);
    let function = symbol.split_once("] ").map_or(symbol, |(_, function)| function);
    let is_unknown = function.starts_with("0x");
    // perf does not know that what plugins are made of may be Rust.
    let function = if is_unknown { format!("in {file}") } else { format!("{:#}", rustc_demangle::demangle(function)) };
    Some(Line { share, thread: thread.to_owned(), function })
}

/// The threads, the busiest first.
fn by_thread(lines: &[Line]) -> Vec<Thread> {
    let mut threads: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
    for line in lines {
        *threads.entry(&line.thread).or_default().entry(&line.function).or_default() += line.share;
    }
    let mut threads: Vec<Thread> = threads.into_iter().map(|(name, functions)| Thread::new(name, functions)).collect();
    threads.sort_by(|one, other| other.share.total_cmp(&one.share));
    threads
}

impl Thread {
    fn new(name: &str, functions: BTreeMap<&str, f64>) -> Thread {
        let share = functions.values().sum();
        let mut functions: Vec<_> = functions.into_iter().map(|(name, share)| (name.to_owned(), share)).collect();
        functions.sort_by(|one, other| other.1.total_cmp(&one.1));
        Thread { name: name.to_owned(), share, functions }
    }
}

fn print(lines: &[Line], pipeline: &str, top: usize) {
    for thread in by_thread(lines).into_iter().filter(|thread| thread.share >= 0.5) {
        // The names of the pipeline's threads begin with its own.
        let name = thread.name.replace(pipeline, "NAME");
        let mut table = Table::new(&[&format!("{name}: {:.1} % of all", thread.share), "%"]);
        for (function, share) in thread.functions.into_iter().take(top) {
            table.row(vec![function, format!("{share:.2}")]);
        }
        println!("{}", table.text());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_told_by_thread_the_busiest_first() {
        let report = "\n 10.50%\u{1f}p/sink\u{1f}libc.so\u{1f}[.] memcpy\n 20.25%\u{1f}p/0\u{1f}sluice\u{1f}[.] _ZN9json_scan4step6string17hd3dc1fc097dc7685E\n  \
                      5.00%\u{1f}p/0\u{1f}[kernel]\u{1f}[k] copy\n  1.00%\u{1f}p/0\u{1f}[vdso]\u{1f}[.] 0x00000000000009a7\n";
        let lines: Vec<Line> = report.lines().filter_map(parse).collect();
        assert_eq!(lines.len(), 4);
        let threads = by_thread(&lines);
        assert_eq!(threads[0].name, "p/0");
        assert_eq!(threads[0].share, 26.25);
        assert_eq!(threads[0].functions[0], ("json_scan::step::string".to_owned(), 20.25));
        assert_eq!(threads[0].functions[2].0, "in [vdso]");
        assert_eq!(threads[1].functions, [("memcpy".to_owned(), 10.5)]);
    }
}
