//! `cargo xtask package`: everything that is given to others, made on one machine: a tarball, a Debian package and an
//! image; and `--check`, which tries each of them where no toolchain is.

mod booted;
mod check;
mod debian;
mod image;
mod links;
mod sbom;
mod stage;
mod tools;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use self::stage::Stage;
use self::tools::Tools;
use crate::plugins::{self, Scope};
use crate::run;
use crate::workspace::Workspace;

/// The oldest glibc that the program runs with.
const GLIBC: &str = "2.28";
/// What the program is built for.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What is asked for.
#[derive(Default)]
struct Request {
    check: bool,
    /// A program that is built already, and with it the plugins.
    program: Option<PathBuf>,
}

impl Request {
    fn parse(arguments: &[OsString]) -> Result<Request> {
        let mut request = Request::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--check") => request.check = true,
                Some("--program") => {
                    request.program = Some(arguments.next().context("--program takes a file")?.into());
                }
                _ => bail!("cargo xtask package takes --check, --program FILE or nothing"),
            }
        }
        Ok(request)
    }
}

/// Makes the packages; with `--check` tries them, too. `--program FILE` packs this program, and the plugins as they lie
/// there, without building anything: to try a change of the packages themselves.
pub fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let Request { check, program } = Request::parse(arguments)?;
    let tools = Tools::provide(workspace)?;
    let program = match program {
        Some(program) => program,
        None => {
            // Plugins are built with the program of this machine's own kind.
            workspace.build_sluice()?;
            plugins::build(workspace, Scope::Shipped)?;
            build(workspace, &tools)?
        }
    };
    let out = workspace.target.join("package");
    let stage = Stage::make(workspace, &program, &out.join("stage"))?;
    let packages = Packages {
        tarball: tarball(&stage, &out)?,
        debian: debian::package(workspace, &stage, &out)?,
        image: image::package(&stage, &out)?,
    };
    for file in [&packages.tarball, &packages.debian, &packages.image.archive] {
        let size = fs::metadata(file).with_context(|| file.display().to_string())?.len();
        run::say("package", &format!("{} ({:.1} MiB)", file.display(), size as f64 / f64::from(1 << 20)));
    }
    if check { check::all(workspace, &tools, &stage, &packages) } else { Ok(()) }
}

/// What was made.
struct Packages {
    tarball: PathBuf,
    debian: PathBuf,
    image: image::Image,
}

/// The version of everything.
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Builds the program against an old glibc, and returns its file.
fn build(workspace: &Workspace, tools: &Tools) -> Result<PathBuf> {
    // A target folder of its own: another C compiler would build every C library of the workspace again.
    let target = workspace.target.join("package-build");
    let mut cargo = workspace.cargo();
    cargo.env("CARGO_TARGET_DIR", &target).env("PATH", tools.path()?);
    // Else the zlib of this machine is linked dynamically.
    cargo.env("LIBZ_SYS_STATIC", "1");
    cargo.args(["zigbuild", "--release", "--locked", "--package", "sluicebox", "--bin", "sluice"]);
    cargo.args(["--target", &format!("{TARGET}.{GLIBC}")]);
    run::run(&mut cargo)?;
    Ok(target.join(TARGET).join("release").join("sluice"))
}

/// Packs the stage as it is, with the sums of all files in it.
fn tarball(stage: &Stage, out: &Path) -> Result<PathBuf> {
    let file = out.join(format!("{}.tar.gz", stage.name()));
    let folder = stage.root().parent().context("the stage lies in a folder")?;
    pack(folder, stage.name(), &file)?;
    Ok(file)
}

/// Packs `what` in a folder so that the same files make the same bytes.
fn pack(folder: &Path, what: &str, file: &Path) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--directory"]);
    tar.arg(folder).args(["--use-compress-program=gzip -n -9", "--create", "--file"]).arg(file).arg(what);
    run::run(&mut tar)
}
