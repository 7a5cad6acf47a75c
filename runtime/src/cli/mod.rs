//! The command line: what is asked for, and with which exit code it ends.

mod check;
mod dev;
mod dlq;
mod plugin;
mod run;
mod test;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::config::PlanOptions;
use crate::plugin::{Engine, default_cache_dir};

/// Failed at work.
pub const FAILED: u8 = 1;
/// Wrong use or configuration.
pub const WRONG_USE: u8 = 2;

/// Kafka in, a chain of sandboxed WebAssembly plugins, Kafka out. Nothing is lost.
#[derive(Parser)]
#[command(name = "sluice", version, arg_required_else_help = true)]
struct Arguments {
    /// How log lines look; they go to standard error. RUST_LOG sets what is logged (default: info).
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// The daemon: every pipeline in the files and folders.
    Run(run::Run),
    /// One pipeline on an embedded broker, fed from sample records, with the results printed.
    Dev(dev::Dev),
    /// Everything that can be known before start: YAML, plugins, grants, limits.
    Check(check::Check),
    /// Pipeline tests: the real plugins on recorded records, against what has to come of them.
    Test(test::Test),
    /// Making plugins, in any language.
    Plugin(plugin::Plugin),
    /// Looking into dead letters, and replaying them.
    Dlq(Box<dlq::Dlq>),
    /// Where a record went, and why.
    #[command(hide = true)]
    Explain(NotYet),
}

/// A command that is not available yet, with whatever stands behind it.
#[derive(clap::Args)]
struct NotYet {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    _rest: Vec<String>,
}

/// How pipelines find what they need.
#[derive(clap::Args)]
struct Planning {
    /// A folder of plugins (NAME.wasm), searched before SLUICE_PLUGIN_PATH and `plugins/` beside the file. May repeat.
    #[arg(long, value_name = "DIR")]
    plugin_path: Vec<PathBuf>,
    /// A name that no other running copy has, over the file's `instance`.
    #[arg(long)]
    instance: Option<String>,
}

impl Planning {
    fn options(&self, embedded: bool) -> PlanOptions {
        PlanOptions { plugin_path: self.plugin_path.clone(), instance: self.instance.clone(), embedded }
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log_to_stderr(arguments.log_format);
    let result = match arguments.command {
        Command::Run(run) => run.execute(),
        Command::Dev(dev) => dev.execute(),
        Command::Check(check) => check.execute(),
        Command::Test(test) => test.execute(),
        Command::Plugin(plugin) => plugin.execute(),
        Command::Dlq(dlq) => dlq.execute(),
        Command::Explain(_) => Ok(not_yet("explain", "a dead letter's headers say where it came from and why")),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn not_yet(command: &str, instead: &str) -> u8 {
    eprintln!("error: `sluice {command}` is not available yet\nhelp: {instead}");
    WRONG_USE
}

fn log_to_stderr(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
    }
}

fn engine() -> anyhow::Result<Engine> {
    Ok(Engine::new(default_cache_dir())?)
}
