//! `cargo xtask bench`: the benchmarks, with what they need.

use std::ffi::OsString;

use anyhow::Result;

use crate::kafka::Kafka;
use crate::peers::Peers;
use crate::plugins::{self, Scope};
use crate::run;
use crate::workspace::Workspace;

/// The parts that measure inside one process; every other part, and all of them together, needs a broker.
const WITHOUT_BROKER: [&str; 3] = ["boundary", "scale", LANGUAGES];

/// The part that needs the plugins of all languages.
const LANGUAGES: &str = "languages";

/// The part that needs what others offer for the same work.
const PEERS: &str = "peers";

/// The part that starts a large plugin too, and where that is.
const START: &str = "start";
const LARGE_PLUGIN: &str = "examples/order-enrich-js";

/// Runs one part of the benchmarks, or all. `arguments`: the part's name, and options of its own.
pub fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    workspace.build_sluice()?;
    let part = arguments.iter().filter_map(|word| word.to_str()).find(|word| !word.starts_with('-'));
    let scope = if part == Some(LANGUAGES) { Scope::All } else { Scope::Benchmarks };
    plugins::build(workspace, scope)?;
    if part.is_none_or(|part| part == START) {
        // Not everybody has Node.js: the part says what is missing, and measures the others.
        if let Err(error) = plugins::build_javascript(workspace, LARGE_PLUGIN) {
            run::say("plugins", &format!("no {LARGE_PLUGIN}: {error:#}"));
        }
    }
    let mut command = workspace.cargo();
    command.args(["run", "--release", "--package", "sluicebox-bench", "--"]).args(arguments);
    workspace.export(&mut command);
    if part.is_some_and(|part| WITHOUT_BROKER.contains(&part)) {
        return run::run(&mut command);
    }
    let peers = if part == Some(PEERS) { Peers::provide(workspace, arguments)? } else { Peers::default() };
    peers.export(&mut command);
    let broker = Kafka::provide(workspace)?.start()?;
    broker.export(&mut command);
    run::run(&mut command)
}
