//! `sluice test`: runs pipeline tests, and reports the results of any tests.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;

use super::output::{Output, uses_color};
use super::plan::warn;
use super::{FAILED, PluginPath, WrongUse, engine};
use crate::config::{Errors, PlanOptions};
use crate::testing::{Difference, Line, Outcome, Suite, Tested, find, junit};

const EXAMPLES: &str = "\
Examples:
  sluice test pipelines/
  sluice test orders.yaml --filter cancelled
  sluice test orders.test.yaml --update";

/// Run pipeline tests.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Test {
    /// Tests (NAME.test.yaml), pipeline files with tests beside them, and directories of tests
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    reporting: Reporting,
    #[command(flatten)]
    plugin_path: PluginPath,
}

impl Test {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        self.reporting.run(&self.load()?)
    }

    fn load(&self) -> anyhow::Result<Vec<Suite>> {
        let options = PlanOptions { offline: true, ..self.plugin_path.options() };
        let engine = engine()?;
        let (mut suites, mut findings) = (Vec::new(), Vec::new());
        for file in find(&self.paths)? {
            match Suite::of_pipeline(&engine, &file, &options) {
                Ok((suite, warnings)) => {
                    warn(warnings);
                    suites.push(suite);
                }
                Err(errors) => findings.extend_from_slice(errors.findings()),
            }
        }
        Errors::new(findings).map_or(Ok(suites), |errors| Err(errors.into()))
    }
}

/// Which cases are run, and how their results are reported.
#[derive(clap::Args)]
pub struct Reporting {
    /// Run only the cases with this text in their names
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    filter: String,
    /// Write the results into the `expect` of each case that fails or has none. Review the changes before you keep them
    #[arg(long)]
    update: bool,
    /// Also write the results to a file, as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

impl Reporting {
    /// Runs the cases. Returns the exit code.
    pub(super) fn run(&self, suites: &[Suite]) -> anyhow::Result<u8> {
        if suites.iter().all(|suite| suite.count(&self.filter) == 0) {
            return Err(self.no_cases(suites).into());
        }
        let begun = Instant::now();
        let mut teller = Teller::new()?;
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
                // What cannot be written here is no finding about a file that is wrong.
                suite.write_updates(tested).map_err(|error| anyhow::anyhow!("{error:#}"))?;
            }
        }
        Ok(if teller.failed > 0 { FAILED } else { 0 })
    }

    fn no_cases(&self, suites: &[Suite]) -> WrongUse {
        let files: Vec<String> = suites.iter().map(|suite| suite.file.display().to_string()).collect();
        let files = files.join(", ");
        WrongUse(match &*self.filter {
            "" => format!("{files}: there are no cases to run"),
            filter => format!("--filter {filter}: no case in {files} has this text in its name"),
        })
    }
}

/// Results on standard output, with colors on a terminal.
struct Teller {
    out: Output,
    colors: bool,
    passed: usize,
    failed: usize,
    updated: usize,
}

/// Colors of a terminal.
#[derive(Clone, Copy)]
enum Color {
    Red = 31,
    Green = 32,
    Yellow = 33,
}

impl Teller {
    fn new() -> anyhow::Result<Teller> {
        let out = Output::standard()?;
        let colors = uses_color(out.is_terminal());
        Ok(Teller { out, colors, passed: 0, failed: 0, updated: 0 })
    }

    fn tell(&mut self, tested: &Tested) -> anyhow::Result<()> {
        match &tested.outcome {
            Outcome::Passed => {
                self.passed += 1;
                self.line("  ", Color::Green, "ok", &format!("       {}", tested.name))?;
            }
            Outcome::Updated => {
                self.updated += 1;
                self.line("  ", Color::Yellow, "updated", &format!("  {}", tested.name))?;
            }
            Outcome::Failed { expects, differences } => {
                self.failed += 1;
                self.line("  ", Color::Red, "FAILED", &format!("   {} (line {})", tested.name, tested.line))?;
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
                Line::Expected(_) => self.line("      ", Color::Red, &text, "")?,
                Line::Came(_) => self.line("      ", Color::Green, &text, "")?,
                Line::Same(_) | Line::LeftOut => writeln!(self.out, "      {text}")?,
            }
        }
        Ok(())
    }

    fn line(&mut self, before: &str, color: Color, text: &str, behind: &str) -> anyhow::Result<()> {
        if self.colors {
            let code = color as u8;
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
