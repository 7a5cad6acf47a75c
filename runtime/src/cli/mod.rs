//! The command line: what is asked for, and with which exit code it ends.

mod check;
mod completions;
mod control;
mod dev;
mod dlq;
mod explain;
mod logging;
mod new;
mod output;
mod plan;
mod plugin;
#[cfg(test)]
mod reference;
mod run;
mod schema;
mod signals;
mod sql;
mod suggest;
mod tap;
mod test;
mod top;
mod version;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use self::output::tell;
use crate::authoring;
use crate::config::{Errors, PlanOptions};
use crate::limits;
use crate::log;
use crate::plugin::{CacheDirs, Engine};

/// The exit code of a runtime failure.
pub const FAILED: u8 = 1;
/// The exit code of wrong usage or configuration.
pub const WRONG_USE: u8 = 2;

/// How long a plugin is compiled before that is said.
const SLOW: Duration = Duration::from_secs(1);

/// Why it is compiled.
const WHY_COMPILED: &str = "as there is no compiled form of it in the cache";

/// How long the end of the program waits for whoever reads its log.
const LAST_LINES: Duration = Duration::from_secs(1);

const AFTER_HELP: &str = "\
Examples:
  echo '{\"status\":\"paid\"}' | sluice dev orders.yaml
  sluice check pipelines/ && sluice run pipelines/

Environment:
  SLUICE_PLUGIN_PATH      Directories of plugins, separated by colons
  SLUICE_CACHE_DIR        Directory for compiled plugins [default: $XDG_CACHE_HOME/sluicebox or ~/.cache/sluicebox]
  SLUICE_PRECOMPILED_DIR  Directory of plugins that were compiled before, which is only read
  SLUICE_CACHE_TRUST      parents: do not check the directories above these two (in a container)
  SLUICE_ADMIN            Admin address for pause, resume, tap and top [default: 127.0.0.1:9646]
  SLUICE_PROFILE          perfmap: name the functions of plugins for Linux' perf, in /tmp/perf-PID.map
  WASI_SDK_PATH           A WASI SDK to build plugins in C with
  RUST_LOG                Filter for log messages, such as info,kafka=debug
  NO_COLOR                Disables colors

Exit codes:
  0  Success, or a shutdown with everything in flight delivered and committed
  1  Runtime failure: a pipeline could not go on or did not drain in time, or tests failed
  2  Usage or configuration error";

/// Process Kafka topics with sandboxed WebAssembly plugins.
#[derive(Parser)]
#[command(name = "sluice", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    logging: logging::Logging,
}

#[derive(Subcommand)]
enum Command {
    /// Run pipelines until stopped
    Run(run::Run),
    /// Validate pipeline files, plugins and stage configuration
    ///
    /// No broker is contacted unless --broker is given.
    #[command(visible_aliases = ["validate", "lint"])]
    Check(check::Check),
    /// Create a pipeline with tests, sample records and a README
    New(new::New),
    /// Run one pipeline on sample records, without Kafka
    ///
    /// The pipeline runs on a broker that is part of this program. Its results go to standard output: as readable text
    /// on a terminal, elsewhere as JSON, one record per line, dead letters with "dead_letter": true. Results of one
    /// topic come in the order of the input; those of the first 100 records do so across topics.
    Dev(dev::Dev),
    /// Run pipeline tests
    ///
    /// The real plugins run on sample records, and the results are compared with the expected ones. No broker is
    /// needed.
    Test(test::Test),
    /// Create, build, test, compile, list and inspect plugins
    Plugin(plugin::Plugin),
    /// Inspect and replay dead letters
    Dlq(Box<dlq::Dlq>),
    /// Explain what the chain makes of a record
    ///
    /// The record goes through the chain again, outside of any consumer group, and nothing is written. Each stage's
    /// verdict, time and changes are shown, and what comes out: outputs, or a dead letter.
    Explain(explain::Explain),
    Sql(sql::Sql),
    /// Fetch, list and check the schemas of a pipeline
    Schema(schema::Schema),
    /// Show live records before and after a stage of a running daemon
    Tap(tap::TapCommand),
    /// Show the pipelines of a running daemon, and what they do
    Top(top::Top),
    /// Stop fetching in a running pipeline, until it is resumed
    ///
    /// What is in flight is processed and committed. The pause lasts over rebalances, reloads and restarts of the
    /// pipeline; other instances are not told.
    Pause(control::Control),
    /// Fetch again in a pipeline that was paused
    Resume(control::Control),
    /// Generate shell completions
    Completions(completions::Completions),
    /// Write man pages into a directory
    #[command(hide = true)]
    Man(completions::Man),
}

