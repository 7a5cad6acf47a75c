//! More than one copy of the pipeline.

use std::time::Instant;

use serde_json::json;
use sluicebox_tests::{LIMIT, LogLine, Mix, Sluice, wait_for};

use crate::report::Report;
use crate::trial::{PARTITIONS, Trial};

/// One copy, then three, then one again. Partitions are handed over in good order.
pub fn come_and_go(mut trial: Trial) -> Report {
    // A copy may give up a partition and take it again.
    trial.may_come_back = true;
    trial.load(Mix::usual());
    let mut copies = Vec::new();
    for _ in 0..3 {
        let mut copy = trial.start();
        copy.wait_until_ready();
        copies.push(copy);
        trial.go_on_for_a_while();
    }
    for _ in 0..2 {
        let leaver = trial.random.usize(..copies.len());
        let mut leaver = copies.swap_remove(leaver);
        trial.stop(&mut leaver, Some(0));
        trial.go_on_for_a_while();
    }
    trial.finish(copies)
}

/// The same, where the brokers decide who gets what.
pub fn come_and_go_with_the_newer_protocol(mut trial: Trial) -> Report {
    trial.pipeline.set("consumer", json!({ "group.protocol": "consumer" }));
    come_and_go(trial)
}

/// A copy is stopped (SIGSTOP) for longer than its session, in the middle of its work; the other takes over, and then
/// the first goes on where it was: what it still has in its hands is not to be delivered, and it is to join again.
pub fn frozen(mut trial: Trial) -> Report {
    trial.may_come_back = true;
    trial.load(Mix::usual());
    let (mut frozen, mut other) = (trial.start(), trial.start());
    frozen.wait_until_ready();
    wait_for_assigned(&mut other, 0, "a share", |count| count > 0);
    trial.go_on_for_a_while();
    frozen.signal(libc::SIGSTOP);
    trial.may_repeat_from(Instant::now());
    let seen = other.lines().len();
    wait_for_assigned(&mut other, seen, "all partitions", |count| count == PARTITIONS);
    trial.go_on_for_a_while();
    let seen = frozen.lines().len();
    frozen.signal(libc::SIGCONT);
    wait_for_assigned(&mut frozen, seen, "a share of its own again", |count| count > 0);
    trial.go_on_for_a_while();
    trial.finish(vec![other, frozen])
}

/// Two copies with one name: one of them stops and says so, and the other goes on.
pub fn same_instance(mut trial: Trial) -> Report {
    trial.pipeline.set("instance", json!("twin"));
    trial.load(Mix::usual());
    let mut first = trial.start();
    first.wait_until_ready();
    trial.go_on_for_a_while();
    let from = Instant::now();
    let mut second = trial.start();
    wait_for("one of two copies with one name to end", LIMIT * 2, || {
        if first.is_running() && second.is_running() { Err("both run".to_owned()) } else { Ok(()) }
    });
    let (mut ended, left) = if first.is_running() { (second, first) } else { (first, second) };
    assert_eq!(ended.wait_for_end(LIMIT), 1);
    // Who is thrown out can commit no more.
    trial.may_repeat_from(from);
    let errors = ended.errors();
    assert!(errors.iter().any(|error| error.contains("instance") && error.contains("twin")), "{errors:?}");
    trial.go_on_for_a_while();
    trial.finish(vec![left])
}

/// A copy with a name is stopped and started within its session: nobody gets anything that was not his.
pub fn restart_within_the_session(mut trial: Trial) -> Report {
    trial.pipeline.set("consumer", json!({ "session.timeout.ms": 30_000, "heartbeat.interval.ms": 500 }));
    trial.load(Mix::usual());
    let [mut first, mut second] = ["a", "b"].map(|name| {
        trial.pipeline.set("instance", json!(name));
        trial.start()
    });
    for copy in [&mut first, &mut second] {
        wait_for_assigned(copy, 0, "half of the partitions", |count| count == PARTITIONS / 2);
    }
    trial.go_on_for_a_while();
    let seen = first.lines().len();
    trial.stop(&mut second, Some(0));
    let mut second = trial.start();
    wait_for_assigned(&mut second, 0, "half of the partitions again", |count| count == PARTITIONS / 2);
    trial.go_on_for_a_while();
    let moved = first.lines().into_iter().skip(seen).find(is_change);
    assert!(moved.is_none(), "the other copy was bothered: {moved:?}");
    trial.finish(vec![first, second])
}

/// Waits until a copy says, after so many lines of its log, that it has a number of partitions.
pub fn wait_for_assigned(copy: &mut Sluice, first: usize, what: &str, is_wanted: impl Fn(i32) -> bool) {
    let is_it = |line: &LogLine| line.message() == "assigned" && line.field("partitions").parse().is_ok_and(&is_wanted);
    copy.wait_for_line_from(first, what, is_it);
}

/// Whether the line tells of partitions that come or go.
fn is_change(line: &LogLine) -> bool {
    line.message() == "revoked" || (line.message() == "assigned" && !line.field("added").is_empty())
}
