//! `cargo xtask bench`: the benchmarks, with what they need.

use std::ffi::OsString;

use anyhow::Result;
use sluicebox_test_broker::Machine;

use crate::kafka::Kafka;
use crate::peers::Peers;
use crate::plugins::{self, Scope};
use crate::run;
use crate::workspace::Workspace;

/// The parts that measure inside one process; every other part, and all of them together, needs a broker.
const WITHOUT_BROKER: [&str; 4] = ["boundary", "jq", "scale", LANGUAGES];

/// The part that needs the plugins of all languages.
const LANGUAGES: &str = "languages";

/// The part that starts a large plugin too, and where that is.
const START: &str = "start";
const LARGE_PLUGIN: &str = "examples/order-enrich-js";

/// The part that needs what others offer for the same work.
const PEERS: &str = "peers";

/// The part that is a program by itself, with what only it needs.
const AVRO: &str = "avro";

/// Runs one part of the benchmarks, or all. `arguments`: the part's name, and options of its own.
pub fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let part = arguments.iter().filter_map(|word| word.to_str()).find(|word| !word.starts_with('-'));
    if part == Some(AVRO) {
        let mut command = workspace.cargo();
        command.args(["run", "--release", "--locked", "--manifest-path"]);
        command.arg(workspace.root.join("bench/peers/avro/Cargo.toml"));
        return run::run(command.env("CARGO_TARGET_DIR", workspace.target.join("bench-avro")));
    }
    workspace.build_sluice()?;
    plugins::build(workspace, if part == Some(LANGUAGES) { Scope::All } else { Scope::Benchmarks })?;
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
    let peers = match part {
        Some(PEERS) => Peers::provide(workspace, arguments)?,
        Some(_) => Peers::default(),
        // It is the last part: without them the others are measured all the same.
        None => Peers::provide(workspace, &[PEERS.into()]).unwrap_or_else(|error| {
            run::say("peers", &format!("{error:#}"));
            Peers::default()
        }),
    };
    peers.export(&mut command);
    let broker = Kafka::provide(workspace)?.start(Machine::Usual)?;
    broker.export(&mut command);
    run::run(&mut command)
}
