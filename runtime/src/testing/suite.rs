//! A suite: one file of tests, made ready to run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::case::{Case, Cases, Expected, WrittenCase, is_yaml};
use super::difference::{Difference, differences};
use super::emit::expect_block;
use super::file::{KIND, Outputs, PipelineTests, PluginTests};
use super::find::TestFile;
use super::subject::{Came, Subject, SubjectStage};
use super::update::{Edit, update};
use crate::config::plan::{Grants, Hold, OnError, Show, Then};
use crate::config::{self, Diagnostic, Errors, PlanOptions, Planner, Position, Source, Warning};
use crate::plugin::{Engine, Plugin, StageSetup};

/// The stage of a plugin's tests, and the name of the pipeline that it is in.
const STAGE: &str = "test";

/// One file of tests.
pub struct Suite {
    /// The file.
    pub file: PathBuf,
    text: String,
    cases: Vec<(Case, Arc<Subject>)>,
}

/// What became of a case.
pub enum Outcome {
    /// Everything came as expected.
    Passed,
    /// Nobody has said what to expect, or this came otherwise.
    Failed {
        /// Whether the case says what to expect.
        expects: bool,
        /// What came otherwise.
        differences: Vec<Difference>,
    },
    /// What came is what is expected from now on.
    Updated,
}

/// A case that has run.
pub struct Tested {
    /// Its name.
    pub name: String,
    /// Its line in the file.
    pub line: usize,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
    block: Option<Edit>,
}

#[cfg(test)]
impl Tested {
    pub(super) fn of(name: &str, outcome: Outcome) -> Tested {
        Tested { name: name.to_owned(), line: 1, outcome, took: Duration::ZERO, block: None }
    }
}

/// Where the plugin of a suite comes from.
pub struct PluginSource<'a> {
    /// The component.
    pub plugin: &'a Path,
    /// The tests.
    pub tests: &'a Path,
}

impl Suite {
    /// The tests of a pipeline.
    ///
    /// # Errors
    /// What is wrong with the pipeline, its plugins or the tests.
    pub fn of_pipeline(
        engine: &Engine,
        file: &TestFile,
        options: &PlanOptions,
    ) -> Result<(Suite, Vec<Warning>), Errors> {
        let (plan, warnings) = config::load(&file.pipeline, &environment, options)?;
        let load = |stage: &config::plan::Stage| {
            engine.load(&stage.path, &stage.grants).map_err(|error| {
                config::finding(&file.pipeline, stage.plugin_at.0, &format!("stage \"{}\": {error}", stage.name))
            })
        };
        let plugins: Vec<Plugin> = plan.stages.iter().map(load).collect::<Result<_, _>>()?;
        let subject = Subject::of_pipeline(&plan, &plugins)
            .map_err(|error| Diagnostic::of_file(&file.pipeline, error.to_string()))?;
        let subject = Arc::new(subject);
        let text = config::read(&file.tests)?;
        let source = config::source(&file.tests, &text);
        let tests: PipelineTests = config::parse(&source, &KIND)?;
        let mut planner = Planner::new(&source, &environment);
        let mut cases = Cases::new(&mut planner);
        let read = tests.cases.iter().map(|located| {
            let case = &located.value;
            let (name, records, expect) = (&case.name, &case.records[..], case.expect.as_ref());
            (cases.read(&WrittenCase { at: located.at, name, records, expect }, &subject.outputs), subject.clone())
        });
        let read = read.collect();
        let (cases, _) = planner.finish(read)?;
        Ok((Suite { file: file.tests.clone(), text, cases }, warnings))
    }

    /// The tests of a plugin.
    ///
    /// # Errors
    /// What is wrong with the plugin or the tests.
    pub fn of_plugin(engine: &Engine, from: &PluginSource<'_>) -> Result<(Suite, Vec<Warning>), Errors> {
        let text = config::read(from.tests)?;
        let source = config::source(from.tests, &text);
        let tests: PluginTests = config::parse(&source, &KIND)?;
        let mut planner = Planner::new(&source, &environment);
        let stage = tests.stage.as_ref().and_then(|stage| config::name(&mut planner, "stage", stage));
        let stage: Arc<str> = stage.map_or(STAGE.into(), |stage| stage.value.into());
        let mut reader = PluginCases { tests: &tests, stage, file: from.plugin, engine, plugins: Vec::new() };
        let mut cases = Cases::new(&mut planner);
        let mut read = Vec::new();
        for located in &tests.cases {
            let subject = reader.subject(cases.planner(), &located.value)?;
            let case = &located.value;
            let (name, records, expect) = (&case.name, &case.records[..], case.expect.as_ref());
            let case = cases.read(&WrittenCase { at: located.at, name, records, expect }, &subject.outputs);
            read.push((case, Arc::new(subject)));
        }
        let (cases, warnings) = planner.finish(read)?;
        Ok((Suite { file: from.tests.to_owned(), text, cases }, warnings))
    }

    /// How many of its cases have this text in their names.
    pub fn count(&self, filter: &str) -> usize {
        self.cases.iter().filter(|(case, _)| case.name.contains(filter)).count()
    }

