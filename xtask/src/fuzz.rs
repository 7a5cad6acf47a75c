//! `cargo xtask fuzz`: damaged inputs for everything that reads what others wrote, by the million.

use std::ffi::OsString;

use anyhow::Result;

use crate::run;
use crate::workspace::Workspace;

/// Builds the fuzzer as the tests do, so that nothing is built twice, and runs it. `arguments`: targets and options of
/// its own.
pub fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let build = ["build", "--release", "--workspace", "--exclude", "xtask", "--bins"];
    run::run(workspace.cargo().args(build))?;
    let mut fuzzer = std::process::Command::new(workspace.target.join("release").join("sluicebox-fuzz"));
    fuzzer.current_dir(&workspace.root).env("CARGO_TARGET_DIR", &workspace.target).args(arguments);
    run::run(&mut fuzzer)
}
