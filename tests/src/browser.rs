//! The browser that the page is tested with, driven by scripts for Node.js.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::needs::repository;

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// A script of `tests/page`, ready for arguments, with the browser in its environment.
///
/// # Panics
/// The browser, or what the scripts stand on, is missing.
pub fn browser_script(name: &str) -> Command {
    let folder = repository().join("tests/page");
    let packages = folder.join("node_modules/playwright-core");
    assert!(packages.is_dir(), "no {}: run `npm install` in {}", packages.display(), folder.display());
    let mut command = Command::new("node");
    command.arg(folder.join(name)).env("SLUICE_CHROMIUM", chromium());
    command
}

/// What `SLUICE_CHROMIUM` names, else the first in `PATH`.
fn chromium() -> PathBuf {
    if let Some(program) = env::var_os("SLUICE_CHROMIUM") {
        return program.into();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let mut programs = env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    programs.find(|program| program.is_file()).unwrap_or_else(|| {
        panic!(
            "no Chromium to open the page with: install it (Debian: apt-get install chromium), or set SLUICE_CHROMIUM"
        )
    })
}
