//! Builds where the environment, and the folders above, are meant for other builds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sluicebox_tests::{Finished, sluice};
use tempfile::TempDir;

use super::{run_in, users_folder};

/// Variables that would stop a tool, or change what it makes, if they reached it.
const VARIABLES: [(&str, &str); 49] = [
    ("RUSTFLAGS", "-C linker=/nosuch"),
    ("CARGO_ENCODED_RUSTFLAGS", "-Clinker=/nosuch"),
    ("CARGO_BUILD_RUSTFLAGS", "-C linker=/nosuch"),
    ("CARGO_BUILD_TARGET", "x86_64-unknown-nosuch"),
    ("CARGO_BUILD_RUSTC_WRAPPER", "/nosuch"),
    ("CARGO_PROFILE_RELEASE_PANIC", "nosuch"),
    ("RUSTC_WRAPPER", "/nosuch"),
    ("RUSTC_WORKSPACE_WRAPPER", "/nosuch"),
    ("GOFLAGS", "-mod=vendor"),
    ("GOWORK", "/nosuch/go.work"),
    ("GO111MODULE", "off"),
    ("GOOS", "linux"),
    ("GOARCH", "arm"),
    ("GOWASM", "nosuch"),
    ("GOEXPERIMENT", "nosuch"),
    ("CGO_ENABLED", "1"),
    ("CC", "/nosuch"),
    ("CXX", "/nosuch"),
    ("AR", "/nosuch"),
    ("CFLAGS", "--nosuch"),
    ("CPPFLAGS", "--nosuch"),
    ("LDFLAGS", "--nosuch"),
    ("CPATH", "/usr/include"),
    ("C_INCLUDE_PATH", "/usr/include"),
    ("LIBRARY_PATH", "/nosuch"),
    ("ZIG_LIB_DIR", "/nosuch"),
    ("NODE_ENV", "production"),
    ("NODE_OPTIONS", "--require=/nosuch.js"),
    ("NODE_PATH", "/nosuch"),
    ("ESBUILD_BINARY_PATH", "/nosuch"),
    ("npm_config_omit", "dev"),
    ("NPM_CONFIG_PRODUCTION", "true"),
    ("npm_config_only", "prod"),
    ("npm_config_dry_run", "true"),
    ("npm_config_package_lock_only", "true"),
    ("npm_config_workspace", "nosuch"),
    ("npm_config_install_strategy", "linked"),
    ("PYTHONPATH", "/nosuch"),
    ("PYTHONHOME", "/nosuch"),
    ("PYTHONPLATLIBDIR", "/nosuch"),
    ("VIRTUAL_ENV", "/nosuch"),
    ("CONDA_PREFIX", "/nosuch"),
    ("PIP_TARGET", "/nosuch"),
    ("PIP_PREFIX", "/nosuch"),
    ("PIP_USER", "1"),
    ("PIP_DRY_RUN", "1"),
    ("PIP_NO_BINARY", ":all:"),
    ("PIP_NO_DEPS", "1"),
    ("PIP_REQUIRE_VIRTUALENV", "0"),
];

/// A user's folder, with files in it that belong to other builds.
pub struct Hostile {
    _folder: TempDir,
    path: PathBuf,
}

impl Hostile {
    pub fn new() -> Hostile {
        let (folder, path) = users_folder();
        fs::write(path.join("go.work"), "go 1.24\n").unwrap();
        fs::create_dir(path.join(".cargo")).unwrap();
        fs::write(path.join(".cargo/config.toml"), "[build]\nrustflags = [\"-C\", \"linker=/nosuch\"]\n").unwrap();
        Hostile { _folder: folder, path }
    }

    /// A new project.
    pub fn project(&self, language: &str) -> PathBuf {
        let made = run_in(&self.path, &["plugin", "new", "my-plugin", "--language", language]);
        assert_eq!(made.code, Some(0), "{language}: {}", made.err);
        self.path.join("my-plugin")
    }
}

/// Runs the program in a folder, with the variables of other builds.
pub fn in_hostile_environment(folder: &Path, arguments: &[&str]) -> Finished {
    let mut command: Command = sluice();
    command.current_dir(folder).args(arguments).envs(VARIABLES);
    Finished::of(&mut command)
}

#[test]
fn typescript_and_assemblyscript_build_in_any_environment() {
    for language in ["ts", "assemblyscript"] {
        let hostile = Hostile::new();
        let built = in_hostile_environment(&hostile.project(language), &["plugin", "build"]);
        assert_eq!(built.code, Some(0), "{language}: {}", built.err);
    }
}

#[test]
fn npm_installs_the_build_tools_for_production_and_into_the_project_alone() {
    // Without node_modules above it, so that npm has to install all.
    let folder = TempDir::new().unwrap();
    let made = run_in(folder.path(), &["plugin", "new", "alone", "--language", "js"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let project = folder.path().join("alone");
    // Settings may stand in a file, too. Were they heeded, packages would go below the prefix.
    fs::write(project.join(".npmrc"), "omit=dev\nlocation=global\n").unwrap();
    let prefix = folder.path().join("prefix");
    let mut command = sluice();
    command.current_dir(&project).args(["plugin", "build"]).envs(VARIABLES).env("npm_config_prefix", &prefix);
    command.env("npm_config_globalconfig", write_prefix(folder.path(), &prefix));
    let built = Finished::of(&mut command);
    assert_eq!(built.code, Some(0), "{}", built.err);
    assert!(built.err.contains("installing packages: npm install --include=dev"), "{}", built.err);
    assert!(project.join("node_modules/esbuild").is_dir() && !prefix.exists());
}

/// npm's settings for all users, with a place of its own for global packages: a mistake here must not reach the
/// machine's.
fn write_prefix(folder: &Path, prefix: &Path) -> PathBuf {
    let file = folder.join("npmrc");
    fs::write(&file, format!("prefix={}\n", prefix.display())).unwrap();
    file
}
