//! From paths to pipelines that are ready to start: planned, with their plugins loaded and tried.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::plan::Plan;
use crate::config::{self, Errors, PlanOptions, Warning};
use crate::pipeline::Pipeline;
use crate::plugin::{Engine, Plugin};

/// A pipeline that is ready to start.
#[derive(Clone)]
pub struct Ready {
    /// What to run.
    pub plan: Arc<Plan>,
    /// The plugins of its stages.
    pub plugins: Vec<Plugin>,
}

impl Ready {
    /// Returns whether it does the same as another, the bytes of its plugins included. How the file is called means
    /// nothing; the directory does, which paths are relative to.
    pub fn means_the_same_as(&self, other: &Ready) -> bool {
        let file = other.plan.file.clone();
        self.plan.file.parent() == file.parent()
            && Plan { file, ..(*self.plan).clone() } == *other.plan
            && self.plugins.iter().map(Plugin::digest).eq(other.plugins.iter().map(Plugin::digest))
    }
}

/// What has been found under paths.
pub struct Loaded {
    /// The pipelines that can be started.
    pub ready: Vec<Ready>,
    /// Why the others cannot be started, by file.
    pub broken: Vec<(PathBuf, Errors)>,
    /// What is odd in files, but no error.
    pub warnings: Vec<Warning>,
}

impl Loaded {
    /// Returns whether a pipeline's file is still there, broken or not.
    pub fn keeps(&self, running: &Plan) -> bool {
        let is_its = |file: &Path| file == running.file;
        self.ready.iter().any(|ready| ready.plan.name == running.name)
            || self.broken.iter().any(|(file, _)| is_its(file))
    }
}

/// Plans every pipeline that the paths name, and loads and tries its plugins.
///
/// # Errors
/// A path that is not there, a folder without pipelines, two pipelines with one name.
pub fn load_all(engine: &Engine, paths: &[PathBuf], options: &PlanOptions) -> Result<Loaded, Errors> {
    let mut loaded = Loaded { ready: Vec::new(), broken: Vec::new(), warnings: Vec::new() };
    for file in config::find(paths)? {
        match load_one(engine, &file, options) {
            Ok((ready, warnings)) => {
                loaded.ready.push(ready);
                loaded.warnings.extend(warnings);
            }
            Err(broken) => loaded.broken.push((file, broken)),
        }
    }
    config::check_together(loaded.ready.iter().map(|ready| &*ready.plan))?;
    Ok(loaded)
}

/// Plans one pipeline, and loads and tries its plugins.
///
/// # Errors
/// Why it cannot be run.
pub fn load_one(engine: &Engine, file: &Path, options: &PlanOptions) -> Result<(Ready, Vec<Warning>), Errors> {
    let environment = |name: &str| std::env::var(name).ok();
    let (plan, warnings) = config::load(file, &environment, options)?;
    let plugins = Pipeline::load(engine, &plan).map_err(|flaws| config::findings(file, flaws))?;
    Ok((Ready { plan: Arc::new(plan), plugins }, warnings))
}
