//! What the operating system has and can be made to have.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run;

/// Whether Debian's package manager has all of these packages installed.
pub fn apt_has(packages: &[&str]) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${db:Status-Status}\n"]).args(packages);
    run::output(&mut query)
        .is_ok_and(|answer| answer.lines().filter(|line| *line == "installed").count() == packages.len())
}

/// The numbers N for which Debian's package manager offers a package `PREFIX-N SUFFIX`, in ascending order.
pub fn apt_versions(prefix: &str, suffix: &str) -> Vec<u32> {
    let mut search = Command::new("apt-cache");
    search.args(["search", "--names-only", &format!("^{prefix}-[0-9]+{suffix}$")]);
    let answer = run::output(&mut search).unwrap_or_default();
    let names = answer.lines().filter_map(|line| line.split(' ').next());
    let numbers =
        names.filter_map(|name| name.strip_prefix(prefix)?.strip_prefix('-')?.strip_suffix(suffix)?.parse().ok());
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

/// Whether packages can be installed without asking anybody: Debian or Ubuntu, and root or a `sudo` without password.
fn can_install() -> bool {
    Path::new("/usr/bin/apt-get").exists() && as_root().is_some()
}

/// Fetches the lists of packages, so that [`apt_versions`] knows what there is.
pub fn apt_update() -> Result<()> {
    run::say("apt", "updating the lists of packages");
    run::run(apt_get()?.args(["update", "-qq"]))
}

/// Installs packages; never removes or replaces others.
pub fn apt_install(packages: &[&str]) -> Result<()> {
    run::say("apt", &format!("installing {}", packages.join(" ")));
    let options = ["install", "-qq", "--yes", "--no-install-recommends", "--no-remove"];
    run::run(apt_get()?.args(options).args(packages))
}

fn apt_get() -> Result<Command> {
    let mut command = as_root().context("packages can be installed by root only")?;
    // The environment is set behind sudo, which does not pass it on.
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    Ok(command)
}

/// `env`, with the rights to install packages.
fn as_root() -> Option<Command> {
    // SAFETY: geteuid() cannot fail and touches no memory.
    if unsafe { libc::geteuid() } == 0 {
        return Some(Command::new("env"));
    }
    if run::succeeds(Command::new("sudo").args(["-n", "true"])) {
        let mut command = Command::new("sudo");
        command.args(["-n", "env"]);
        return Some(command);
    }
    None
}

/// An error unless packages can be installed, which says what to do by hand.
pub fn require_install_rights(what: &str, by_hand: &str) -> Result<()> {
    if !can_install() {
        bail!("{what}: {by_hand}");
    }
    Ok(())
}
