//! What the admin endpoint is tested with: Schemathesis, Prometheus' client and promtool.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::needs::{repository, target};
use crate::process::dies_with_us;

/// Schemathesis, ready for arguments: the one beside the Python that `SLUICE_ADMIN_PYTHON` names, else the one in the
/// target folder.
///
/// # Panics
/// It is not there.
pub fn schemathesis() -> Command {
    let mut command = Command::new(python());
    command.args(["-m", "schemathesis.cli"]).env("PYTHONDONTWRITEBYTECODE", "1");
    dies_with_us(&mut command);
    command
}

/// A script of `tests/admin`, run by the same Python.
///
/// # Panics
/// That Python is not there.
pub fn admin_script(name: &str) -> Command {
    let mut command = Command::new(python());
    command.arg(repository().join("tests/admin").join(name)).env("PYTHONDONTWRITEBYTECODE", "1");
    dies_with_us(&mut command);
    command
}

fn python() -> PathBuf {
    let named = env::var_os("SLUICE_ADMIN_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| target().join("admin/bin/python"));
    assert!(
        python.is_file(),
        "no Python with Schemathesis and Prometheus' client at {}: `cargo xtask setup` makes it; or set \
         SLUICE_ADMIN_PYTHON to one that has what tests/admin/requirements.txt names",
        python.display()
    );
    python
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
