//! `cargo xtask faults`: the whole fault suite, with what it needs.

use std::ffi::OsString;

use anyhow::Result;

use crate::kafka::Kafka;
use crate::plugins::{self, Scope};
use crate::run;
use crate::test::{self, HOST};
use crate::workspace::Workspace;

/// Runs the whole, or what `arguments` select of it: words, `--repeat`, `--seed`.
pub fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let kafka = Kafka::provide(workspace)?;
    // As for all tests, so that nothing is built a second time with other features.
    run::run(workspace.cargo().arg("build").args(HOST).args(["--bins", "--tests"]))?;
    build(workspace)?;
    plugins::build(workspace, Scope::All)?;
    let mut command = workspace.cargo();
    command.arg("test").args(HOST).args(["--test", "faults", "--", "--whole"]).args(arguments);
    // The suite starts its brokers itself.
    kafka.export(&mut command)?;
    test::with_all_needs(workspace, &mut command)
}

/// Builds the program with failpoints. It has a name of its own, so that the one that is shipped stays as it is; a test
/// is built beside it, because with one the dependencies have the features that they have in every other build.
pub fn build(workspace: &Workspace) -> Result<()> {
    let mut command = workspace.cargo();
    command.arg("build").args(HOST).args(["--features", "sluicebox/failpoints"]);
    // It is killed at a failpoint, and no speed is asked of it.
    command.args(["--config", "profile.release.package.sluicebox.opt-level=1"]);
    run::run(command.args(["--bin", "sluice-failpoints", "--test", "faults"]))
}
