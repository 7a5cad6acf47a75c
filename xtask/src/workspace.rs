//! Where things lie.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

use anyhow::{Context, Result};

use crate::run;

/// The repository and its target folder.
pub struct Workspace {
    /// The folder with the root `Cargo.toml`.
    pub root: PathBuf,
    /// Where everything that is made goes: `CARGO_TARGET_DIR`, else `target` in the root.
    pub target: PathBuf,
}

impl Workspace {
    pub fn find() -> Result<Self> {
        // Cargo says at run time which workspace it runs for; several may share a target folder and thus a binary.
        let own = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&own).parent().context("xtask has no parent folder")?.to_owned();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => absolute(&folder).context("CARGO_TARGET_DIR is not a path")?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The plugins' sources: a workspace of their own.
    pub fn plugins(&self) -> PathBuf {
        self.root.join("plugins")
    }

    /// The folder of built plugins: what `--plugin-path` takes.
    pub fn plugin_path(&self) -> PathBuf {
        self.target.join("plugins")
    }

    /// The definition of the plugin interface.
    pub fn wit(&self) -> PathBuf {
        self.root.join("wit")
    }

    /// The built program.
    pub fn sluice(&self) -> PathBuf {
        self.target.join("release").join("sluice")
    }

    /// The built program with failpoints, for tests.
    fn sluice_with_failpoints(&self) -> PathBuf {
        self.target.join("release").join("sluice-failpoints")
    }

    /// The folder for what xtask remembers between runs.
    pub fn memory(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// The cargo that runs this program, at work in the root and writing to the target folder.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(cargo_program());
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// The same cargo for native work on the plugins, with a target folder that the host's builds do not share: the
    /// two workspaces have different versions of the same crates.
    pub fn cargo_for_plugins(&self) -> Command {
        let mut command = self.cargo();
        command.current_dir(self.plugins()).env("CARGO_TARGET_DIR", self.target.join("plugins-native"));
        command
    }

    /// Builds the program.
    pub fn build_sluice(&self) -> Result<()> {
        run::run(self.cargo().args(["build", "--release", "--package", "sluicebox", "--bin", "sluice"]))
    }

    /// Tells a command where the program and the plugins are.
    pub fn export(&self, command: &mut Command) {
        command.env("SLUICE_BIN", self.sluice()).env("SLUICE_PLUGIN_PATH", self.plugin_path());
        command.env("SLUICE_FAILPOINTS_BIN", self.sluice_with_failpoints());
    }
}

/// The cargo that runs this program.
pub fn cargo_program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
