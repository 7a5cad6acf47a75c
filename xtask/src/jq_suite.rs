//! `cargo xtask jq-suite`: jq's own test cases on the plugin `jq`.

use std::env;
use std::ffi::OsString;
use std::path::absolute;

use anyhow::{Context, Result, bail};

use crate::run;
use crate::workspace::Workspace;

/// Runs the cases of these files. Those that do not agree have to stand in the plugin's README, and only those.
pub fn run(workspace: &Workspace, files: &[OsString]) -> Result<()> {
    if files.is_empty() {
        bail!("name files with cases of jq, like tests/jq.test of its repository");
    }
    let folder = env::current_dir().context("cannot find the current folder")?;
    let mut suite = workspace.cargo_for_plugins();
    suite.args(["run", "--quiet", "--release", "--package", "jq", "--example", "suite", "--"]);
    suite.arg(workspace.plugins().join("jq").join("README.md"));
    for file in files {
        let file = absolute(folder.join(file)).with_context(|| format!("{} is not a path", file.display()))?;
        suite.arg(file);
    }
    run::run(&mut suite)
}
