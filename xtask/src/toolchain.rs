//! The compiler for WebAssembly: rustup's where it can be had, else Debian's.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::run;
use crate::system;
use crate::workspace::{Workspace, cargo_program};

const TARGET: &str = "wasm32-unknown-unknown";

/// A download of about 25 MB; a mirror that does not answer must not hold up the set-up for long.
const RUSTUP_LIMIT: Duration = Duration::from_secs(120);

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// Debian's newest compiler, under the names that its browsers are built with, and the sources of its std.
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// A compiler that builds for [`TARGET`].
#[derive(Debug)]
pub enum Toolchain {
    /// The cargo and rustc in use have the target.
    Plain,
    /// Debian's compiler, which has no std for the target and builds it; the program that links.
    Debian { linker: String },
}

impl Toolchain {
    /// Finds a compiler or installs one. Costs one or two calls of rustc when there is nothing to do.
    pub fn provide(workspace: &Workspace) -> Result<Self> {
        let toolchain = Self::find_or_install(workspace)?;
        match &toolchain {
            Self::Plain => run::say("toolchain", &format!("cargo with {TARGET}")),
            Self::Debian { linker } => run::say("toolchain", &format!("Debian's cargo, std from source, {linker}")),
        }
        Ok(toolchain)
    }

    fn find_or_install(workspace: &Workspace) -> Result<Self> {
        if has_target()? {
            return Ok(Self::Plain);
        }
        if add_target(workspace)? && has_target()? {
            return Ok(Self::Plain);
        }
        let by_hand = format!(
            "run `rustup target add {TARGET}`, or on Debian `apt-get install {}` and the newest lld-NN",
            DEBIAN_PACKAGES.join(" ")
        );
        if !system::apt_has(&DEBIAN_PACKAGES) {
            system::require_install_rights("no Rust compiler for WebAssembly", &by_hand)?;
            system::apt_update()?;
            system::apt_install(&DEBIAN_PACKAGES).context(by_hand)?;
        }
        Ok(Self::Debian { linker: debian_linker()? })
    }

    /// `cargo build --release` for the target; add packages and a target folder.
    pub fn cargo_build(&self) -> Command {
        let mut command = match self {
            Self::Plain => Command::new(cargo_program()),
            Self::Debian { linker } => {
                let mut command = Command::new(DEBIAN_CARGO);
                command
                    .env("RUSTC", DEBIAN_RUSTC)
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                    // Building std is not a stable feature of cargo; Debian's own packages use it this way.
                    .env("RUSTC_BOOTSTRAP", "1")
                    .args(["-Z", "build-std=std,panic_abort"]);
                command
            }
        };
        command.args(["build", "--release", "--target", TARGET]);
        command
    }

    /// Text that changes when another compiler would be used.
    pub fn identity(&self) -> Result<String> {
        let mut rustc = match self {
            Self::Plain => plain_rustc(),
            Self::Debian { .. } => Command::new(DEBIAN_RUSTC),
        };
        Ok(format!("{self:?}\n{}", run::output(rustc.arg("-vV"))?))
    }
}

fn plain_rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// Whether the rustc in use has a std for the target, whoever installed it.
fn has_target() -> Result<bool> {
    let folder = run::output(plain_rustc().args(["--print", "target-libdir", "--target", TARGET]))?;
    Ok(Path::new(folder.trim()).is_dir())
}

/// Asks rustup for the target. What cannot be fetched is remembered, so that a machine that is offline or has a
/// mirror without it does not wait at each set-up; another compiler, or removing the file, tries again.
fn add_target(workspace: &Workspace) -> Result<bool> {
    if !run::succeeds(Command::new("rustup").arg("--version")) {
        return Ok(false);
    }
    let refusal = workspace.memory().join("rustup-cannot-add-target");
    let compiler = run::output(plain_rustc().arg("-vV"))?;
    if fs::read_to_string(&refusal).is_ok_and(|remembered| remembered == compiler) {
        return Ok(false);
    }
    run::say("toolchain", &format!("rustup target add {TARGET}"));
    match run::run_within(Command::new("rustup").args(["target", "add", TARGET]), RUSTUP_LIMIT) {
        Ok(()) => Ok(true),
        Err(error) if run::interrupted() => Err(error),
        Err(error) => {
            run::say("toolchain", &format!("{error:#}; remembered in {}", refusal.display()));
            fs::create_dir_all(workspace.memory())
                .and_then(|()| fs::write(&refusal, compiler))
                .with_context(|| format!("cannot write {}", refusal.display()))?;
            Ok(false)
        }
    }
}

/// The linker that belongs to Debian's rustc: of the same LLVM, else the oldest that is newer (an older one may not
/// understand what the compiler writes). Installs one where there is none.
fn debian_linker() -> Result<String> {
    let version = run::output(Command::new(DEBIAN_RUSTC).arg("-vV"))?;
    let llvm = llvm_major(&version).context("rustc -vV names no LLVM version")?;
    if let Some(number) = oldest_from(llvm, installed_linkers()) {
        return Ok(format!("wasm-ld-{number}"));
    }
    let by_hand = format!("install lld-{llvm} or a newer lld-NN; Debian's rustc uses LLVM {llvm}");
    system::require_install_rights("no linker for WebAssembly", &by_hand)?;
    let mut offered = oldest_from(llvm, system::apt_versions("lld", ""));
    if offered.is_none() {
        system::apt_update()?;
        offered = oldest_from(llvm, system::apt_versions("lld", ""));
    }
    let Some(number) = offered else { bail!("no linker for WebAssembly: {by_hand}") };
    system::apt_install(&[&format!("lld-{number}")]).context(by_hand)?;
    Ok(format!("wasm-ld-{number}"))
}

fn llvm_major(version: &str) -> Option<u32> {
    let text = version.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    text.split('.').next()?.parse().ok()
}

fn installed_linkers() -> Vec<u32> {
    let entries = fs::read_dir("/usr/bin").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("wasm-ld-")?.parse().ok()).collect()
}

fn oldest_from(minimum: u32, numbers: Vec<u32>) -> Option<u32> {
    numbers.into_iter().filter(|number| *number >= minimum).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linker_is_of_the_compilers_llvm_or_the_next_newer_one() {
        let llvm = llvm_major("rustc 1.96.0\nhost: x86_64-unknown-linux-gnu\nLLVM version: 19.1.7\n");
        assert_eq!(llvm, Some(19));
        assert_eq!(oldest_from(19, vec![22, 14, 19]), Some(19));
        assert_eq!(oldest_from(20, vec![22, 14, 19]), Some(22));
        assert_eq!(oldest_from(23, vec![22, 14, 19]), None);
    }
}
