//! A list of steps that were run, with their times, for the summary at the end.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

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
