//! Reading a pipeline file: its text, its shape, and the plan of it.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::{Diagnostic, Errors, Flaw, Position, Source, Warning};
use super::expand::Env;
use super::file;
use super::pipeline::plan;
use super::plan::Plan;
use super::planner::Planner;
use super::plugins::PluginPath;
use super::shape::{self, PIPELINE};
use super::stages;

/// What the command line adds to a file.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// Folders of plugins, searched before those of `SLUICE_PLUGIN_PATH` and `plugins/` beside the file.
    pub plugin_path: Vec<PathBuf>,
    /// An instance name, over the file's.
    pub instance: Option<String>,
    /// Whether the plan is for the embedded broker, which has no transactions.
    pub embedded: bool,
    /// Whether no cluster is contacted, so that certificates and keys need not be there.
    pub offline: bool,
    /// Whether plugins are left unresolved, for commands that run none.
    pub without_plugins: bool,
}

/// Reads a pipeline file and plans it. Contacts no broker and loads no plugin.
///
/// # Errors
/// Everything that is wrong with the file, each finding with its place.
pub fn load(file: &Path, env: Env<'_>, options: &PlanOptions) -> Result<(Plan, Vec<Warning>), Errors> {
    load_text(file, &read(file)?, env, options)
}

/// A file's text.
///
/// # Errors
/// The file cannot be read, or is not UTF-8.
pub(crate) fn read(file: &Path) -> Result<String, Errors> {
    let bytes = fs::read(file).map_err(|error| Diagnostic::of_file(file, format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
        Diagnostic::of_file(file, format!("line {line} is not UTF-8")).into()
    })
}

/// A finding about a place in a pipeline file that was planned before, quoted from the file as it is now.
pub fn finding(file: &Path, at: Position, message: &str) -> Errors {
    findings(file, [Flaw::new(at, message)])
}

/// Findings about places in a pipeline file that was planned before, quoted from the file as it is now. At least one.
pub fn findings(file: &Path, flaws: impl IntoIterator<Item = Flaw>) -> Errors {
    let text = fs::read_to_string(file).unwrap_or_default();
    let source = source(file, &text);
    let quoted = |flaw: Flaw| {
        let inner = flaw.inner.and_then(|inner| Some((inner.in_file(&text, flaw.at)?, inner)));
        match inner {
            Some((at, inner)) => source.diagnostic(at, inner.message).with_help_if(inner.help),
            None => source.diagnostic(flaw.at, flaw.message).with_help_if(flaw.help),
        }
    };
    Errors::of(flaws.into_iter().map(quoted).collect())
}

/// Plans a pipeline file whose text is given. `file` names it in findings, and paths in it are relative to that.
///
/// # Errors
/// As [`load`].
pub fn load_text(file: &Path, text: &str, env: Env<'_>, options: &PlanOptions) -> Result<(Plan, Vec<Warning>), Errors> {
    let source = source(file, text);
    let pipeline = shape::parse(&source, &PIPELINE)?;
    let plugins = PluginPath::new(file, &options.plugin_path, env);
    let mut planner = Planner::new(&source, env);
    let plan = plan(&mut planner, &pipeline, file, &plugins, options);
    planner.finish(plan)
}

/// The plugins that a pipeline file names: the name as it is written, and its file. Of the rest of the file nothing is
/// checked but its shape.
///
/// # Errors
/// The file has no such shape, or a plugin is not there.
pub fn named_plugins(file: &Path, env: Env<'_>, options: &PlanOptions) -> Result<Vec<(String, PathBuf)>, Errors> {
    let text = read(file)?;
    let source = source(file, &text);
    let pipeline: file::Pipeline = shape::parse(&source, &PIPELINE)?;
    let plugins = PluginPath::new(file, &options.plugin_path, env);
    let mut planner = Planner::new(&source, env);
    let named = pipeline.stages.iter().map(|stage| {
        let (_, path) = stages::plugin(&mut planner, stage, Some(&plugins));
        (stage.plugin.text.clone(), path)
    });
    let named = named.collect();
    planner.finish(named).map(|(named, _)| named)
}

/// The folders in which the plugins of a pipeline file are looked for, in order; some may not be there.
pub fn plugin_folders(file: &Path, env: Env<'_>, options: &PlanOptions) -> Vec<PathBuf> {
    PluginPath::new(file, &options.plugin_path, env).folders().to_vec()
}

/// Whether a text has the shape of a pipeline file; what it says is not looked at.
///
/// # Errors
/// What is wrong with its shape.
pub fn has_shape(file: &Path, text: &str) -> Result<(), Errors> {
    shape::parse::<file::Pipeline>(&source(file, text), &PIPELINE).map(|_| ())
}

/// A file's text, for findings that quote it.
pub(crate) fn source<'a>(file: &'a Path, text: &'a str) -> Source<'a> {
    Source::new(file, text.strip_prefix('\u{feff}').unwrap_or(text))
}
