//! Python: componentize-py puts the interpreter and the code into a component.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::environment::PYTHON;
use super::{Made, Project};
use crate::authoring::{tool, wrong_use};

/// Modules that a build needs, each with its package in the version that the SDK is tested with. `zoneinfo` reads its
/// data from tzdata.
const PACKAGES: [(&str, &str); 2] = [("componentize_py", "componentize-py==0.25.1"), ("tzdata", "tzdata==2026.6")];
const HELP: &str = "install Python 3.10 or newer with its venv module (Debian: apt-get install python3 python3-venv)";

pub fn build(project: &Project) -> Result<Made> {
    if project.real != Default::default() {
        return Err(wrong_use("--grant is not available for Python: componentize-py stubs all of WASI or none of it"));
    }
    let python = with_packages(&project.folder, &PACKAGES)?;
    let component = project.made.join("component.wasm");
    let mut command = PYTHON.command(python.with_file_name("componentize-py"));
    command.current_dir(&project.folder);
    // componentize-py looks there for the packages that the project depends on.
    if let Some(environment) = python.ancestors().nth(2) {
        command.env("VIRTUAL_ENV", environment);
    }
    command.arg("--wit-path").arg(project.interface()?).args(["--world", "fast", "componentize", "--stub-wasi"]);
    command.args(["sluicebox_plugin.entry", "--python-path", ".", "--python-path", "sdk", "--output"]).arg(&component);
    tool::run("making the component", &mut command, HELP)?;
    let component = fs::read(&component).with_context(|| format!("cannot read {}", component.display()))?;
    Ok(Made { name: project.folder_name()?, version: version(&project.folder), component })
}

/// The version in the table `project` of pyproject.toml.
fn version(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join("pyproject.toml")).ok()?;
    let lines = text.lines().map(str::trim).skip_while(|line| *line != "[project]").skip(1);
    let version = lines.take_while(|line| !line.starts_with('[')).find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "version").then(|| value.trim().trim_matches(['"', '\'']).to_owned())
    })?;
    Some(version).filter(|version| !version.is_empty())
}

/// Returns the Python of the nearest `.venv`, which is made in the project where there is none, with these modules,
/// whose packages are installed where they are missing.
pub fn with_packages(folder: &Path, wanted: &[(&str, &str)]) -> Result<PathBuf> {
    let venv = tool::nearest(folder, ".venv").unwrap_or_else(|| folder.join(".venv"));
    let python = venv.join("bin").join("python");
    if !python.exists() {
        let mut make = PYTHON.command("python3");
        tool::run("making a virtual environment", make.args(["-m", "venv"]).arg(&venv), HELP)?;
    }
    let is_missing = |module: &str| !tool::succeeds(PYTHON.command(&python).args(["-c", &format!("import {module}")]));
    let missing = wanted.iter().filter(|(module, _)| is_missing(module)).map(|(_, package)| package);
    let missing: Vec<_> = missing.collect();
    if !missing.is_empty() {
        let mut pip = PYTHON.command(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-user"]).args(missing);
        tool::run("installing packages", &mut pip, HELP)?;
    }
    Ok(python)
}
