//! `cargo xtask bench`: the benchmarks, with what they need.

use std::ffi::OsStr;

use anyhow::Result;

use crate::kafka::Kafka;
use crate::plugins;
use crate::run;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

/// The parts that measure inside one process; every other part, and all of them together, needs a broker.
const WITHOUT_BROKER: [&str; 1] = ["stage"];

/// Runs one part of the benchmarks, or all.
pub fn run(workspace: &Workspace, part: Option<&OsStr>) -> Result<()> {
    plugins::build(workspace, &Toolchain::provide(workspace)?)?;
    workspace.build_sluice()?;
    let mut command = workspace.cargo();
    command.args(["run", "--release", "--package", "sluicebox-bench", "--"]).args(part);
    workspace.export(&mut command);
    if part.is_some_and(|part| WITHOUT_BROKER.iter().any(|without| part == *without)) {
        return run::run(&mut command);
    }
    let broker = Kafka::provide(workspace)?.start()?;
    broker.export(&mut command);
    run::run(&mut command)
}
