//! `cargo xtask profile`: where the program spends its processor time, with Linux' perf.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};
use sluicebox_test_broker::Machine;

use crate::kafka::Kafka;
use crate::run;
use crate::toolchain;
use crate::workspace::Workspace;

/// The plugins of the pipeline that is looked into.
const PLUGINS: [&str; 3] = ["filter-json", "mask-json", "jq"];

const NO_PERF: &str =
    "no perf: install it (Debian: apt-get install linux-perf; Ubuntu: apt-get install linux-tools-generic)";

/// Runs a pipeline under perf. `arguments`: those of the bench's `profile`.
pub fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    if !run::succeeds(Command::new("perf").arg("--version")) {
        bail!(NO_PERF);
    }
    workspace.build_sluice()?;
    let plugins = plugins_with_names(workspace)?;
    let mut command = workspace.cargo();
    command.args(["run", "--release", "--package", "sluicebox-bench", "--", "profile"]).args(arguments);
    workspace.export(&mut command);
    command.env("SLUICE_PLUGIN_PATH", plugins);
    let broker = Kafka::provide(workspace)?.start(Machine::Usual)?;
    broker.export(&mut command);
    run::run(&mut command)
}

/// Builds the plugins with the names of their functions, which those that are shipped do not have; their code is the
/// same. Answers the folder.
fn plugins_with_names(workspace: &Workspace) -> Result<PathBuf> {
    toolchain::provide(workspace)?;
    let folder = workspace.target.join("profile");
    for name in PLUGINS {
        let mut sluice = Command::new(workspace.sluice());
        sluice.args(["plugin", "build"]).arg(workspace.plugins().join(name));
        sluice.arg("--output").arg(folder.join("plugins").join(name).with_extension("wasm"));
        sluice.env("CARGO_TARGET_DIR", folder.join("plugins-wasm")).env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo");
        run::run(&mut sluice)?;
    }
    Ok(folder.join("plugins"))
}
