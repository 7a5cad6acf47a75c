//! Shrinking: leaves out of a failing scenario whatever it fails without.

use crate::history::Outcome;
use crate::scenario::Scenario;

/// How many histories may be played for it.
const MOST: u32 = 2000;

/// Returns the shortest scenario found that still fails.
pub fn shrink(scenario: &Scenario, play: impl Fn(&Scenario) -> Outcome) -> Scenario {
    let mut shortest = scenario.clone();
    let mut left = MOST;
    let wanted = play(scenario).faults.first().map(|fault| class(fault)).unwrap_or_default();
    let mut fails = |scenario: &Scenario| {
        left = left.saturating_sub(1);
        left > 0 && play(scenario).faults.iter().any(|fault| class(fault) == wanted)
    };
    loop {
        let before = size(&shortest);
        without(&mut shortest, &mut fails, |scenario| &mut scenario.faults);
        without(&mut shortest, &mut fails, |scenario| &mut scenario.records);
        without_instances(&mut shortest, &mut fails);
        simplify(&mut shortest, &mut fails);
        if size(&shortest) >= before {
            return shortest;
        }
    }
}

/// What a fault is about, whatever its numbers are.
fn class(fault: &str) -> String {
    fault.chars().filter(|char| !char.is_ascii_digit() && !matches!(char, '/' | '"' | '.')).take(48).collect()
}

fn size(scenario: &Scenario) -> usize {
    scenario.faults.len() + scenario.records.len() + scenario.instances.len() + scenario.setup.workers
}

/// Leaves out parts of a list: halves first, then quarters, down to single ones.
fn without<T: Clone>(
    scenario: &mut Scenario,
    fails: &mut impl FnMut(&Scenario) -> bool,
    list: impl Fn(&mut Scenario) -> &mut Vec<T>,
) {
    let mut part = list(scenario).len().div_ceil(2);
    while part > 0 {
        let mut from = 0;
        while from < list(scenario).len() {
            let mut shorter = scenario.clone();
            let items = list(&mut shorter);
            let to = (from + part).min(items.len());
            items.drain(from..to);
            if fails(&shorter) {
                *scenario = shorter;
            } else {
                from = to;
            }
        }
        part /= 2;
    }
}

/// Faults name instances by their number, so the last goes first.
fn without_instances(scenario: &mut Scenario, fails: &mut impl FnMut(&Scenario) -> bool) {
    while scenario.instances.len() > 1 {
        let mut shorter = scenario.clone();
        shorter.instances.pop();
        if !fails(&shorter) {
            return;
        }
        *scenario = shorter;
    }
}

/// Takes the simplest of each where that fails too.
fn simplify(scenario: &mut Scenario, fails: &mut impl FnMut(&Scenario) -> bool) {
    let changes: [fn(&mut Scenario); 8] = [
        |scenario| scenario.setup.workers = 1,
        |scenario| scenario.style.stalls_per_mille = 0,
        |scenario| scenario.style.spurious_per_mille = 0,
        |scenario| scenario.network.slow_per_mille = 0,
        |scenario| scenario.setup.by_pattern = false,
        |scenario| scenario.setup.named = false,
        |scenario| scenario.records.iter_mut().for_each(|fed| (fed.hole, fed.transaction) = (0, None)),
        |scenario| (scenario.setup.script.retries, scenario.setup.script.poison) = (0, 0),
    ];
    for change in changes {
        let mut simpler = scenario.clone();
        change(&mut simpler);
        if simpler != *scenario && fails(&simpler) {
            *scenario = simpler;
        }
    }
}
