//! `cargo xtask`: set-up, tests, benchmarks and the demo. This file reads the command line and nothing else.

mod admin;
mod bench;
mod collector;
mod demo;
mod deny;
mod faults;
mod fingerprint;
mod fuzz;
mod jq_suite;
mod kafka;
mod languages;
mod package;
mod peers;
mod plugins;
mod profile;
mod python;
mod registry;
mod run;
mod sdks;
mod simulate;
mod steps;
mod system;
mod test;
mod toolchain;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use lexopt::Arg::{Long, Short, Value};

use crate::kafka::Kafka;
use crate::plugins::Scope;
use crate::workspace::Workspace;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  setup           prepare everything: the tools of all languages, the program, plugins, Apache Kafka, a schema
                  registry, Schemathesis and promtool for tests
  test [FILTER]   set-up, a broker, then every test of the workspace and of the plugins (whose name contains FILTER)
  demo            the example pipeline order-status on the embedded broker, fed from sample records
  bench [PART]    set-up, a broker where the part needs one, then the benchmarks; more arguments are the part's own;
                  with --write what they find goes into bench/RESULTS.md
  profile [JOB]   the program at work on order-status, or on a copy, under Linux' perf: its busiest functions by thread;
                  more arguments are the bench's
  faults [WORD]   the whole fault suite (the scenarios whose names contain WORD) with [--repeat N] [--seed S]: real
                  brokers, kills, cuts; ends with a table; of what failed the logs are in target/faults
  fuzz [TARGET]   damaged inputs for every reader of foreign bytes, ten million each; more arguments are the fuzzer's own
  simulate        10,000 histories of the whole line on a simulated Kafka, driven by seeds, in two processes, with
                  [--seed S] [--histories N] [--scenario NAME]; with --bugs (or --patch FILE) it is tried whether they
                  find each bug of tests/simulation/bugs (or that one), which is put into a copy of the sources
  jq-suite FILES  jq's own test cases on the plugin `jq`; those that differ have to stand in the plugin's README
  deny [CHECK]    licences, duplicate versions and sources of all dependencies; `advisories` where GitHub can be reached
  package         a tarball, a Debian package and an OCI image of the program and its plugins, in target/package; with
                  --check each is tried where no toolchain is, and unit, chart and manifests are validated;
                  --program FILE packs this program and the plugins as they lie there, and builds nothing
  help            this text

Everything that is made lies in the target folder (CARGO_TARGET_DIR, else target/).

  SLUICE_TEST_BROKERS   bootstrap servers of a Kafka to test against, instead of a broker of its own
  SLUICE_KAFKA_LIBS     a folder with Kafka's jars, instead of fetching them
  SLUICE_KAFKA_DOCKER   a docker image to run Kafka from, instead of this machine's Java
";

enum Command {
    Setup,
    Test { filter: Option<OsString> },
    Demo,
    Bench { arguments: Vec<OsString> },
    Profile { arguments: Vec<OsString> },
    Faults { arguments: Vec<OsString> },
    Fuzz { arguments: Vec<OsString> },
    Simulate { arguments: Vec<OsString> },
    JqSuite { files: Vec<OsString> },
    Deny { arguments: Vec<OsString> },
    Package { arguments: Vec<OsString> },
    Help,
}

