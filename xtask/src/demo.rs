//! `cargo xtask demo`: from a fresh clone to records at work, without Java or a broker.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::plugins::{self, Scope};
use crate::run;
use crate::workspace::Workspace;

/// What `sluice` is asked to do; the plugin path is added.
const ARGUMENTS: [&str; 6] = [
    "dev",
    "pipelines/order-status.yaml",
    "--records",
    "pipelines/samples/order-status.jsonl",
    "--records-format",
    "record",
];

/// Sets up, builds the program and becomes it: its output, its exit code.
pub fn run(workspace: &Workspace) -> Result<()> {
    run::say("build", "sluice");
    workspace.build_sluice()?;
    plugins::build(workspace, Scope::Shipped)?;
    let mut sluice = Command::new(workspace.sluice());
    sluice.current_dir(&workspace.root).args(ARGUMENTS).arg("--plugin-path").arg(workspace.plugin_path());
    Err(sluice.exec()).context("cannot run sluice")
}
