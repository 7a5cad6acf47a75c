//! What is logged, and how it looks.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::Context as _;
use clap::{ArgAction, ColorChoice, ValueEnum};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use super::output;
use crate::log::{self, LogWriter, RateLimit, RingLayer};

/// The variable that filters the log.
const VARIABLE: &str = "RUST_LOG";
/// What is logged where nobody says anything.
const DEFAULT: &str = "info";
/// How long a thread that panics waits until that is written.
const PANIC_PATIENCE: Duration = Duration::from_secs(1);

/// Options of every command.
#[derive(clap::Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Logging {
    /// Log more: -v for debug, -vv for trace
    #[arg(short, long, global = true, action = ArgAction::Count, display_order = 1001)]
    verbose: u8,
    /// Log less: -q for warnings, -qq for errors, -qqq for nothing
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "verbose", display_order = 1002)]
    quiet: u8,
    /// Log this level and more severe ones; overrides RUST_LOG [default: info]
    #[arg(
        long, global = true, value_enum, value_name = "LEVEL", hide_possible_values = true, display_order = 1003,
        conflicts_with_all = ["verbose", "quiet"],
        help = "Log this level and more severe ones: off, error, warn, info, debug or trace; overrides RUST_LOG \
                [default: info]"
    )]
    log_level: Option<Level>,
    /// Format of log lines, which go to standard error: text or json
    #[arg(
        long, global = true, value_enum, value_name = "FORMAT", hide_possible_values = true, display_order = 1004,
        default_value_t = LogFormat::Text
    )]
    log_format: LogFormat,
    /// When to use colors: auto, always or never
    #[arg(
        long, global = true, value_enum, value_name = "WHEN", hide_possible_values = true, display_order = 1005,
        default_value_t = ColorChoice::Auto
    )]
    color: ColorChoice,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Logging {
    /// Starts logging to standard error.
    pub(super) fn start(&self) -> anyhow::Result<()> {
        output::set_color(self.color);
        log::start().context("standard error cannot be written to by a thread of its own")?;
        let variable = std::env::var(VARIABLE).ok().filter(|filter| !filter.is_empty());
        let (filter, wrong) = match (self.level(), variable) {
            (Some(level), _) => (EnvFilter::new(level), None),
            (None, None) => (EnvFilter::new(DEFAULT), None),
            (None, Some(filter)) => match EnvFilter::try_new(&filter) {
                Ok(filter) => (filter, None),
                Err(error) => (EnvFilter::new(DEFAULT), Some(error.to_string())),
            },
        };
        let lines = fmt::layer().with_writer(|| LogWriter).log_internal_errors(false);
        let lines = match self.log_format {
            LogFormat::Json => lines.json().flatten_event(true).with_filter(RateLimit::default()).boxed(),
            LogFormat::Text => lines
                .with_ansi(output::uses_color(std::io::stderr().is_terminal()))
                .with_filter(RateLimit::default())
                .boxed(),
        };
        tracing_subscriber::registry().with(log::filter_layer(filter)).with(lines).with(RingLayer).init();
        if let Some(error) = wrong {
            tracing::warn!(target: "log", "{VARIABLE} is not a filter ({error}): logging {DEFAULT}");
        }
        std::panic::set_hook(Box::new(|panic| {
            let trace = Backtrace::capture();
            let trace = match trace.status() {
                BacktraceStatus::Captured => format!("\n{trace}"),
                _ => String::new(),
            };
            tracing::error!(target: "panic", "{panic}{trace}");
            log::flush(PANIC_PATIENCE);
        }));
        Ok(())
    }

    /// The level that the command line asks for.
    fn level(&self) -> Option<&'static str> {
        let level = match (self.log_level, self.verbose, self.quiet) {
            (Some(level), _, _) => level,
            (None, 0, 0) => return None,
            (None, 1, _) => Level::Debug,
            (None, 2.., _) => Level::Trace,
            (None, 0, 1) => Level::Warn,
            (None, 0, 2) => Level::Error,
            (None, 0, 3..) => Level::Off,
        };
        Some(match level {
            Level::Off => "off",
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        })
    }
}
