//! The simulation itself, tried with a small program: each of its faults is found, and a history repeats exactly.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is a failed test, in its helpers too")]

mod program;

use std::rc::Rc;

use sluicebox_simulation::draw::draw;
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

/// Whether there is a history in which something is found with the fault, and nothing without it. The second half keeps
/// out what the small program cannot do at all: it ends where the broker has aborted its transaction for its age, and
/// writes again what it has not committed when a partition goes to another member.
fn is_found(kind: &str, exactly_once: bool, wrong: Wrong) -> bool {
    (0..1000).any(|seed| {
        let scenario = scenario(seed, kind, exactly_once);
        !play(&scenario, Rc::new(Small(Some(wrong)))).faults.is_empty()
            && play(&scenario, Rc::new(Small(None))).faults.is_empty()
    })
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
        assert!(is_found(kind, exactly_once, wrong), "{wrong:?} was not found");
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
