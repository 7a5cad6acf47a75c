//! Building the plugins of the repository, in every language, with `sluice plugin build`.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::fingerprint;
use crate::languages;
use crate::run;
use crate::toolchain;
use crate::workspace::Workspace;

/// Which plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those that come with the program: all in Rust.
    Shipped,
    /// Those, and the one that benchmarks compare with them: in Rust too.
    Benchmarks,
    /// Those for examples and tests too, in every language.
    All,
}

impl Scope {
    /// The folders of their projects.
    fn parents(self) -> &'static [&'static str] {
        match self {
            Scope::Shipped | Scope::Benchmarks => &[""],
            Scope::All => &["", "examples", "testing"],
        }
    }
}

/// The example that does in one plugin what the example pipeline does in three.
const ONE_PLUGIN: &str = "examples/order-enrich-rust";

/// What makes a folder a project, and what of it the name of the built plugin is in.
const MARKS: [&str; 4] = ["package.json", "pyproject.toml", "go.mod", "plugin.wat"];

/// Builds plugins of the repository to `NAME.wasm` in the plugin path, with the program that is built; takes
/// milliseconds where nothing changed.
pub fn build(workspace: &Workspace, scope: Scope) -> Result<()> {
    let started = Instant::now();
    toolchain::provide(workspace)?;
    if scope == Scope::All {
        languages::provide(workspace)?;
    }
    let projects = projects(workspace, scope)?;
    let mut changed = 0;
    for project in &projects {
        changed += usize::from(build_project(workspace, project)?);
    }
    if scope == Scope::All {
        remove_others(workspace, &projects)?;
    }
    let (count, folder) = (projects.len(), workspace.plugin_path());
    let took = started.elapsed().as_secs_f64();
    run::say("plugins", &format!("{count} in {}, {changed} built ({took:.1} s)", folder.display()));
    Ok(())
}

/// Builds one plugin more, written in JavaScript: the project in this folder of the plugins.
pub fn build_javascript(workspace: &Workspace, folder: &str) -> Result<()> {
    languages::provide_javascript(workspace)?;
    let folder = workspace.plugins().join(folder);
    let name = folder.file_name().context("a folder has a name")?.to_string_lossy().into_owned();
    build_project(workspace, &Project { folder, name }).map(|_| ())
}

/// A plugin of the repository.
struct Project {
    folder: PathBuf,
    name: String,
}

fn projects(workspace: &Workspace, scope: Scope) -> Result<Vec<Project>> {
    let mut folders = Vec::new();
    for parent in scope.parents().iter().map(|parent| workspace.plugins().join(parent)) {
        for entry in fs::read_dir(&parent).with_context(|| format!("cannot list {}", parent.display()))? {
            folders.push(entry?.path());
        }
    }
    if scope == Scope::Benchmarks {
        folders.push(workspace.plugins().join(ONE_PLUGIN));
    }
    let mut projects = Vec::new();
    for folder in folders.into_iter().filter(|folder| is_project(folder)) {
        let name = folder.file_name().context("a folder has a name")?.to_string_lossy().into_owned();
        projects.push(Project { folder, name });
    }
    projects.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(projects)
}

fn is_project(folder: &Path) -> bool {
    let is_rust = fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|manifest| manifest.contains("\"cdylib\""));
    let has_source = |extension: &str| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.path().extension().is_some_and(|is| is == extension))
    };
    is_rust || MARKS.iter().any(|mark| folder.join(mark).is_file()) || has_source("c")
}

/// Whether it had to be built.
fn build_project(workspace: &Workspace, project: &Project) -> Result<bool> {
    let file = workspace.plugin_path().join(&project.name).with_extension("wasm");
    let stamp = workspace.memory().join("built").join(&project.name);
    let state = || Ok::<_, anyhow::Error>(inputs(workspace, project)? + &fingerprint::of(&[&file]).unwrap_or_default());
    if fs::read_to_string(&stamp).is_ok_and(|text| state().is_ok_and(|state| state == text)) {
        return Ok(false);
    }
    run::say("plugin", &project.name);
    let mut sluice = Command::new(workspace.sluice());
    sluice.args(["plugin", "build"]).arg(&project.folder).arg("--output").arg(&file);
    // State of builds lies in the target folder.
    sluice.env("CARGO_TARGET_DIR", workspace.target.join("plugins-wasm"));
    run::run(&mut sluice)?;
    fs::create_dir_all(stamp.parent().context("a file lies in a folder")?)?;
    fs::write(&stamp, state()?).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(true)
}

/// Everything that a plugin is made from.
fn inputs(workspace: &Workspace, project: &Project) -> Result<String> {
    let plugins = workspace.plugins();
    let (sdks, scanner, lock) = (plugins.join("sdk"), plugins.join("json-scan"), plugins.join("Cargo.lock"));
    let language = plugins.join("json-sql");
    let authoring = workspace.root.join("runtime").join("src").join("authoring");
    let own = env::current_exe().context("cannot find this program's file")?;
    fingerprint::of(&[&project.folder, &sdks, &scanner, &language, &lock, &workspace.wit(), &authoring, &own])
}

/// Removes what earlier builds made of plugins that are gone.
fn remove_others(workspace: &Workspace, projects: &[Project]) -> Result<()> {
    let folder = workspace.plugin_path();
    let wanted: BTreeSet<PathBuf> =
        projects.iter().map(|project| folder.join(&project.name).with_extension("wasm")).collect();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|is| is == "wasm") && !wanted.contains(&path) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}
