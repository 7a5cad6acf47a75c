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

/// Every workspace of the repository: what has a lock file.
const WORKSPACES: [&str; 3] = ["", "plugins", "bench/peers/avro"];

/// Checks every workspace. `arguments`: the checks, or none for [`CHECKS`].
pub fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let program = provide(workspace)?;
    for folder in WORKSPACES {
        let manifest = workspace.root.join(folder).join("Cargo.toml");
        run::say("deny", &manifest.display().to_string());
        let mut deny = Command::new(&program);
        deny.args(["--locked", "--manifest-path"]).arg(&manifest);
        deny.arg("--config").arg(workspace.root.join("deny.toml")).args(["check", "--hide-inclusion-graph"]);
        // One list of exceptions serves all workspaces.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workspace_is_checked() -> Result<()> {
        let root = Workspace::find()?.root;
        let tracked =
            run::output(Command::new("git").current_dir(&root).args(["ls-files", "Cargo.lock", "*/Cargo.lock"]))?;
        let mut locked: Vec<&str> =
            tracked.lines().map(|path| path.trim_end_matches("Cargo.lock").trim_end_matches('/')).collect();
        let mut checked = WORKSPACES;
        locked.sort_unstable();
        checked.sort_unstable();
        assert_eq!(locked, checked);
        Ok(())
    }
}
