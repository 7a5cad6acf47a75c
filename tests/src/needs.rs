//! What tests need from outside, and what to do where it is missing.

use std::env;
use std::path::{Path, PathBuf};

const HELP: &str = "run `cargo xtask test`, which builds and starts everything that tests need";

/// The repository's folder.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository").to_owned()
}

/// The program: what `SLUICE_BIN` names, else the release build.
///
/// # Panics
/// It is not there.
pub fn program() -> PathBuf {
    let program = env::var_os("SLUICE_BIN").map_or_else(|| target().join("release/sluice"), PathBuf::from);
    assert!(program.is_file(), "the program {} is missing: {HELP}", program.display());
    program
}

/// The program with failpoints: what `SLUICE_FAILPOINTS_BIN` names, else the one beside the release build.
///
/// # Panics
/// It is not there.
pub fn program_with_failpoints() -> PathBuf {
    let program =
        env::var_os("SLUICE_FAILPOINTS_BIN").map_or_else(|| target().join("release/sluice-failpoints"), PathBuf::from);
    assert!(program.is_file(), "the program {} is missing: {HELP}", program.display());
    program
}

/// Folders of plugins: what `SLUICE_PLUGIN_PATH` names, else those in the target folder.
pub(crate) fn plugin_path() -> PathBuf {
    env::var_os("SLUICE_PLUGIN_PATH").map_or_else(|| target().join("plugins"), PathBuf::from)
}

/// A built plugin.
///
/// # Panics
/// It is not there.
pub fn plugin(name: &str) -> PathBuf {
    let file = plugin_path().join(name).with_extension("wasm");
    assert!(file.is_file(), "the plugin {} is missing: {HELP}", file.display());
    file
}

/// The bootstrap servers that tests share.
///
/// # Panics
/// `SLUICE_TEST_BROKERS` is not set.
pub(crate) fn brokers() -> String {
    env::var("SLUICE_TEST_BROKERS")
        .unwrap_or_else(|_| panic!("no Kafka to test against: set SLUICE_TEST_BROKERS, or {HELP}"))
}

/// The target folder.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}
