//! What is shown: a line now and then, a table at the end; and what is stored.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::run::{Failure, Report};
use crate::target::Kind;

/// Says how far a target has come.
pub struct Progress {
    target: &'static str,
    of: u64,
    started: Instant,
    said: Instant,
    every: Duration,
}

impl Progress {
    /// Nothing is done yet, of this many inputs.
    pub fn new(target: &'static str, of: u64) -> Progress {
        let now = Instant::now();
        // A log keeps every line.
        let every = Duration::from_secs(if io::stderr().is_terminal() { 1 } else { 30 });
        Progress { target, of, started: now, said: now, every }
    }

    /// So many are done.
    pub fn at(&mut self, done: u64) {
        if self.said.elapsed() < self.every {
            return;
        }
        self.said = Instant::now();
        let end = if io::stderr().is_terminal() { "\r" } else { "\n" };
        let rate = rate(done, self.started.elapsed());
        eprint!("{:>10}  {done} of {} inputs, {rate} a second   {end}", self.target, self.of);
        _ = io::stderr().flush();
    }
}

fn rate(inputs: u64, took: Duration) -> u64 {
    (inputs as f64 / took.as_secs_f64().max(1e-9)) as u64
}

/// One line for each target.
pub fn table(reports: &[(&'static Kind, Report)]) -> String {
    let mut table = format!(
        "{:<9} {:>11} {:>9} {:>9}  {:>22}  {:>24}  result\n",
        "target", "inputs", "a second", "accepted", "largest memory", "slowest"
    );
    for (kind, report) in reports {
        let accepted = 100.0 * report.accepted as f64 / report.inputs.max(1) as f64;
        let memory = format!("{} KiB (#{})", report.memory.0.div_ceil(1024), report.memory.1);
        let slowest = format!("{:.1} ms (#{})", report.slowest.0.as_secs_f64() * 1e3, report.slowest.1);
        let result = report.failure.as_ref().map_or("ok", |_| "FAILED");
        let rate = rate(report.inputs, report.took);
        table += &format!(
            "{:<9} {:>11} {rate:>9} {accepted:>7.1} %  {memory:>22}  {slowest:>24}  {result}\n",
            kind.name, report.inputs
        );
    }
    table
}

/// Stores the input of a failure in `folder`, and says what happened and how to repeat it.
pub fn keep(folder: &Path, kind: &Kind, seed: u64, failure: &Failure) -> io::Result<String> {
    let Some(number) = failure.number else { return Ok(format!("{}: FAILED: {}", kind.name, failure.what)) };
    let file: PathBuf = folder.join(format!("{}-{seed}-{number}", kind.name));
    std::fs::create_dir_all(folder)?;
    std::fs::write(&file, &failure.input)?;
    Ok(format!(
        "{name}: FAILED: input {number} of seed {seed}, {len} bytes: {what}\n  repeat: cargo xtask fuzz {name} --replay {file}",
        name = kind.name,
        len = failure.input.len(),
        what = failure.what,
        file = file.display(),
    ))
}
