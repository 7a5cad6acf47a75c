//! `cargo xtask simulate`: histories of the whole line on a simulated Kafka, by the thousand; of the sources as they
//! are, or with a bug put in that has to be found.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail};
use lexopt::Arg::Long;
use lexopt::ValueExt as _;

use crate::run;
use crate::workspace::Workspace;

/// How many histories are played with the tests and where nothing else is said, the first ones, which are the same each
/// time; and within how many each bug is to be found.
const HISTORIES: u64 = 10_000;
/// How many of them are played before it is looked whether a bug was found.
const AT_ONCE: u64 = 1000;
/// The program.
const PROGRAM: &str = "sluicebox-simulation";
/// What the program says of a history in which something was found.
const FAILED: &str = "FAILED: ";
/// Where the patches are.
const BUGS: &str = "tests/simulation/bugs";

#[derive(Default)]
struct Options {
    seed: Option<u64>,
    histories: Option<u64>,
    patches: Vec<PathBuf>,
    // What the program itself is to be told.
    others: Vec<OsString>,
}

/// Plays histories.
pub fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let options = parse(workspace, arguments)?;
    if !options.patches.is_empty() {
        return find_bugs(workspace, &options.patches);
    }
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--package", PROGRAM]);
    run::run(&mut cargo)?;
    play(workspace, &options)
}

/// Plays the first histories with the program that was built with the tests.
pub fn test(workspace: &Workspace) -> Result<()> {
    play(workspace, &Options::default())
}

fn parse(workspace: &Workspace, arguments: &[OsString]) -> Result<Options> {
    let mut options = Options::default();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seed") => options.seed = Some(parser.value()?.parse()?),
            Long("histories") => options.histories = Some(parser.value()?.parse()?),
            Long("patch") => options.patches.push(std::path::absolute(PathBuf::from(parser.value()?))?),
            Long("bugs") => options.patches.extend(patches(&workspace.root.join(BUGS))?),
            Long("scenario") => options.others.extend(["--scenario".into(), parser.value()?]),
            Long(name @ ("trace" | "no-shrink" | "counts" | "keep-going")) => {
                options.others.push(format!("--{name}").into());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

/// One history where a seed is given alone; else two processes side by side, each with half of the seeds.
fn play(workspace: &Workspace, options: &Options) -> Result<()> {
    let first = options.seed.unwrap_or(0);
    let count = match (options.histories, options.seed) {
        (Some(count), _) => count,
        (None, Some(_)) => 1,
        (None, None) => HISTORIES,
    };
    let program = workspace.target.join("release").join(PROGRAM);
    in_halves(first, count, |first, count| run::run(command(&program, first, count).args(&options.others)))?;
    Ok(())
}

fn command(program: &Path, first: u64, count: u64) -> Command {
    let mut command = Command::new(program);
    command.args(["--seed", &first.to_string(), "--histories", &count.to_string()]);
    command
}

/// Does something with two halves of so many seeds, side by side.
fn in_halves<T: Send>(first: u64, count: u64, act: impl Fn(u64, u64) -> Result<T> + Sync) -> Result<Vec<T>> {
    let half = count / 2;
    let parts = [(first, count - half), (first + count - half, half)];
    thread::scope(|scope| {
        let act = &act;
        let parts = parts.into_iter().filter(|(_, count)| *count > 0);
        let running: Vec<_> = parts.map(|(first, count)| scope.spawn(move || act(first, count))).collect();
        running.into_iter().map(|part| part.join().unwrap_or_else(|_| bail!("a thread panicked"))).collect()
    })
}

fn patches(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{}: cannot read it", folder.display()))?;
    let mut patches = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    patches.retain(|path| path.extension().is_some_and(|extension| extension == "patch"));
    patches.sort();
    if patches.is_empty() {
        bail!("{}: there are no patches", folder.display());
    }
    Ok(patches)
}

/// Each bug is to be found.
fn find_bugs(workspace: &Workspace, patches: &[PathBuf]) -> Result<()> {
    let mut missed = Vec::new();
    for patch in patches {
        let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match find_bug(&build_patched(workspace, patch)?)? {
            Some(history) => run::say("found", &format!("{name}: {history}")),
            None => {
                run::say("missed", &name);
                missed.push(name);
            }
        }
    }
    if missed.is_empty() {
        return Ok(());
    }
    bail!("within {HISTORIES} histories nothing was found of: {}", missed.join(", "))
}

/// Builds a copy of the sources that a patch was applied to, with a target folder of its own: what is measured and
/// shipped is never made of it, and little is built again from one patch to the next.
fn build_patched(workspace: &Workspace, patch: &Path) -> Result<PathBuf> {
    let folder = workspace.target.join("simulation");
    let (sources, target) = (folder.join("sources"), folder.join("target"));
    copy_sources(&workspace.root, &sources)?;
    let mut apply = Command::new("git");
    // Not as a part of the repository that the target folder may lie in.
    apply.current_dir(&sources).env("GIT_CEILING_DIRECTORIES", &folder);
    run::run(apply.args(["apply", "--whitespace=nowarn"]).arg(patch))?;
    let mut cargo = workspace.cargo();
    cargo.current_dir(&sources).env("CARGO_INCREMENTAL", "1").args(["build", "--release", "--package", PROGRAM]);
    for package in ["sluicebox", PROGRAM] {
        cargo.arg("--config").arg(format!("profile.release.package.{package}.opt-level=1"));
    }
    run::run(cargo.arg("--target-dir").arg(&target))?;
    Ok(target.join("release").join(PROGRAM))
}

/// Copies what git knows of, but leaves files alone that are the same, so that little is built again.
fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    let mut list = Command::new("git");
    let listed =
        run::output(list.current_dir(from).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))?;
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let (source, copy) = (from.join(name), to.join(name));
        // One that was removed and is known to git still.
        let Ok(text) = fs::read(&source) else { continue };
        if fs::read(&copy).is_ok_and(|before| before == text) {
            continue;
        }
        fs::create_dir_all(copy.parent().context("a file lies in a folder")?)?;
        fs::write(&copy, text).with_context(|| format!("{}: cannot write it", copy.display()))?;
    }
    Ok(())
}

/// Returns the history among the ordinary ones in which something is found first.
fn find_bug(program: &Path) -> Result<Option<String>> {
    for first in (0..HISTORIES).step_by(AT_ONCE as usize) {
        let found = in_halves(first, AT_ONCE, |first, count| look(command(program, first, count).arg("--no-shrink")))?;
        if let Some(found) = found.into_iter().flatten().next() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn look(command: &mut Command) -> Result<Option<String>> {
    let output = command.output().context("cannot run the simulation")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let found = said.lines().find_map(|line| line.strip_prefix(FAILED));
    if output.status.success() != found.is_none() {
        bail!("the simulation has ended with {} and says: {said}", output.status);
    }
    Ok(found.map(str::to_owned))
}
