//! `cargo xtask test`: everything that the project promises, against a real broker.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use sluicebox_test_broker::Machine;

use crate::admin;
use crate::collector;
use crate::faults;
use crate::kafka::{Kafka, SharedBroker};
use crate::languages;
use crate::plugins::{self, Scope};
use crate::python;
use crate::registry;
use crate::run;
use crate::sdks;
use crate::simulate;
use crate::steps::Steps;
use crate::workspace::Workspace;

/// The host's packages. One profile for everything, because a second one would build wasmtime and librdkafka once
/// more; xtask stays in the profile that it runs in.
pub const HOST: [&str; 4] = ["--release", "--workspace", "--exclude", "xtask"];

/// The programs and all that tests them; `faults` is named because it does not run with the others.
pub const TESTS: [&str; 4] = ["--bins", "--tests", "--test", "faults"];

/// How many tests run side by side: most of their time they wait for a broker, which leaves two cores idle.
const AT_ONCE: &str = "--test-threads=6";

const NO_PYTHON: &str = "no Python 3 with venv: install Python 3.10 or newer (Debian: apt-get install python3 python3-venv); the \
                         Avro codec is tested against fastavro";

/// End-to-end tests to which the kind of delivery is nothing: no broker takes part, or nothing is delivered.
const ANY_DELIVERY: [&str; 15] = [
    "api::schemathesis",
    "check::",
    "dev::",
    "explain::",
    "format_tools::",
    "hostile::",
    "languages::",
    "monitoring::",
    "new::",
    "page::",
    "pipeline_tests::",
    "precompiled::",
    "service_manager::",
    "streams::",
    "usage::",
];

/// Runs the tests whose names contain `filter`, or all. Tests go on after a failure; the summary names what failed.
pub fn run(workspace: &Workspace, filter: Option<&OsStr>) -> Result<()> {
    let mut steps = Steps::default();
    run_steps(workspace, filter, &mut steps);
    steps.finish()
}

/// Stops early, with `None`, where nothing of use could follow.
fn run_steps(workspace: &Workspace, filter: Option<&OsStr>, steps: &mut Steps) -> Option<()> {
    let kafka = steps.run("set-up", || Kafka::provide(workspace))?;
    // Without it a few tests fail, and say what is missing.
    steps.run("registry", || registry::provide(workspace));
    steps.run("collector", || collector::provide(workspace));
    steps.run("admin", || admin::provide(workspace));
    // With the tests, so that the program and the tests share one set of features: else dependencies build twice.
    steps.run("build", || run::run(workspace.cargo().arg("build").args(HOST).args(TESTS)))?;
    steps.run("build with failpoints", || faults::build(workspace))?;
    steps.run("plugins", || plugins::build(workspace, Scope::All))?;
    steps.run("browser", || languages::provide_browser(workspace))?;
    // The broker starts when the compiler has finished and ends before the plugins' tests are compiled.
    let broker = steps.run("broker", || kafka.start(Machine::Small))?;
    // The scenarios start brokers of their own, and wait most of the time as the others do.
    let scenarios = |log: &Path| faults::short(workspace, &broker, filter, log);
    steps.run_beside("fault scenarios", scenarios, |steps| {
        steps.run("host tests", || host_tests(workspace, &broker, host_command(workspace, filter)));
        // The same promises once more under exactly_once, which the tests take from the environment.
        steps.run("exactly once", || host_tests(workspace, &broker, exactly_once_command(workspace, filter)));
    });
    drop(broker);
    if filter.is_none() {
        steps.run("simulation", || simulate::test(workspace));
    }
    steps.run("xtask tests", || run::run(workspace.cargo().args(["test", "--package", "xtask"]).args(filter)));
    steps.run("plugin tests", || {
        run::run(workspace.cargo_for_plugins().args(["test", "--no-fail-fast"]).args(filter))
    })?;
    // They have no filter in common.
    if filter.is_none() { steps.run("SDK tests", || sdks::test(workspace)) } else { Some(()) }
}

/// Runs tests of the host with everything that they need: `command` is a `cargo test`, `run` runs it.
pub fn with_all_needs(
    workspace: &Workspace,
    command: &mut Command,
    run: impl FnOnce(&mut Command) -> Result<()>,
) -> Result<()> {
    // A test that is killed cannot remove its temporary files.
    // Outside of the workspace, or a crate that a test makes would become a member of it.
    let temporary = tempfile::tempdir().context("cannot make a folder for temporary files")?;
    workspace.export(command);
    run(command.env("TMPDIR", temporary.path()))
}

fn host_command(workspace: &Workspace, filter: Option<&OsStr>) -> Command {
    let mut command = workspace.cargo();
    command.arg("test").args(HOST).arg("--no-fail-fast").args(filter).args(["--", AT_ONCE]);
    command
}

fn exactly_once_command(workspace: &Workspace, filter: Option<&OsStr>) -> Command {
    let mut command = workspace.cargo();
    command.arg("test").args(HOST).args(["--no-fail-fast", "--test", "e2e"]).args(filter);
    command.env("SLUICE_TEST_DELIVERY", "exactly_once").args(["--", AT_ONCE]);
    ANY_DELIVERY.iter().for_each(|module| {
        command.args(["--skip", module]);
    });
    command
}

fn host_tests(workspace: &Workspace, broker: &SharedBroker, mut command: Command) -> Result<()> {
    broker.export(&mut command);
    let requirements = workspace.root.join("runtime/tests/fastavro/requirements.txt");
    let fastavro = python::environment(&requirements, &workspace.target.join("fastavro"), NO_PYTHON)?;
    command.env("SLUICE_FASTAVRO_PYTHON", fastavro);
    with_all_needs(workspace, &mut command, run::run)
}
