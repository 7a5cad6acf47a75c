//! The Debian package in a small Debian that systemd has booted in a container: the unit with all that it takes away
//! from the service, at work.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::run;
use crate::workspace::Workspace;

/// Debian's packages that make and boot the container.
pub const DEBIAN: [&str; 2] = ["debootstrap", "systemd-container"];
/// The release of Debian in the container.
const RELEASE: &str = "bookworm";
/// Longer than a start, a watchdog's time and a stop take.
const LIMIT: Duration = Duration::from_secs(300);

const TRIAL: &str = include_str!("booted.sh");
const UNIT: &str = "[Unit]\nAfter=multi-user.target\n[Service]\nExecStart=/bin/sh /root/trial.sh\n";
/// No broker answers there.
const PIPELINE: &str = "\
name: orders
kafka: { bootstrap.servers: 127.0.0.1:9 }
input: { topics: [orders] }
stages:
  - { name: only-paid, plugin: filter-json, config: { field: status, equals: paid } }
outputs: { default: { topic: orders.paid } }
dlq: { topic: orders.dlq }
";

/// Installs the package in a container, boots it, and has the service tried.
pub fn check(workspace: &Workspace, package: &Path) -> Result<()> {
    let copy = tempfile::tempdir()?;
    let root = copy.path().join("root");
    run::run(Command::new("cp").arg("--archive").arg(system(workspace)?).arg(&root))?;
    fs::copy(package, root.join("root/package.deb"))?;
    run::run(Command::new("chroot").arg(&root).args(["dpkg", "--install", "/root/package.deb"]))?;
    fs::write(root.join("root/orders.yaml"), PIPELINE)?;
    fs::write(root.join("root/trial.sh"), TRIAL)?;
    let units = root.join("etc/systemd/system");
    fs::create_dir_all(units.join("multi-user.target.wants"))?;
    fs::write(units.join("trial.service"), UNIT)?;
    symlink("../trial.service", units.join("multi-user.target.wants/trial.service"))?;
    let mut boot = Command::new("systemd-nspawn");
    boot.args(["--quiet", "--boot", "--register=no", "--keep-unit", "--private-network", "--console=pipe"]);
    run::run_within(boot.arg("--directory").arg(&root), LIMIT)?;
    let said = fs::read_to_string(root.join("root/said")).unwrap_or_default();
    if !said.lines().any(|line| line == "passed") {
        bail!("the service did not do what the trial expects; it said:\n{said}");
    }
    Ok(())
}

/// A small Debian with systemd, which is kept.
fn system(workspace: &Workspace) -> Result<PathBuf> {
    let root = workspace.memory().join(format!("debian-{RELEASE}"));
    if !root.exists() {
        run::say("debian", "making a small system, once");
        let new = root.with_extension("new");
        if new.exists() {
            fs::remove_dir_all(&new)?;
        }
        let mut debootstrap = Command::new("debootstrap");
        debootstrap.args(["--variant=minbase", "--include=systemd,dbus", RELEASE]);
        run::run(debootstrap.arg(&new))?;
        fs::rename(new, &root)?;
    }
    Ok(root)
}
