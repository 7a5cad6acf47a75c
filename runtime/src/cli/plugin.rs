//! `sluice plugin`: new projects, builds, and what a built plugin is.

mod test;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};

use super::output::{Output, tell};
use super::{WRONG_USE, engine};
use crate::authoring::{Built, Kind, Language, Real, Request, build, create, inspect};
use crate::plugin::Engine;
use crate::watch::{Scope, Watch};

/// Making plugins, in any language.
#[derive(Args)]
pub struct Plugin {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A new project: it builds, has a test, and a README of three commands.
    New(New),
    /// From a project to build/NAME.wasm, verified.
    Build(Build),
    /// Runs the tests of a plugin: DIR/tests.yaml on the component in DIR/build.
    Test(test::Test),
    /// What a built plugin is: interface, imports, size, memory, how long it takes to start.
    Inspect(Inspect),
}

#[derive(Args)]
struct New {
    /// The plugin's name, and its folder's: lower-case letters, digits and hyphens.
    name: String,
    /// What it is written in.
    #[arg(long, value_enum)]
    language: Language,
    /// What it does at first.
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
}

#[derive(Args)]
struct Build {
    /// The project.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The language, where its files show several.
    #[arg(long, value_enum)]
    language: Option<Language>,
    /// The file for the component, instead of build/NAME.wasm in the project.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Leave this of WASI to the host, which asks for a grant, instead of answering it inside the plugin. May repeat.
    #[arg(long, value_enum)]
    grant: Vec<Grant>,
    /// Go on, and build again after each change.
    #[arg(long)]
    watch: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Grant {
    /// The clocks.
    Clock,
    /// Randomness.
    Random,
}

#[derive(Args)]
struct Inspect {
    /// A file, or a NAME in the plugin path.
    plugin: String,
    /// Folders where NAME.wasm is looked for, before SLUICE_PLUGIN_PATH.
    #[arg(long, value_name = "DIR")]
    plugin_path: Vec<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Plugin {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        match self.command {
            Command::New(new) => new.execute(),
            Command::Build(build) => build.execute(),
            Command::Test(test) => test.execute(),
            Command::Inspect(inspect) => inspect.execute(),
        }
    }
}

impl New {
    fn execute(self) -> anyhow::Result<u8> {
        let folder = match create(&PathBuf::new(), &self.name, self.language, self.kind) {
            Ok(folder) => folder,
            Err(error) => {
                tell(format_args!("error: {error:#}"));
                return Ok(WRONG_USE);
            }
        };
        let mut out = Output::standard()?;
        writeln!(out, "{}: a plugin in {}\n", folder.display(), self.language.name())?;
        writeln!(out, "  cd {}", folder.display())?;
        writeln!(out, "  sluice plugin build")?;
        writeln!(out, "  sluice plugin test")?;
        writeln!(out, "  sluice dev pipeline.yaml --records records.txt")?;
        out.flush()?;
        Ok(0)
    }
}

impl Build {
    fn execute(self) -> anyhow::Result<u8> {
        let real = Real { clock: self.grant.contains(&Grant::Clock), random: self.grant.contains(&Grant::Random) };
        let request = Request { folder: self.dir, language: self.language, output: self.output, real };
        let engine = engine()?;
        if self.watch {
            return build_on_every_change(&request, &engine);
        }
        print_built(&build(&request, &engine)?)?;
        Ok(0)
    }
}

/// Until it is interrupted.
fn build_on_every_change(request: &Request, engine: &Engine) -> anyhow::Result<u8> {
    let mut watch = Watch::new()?;
    for folder in source_folders(&request.folder)? {
        watch.folder(&folder)?;
    }
    loop {
        match build(request, engine) {
            Ok(built) => print_built(&built)?,
            Err(error) => tell(format_args!("error: {error:#}")),
        }
        tell("waiting for a change; end with Ctrl-C");
        watch.wait(Scope::Folders)?;
    }
}

/// A project's folders, without those that tools make.
fn source_folders(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = vec![folder.to_owned()];
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        let is_made = ["build", "target", "node_modules", "__pycache__"].iter().any(|made| name == *made);
        if entry.file_type()?.is_dir() && !is_made && !name.to_string_lossy().starts_with('.') {
            folders.extend(source_folders(&entry.path())?);
        }
    }
    Ok(folders)
}

fn print_built(built: &Built) -> anyhow::Result<()> {
    let mut out = Output::standard()?;
    writeln!(out, "{}", built.file.display())?;
    writeln!(out, "  size     {} bytes", built.size)?;
    writeln!(out, "  digest   {}", built.digest)?;
    for import in &built.imports {
        match import.grant {
            Some(grant) => writeln!(out, "  imports  {}, to be granted: {grant}", import.name)?,
            None => writeln!(out, "  imports  {}", import.name)?,
        }
    }
    Ok(out.flush()?)
}

impl Inspect {
    fn execute(self) -> anyhow::Result<u8> {
        let inspection = inspect(&self.file()?)?;
        let mut out = Output::standard()?;
        if self.json {
            out.write_json(&inspection)?;
        } else {
            write!(out, "{}", inspection.text())?;
        }
        out.flush()?;
        Ok(0)
    }

    fn file(&self) -> anyhow::Result<PathBuf> {
        let file = PathBuf::from(&self.plugin);
        if file.exists() {
            return Ok(file);
        }
        let from_environment = std::env::var_os("SLUICE_PLUGIN_PATH").unwrap_or_default();
        let folders = self.plugin_path.iter().cloned().chain(std::env::split_paths(&from_environment));
        let mut files = folders.map(|folder| folder.join(format!("{}.wasm", self.plugin)));
        let found = files.find(|file| file.is_file());
        found.with_context(|| format!("{}: no such file, and no plugin of that name in the plugin path", self.plugin))
    }
}
