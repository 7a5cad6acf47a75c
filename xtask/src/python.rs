//! Virtual environments of Python, with what a folder's `requirements.txt` names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run;

/// The Python of an environment in `folder` that has what `requirements` names, in these versions; made where it is
/// not there yet. `missing` says what to do where there is no Python that can make one.
pub fn environment(requirements: &Path, folder: &Path, missing: &str) -> Result<PathBuf> {
    let wanted = fs::read_to_string(requirements)
        .with_context(|| format!("cannot read the versions in {}", requirements.display()))?;
    let (python, stamp) = (folder.join("bin/python"), folder.join("installed.txt"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    if !run::succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])) {
        bail!("{missing}");
    }
    run::say("python", &wanted.split_whitespace().collect::<Vec<_>>().join(", "));
    run::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    run::run(Command::new(&python).args(install).arg(requirements))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(python)
}
