//! Rust: cargo makes a module.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::{Made, Project};
use crate::authoring::{component, tool};

const TARGET: &str = "wasm32-unknown-unknown";
const CARGO_HELP: &str = "install Rust from https://rustup.rs";

/// Debian's compiler has no std for the target and builds it from source; its browsers are built this way.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust/library/std";

/// A package, as `cargo metadata` describes it.
#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    metadata: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

impl Target {
    fn is_module(&self) -> bool {
        self.kind.iter().any(|kind| kind == "cdylib")
    }
}

pub fn build(project: &Project) -> Result<Made> {
    let manifest = project.folder.join("Cargo.toml");
    let package = package(&manifest)?;
    if !package.targets.iter().any(Target::is_module) {
        bail!("{}: not a plugin; it needs `[lib]` with `crate-type = [\"cdylib\"]`", manifest.display());
    }
    let mut cargo = compiler()?;
    cargo.arg("--manifest-path").arg(&manifest).args(["--package", &package.name]);
    cargo.arg("--message-format=json-render-diagnostics");
    let messages = tool::output(&mut cargo, CARGO_HELP)?;
    let module = messages.lines().filter_map(|line| module_of(line, &manifest)).next_back();
    let module = module.with_context(|| format!("{}: the build made no module", manifest.display()))?;
    let bytes = fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    let component = component::from_module(&bytes, package.world()?, project.real)
        .with_context(|| format!("{} cannot become a component", module.display()))?;
    Ok(Made { name: package.name, component })
}

fn package(manifest: &Path) -> Result<Package> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let mut cargo = Command::new(cargo_program());
    cargo.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest);
    let metadata: Metadata = serde_json::from_str(&tool::output(&mut cargo, CARGO_HELP)?)?;
    let found = metadata.packages.into_iter().find(|package| package.manifest_path == manifest);
    found.with_context(|| format!("{}: the manifest of no package", manifest.display()))
}

impl Package {
    /// The world that it is built for: `[package.metadata.sluicebox] world`, else `fast`.
    fn world(&self) -> Result<&str> {
        let Some(world) = self.metadata.as_ref().and_then(|metadata| metadata.get("sluicebox")?.get("world")) else {
            return Ok("fast");
        };
        world.as_str().with_context(|| format!("{}: sluicebox.world is not a string", self.manifest_path.display()))
    }
}

/// The module that one line of a build's messages tells of, if it is of that package.
fn module_of(line: &str, manifest: &Path) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Artifact {
        reason: String,
        manifest_path: PathBuf,
        target: Target,
        filenames: Vec<PathBuf>,
    }
    let artifact: Artifact = serde_json::from_str(line).ok()?;
    let is_it =
        artifact.reason == "compiler-artifact" && artifact.manifest_path == manifest && artifact.target.is_module();
    let mut files = artifact.filenames.into_iter().filter(|_| is_it);
    files.find(|file| file.extension().is_some_and(|is| is == "wasm"))
}

/// `cargo build --release` for the target: of the cargo in use where it can, else Debian's.
fn compiler() -> Result<Command> {
    let build = ["build", "--release", "--target", TARGET];
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder = tool::output(Command::new(&rustc).args(["--print", "target-libdir", "--target", TARGET]), CARGO_HELP)?;
    if Path::new(folder.trim()).is_dir() {
        let mut cargo = Command::new(cargo_program());
        cargo.args(build);
        return Ok(cargo);
    }
    if let Some(linker) = debian_linker() {
        let mut cargo = Command::new(DEBIAN_CARGO);
        cargo.env("RUSTC", DEBIAN_RUSTC).env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        // Building std is not a stable feature of cargo.
        cargo.env("RUSTC_BOOTSTRAP", "1").args(build).args(["-Z", "build-std=std,panic_abort"]);
        return Ok(cargo);
    }
    bail!(
        "Rust cannot build for {TARGET} here: run `rustup target add {TARGET}` \
         (without rustup, on Debian: apt-get install rustc-web cargo-web rust-web-src and the newest lld-NN)"
    );
}

/// The linker that goes with Debian's compiler: of the same LLVM, else the oldest that is newer.
fn debian_linker() -> Option<String> {
    if !Path::new(DEBIAN_SOURCES).exists() || !Path::new(DEBIAN_CARGO).exists() {
        return None;
    }
    let version = tool::output(Command::new(DEBIAN_RUSTC).arg("-vV"), CARGO_HELP).ok()?;
    let llvm = version.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    let llvm: u32 = llvm.split('.').next()?.parse().ok()?;
    let installed = fs::read_dir("/usr/bin").ok()?.flatten();
    let numbers =
        installed.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("wasm-ld-")?.parse::<u32>().ok());
    let number = numbers.filter(|number| *number >= llvm).min()?;
    Some(format!("wasm-ld-{number}"))
}

fn cargo_program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
