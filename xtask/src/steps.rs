//! A list of steps that were run, with their times, for the summary at the end.

use std::fs;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::NamedTempFile;

use crate::run;

/// The steps so far.
#[derive(Default)]
pub struct Steps(Vec<Step>);

struct Step {
    name: &'static str,
    took: Duration,
    passed: bool,
}

impl Steps {
    /// Runs a step under a heading and remembers how it went; its error is shown here and now. After an
    /// interruption nothing is run any more.
    pub fn run<T>(&mut self, name: &'static str, work: impl FnOnce() -> Result<T>) -> Option<T> {
        if run::interrupted() {
            return None;
        }
        eprintln!("\n== {name}");
        let started = Instant::now();
        let outcome = work();
        self.0.push(Step { name, took: started.elapsed(), passed: outcome.is_ok() });
        outcome.inspect_err(|error| eprintln!("error: {error:#}")).ok()
    }

    /// Runs a step beside others, which `meanwhile` runs. What it writes comes afterwards, in one piece: it is told of a
    /// file to write to. Returns what came of the others.
    pub fn run_beside<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce(&Path) -> Result<()> + Send,
        meanwhile: impl FnOnce(&mut Steps) -> T,
    ) -> T {
        let started = Instant::now();
        thread::scope(|scope| {
            let beside = scope.spawn(move || {
                let file = NamedTempFile::new().context("cannot make a temporary file")?;
                let outcome = work(file.path());
                anyhow::Ok((fs::read_to_string(file.path())?, outcome, started.elapsed()))
            });
            let others = meanwhile(self);
            let joined = beside.join().unwrap_or_else(|panic| resume_unwind(panic));
            let (output, outcome, took) = joined.unwrap_or_else(|error| (String::new(), Err(error), started.elapsed()));
            eprintln!("\n== {name}\n{output}");
            self.0.push(Step { name, took, passed: outcome.is_ok() });
            // The error of an interruption is that of the others, too.
            let _ = outcome.inspect_err(|error| eprintln!("error: {error:#}"));
            others
        })
    }

    /// Prints the summary; an error that names the steps that failed.
    pub fn finish(self) -> Result<()> {
        eprintln!("\n== summary");
        for Step { name, took, passed } in &self.0 {
            let verdict = if *passed { "ok" } else { "FAILED" };
            eprintln!("{verdict:>10}  {:>7.1} s  {name}", took.as_secs_f64());
        }
        let failed: Vec<&str> = self.0.iter().filter(|step| !step.passed).map(|step| step.name).collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}
