//! `cargo xtask deny`: licences, duplicate versions and sources of all dependencies, as `deny.toml` has them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::run;
use crate::workspace::Workspace;

/// The version that `deny.toml` was written for.
const VERSION: &str = "0.20.2";
/// What is checked where nothing is named. `advisories` asks GitHub, and what it answers changes from day to day: who
/// wants it names it.
const CHECKS: [&str; 3] = ["licenses", "bans", "sources"];

/// Checks both workspaces. `arguments`: the checks, or none for [`CHECKS`].
pub fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let program = provide(workspace)?;
    for manifest in [workspace.root.join("Cargo.toml"), workspace.plugins().join("Cargo.toml")] {
        run::say("deny", &manifest.display().to_string());
        let mut deny = Command::new(&program);
        deny.args(["--locked", "--manifest-path"]).arg(&manifest);
        deny.arg("--config").arg(workspace.root.join("deny.toml")).args(["check", "--hide-inclusion-graph"]);
        // One list of exceptions serves two workspaces.
        deny.args(["--allow", "unmatched-skip", "--allow", "unmatched-skip-root"]);
        if arguments.is_empty() {
            deny.args(CHECKS);
        } else {
            deny.args(arguments);
        }
        run::run(&mut deny)?;
    }
    Ok(())
}

/// cargo-deny of that version: this machine's own, or one that is built once, in about a minute.
fn provide(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.memory().join(format!("cargo-deny-{VERSION}"));
    for program in [PathBuf::from("cargo-deny"), folder.join("bin").join("cargo-deny")] {
        let says = run::output(Command::new(&program).arg("--version"));
        if says.is_ok_and(|version| version.split_whitespace().last() == Some(VERSION)) {
            return Ok(program);
        }
    }
    run::say("deny", &format!("building cargo-deny {VERSION}, once"));
    // With a target folder of its own inside the folder, which is not kept.
    let build = folder.join("build");
    let mut install = workspace.cargo();
    // Not optimized: it runs for a second.
    install
        .args(["install", "cargo-deny", "--version", VERSION, "--locked", "--no-default-features", "--debug", "--root"])
        .arg(&folder);
    install.arg("--target-dir").arg(&build);
    run::run(&mut install)?;
    std::fs::remove_dir_all(&build)?;
    Ok(folder.join("bin").join("cargo-deny"))
}
