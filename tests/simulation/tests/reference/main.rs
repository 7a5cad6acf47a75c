//! The simulation itself, tried with a small program: nothing is found while it is right, and each of its faults is.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is a failed test, in its helpers too")]

mod program;

use std::rc::Rc;

use sluicebox_simulation::draw::draw;
use sluicebox_simulation::history::Outcome;
use sluicebox_simulation::play::play;
use sluicebox_simulation::scenario::Scenario;
use sluicebox_simulation::script::Script;
use sluicebox_simulation::world;

use crate::program::{Small, Wrong};

/// A scenario that the small program can do: it keeps every record.
fn scenario(seed: u64, kind: &str, exactly_once: bool) -> Scenario {
    let mut scenario = draw(seed, Some(kind)).unwrap();
    let setup = &mut scenario.setup;
    setup.script = Script { seed, stages: 1, ..Script::default() };
    setup.then.truncate(1);
    (setup.exactly_once, setup.drops_default, setup.starts_at_end) = (exactly_once, false, false);
    setup.output_limit = 1_000_000;
    scenario
}

/// The first history in which something is found.
fn find(kind: &str, exactly_once: bool, wrong: Option<Wrong>, seeds: u64) -> Option<(Scenario, Outcome)> {
    (0..seeds).find_map(|seed| {
        let scenario = scenario(seed, kind, exactly_once);
        let outcome = play(&scenario, Rc::new(Small(wrong)));
        (!outcome.faults.is_empty()).then_some((scenario, outcome))
    })
}

fn passes(kind: &str, exactly_once: bool) {
    if let Some((scenario, _)) = find(kind, exactly_once, None, 300) {
        world::set_traces(true);
        let outcome = play(&scenario, Rc::new(Small(None)));
        let trace = &outcome.trace[outcome.trace.len().saturating_sub(60)..];
        panic!("{}\n{}\n{:?}", scenario.describe(), trace.join("\n"), outcome.faults);
    }
}

#[test]
fn a_right_program_passes() {
    for kind in ["rebalance", "brokers", "static"] {
        passes(kind, false);
    }
}

#[test]
fn a_right_program_with_transactions_passes() {
    for kind in ["rebalance", "static"] {
        passes(kind, true);
    }
}

#[test]
fn each_fault_is_found() {
    let wrongs = [
        (Wrong::CommitsBeforeItWrites, "clean", false),
        (Wrong::CommitsOneTooFar, "clean", false),
        (Wrong::ForgetsToSeekAfterARebalance, "rebalance", false),
        (Wrong::NeverAnswersARevoke, "rebalance", false),
        (Wrong::ForgetsToSeekAfterAnAbort, "rebalance", true),
        (Wrong::IgnoresFailedReports, "rights", false),
    ];
    for (wrong, kind, exactly_once) in wrongs {
        assert!(find(kind, exactly_once, Some(wrong), 1000).is_some(), "{wrong:?} was not found");
    }
}

#[test]
fn a_history_is_the_same_each_time() {
    world::set_traces(true);
    for seed in 0..50 {
        for kind in ["rebalance", "brokers"] {
            let scenario = scenario(seed, kind, seed % 2 == 0);
            let first = play(&scenario, Rc::new(Small(None)));
            let second = play(&scenario, Rc::new(Small(None)));
            assert_eq!(first, second, "{kind} {seed}");
        }
    }
}
