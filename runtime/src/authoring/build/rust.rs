//! Rust: cargo makes a module.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::environment::RUST;
use super::{Made, Project};
use crate::authoring::{component, schema, tool, wrong_use};

const TARGET: &str = "wasm32-unknown-unknown";
const HELP: &str = "install Rust from https://rustup.rs";

/// `build.rustflags` in a `config.toml` above the project, or the user's own, is meant for this machine: a linker, a
/// CPU. Cargo ignores it where the target has flags of its own, so it is given one that changes nothing.
const TARGET_FLAGS: &str = "target.wasm32-unknown-unknown.rustflags=['--check-cfg=cfg(sluicebox)']";

/// Debian's compiler has no std for the target and builds it from source, as Debian's browsers do.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust/library/std";

/// An example that prints the schema of the plugin's configuration; it runs on this machine.
const SCHEMA_EXAMPLE: &str = "config_schema";

/// A package, as `cargo metadata` describes it.
#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    metadata: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Target {
    fn is_module(&self) -> bool {
        self.kind.iter().any(|kind| kind == "cdylib")
    }

    fn prints_schema(&self) -> bool {
        self.name == SCHEMA_EXAMPLE && self.kind.iter().any(|kind| kind == "example")
    }
}

pub fn build(project: &Project) -> Result<Made> {
    let package = package(&project.folder)?;
    let manifest = &package.manifest_path;
    if !package.targets.iter().any(Target::is_module) {
        return Err(wrong_use(format!(
            "{}: this crate is not a plugin\nhelp: a plugin has `[lib]` with `crate-type = [\"cdylib\"]`",
            manifest.display()
        )));
    }
    let mut cargo = compiler(&project.folder)?;
    cargo.args(["--package", &package.name, "--message-format=json-render-diagnostics"]);
    let messages = tool::run_for_output("compiling", &mut cargo, HELP)?;
    let module = messages.lines().filter_map(|line| module_of(line, manifest)).next_back();
    let module = module.with_context(|| format!("{}: the build made no module", manifest.display()))?;
    let bytes = fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    let component = component::from_module(&bytes, package.world()?, project.real)
        .with_context(|| format!("{} cannot become a component", module.display()))?;
    if package.targets.iter().any(Target::prints_schema) {
        print_schema(project)?;
    }
    Ok(Made { name: package.name, version: Some(package.version), component })
}

/// Runs the example that prints the schema.
fn print_schema(project: &Project) -> Result<()> {
    let mut cargo = RUST.command(cargo_program());
    cargo.current_dir(&project.folder).args(["run", "--quiet", "--example", SCHEMA_EXAMPLE]);
    schema::keep(project, &tool::run_for_output("reading the configuration's schema", &mut cargo, HELP)?)
}

fn package(folder: &Path) -> Result<Package> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let manifest = folder.join("Cargo.toml");
    let mut cargo = RUST.command(cargo_program());
    cargo.current_dir(folder).args(["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Metadata = serde_json::from_str(&tool::output(&mut cargo, HELP)?)?;
    let found = metadata.packages.into_iter().find(|package| package.manifest_path == manifest);
    found.ok_or_else(|| wrong_use(format!("{}: this manifest describes no package", manifest.display())))
}

impl Package {
    /// The world that it is built for: `[package.metadata.sluicebox] world`, or `fast`.
    fn world(&self) -> Result<&str> {
        let Some(world) = self.metadata.as_ref().and_then(|metadata| metadata.get("sluicebox")?.get("world")) else {
            return Ok("fast");
        };
        world.as_str().with_context(|| format!("{}: sluicebox.world is not a string", self.manifest_path.display()))
    }
}

/// The module that a line of the build's messages names, if it belongs to the package of this manifest.
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

/// `cargo build --release` for the target, in the project, so that its `rust-toolchain.toml` and its
/// `.cargo/config.toml` count. Uses the cargo at hand where it has the target, otherwise Debian's.
fn compiler(folder: &Path) -> Result<Command> {
    let build = ["build", "--release", "--target", TARGET, "--config", TARGET_FLAGS];
    let mut rustc = RUST.command(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.current_dir(folder).args(["--print", "target-libdir", "--target", TARGET]);
    if Path::new(tool::output(&mut rustc, HELP)?.trim()).is_dir() {
        let mut cargo = RUST.command(cargo_program());
        cargo.current_dir(folder).args(build);
        return Ok(cargo);
    }
    if let Some(linker) = debian_linker() {
        let mut cargo = RUST.command(DEBIAN_CARGO);
        cargo.current_dir(folder);
        cargo.env("RUSTC", DEBIAN_RUSTC).env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        // Building std is not a stable feature of cargo.
        cargo.env("RUSTC_BOOTSTRAP", "1").args(build).args(["-Z", "build-std=std,panic_abort"]);
        return Ok(cargo);
    }
    bail!(
        "Rust cannot compile for {TARGET} on this machine\nhelp: run `rustup target add {TARGET}` \
         (without rustup, on Debian: apt-get install rustc-web cargo-web rust-web-src and the newest lld-NN)"
    );
}

/// The linker that goes with Debian's compiler: the one of the same LLVM, otherwise the oldest that is newer.
fn debian_linker() -> Option<String> {
    if !Path::new(DEBIAN_SOURCES).exists() || !Path::new(DEBIAN_CARGO).exists() {
        return None;
    }
    let version = tool::output(Command::new(DEBIAN_RUSTC).arg("-vV"), HELP).ok()?;
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
