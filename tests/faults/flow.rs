//! Partitions that stay where they are go on while others move.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sluicebox_tests::{Flow, Mix, Sluice};

use crate::copies::wait_for_assigned;
use crate::report::Report;
use crate::trial::{PARTITIONS, Trial};

/// What a partition that stays may lose.
const LOSS: Duration = Duration::from_secs(1);

/// A copy comes, and goes again: what the other had and keeps does not stand still.
pub fn rebalance(mut trial: Trial) -> Report {
    trial.may_come_back = true;
    trial.load(Mix::usual());
    let mut first = trial.start();
    wait_for_assigned(&mut first, 0, "all partitions", |count| count == PARTITIONS);
    trial.go_on(2_000);
    let flow = Flow::watch(&trial.kafka, &trial.pipeline.output);

    let (seen, from) = (first.lines().len(), Instant::now());
    let mut second = trial.start();
    wait_for_assigned(&mut second, 0, "half of the partitions", |count| count == PARTITIONS / 2);
    trial.go_on(2_000);
    let moved = revoked(&first, seen);
    assert_eq!(moved.len(), PARTITIONS as usize / 2, "{moved:?}");
    let stayed: Vec<i32> = (0..PARTITIONS).filter(|partition| !moved.contains(partition)).collect();
    let gap = longest_gap(&flow, &stayed, from);
    trial.promise("one comes: longest gap", gap, LOSS);

    let from = Instant::now();
    trial.stop(&mut second, Some(0));
    wait_for_assigned(&mut first, seen, "all partitions again", |count| count == PARTITIONS);
    trial.go_on(2_000);
    let gap = longest_gap(&flow, &stayed, from);
    trial.promise("one goes: longest gap", gap, LOSS);
    trial.finish(vec![first])
}

fn longest_gap(flow: &Flow, partitions: &[i32], from: Instant) -> Duration {
    let gaps = partitions.iter().map(|partition| flow.longest_gap(*partition, from, Instant::now()));
    gaps.max().expect("partitions have stayed")
}

/// The partitions that a copy says to have given up, after so many lines of its log.
fn revoked(copy: &Sluice, first: usize) -> BTreeSet<i32> {
    let lines = copy.lines().into_iter().skip(first).filter(|line| line.message() == "revoked");
    let lists: Vec<String> = lines.map(|line| line.field("partitions")).collect();
    let names = lists.iter().flat_map(|list| list.split_whitespace());
    names.filter_map(|name| name.rsplit_once('/')?.1.parse().ok()).collect()
}
