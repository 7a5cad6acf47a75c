//! `sluice plugin`: create, build, test, list, inspect and compile plugins.

mod compile;
mod list;
mod test;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};

use super::engine;
use super::output::{Output, tell};
use crate::authoring::{Built, Kind, Language, PluginFolders, Real, Request, build, create, inspect, size};
use crate::plugin::Engine;
use crate::watch::{Scope, Watch};

/// Create, build, test, list, inspect and compile plugins
#[derive(Args)]
pub struct Plugin {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create a project that builds, with a test and a README
    New(New),
    /// Build a project to build/NAME.wasm, and verify the result
    Build(Build),
    /// Run the tests of a plugin: DIR/tests.yaml on the component in DIR/build
    Test(test::Test),
    /// List the plugins that a pipeline can name
    List(list::List),
    /// Describe a built plugin: interface, imports, size, memory, time to start, configuration
    Inspect(Inspect),
    Compile(compile::Compile),
}

#[derive(Args)]
struct New {
    /// The name of the plugin and of its directory: lower-case letters, digits and hyphens
    name: String,
    /// The language to write it in
    #[arg(long, value_enum)]
    language: Language,
    /// What the plugin does at first
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
}

#[derive(Args)]
struct Build {
    /// The project's directory
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The language, if the project's files show several
    #[arg(long, value_enum)]
    language: Option<Language>,
    /// Write the component to this file instead of build/NAME.wasm in the project
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Import the real clock or randomness from the host instead of the built-in stub (the stage must then grant it).
    /// May be given several times
    #[arg(long, value_enum)]
    grant: Vec<Grant>,
    /// Build again on every change, until interrupted
    #[arg(long)]
    watch: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Grant {
    /// The clocks
    Clock,
    /// Randomness
    Random,
}

#[derive(Args)]
struct Inspect {
    /// A file, or the name of a plugin in the plugin path
    plugin: String,
    /// Directory of plugins (NAME.wasm), searched before SLUICE_PLUGIN_PATH and `plugins/`. May be given several times
    #[arg(long, value_name = "DIR")]
    plugin_path: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Plugin {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        match self.command {
            Command::New(new) => new.execute(),
            Command::Build(build) => build.execute(),
            Command::Test(test) => test.execute(),
            Command::List(list) => list.execute(),
            Command::Inspect(inspect) => inspect.execute(),
            Command::Compile(compile) => compile.execute(),
        }
    }
}

impl New {
    fn execute(self) -> anyhow::Result<u8> {
        let folder = create(&PathBuf::new(), &self.name, self.language, self.kind)?;
        let (folder, language) = (folder.display(), self.language.name());
        print(&format!(
            "{folder}: a plugin in {language}\n\n  cd {folder}\n  sluice plugin build\n  sluice plugin test\n  \
             sluice dev pipeline.yaml --records records.txt\n"
        ))
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
        print(&text(&build(&request, &engine)?))
    }
}

/// Runs until it is interrupted.
fn build_on_every_change(request: &Request, engine: &Engine) -> anyhow::Result<u8> {
    let mut watch = Watch::new()?;
    for folder in source_folders(&request.folder)? {
        watch.folder(&folder)?;
    }
    loop {
        match build(request, engine) {
            Ok(built) => _ = print(&text(&built))?,
            Err(error) => tell(format_args!("error: {error:#}")),
        }
        tell("waiting for a change; end with Ctrl-C");
        watch.wait(Scope::Folders)?;
    }
}

/// A project's folders, without those that tools write to.
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

fn text(built: &Built) -> String {
    let mut text =
        format!("{}\n  size     {}\n  digest   {}\n", built.file.display(), size(built.size as u64), built.digest);
    for import in &built.imports {
        let grant = import.grant.map(|grant| format!(", to be granted: {grant}")).unwrap_or_default();
        text += &format!("  imports  {}{grant}\n", import.name);
    }
    text
}

impl Inspect {
    fn execute(self) -> anyhow::Result<u8> {
        let file = PluginFolders::new(&self.plugin_path, Path::new("")).find(&self.plugin)?;
        let inspection = inspect(&file)?;
        if self.json {
            return print(&format!("{}\n", serde_json::to_string_pretty(&inspection)?));
        }
        print(&inspection.text())
    }
}

/// Writes a command's result to standard output. Returns the exit code: a reader that has left is not an error.
fn print(text: &str) -> anyhow::Result<u8> {
    let mut out = Output::standard()?;
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(0)
}
