//! What cargo says: the packages of a workspace and the files of a build.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::run;
use crate::workspace::cargo_program;

/// The world of a plugin that names none.
const DEFAULT_WORLD: &str = "fast";

/// A package, as `cargo metadata` describes it.
#[derive(Deserialize)]
pub struct Package {
    pub name: String,
    pub manifest_path: PathBuf,
    targets: Vec<Target>,
    metadata: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

impl Package {
    /// Whether the package is a plugin: it is built to a module of its own.
    pub fn is_plugin(&self) -> bool {
        self.targets.iter().any(Target::is_module)
    }

    /// The world of the plugin interface that it is built for: `[package.metadata.sluicebox] world`.
    pub fn world(&self) -> Result<&str> {
        let Some(world) = self.metadata.as_ref().and_then(|metadata| metadata.get("sluicebox")?.get("world")) else {
            return Ok(DEFAULT_WORLD);
        };
        world.as_str().with_context(|| format!("{}: sluicebox.world is not a string", self.manifest_path.display()))
    }
}

impl Target {
    fn is_module(&self) -> bool {
        self.kind.iter().any(|kind| kind == "cdylib")
    }
}

/// The packages of the workspace of a manifest, without its dependencies.
pub fn packages(manifest: &Path) -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let mut command = Command::new(cargo_program());
    command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest);
    let metadata: Metadata =
        serde_json::from_str(&run::output(&mut command)?).context("cannot read cargo's metadata")?;
    Ok(metadata.packages)
}

/// A module that a build made or found up to date.
pub struct Module {
    /// The manifest of its package.
    pub manifest: PathBuf,
    pub file: PathBuf,
}

/// Runs a `cargo build` command and returns the modules of it.
pub fn build_modules(command: &mut Command) -> Result<Vec<Module>> {
    command.arg("--message-format=json-render-diagnostics").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let output = child.stdout.take().context("cargo has no output")?;
    let mut modules = Vec::new();
    for line in BufReader::new(output).lines() {
        modules.extend(module(&line.context("cannot read cargo's output")?)?);
    }
    let status = child.wait().context("cannot wait for cargo")?;
    run::succeeded(command, status)?;
    Ok(modules)
}

/// The module that one line of a build's messages tells of, if it does.
fn module(line: &str) -> Result<Option<Module>> {
    #[derive(Deserialize)]
    #[serde(tag = "reason", rename_all = "kebab-case")]
    enum Message {
        CompilerArtifact {
            manifest_path: PathBuf,
            target: Target,
            filenames: Vec<PathBuf>,
        },
        #[serde(other)]
        Other,
    }
    match serde_json::from_str(line).with_context(|| format!("cannot read cargo's message {line}"))? {
        Message::CompilerArtifact { manifest_path, target, filenames } if target.is_module() => {
            let file = filenames.into_iter().find(|file| file.extension().is_some_and(|is| is == "wasm"));
            let Some(file) = file else { bail!("{}: the build made no module", manifest_path.display()) };
            Ok(Some(Module { manifest: manifest_path, file }))
        }
        Message::CompilerArtifact { .. } | Message::Other => Ok(None),
    }
}
