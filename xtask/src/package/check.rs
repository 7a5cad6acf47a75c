//! `cargo xtask package --check`: every package is unpacked and run where no toolchain is, and what describes it is
//! looked at by the tools of its field.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::image::COMPILED;
use super::stage::Stage;
use super::tools::Tools;
use super::{GLIBC, Packages, booted, links, version};
use crate::run;
use crate::steps::Steps;
use crate::system;
use crate::workspace::Workspace;

/// An image larger than this is pulled too slowly, in bytes.
const LARGEST_IMAGE: u64 = 60 << 20;
/// The Kubernetes version that manifests are checked against.
const KUBERNETES: &str = "1.33.0";
/// Debian's packages that checks are made with.
const DEBIAN: [&str; 2] = ["lintian", "systemd"];

/// Settings of the chart that are rendered and checked, by `--set`.
const CHARTS: [&[&str]; 3] = [
    &[],
    &["instance.enabled=true", "replicas=3"],
    &["keda.enabled=true", "podMonitor.enabled=true", "networkPolicy.enabled=true", "podDisruptionBudget.enabled=true"],
];
/// What the program may be linked with.
const C_LIBRARY: [&str; 7] =
    ["libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libgcc_s.so.1", "ld-linux-x86-64.so.2"];
/// Kinds that are not Kubernetes' own, for which there is no schema.
const FOREIGN: [&str; 2] = ["ScaledObject", "PodMonitor"];

/// Runs all checks; one that fails does not keep the others from running.
pub fn all(workspace: &Workspace, tools: &Tools, stage: &Stage, packages: &Packages) -> Result<()> {
    let needed = [&DEBIAN[..], &booted::DEBIAN].concat();
    if !system::apt_has(&needed) {
        system::require_install_rights("no lintian", &format!("apt-get install {}", needed.join(" ")))?;
        system::apt_install(&needed)?;
    }
    let mut steps = Steps::default();
    steps.run("shared libraries", || libraries(&stage.root().join("bin/sluice")));
    steps.run("tarball", || tarball(&packages.tarball, stage.name()));
    steps.run("Debian package", || debian(&packages.debian));
    steps.run("lintian", || {
        run::run(Command::new("lintian").args(["--fail-on", "error,warning", "--allow-root"]).arg(&packages.debian))
    });
    steps.run("systemd unit", || unit(workspace, stage));
    steps.run("booted service", || booted::check(workspace, &packages.debian));
    steps.run("image", || image(packages));
    steps.run("Helm chart", || chart(workspace, tools));
    steps.run("compose file", || {
        let mut python = Command::new(tools.program("python"));
        python.args(["-c", "import sys, yaml; yaml.safe_load(open(sys.argv[1]))"]);
        run::run(python.arg(workspace.root.join("deploy/compose.yaml")))
    });
    steps.finish()
}

/// The program asks for no library but those of the C library and its unwinder, and for no symbol of a newer one.
fn libraries(program: &Path) -> Result<()> {
    let dynamic = run::output(Command::new("objdump").arg("--private-headers").arg(program))?;
    let needed = dynamic.lines().filter_map(|line| line.trim().strip_prefix("NEEDED"));
    for library in needed.map(str::trim) {
        if !C_LIBRARY.contains(&library) {
            bail!("the program needs {library}");
        }
    }
    let symbols = run::output(Command::new("objdump").arg("--dynamic-syms").arg(program))?;
    let versions = symbols.split("GLIBC_").skip(1).filter_map(|rest| rest.split([')', ' ', '\n']).next());
    let newest = versions.filter_map(version_number).max().context("the program has no symbols of glibc")?;
    run::say("glibc", &format!("{}.{}", newest.0, newest.1));
    if Some(newest) > version_number(GLIBC) {
        bail!("the program needs glibc {}.{}", newest.0, newest.1);
    }
    Ok(())
}

