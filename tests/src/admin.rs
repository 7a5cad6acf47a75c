//! What the admin endpoint is tested with: Schemathesis, Prometheus' client and promtool.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::needs::target;
use crate::process::{dies_with_us, python, python_script};

/// Names the Python that has Schemathesis and Prometheus' client.
const PYTHON: &str = "SLUICE_ADMIN_PYTHON";

/// Schemathesis, ready for arguments: the one beside the Python that `SLUICE_ADMIN_PYTHON` names, else the one in the
/// target folder.
///
/// # Panics
/// It is not there.
pub fn schemathesis() -> Command {
    let mut command = python(Path::new("tests/admin/schemathesis"), PYTHON, "admin");
    command.args(["-m", "schemathesis.cli"]);
    command
}

/// A script of `tests/admin`, run by the same Python.
///
/// # Panics
/// That Python is not there.
pub fn admin_script(name: &str) -> Command {
    python_script(&format!("tests/admin/{name}"), PYTHON, "admin")
}

/// promtool, ready for arguments: what `SLUICE_PROMTOOL` names, else the one in the target folder, else the one in
/// `PATH`.
pub fn promtool() -> Command {
    let fetched = target().join("prometheus/usr/bin/promtool");
    let fetched = if fetched.is_file() { fetched } else { "promtool".into() };
    let mut command = Command::new(env::var_os("SLUICE_PROMTOOL").map_or(fetched, PathBuf::from));
    dies_with_us(&mut command);
    command
}
