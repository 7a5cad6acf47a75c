//! Plugins that trap, loop, eat memory, or take their time.

use std::time::{Duration, Instant};

use serde_json::json;
use sluicebox_tests::{Flow, LIMIT, LogLine, Mix, java_partition};

use crate::report::Report;
use crate::trial::{PARTITIONS, Trial};

/// The members' `max.poll.interval.ms`.
const POLL_INTERVAL: Duration = Duration::from_secs(6);

/// Turns of the plugin's loop that take longer than that on any machine: it does five in a nanosecond at best.
const LONG: u64 = 50_000_000_000;

/// Records at which the plugin traps, loops or eats memory are dead letters, each alone; the others go on.
pub fn poison(mut trial: Trial) -> Report {
    trial.judge.insert("limits".to_owned(), json!({ "time": "300ms", "memory": "32MiB" }));
    // Each record that loops costs its limit many times over, until it is found.
    trial.rate = 500;
    trial.load(Mix::poisonous());
    let sluice = trial.start();
    trial.go_on(if trial.is_whole { 15_000 } else { 5_000 });
    trial.finish(vec![sluice])
}

/// A stage takes longer than a member may take between two polls: the member stays in its group all the same.
pub fn slower_than_the_poll(mut trial: Trial) -> Report {
    let interval = POLL_INTERVAL.as_millis() as u64;
    trial.pipeline.set_in("consumer", "max.poll.interval.ms", json!(interval));
    trial.judge.insert("limits".to_owned(), json!({ "time": "10m" }));
    let mut sluice = trial.start();
    sluice.wait_until_ready();
    let flow = Flow::watch(&trial.kafka, &trial.pipeline.output);
    let from = Instant::now();
    trial.feed("slow", &format!("!spin:{LONG}"));
    trial.load(Mix::usual());
    let partition = java_partition(b"slow", PARTITIONS);
    sluice.wait_for("the slow record to come out", LIMIT * 2, || {
        flow.first_of(partition, from).ok_or_else(|| "nothing has come out of its partition".to_owned())
    });
    let gap = flow.longest_gap(partition, from, Instant::now());
    assert!(gap > POLL_INTERVAL, "the stage was not slow: {gap:?}");
    trial.note(format!("{:.1} s in the stage", gap.as_secs_f64()));
    let is_thrown_out = |line: &LogLine| line.message() == "revoked" || line.text.contains("max.poll.interval");
    let thrown_out = sluice.lines().into_iter().find(is_thrown_out);
    assert!(thrown_out.is_none(), "{thrown_out:?}");
    trial.go_on(1_000);
    trial.finish(vec![sluice])
}