    /// Runs the cases with this text in their names, one after the other. Under `update` a case that fails is to expect
    /// from now on what came of it; see [`Suite::write_updates`].
    pub fn run(
        &self,
        filter: &str,
        update: bool,
        tested: &mut dyn FnMut(Tested) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for (case, subject) in self.cases.iter().filter(|(case, _)| case.name.contains(filter)) {
            let begun = Instant::now();
            let came = subject.run(&case.records);
            tested(judge(case, &came, update, begun.elapsed()))?;
        }
        Ok(())
    }

    /// Writes the new expectations of cases that were run under `update` into the file.
    ///
    /// # Errors
    /// A case that cannot be edited; the file has changed meanwhile, or cannot be written.
    pub fn write_updates(&self, tested: Vec<Tested>) -> anyhow::Result<()> {
        let edits: Vec<Edit> = tested.into_iter().filter_map(|tested| tested.block).collect();
        if edits.is_empty() {
            return Ok(());
        }
        let updated = update(&self.text, edits).map_err(|at| self.in_braces(at))?;
        anyhow::ensure!(
            is_yaml(&updated),
            "{}: the update would break the file, so it is left as it is: please report this",
            self.file.display()
        );
        let there = fs::read_to_string(&self.file)?;
        anyhow::ensure!(
            there == self.text,
            "{}: it has changed meanwhile, so it is left as it is: run it again",
            self.file.display()
        );
        fs::write(&self.file, updated).with_context(|| format!("{}: cannot be written", self.file.display()))
    }

    fn in_braces(&self, at: Position) -> Errors {
        let source: Source<'_> = config::source(&self.file, &self.text);
        let message = "a case in { } has no lines of its own, so it cannot be updated";
        source.diagnostic(at, message).with_help("write each of its keys on a line").into()
    }
}

fn judge(case: &Case, came: &Came, update: bool, took: Duration) -> Tested {
    let none = Expected::default();
    let differences = differences(case.expected.as_ref().unwrap_or(&none), came);
    let expects = case.expected.is_some();
    let passed = expects && differences.is_empty();
    let block = (!passed && update).then(|| {
        let has_keys = case.records.iter().any(|record| record.key.is_some());
        Edit { at: case.at, block: expect_block(came, has_keys, case.expected.as_ref()) }
    });
    let outcome = match (passed, update) {
        (true, _) => Outcome::Passed,
        (false, true) => Outcome::Updated,
        (false, false) => Outcome::Failed { expects, differences },
    };
    Tested { name: case.name.clone(), line: case.at.line, outcome, took, block }
}

/// Makes the subject of each case of a plugin's tests.
struct PluginCases<'a> {
    tests: &'a PluginTests,
    stage: Arc<str>,
    file: &'a Path,
    engine: &'a Engine,
    // Loaded so far: what a plugin is granted is settled when it is loaded.
    plugins: Vec<(Grants, Plugin)>,
}

impl PluginCases<'_> {
    fn subject(&mut self, planner: &mut Planner<'_>, case: &super::file::PluginCase) -> Result<Subject, Errors> {
        let tests = self.tests;
        let config = case.config.as_ref().or(tests.config.as_ref()).map(|config| planner.json("config", config));
        let limits = config::limits(
            planner,
            case.limits.as_ref().or(tests.limits.as_ref()).unwrap_or(&config::Limits::default()),
        );
        let grants = case.grants.as_ref().or(tests.grants.as_ref());
        let grants = grants.map(|grants| config::grants(planner, grants)).unwrap_or_default();
        let setup = StageSetup {
            pipeline: STAGE.into(),
            stage: self.stage.clone(),
            config: config.unwrap_or_default().to_string(),
            outputs: outputs(planner, case.outputs.as_ref().or(tests.outputs.as_ref())),
            limits,
            env: grants.env.iter().filter_map(|name| Some((name.clone(), environment(name)?))).collect(),
            // They are records of whoever looks.
            show: Show::default(),
        };
        let plugin = self.plugin(grants)?;
        Ok(Subject::of_plugin(SubjectStage { plugin, setup, on_error: on_error() }))
    }

    fn plugin(&mut self, grants: Grants) -> Result<Plugin, Errors> {
        if let Some((_, plugin)) = self.plugins.iter().find(|(loaded, _)| *loaded == grants) {
            return Ok(plugin.clone());
        }
        let loaded = self.engine.load(self.file, &grants);
        let plugin = loaded.map_err(|error| Diagnostic::of_file(self.file, error.to_string()))?;
        self.plugins.push((grants, plugin.clone()));
        Ok(plugin)
    }
}

/// The defaults of a pipeline file; nothing is waited for.
fn on_error() -> OnError {
    OnError { retries: 3, backoff: Duration::ZERO, max_backoff: Duration::ZERO, hold: Hold::Partition, then: Then::Dlq }
}

fn outputs(planner: &mut Planner<'_>, written: Option<&Outputs>) -> Vec<Arc<str>> {
    let default: Arc<str> = "default".into();
    let Some(written) = written else { return vec![default] };
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut outputs: Vec<Arc<str>> = Vec::new();
    for name in &written.value {
        let Some(read) = config::name(planner, "outputs", name) else { continue };
        if names.insert(read.value.clone(), name.at.line).is_some() {
            planner.error(name.at, format!("outputs: {} is here twice", read.shown));
        }
        outputs.push(read.value.into());
    }
    if !outputs.contains(&default) {
        planner.error_with_help(
            written.at,
            "outputs: a pipeline has an output `default`, and here is none",
            "add default",
        );
    }
    outputs
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