/// The first two numbers of a version.
fn version_number(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// A root directory with a C library, a shell's few commands and nothing else, in which a package is tried.
struct Bare {
    folder: tempfile::TempDir,
}

impl Bare {
    /// What is on every Debian system, from this machine.
    fn new() -> Result<Bare> {
        let folder = tempfile::tempdir()?;
        let root = folder.path();
        for name in ["usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/bin", "tmp", "proc", "dev"] {
            fs::create_dir_all(root.join(name))?;
        }
        for name in ["lib", "lib64", "bin"] {
            symlink(Path::new("usr").join(name), root.join(name))?;
        }
        for name in C_LIBRARY.iter().filter(|name| !name.starts_with("ld-")) {
            let from = PathBuf::from("/lib/x86_64-linux-gnu").join(name);
            fs::copy(&from, root.join("usr/lib/x86_64-linux-gnu").join(name)).with_context(|| (*name).to_owned())?;
        }
        fs::copy("/lib64/ld-linux-x86-64.so.2", root.join("usr/lib64/ld-linux-x86-64.so.2"))?;
        Ok(Bare { folder })
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }
}

/// Runs the program of a root directory on an example: it says its version, checks, tests and runs a new pipeline.
/// Returns how many plugins it compiled.
fn try_program(root: &Path, program: &str, variables: &[(&str, &str)]) -> Result<usize> {
    let home = root.join("tmp/home");
    fs::create_dir_all(&home)?;
    let sluice = |arguments: &[&str], folder: &str| {
        run::output(enter(root, folder, program, arguments).envs(variables.iter().copied()))
    };
    let says = sluice(&["--version"], "/tmp/home")?;
    if !says.starts_with(&format!("sluice {}", version())) {
        bail!("--version says {says}");
    }
    sluice(&["new", "orders"], "/tmp/home")?;
    sluice(&["check", "orders.yaml"], "/tmp/home/orders")?;
    sluice(&["test", "."], "/tmp/home/orders")?;
    let out = sluice(&["dev", "orders.yaml", "--records", "samples.jsonl"], "/tmp/home/orders")?;
    if out.lines().count() != 3 {
        bail!("dev did not print two results and a dead letter:\n{out}");
    }
    let compiled = fs::read_dir(home.join("cache"))?.count();
    fs::remove_dir_all(home)?;
    Ok(compiled)
}

/// The program of a root directory as a command, in namespaces of its own: no root, no other process, an empty
/// environment.
fn enter(root: &Path, folder: &str, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-user=65532", "--map-group=65532", "--mount", "--pid", "--fork", "--mount-proc"]);
    command.arg("--root").arg(root).args(["--wd", folder]).arg(program).args(arguments);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("SLUICE_CACHE_DIR", "/tmp/home/cache");
    command
}

fn tarball(file: &Path, name: &str) -> Result<()> {
    let bare = Bare::new()?;
    run::run(Command::new("tar").arg("--extract").arg("--file").arg(file).arg("--directory").arg(bare.root()))?;
    let mut sums = Command::new("sha256sum");
    run::run(sums.current_dir(bare.root().join(name)).args(["--check", "--quiet", "--strict", "SHA256SUMS"]))?;
    links::check(&bare.root().join(name).join("share/doc/sluicebox"))?;
    try_program(bare.root(), &format!("/{name}/bin/sluice"), &[]).map(|_| ())
}

fn debian(file: &Path) -> Result<()> {
    let bare = Bare::new()?;
    run::run(Command::new("dpkg-deb").arg("--extract").arg(file).arg(bare.root()))?;
    for expected in ["etc/sluicebox/environment", "usr/lib/systemd/system/sluicebox.service"] {
        if !bare.root().join(expected).exists() {
            bail!("{expected} is missing");
        }
    }
    links::check(&bare.root().join("usr/share/doc/sluicebox"))?;
    try_program(bare.root(), "/usr/bin/sluice", &[]).map(|_| ())
}

/// The unit is right, and leaves the service as little as it can do with.
fn unit(workspace: &Workspace, stage: &Stage) -> Result<()> {
    let source = workspace.root.join("deploy/systemd/sluicebox.service");
    let folder = tempfile::tempdir()?;
    let unit = folder.path().join("sluicebox.service");
    // The program does not lie where it is installed.
    let program = stage.root().join("bin/sluice");
    let text = fs::read_to_string(&source)?.replace("/usr/bin/sluice", &program.display().to_string());
    fs::write(&unit, text)?;
    run::run(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit))?;
    let mut security = Command::new("systemd-analyze");
    // Exposure in tenths: 0 is nothing, 100 is everything.
    security.args(["security", "--no-pager", "--offline=true", "--threshold=20"]).arg(source);
    run::output(&mut security).map(|_| ())
}

fn image(packages: &Packages) -> Result<()> {
    let size = fs::metadata(&packages.image.archive)?.len();
    if size > LARGEST_IMAGE {
        bail!("the image has {size} bytes, which is more than {LARGEST_IMAGE}");
    }
    // On a copy: what is tried must not lie in what was packed.
    let copy = tempfile::tempdir()?;
    let root = copy.path().join("root");
    run::run(Command::new("cp").arg("--archive").arg(&packages.image.root).arg(&root))?;
    match try_program(&root, "/usr/bin/sluice", &[("SLUICE_PRECOMPILED_DIR", COMPILED)])? {
        0 => Ok(()),
        compiled => bail!("the image has its plugins compiled, and {compiled} were compiled again"),
    }
}

/// Every way to set the chart up is a set of valid manifests.
fn chart(workspace: &Workspace, tools: &Tools) -> Result<()> {
    let helm = tools.helm()?;
    let chart = workspace.root.join("deploy/helm/sluicebox");
    run::run(Command::new(&helm).args(["lint", "--strict"]).arg(&chart))?;
    for settings in CHARTS {
        let mut template = Command::new(&helm);
        template.args(["template", "orders", "--kube-version", KUBERNETES]).arg(&chart);
        for setting in settings {
            template.args(["--set", setting]);
        }
        let manifests = run::output(&mut template)?;
        let own: Vec<&str> = manifests.split("\n---\n").filter(|text| !is_foreign(text)).collect();
        let file = tempfile::NamedTempFile::new()?;
        fs::write(file.path(), own.join("\n---\n"))?;
        let mut validate = Command::new(tools.program("kubernetes-validate"));
        run::run(validate.args(["--strict", "--kubernetes-version", KUBERNETES]).arg(file.path()))?;
    }
    Ok(())
}

fn is_foreign(manifest: &str) -> bool {
    FOREIGN.iter().any(|kind| manifest.lines().any(|line| line == format!("kind: {kind}")))
}
