//! `cargo xtask bench`: the benchmarks, with what they need.

use std::ffi::OsString;

use anyhow::Result;

use crate::kafka::Kafka;
use crate::plugins;
use crate::run;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

/// The parts that measure inside one process; every other part, and all of them together, needs a broker.
const WITHOUT_BROKER: [&str; 1] = ["boundary"];

/// Runs one part of the benchmarks, or all. `arguments`: the part's name, and options of its own.
pub fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    plugins::build(workspace, &Toolchain::provide(workspace)?)?;
    workspace.build_sluice()?;
    let mut command = workspace.cargo();
    command.args(["run", "--release", "--package", "sluicebox-bench", "--"]).args(arguments);
    workspace.export(&mut command);
    if arguments.first().is_some_and(|part| WITHOUT_BROKER.iter().any(|without| part == *without)) {
        return run::run(&mut command);
    }
    let broker = Kafka::provide(workspace)?.start()?;
    broker.export(&mut command);
    run::run(&mut command)
}
