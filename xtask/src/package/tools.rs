//! What packages are made and checked with, in versions of the project's own.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run;
use crate::workspace::Workspace;

/// Packages of PyPI.
const PYTHON: [&str; 4] = ["cargo-zigbuild==0.24.1", "ziglang==0.17.1", "kubernetes-validate==1.37.0", "PyYAML==6.0.4"];
/// The version of helm, for `--check`.
const HELM: &str = "helm.sh/helm/v3/cmd/helm@v3.22.0";

/// The tools, in a folder that is kept.
pub struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// Installs what is missing of the tools that packages are made with.
    pub fn provide(workspace: &Workspace) -> Result<Tools> {
        let tools = Tools { folder: workspace.memory().join("package-tools") };
        if !tools.folder.join("bin").join("cargo-zigbuild").exists() {
            run::say("python", "installing zig and cargo-zigbuild");
            run::run(Command::new("python3").args(["-m", "venv"]).arg(&tools.folder))?;
            run::run(Command::new(tools.program("pip")).args(["install", "--quiet"]).args(PYTHON))?;
        }
        Ok(tools)
    }

    /// Installs helm, where it is missing, and returns its file.
    pub fn helm(&self) -> Result<PathBuf> {
        let program = self.program("helm");
        if !program.exists() {
            run::say("go", "building helm, once");
            run::run(Command::new("go").env("GOBIN", self.folder.join("bin")).args(["install", HELM]))?;
        }
        Ok(program)
    }

    /// The file of a tool.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// `PATH` with the tools before everything else.
    pub fn path(&self) -> Result<OsString> {
        let others = env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.folder.join("bin")).chain(env::split_paths(&others));
        env::join_paths(folders).context("a folder in PATH has a colon")
    }
}
