//! Partitions that stay where they are go on while others move.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
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

/// How long the flow is measured, and a leader is away.
const MEASURED: Duration = Duration::from_secs(15);

/// The share of their flow that the other partitions keep.
const KEPT: f64 = 0.95;

/// The only replica of a partition of the input goes away: the others go on, and begin after a restart.
pub fn input_leader_away(mut trial: Trial) -> Report {
    trial.kafka.delete_topic(&trial.pipeline.input);
    trial.kafka.create_replicated_topic(&trial.pipeline.input, PARTITIONS, 1, &[]);
    trial.pipeline.set_in("input", "start", json!("latest"));
    let mut sluice = trial.start();
    wait_for_assigned(&mut sluice, 0, "all partitions", |count| count == PARTITIONS);
    trial.load(Mix::usual());
    trial.go_on(2_000);
    // Of the group's coordinator they would wait for a moment, whatever the input does.
    let coordinator = trial.kafka.group_coordinator(&trial.pipeline.name);
    let leaders: Vec<i32> = (0..PARTITIONS).map(|number| trial.kafka.leader(&trial.pipeline.input, number)).collect();
    let leader = *leaders.iter().find(|leader| **leader != coordinator).expect("three brokers lead six partitions");
    let others = leaders.iter().filter(|other| **other != leader).count();
    let before = flow(&trial);
    let site = trial.site.clone();
    site.broker(leader).stop().unwrap();
    let kept = flow(&trial) / (before * others as f64 / f64::from(PARTITIONS));
    trial.promise_share("flow of the others while one leader is away", kept, KEPT);
    let seen = sluice.lines().len();
    assert!(sluice.is_running(), "after {seen} lines: {:?}", sluice.errors());
    trial.stop(&mut sluice, Some(0));
    let mut sluice = trial.start();
    // The group has an offset of each: where they begin is no question to their leader.
    wait_for_assigned(&mut sluice, 0, "all partitions again", |count| count == PARTITIONS);
    trial.go_on(2_000);
    site.broker(leader).restart().unwrap();
    trial.finish(vec![sluice])
}

/// Records in a second that come out, over a while.
fn flow(trial: &Trial) -> f64 {
    let (size, from) = (trial.kafka.size(&trial.pipeline.output), Instant::now());
    thread::sleep(MEASURED);
    let more = trial.kafka.size(&trial.pipeline.output) - size;
    more as f64 / from.elapsed().as_secs_f64()
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
