//! `cargo xtask simulate`: histories of the whole line on a simulated Kafka, by the thousand; of the sources as they are, or with a
//! fault put in that has to be found.

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

/// How many histories are played where nothing else is said, and within how many each fault is to be found.
const HISTORIES: u64 = 10_000;
/// The program.
const PROGRAM: &str = "sluicebox-simulation";
/// Before the name of a scenario in a patch: the kind of history in which it shows.
const SCENARIO: &str = "scenario: ";

struct Options {
    seed: Option<u64>,
    histories: Option<u64>,
    patch: Option<PathBuf>,
    bugs: bool,
    // What the program itself is to be told.
    others: Vec<OsString>,
}

/// Plays histories.
pub fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let options = parse(arguments)?;
    match &options.patch {
        Some(patch) => play(&build_patched(workspace, patch)?, &options),
        None if options.bugs => find_bugs(workspace),
        None => play(&build(workspace, &workspace.root)?, &options),
    }
}

fn parse(arguments: &[OsString]) -> Result<Options> {
    let mut options = Options { seed: None, histories: None, patch: None, bugs: false, others: Vec::new() };
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seed") => options.seed = Some(parser.value()?.parse()?),
            Long("histories") => options.histories = Some(parser.value()?.parse()?),
            Long("patch") => options.patch = Some(std::path::absolute(PathBuf::from(parser.value()?))?),
            Long("bugs") => options.bugs = true,
            Long("scenario") => options.others.extend(["--scenario".into(), parser.value()?]),
            Long(name @ ("trace" | "no-shrink" | "counts" | "keep-going")) => {
                options.others.push(format!("--{name}").into());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn build(workspace: &Workspace, sources: &Path) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.current_dir(sources).args(["build", "--release", "--package", PROGRAM]);
    run::run(&mut cargo)?;
    Ok(workspace.target.join("release").join(PROGRAM))
}

/// One history where a seed is given alone; else two processes side by side, each with half of the seeds.
fn play(program: &Path, options: &Options) -> Result<()> {
    let first = options.seed.unwrap_or(0);
    let count = match (options.histories, options.seed) {
        (Some(count), _) => count,
        (None, Some(_)) => 1,
        (None, None) => HISTORIES,
    };
    let half = count / 2;
    let parts = [(first, count - half), (first + count - half, half)];
    let parts = parts.into_iter().filter(|(_, count)| *count > 0);
    let running: Vec<_> = parts
        .map(|(first, count)| {
            let mut command = Command::new(program);
            command.args(["--seed", &first.to_string(), "--histories", &count.to_string()]).args(&options.others);
            thread::spawn(move || run::run(&mut command))
        })
        .collect();
    let results = running.into_iter().map(|part| part.join().unwrap_or_else(|_| bail!("a thread panicked")));
    results.collect()
}

/// Builds a copy of the sources that a patch was applied to. What does not belong to this workspace is not built again.
fn build_patched(workspace: &Workspace, patch: &Path) -> Result<PathBuf> {
    let sources = workspace.target.join("simulation").join("sources");
    copy_sources(&workspace.root, &sources)?;
    let mut apply = Command::new("git");
    // Not as a part of a repository that the target folder may lie in.
    apply.current_dir(&sources).env("GIT_CEILING_DIRECTORIES", sources.parent().unwrap_or(&sources));
    run::run(apply.args(["apply", "--whitespace=nowarn"]).arg(patch))?;
    build(workspace, &sources)
}

/// Copies what git knows of, but leaves files alone that are the same, so that little is built again.
fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    let listed = run::output(Command::new("git").current_dir(from).args(["ls-files", "-z"]))?;
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let (source, copy) = (from.join(name), to.join(name));
        let Ok(text) = fs::read(&source) else { continue };
        if fs::read(&copy).is_ok_and(|before| before == text) {
            continue;
        }
        fs::create_dir_all(copy.parent().context("a file lies in a folder")?)?;
        fs::write(&copy, text).with_context(|| format!("{}: cannot write it", copy.display()))?;
    }
    Ok(())
}

/// Every fault of the folder is to be found.
fn find_bugs(workspace: &Workspace) -> Result<()> {
    let folder = workspace.root.join("tests/simulation/bugs");
    let mut patches = fs::read_dir(&folder)
        .with_context(|| format!("{}: cannot read it", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<PathBuf>>>()?;
    patches.retain(|path| path.extension().is_some_and(|extension| extension == "patch"));
    patches.sort();
    if patches.is_empty() {
        bail!("{}: there are no patches", folder.display());
    }
    let mut missed = Vec::new();
    for patch in &patches {
        let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match find_bug(workspace, patch)? {
            Some(seed) => run::say("found", &format!("{name} ({seed})")),
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

/// In which history a fault is found.
fn find_bug(workspace: &Workspace, patch: &Path) -> Result<Option<String>> {
    let program = build_patched(workspace, patch)?;
    let text = fs::read_to_string(patch)?;
    let mut command = Command::new(program);
    command.args(["--no-shrink", "--histories", &HISTORIES.to_string()]);
    if let Some(kind) = text.lines().find_map(|line| line.strip_prefix(SCENARIO)) {
        command.args(["--scenario", kind.trim()]);
    }
    let output = command.output().context("cannot run the simulation")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let found = said.lines().find_map(|line| line.strip_prefix("FAILED: "));
    if output.status.success() != found.is_none() {
        bail!("the simulation has ended with {} and says: {said}", output.status);
    }
    Ok(found.map(str::to_owned))
}
