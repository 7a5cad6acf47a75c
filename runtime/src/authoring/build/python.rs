//! Python: componentize-py puts the interpreter and the code into a component.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::{Made, Project};
use crate::authoring::tool;

/// The version that the SDK is tested with.
const COMPONENTIZE_PY: &str = "componentize-py==0.25.1";
const HELP: &str = "install Python 3.10 or newer with its venv module (Debian: apt-get install python3 python3-venv)";

pub fn build(project: &Project) -> Result<Made> {
    if project.real != Default::default() {
        bail!("a Python plugin has all of WASI answered inside or none of it: --grant is not to be had");
    }
    let python = with_package(&project.folder, COMPONENTIZE_PY, "componentize_py")?;
    let component = project.made.join("component.wasm");
    let mut command = Command::new(python.with_file_name("componentize-py"));
    command.current_dir(&project.folder).env("PYTHONDONTWRITEBYTECODE", "1");
    // A user's error is Python's traceback, not that of the tool itself.
    command.env("RUST_BACKTRACE", "0");
    // Where it looks for the packages that the project depends on.
    if let Some(environment) = python.ancestors().nth(2) {
        command.env("VIRTUAL_ENV", environment);
    }
    command.arg("--wit-path").arg(project.interface()?).args(["--world", "fast"]);
    command.args([
        "componentize",
        "--stub-wasi",
        "sluicebox_plugin.entry",
        "--python-path",
        ".",
        "--python-path",
        "sdk",
    ]);
    command.arg("--output").arg(&component);
    tool::run(&mut command, HELP)?;
    let component = fs::read(&component).with_context(|| format!("cannot read {}", component.display()))?;
    Ok(Made { name: project.folder_name()?, component })
}

/// The Python of the nearest `.venv`, or of one that is made in the project, with a package, which is installed where its module is not there.
pub fn with_package(folder: &Path, package: &str, module: &str) -> Result<PathBuf> {
    let venv = tool::nearest(folder, ".venv").unwrap_or_else(|| folder.join(".venv"));
    let python = venv.join("bin").join("python");
    if !python.exists() {
        tool::run(Command::new("python3").args(["-m", "venv"]).arg(&venv), HELP)?;
    }
    if !tool::answers(&python, &["-c", &format!("import {module}")]) {
        tool::say(&format!("installing {package} into {}", venv.display()));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package];
        tool::run(Command::new(&python).args(pip), HELP)?;
    }
    Ok(python)
}
