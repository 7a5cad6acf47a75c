//! `cargo xtask faults`: the whole fault suite, with what it needs.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use anyhow::Result;

use crate::kafka::{Kafka, SharedBroker};
use crate::plugins::{self, Scope};
use crate::run;
use crate::test::{self, HOST, TESTS};
use crate::workspace::Workspace;

/// Runs the whole, or what `arguments` select of it: words, `--repeat`, `--seed`.
pub fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let kafka = Kafka::provide(workspace)?;
    // As for all tests, so that nothing is built a second time with other features.
    run::run(workspace.cargo().arg("build").args(HOST).args(TESTS))?;
    build(workspace)?;
    plugins::build(workspace, Scope::All)?;
    let mut command = workspace.cargo();
    command.arg("test").args(HOST).args(["--test", "faults", "--", "--whole"]).args(arguments);
    // The suite starts its brokers itself.
    kafka.export(&mut command)?;
    test::with_all_needs(workspace, &mut command, run::run)
}

/// Runs the short set, or what contains `filter` of it, and writes what it says to a file. All that it needs is built.
pub fn short(workspace: &Workspace, broker: &SharedBroker, filter: Option<&OsStr>, log: &Path) -> Result<()> {
    let mut command = workspace.cargo();
    command.arg("test").args(HOST).args(["--test", "faults", "--"]).args(filter);
    broker.export(&mut command);
    test::with_all_needs(workspace, &mut command, |command| run::run_into(command, log))
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
