//! What others made for whoever watches Sluicebox, and what the admin endpoint is tested with: Schemathesis, and
//! Prometheus' tools.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::python;
use crate::run;
use crate::system;
use crate::workspace::Workspace;

const NO_PYTHON: &str = "no Python 3 with venv: install Python 3.10 or newer (Debian: apt-get install python3 python3-venv); \
                         the admin endpoint is tested with Schemathesis and Prometheus' client";

const NO_PROMTOOL: &str = "no promtool: install Prometheus (Debian: apt-get install prometheus), or set SLUICE_PROMTOOL; \
                           metrics and alert rules are tested with it";

/// Makes an environment of Python in `target/admin`, and fetches promtool into `target/prometheus` where the machine
/// has none.
pub fn provide(workspace: &Workspace) -> Result<()> {
    let requirements = workspace.root.join("tests/admin/requirements.txt");
    python::environment(&requirements, &workspace.target.join("admin"), NO_PYTHON)?;
    let folder = workspace.target.join("prometheus");
    let has = |program: &Path| run::succeeds(Command::new(program).arg("--version"));
    if has(Path::new("promtool")) || has(&folder.join("usr/bin/promtool")) {
        return Ok(());
    }
    fetch_promtool(&folder).context(NO_PROMTOOL)
}

/// Unpacks Debian's package, which would also start a server if it were installed.
fn fetch_promtool(folder: &Path) -> Result<()> {
    run::say("apt", &format!("fetching prometheus into {}", folder.display()));
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let download =
        || run::succeeds(Command::new("apt-get").current_dir(folder).args(["download", "-qq", "prometheus"]));
    if !download() {
        // The lists of packages may be missing, or old.
        system::apt_update()?;
        if !download() {
            bail!("apt-get download prometheus has failed");
        }
    }
    let files = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let package = files.into_iter().find(|file| file.extension().is_some_and(|extension| extension == "deb"));
    let package = package.context("apt-get has left no package")?;
    run::run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(folder))?;
    fs::remove_file(&package).with_context(|| format!("cannot remove {}", package.display()))
}
