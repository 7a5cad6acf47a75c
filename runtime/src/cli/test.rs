//! `sluice test`: pipeline tests, and how the results of any tests are told.

use std::fs;
use std::io::{self, IsTerminal as _, StdoutLock, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;

use super::{FAILED, Planning, WRONG_USE, engine};
use crate::config::Errors;
use crate::testing::{Difference, Line, Outcome, Suite, Tested, find, junit};

/// Pipeline tests: the real plugins on recorded records, against what has to come of them. No broker is needed.
#[derive(clap::Args)]
pub struct Test {
    /// Tests (NAME.test.yaml), pipeline files that have such tests beside them, and folders of tests.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    planning: Planning,
    #[command(flatten)]
    reporting: Reporting,
}

impl Test {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        match self.load() {
            Ok(suites) => self.reporting.run(&suites),
            Err(error) => match error.downcast::<Errors>() {
                Ok(errors) => {
                    eprintln!("{errors}");
                    Ok(WRONG_USE)
                }
                Err(error) => Err(error),
            },
        }
    }

    fn load(&self) -> anyhow::Result<Vec<Suite>> {
        let (engine, options) = (engine()?, self.planning.options(false));
        let (mut suites, mut findings) = (Vec::new(), Vec::new());
        for file in find(&self.paths)? {
            match Suite::of_pipeline(&engine, &file, &options) {
                Ok((suite, warnings)) => {
                    for warning in warnings {
                        eprintln!("{warning}");
                    }
                    suites.push(suite);
                }
                Err(errors) => findings.extend_from_slice(errors.findings()),
            }
        }
        Errors::new(findings).map_or(Ok(suites), |errors| Err(errors.into()))
    }
}

/// Which cases are run, and how what became of them is told.
#[derive(clap::Args)]
pub struct Reporting {
    /// Only the cases with this text in their names.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    filter: String,
    /// Write what came into the `expect` of each case that fails or has none. Look at the changes before you keep them.
    #[arg(long)]
    update: bool,
    /// Write the results to a file as JUnit XML, too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

impl Reporting {
    /// Runs the cases. Answers the exit code.
    pub(super) fn run(&self, suites: &[Suite]) -> anyhow::Result<u8> {
        if suites.iter().all(|suite| suite.count(&self.filter) == 0) {
            eprintln!("error: no case has \"{}\" in its name", self.filter);
            return Ok(WRONG_USE);
        }
        let begun = Instant::now();
        let mut teller = Teller::new();
        let mut results: Vec<(&Suite, Vec<Tested>)> = Vec::new();
        for suite in suites.iter().filter(|suite| suite.count(&self.filter) > 0) {
            writeln!(teller.out, "{}", suite.file.display())?;
            let mut tested = Vec::new();
            suite.run(&self.filter, self.update, &mut |case| {
                teller.tell(&case)?;
                tested.push(case);
                Ok(())
            })?;
            results.push((suite, tested));
        }
        let summary = teller.summary();
        writeln!(teller.out, "{summary} ({:.1} s)", begun.elapsed().as_secs_f64())?;
        teller.out.flush()?;
        if let Some(path) = &self.junit {
            let files: Vec<_> =
                results.iter().map(|(suite, tested)| (suite.file.as_path(), tested.as_slice())).collect();
            fs::write(path, junit(&files)).with_context(|| format!("--junit {}", path.display()))?;
        }
        if self.update {
            for (suite, tested) in results {
                suite.write_updates(tested)?;
            }
        }
        Ok(if teller.failed > 0 { FAILED } else { 0 })
    }
}

/// Results on standard output, with colours on a terminal.
struct Teller {
    out: StdoutLock<'static>,
    colours: bool,
    passed: usize,
    failed: usize,
    updated: usize,
}

/// Colours of a terminal.
#[derive(Clone, Copy)]
enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
}

impl Teller {
    fn new() -> Teller {
        let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Teller { out: io::stdout().lock(), colours, passed: 0, failed: 0, updated: 0 }
    }

    fn tell(&mut self, tested: &Tested) -> anyhow::Result<()> {
        match &tested.outcome {
            Outcome::Passed => {
                self.passed += 1;
                self.line("  ", Colour::Green, "ok", &format!("       {}", tested.name))?;
            }
            Outcome::Updated => {
                self.updated += 1;
                self.line("  ", Colour::Yellow, "updated", &format!("  {}", tested.name))?;
            }
            Outcome::Failed { expects, differences } => {
                self.failed += 1;
                self.line("  ", Colour::Red, "FAILED", &format!("   {} (line {})", tested.name, tested.line))?;
                if !expects {
                    writeln!(self.out, "    it has no `expect`: --update writes what came")?;
                }
                for difference in differences {
                    self.difference(difference)?;
                }
            }
        }
        Ok(self.out.flush()?)
    }

    fn difference(&mut self, difference: &Difference) -> anyhow::Result<()> {
        writeln!(self.out, "    {}:", difference.about)?;
        for line in &difference.lines {
            let text = line.to_string();
            match line {
                Line::Expected(_) => self.line("      ", Colour::Red, &text, "")?,
                Line::Came(_) => self.line("      ", Colour::Green, &text, "")?,
                Line::Same(_) | Line::LeftOut => writeln!(self.out, "      {text}")?,
            }
        }
        Ok(())
    }

    fn line(&mut self, before: &str, colour: Colour, text: &str, behind: &str) -> anyhow::Result<()> {
        if self.colours {
            let code = colour as u8;
            writeln!(self.out, "{before}\u{1b}[{code}m{text}\u{1b}[0m{behind}")?;
        } else {
            writeln!(self.out, "{before}{text}{behind}")?;
        }
        Ok(())
    }

    fn summary(&self) -> String {
        let updated = if self.updated > 0 { format!(", updated: {}", self.updated) } else { String::new() };
        format!("passed: {}, failed: {}{updated}", self.passed, self.failed)
    }
}