/// Where plugins are found.
#[derive(clap::Args)]
struct PluginPath {
    /// Directory of plugins (NAME.wasm), searched before SLUICE_PLUGIN_PATH and `plugins/` beside the pipeline file.
    /// May be given several times
    #[arg(long, value_name = "DIR")]
    plugin_path: Vec<PathBuf>,
}

impl PluginPath {
    fn options(&self) -> PlanOptions {
        PlanOptions { plugin_path: self.plugin_path.clone(), ..PlanOptions::default() }
    }
}

/// Wrong usage: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongUse(String);

/// The command line, with all that only the running program knows.
fn command() -> clap::Command {
    Arguments::command().long_version(version::long())
}

/// Runs the program.
pub fn main() -> ExitCode {
    limits::survive_file_size_limit();
    let parsed = command().try_get_matches().and_then(|matches| Arguments::from_arg_matches(&matches));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(error) => return ExitCode::from(suggest::print(error)),
    };
    if let Err(error) = arguments.logging.start() {
        tell(format_args!("error: {error:#}"));
        return ExitCode::from(FAILED);
    }
    let code = execute(arguments.command).unwrap_or_else(|error| report(&error));
    log::flush(LAST_LINES);
    ExitCode::from(code)
}

fn execute(command: Command) -> anyhow::Result<u8> {
    limits::raise_open_files()?;
    limits::check_memory()?;
    limits::check_threads()?;
    match command {
        Command::Run(run) => run.execute(),
        Command::Check(check) => check.execute(),
        Command::New(new) => new.execute(),
        Command::Dev(dev) => dev.execute(),
        Command::Test(test) => test.execute(),
        Command::Plugin(plugin) => plugin.execute(),
        Command::Dlq(dlq) => dlq.execute(),
        Command::Explain(explain) => explain.execute(),
        Command::Tap(tap) => tap.execute(),
        Command::Top(top) => top.execute(),
        Command::Pause(control) => control.execute("pause"),
        Command::Resume(control) => control.execute("resume"),
        Command::Sql(sql) => sql.execute(),
        Command::Schema(schema) => schema.execute(),
        Command::Completions(completions) => completions.execute(),
        Command::Man(man) => man.execute(),
    }
}

/// Says why a command failed. Returns its exit code.
fn report(error: &anyhow::Error) -> u8 {
    // Findings begin with their place.
    if let Some(errors) = error.downcast_ref::<Errors>() {
        tell(errors);
        return WRONG_USE;
    }
    tell(format_args!("error: {error:#}"));
    let is_wrong_use = error.is::<WrongUse>() || error.is::<authoring::WrongUse>();
    if is_wrong_use { WRONG_USE } else { FAILED }
}

/// The engine. On a terminal it is said what takes long to compile, unless less is to be logged.
fn engine() -> anyhow::Result<Engine> {
    let engine = Engine::new(&CacheDirs::from_env())?;
    let is_told = std::io::stderr().is_terminal() && tracing::enabled!(target: "plugin", tracing::Level::INFO);
    let say = |plugin: &Path| tell(format_args!("compiling {}, {WHY_COMPILED}", shown(plugin)));
    Ok(if is_told { engine.telling(SLOW, Arc::new(say)) } else { engine })
}

/// The engine of the daemon, which logs what takes long to compile.
fn daemon_engine() -> anyhow::Result<Engine> {
    let log = |plugin: &Path| {
        tracing::info!(target: "plugin", plugin = %plugin.display(), "compiling, {WHY_COMPILED}");
    };
    Ok(Engine::new(&CacheDirs::from_env())?.telling(SLOW, Arc::new(log)))
}

/// A plugin's file by its name.
fn shown(plugin: &Path) -> impl std::fmt::Display {
    plugin.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