fn main() -> ExitCode {
    let command = match parse(lexopt::Parser::from_env()) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("error: {error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let outcome = run::watch_signals().and_then(|()| execute(command));
    match outcome {
        // What Ctrl-C means to a shell.
        _ if run::interrupted() => ExitCode::from(130),
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut words = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Value(word) if words.is_empty() && word == "bench" => {
                return Ok(Command::Bench { arguments: arguments.raw_args()?.collect() });
            }
            Value(word) if words.is_empty() && word == "profile" => {
                return Ok(Command::Profile { arguments: arguments.raw_args()?.collect() });
            }
            Value(word) if words.is_empty() && word == "faults" => {
                return Ok(Command::Faults { arguments: arguments.raw_args()?.collect() });
            }
            Value(word) if words.is_empty() && word == "fuzz" => {
                return Ok(Command::Fuzz { arguments: arguments.raw_args()?.collect() });
            }
            Value(word) if words.is_empty() && word == "jq-suite" => {
                return Ok(Command::JqSuite { files: arguments.raw_args()?.collect() });
            }
            Value(word) if words.is_empty() && word == "deny" => {
                return Ok(Command::Deny { arguments: arguments.raw_args()?.collect() });
            }
            Value(word) if words.is_empty() && word == "package" => {
                return Ok(Command::Package { arguments: arguments.raw_args()?.collect() });
            }
            Value(word) if words.is_empty() && word == "simulate" => {
                return Ok(Command::Simulate { arguments: arguments.raw_args()?.collect() });
            }
            Value(word) => words.push(word),
            other => return Err(other.unexpected()),
        }
    }
    let mut words = words.into_iter();
    let name = words.next().unwrap_or_else(|| "help".into());
    let command = match name.to_str() {
        Some("setup") => Command::Setup,
        Some("test") => Command::Test { filter: words.next() },
        Some("demo") => Command::Demo,
        Some("help") => Command::Help,
        _ => return Err(format!("no command {}", name.display()).into()),
    };
    match words.next() {
        Some(word) => Err(format!("{}: one argument too many: {}", name.display(), word.display()).into()),
        None => Ok(command),
    }
}

fn execute(command: Command) -> Result<()> {
    let workspace = Workspace::find()?;
    match command {
        Command::Setup => {
            workspace.build_sluice()?;
            plugins::build(&workspace, Scope::All)?;
            Kafka::provide(&workspace)?;
            registry::provide(&workspace)?;
            collector::provide(&workspace)?;
            admin::provide(&workspace)
        }
        Command::Test { filter } => test::run(&workspace, filter.as_deref()),
        Command::Demo => demo::run(&workspace),
        Command::Bench { arguments } => bench::run(&workspace, &arguments),
        Command::Profile { arguments } => profile::run(&workspace, &arguments),
        Command::Faults { arguments } => faults::run(&workspace, &arguments),
        Command::Fuzz { arguments } => fuzz::run(&workspace, &arguments),
        Command::Simulate { arguments } => simulate::run(&workspace, &arguments),
        Command::JqSuite { files } => jq_suite::run(&workspace, &files),
        Command::Deny { arguments } => deny::run(&workspace, &arguments),
        Command::Package { arguments } => package::run(&workspace, &arguments),
        Command::Help => {
            print!("{HELP}");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &[&str]) -> Result<Command, lexopt::Error> {
        parse(lexopt::Parser::from_args(words))
    }

    #[test]
    fn every_command_of_the_help_is_understood_and_others_are_refused() {
        let listed = HELP.lines().filter_map(|line| line.strip_prefix("  ")).filter_map(|line| line.split("  ").next());
        for usage in listed.filter(|usage| usage.starts_with(char::is_lowercase)) {
            let words: Vec<&str> = usage.split_whitespace().collect();
            assert!(parse_words(&words).is_ok(), "{usage}");
        }
        assert!(parse_words(&["tset"]).is_err());
        assert!(parse_words(&["demo", "extra"]).is_err());
        assert!(parse_words(&["test", "--release"]).is_err());
    }

    #[test]
    fn what_follows_faults_is_left_to_the_suite() {
        let Ok(Command::Faults { arguments }) = parse_words(&["faults", "--repeat", "5", "--seed", "7", "kill"]) else {
            panic!("it is a command")
        };
        assert_eq!(arguments, ["--repeat", "5", "--seed", "7", "kill"]);
    }

    #[test]
    fn what_follows_bench_profile_and_fuzz_is_left_to_them() {
        let Ok(Command::Bench { arguments }) = parse_words(&["bench", "copy", "--rounds", "3"]) else {
            panic!("it is a command")
        };
        assert_eq!(arguments, ["copy", "--rounds", "3"]);
        let Ok(Command::Profile { arguments }) = parse_words(&["profile", "copy", "--top", "5"]) else {
            panic!("it is a command")
        };
        assert_eq!(arguments, ["copy", "--top", "5"]);
        let Ok(Command::Fuzz { arguments }) = parse_words(&["fuzz", "packed", "--seed", "3"]) else {
            panic!("it is a command")
        };
        assert_eq!(arguments, ["packed", "--seed", "3"]);
    }
}
