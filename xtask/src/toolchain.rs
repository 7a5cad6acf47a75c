//! The compiler for WebAssembly: rustup's where it can be had, else Debian's.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::run;
use crate::system;
use crate::workspace::Workspace;

const TARGET: &str = "wasm32-unknown-unknown";

/// A download of about 25 MB; a mirror that does not answer must not hold up the set-up for long.
const RUSTUP_LIMIT: Duration = Duration::from_secs(120);

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// Debian's newest compiler, under the names that its browsers are built with, and the sources of its std.
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// Finds a compiler for the target or installs one; `sluice plugin build` then finds the same. Costs a call of rustc
/// when there is nothing to do.
pub fn provide(workspace: &Workspace) -> Result<()> {
    if has_target()? {
        return Ok(());
    }
    if add_target(workspace)? && has_target()? {
        return Ok(());
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
    provide_debian_linker()
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
fn provide_debian_linker() -> Result<()> {
    let version = run::output(Command::new(DEBIAN_RUSTC).arg("-vV"))?;
    let llvm = llvm_major(&version).context("rustc -vV names no LLVM version")?;
    if oldest_from(llvm, installed_linkers()).is_some() {
        return Ok(());
    }
    let by_hand = format!("install lld-{llvm} or a newer lld-NN; Debian's rustc uses LLVM {llvm}");
    system::require_install_rights("no linker for WebAssembly", &by_hand)?;
    let mut offered = oldest_from(llvm, system::apt_versions("lld", ""));
    if offered.is_none() {
        system::apt_update()?;
        offered = oldest_from(llvm, system::apt_versions("lld", ""));
    }
    let Some(number) = offered else { bail!("no linker for WebAssembly: {by_hand}") };
    system::apt_install(&[&format!("lld-{number}")]).context(by_hand)
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
