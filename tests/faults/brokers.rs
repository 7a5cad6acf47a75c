//! Brokers die, restart, refuse, or are all gone.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use sluicebox_tests::{Flow, LIMIT, Mix, wait_for};

use crate::report::Report;
use crate::scenario::Delivery;
use crate::trial::{PARTITIONS, Trial};

/// How long all brokers are away: the fault itself.
const AWAY: Duration = Duration::from_secs(60);

/// After they have come back, the flow is to resume within this time.
const RESUME: Duration = Duration::from_secs(15);

/// How long a topic refuses what is written: the fault itself, shorter than a transaction may take.
const REFUSAL: Duration = Duration::from_secs(8);

/// The leader of a partition of the output is killed, and comes back.
pub fn leader_killed(mut trial: Trial) -> Report {
    trial.keep_default_session();
    let kills = if trial.is_whole { 3 } else { 1 };
    trial.load(Mix::usual());
    let sluice = trial.start();
    trial.go_on_for_a_while();
    for _ in 0..kills {
        let partition = trial.random.i32(0..PARTITIONS);
        let leader = trial.kafka.leader(&trial.pipeline.output, partition);
        kill_and_restart(&mut trial, leader);
    }
    trial.finish(vec![sluice])
}

/// One broker after the other is stopped in good order and started again.
pub fn rolling_bounce(mut trial: Trial) -> Report {
    trial.keep_default_session();
    trial.load(Mix::usual());
    let (sluice, from) = (trial.start(), Instant::now());
    trial.go_on_for_a_while();
    let site = trial.site.clone();
    for broker in site.cluster().brokers() {
        broker.stop().unwrap();
        trial.go_on_for_a_while();
        broker.restart().unwrap();
        trial.kafka.wait_until_in_sync();
    }
    trial.go_on_for_a_while();
    trial.forgive_lost_memberships(&sluice, from);
    trial.finish(vec![sluice])
}

/// The coordinators of the group and of the transactions are killed, one after the other.
pub fn coordinators_killed(mut trial: Trial) -> Report {
    trial.keep_default_session();
    // With a name the transactional id is known.
    trial.pipeline.set("instance", json!("one"));
    trial.load(Mix::usual());
    let sluice = trial.start();
    trial.go_on_for_a_while();
    let group = trial.kafka.group_coordinator(&trial.pipeline.name);
    kill_and_restart(&mut trial, group);
    if trial.delivery == Delivery::ExactlyOnce {
        let transactions = trial.kafka.transaction_coordinator(&format!("sluice-{}-one", trial.pipeline.name));
        kill_and_restart(&mut trial, transactions);
    }
    trial.finish(vec![sluice])
}

/// All brokers are away for a minute, in the middle of the work. The flow resumes by itself soon after they are back.
pub fn away(mut trial: Trial) -> Report {
    trial.keep_default_session();
    trial.may_come_back = true;
    trial.load_backlog();
    let mut sluice = trial.start();
    trial.go_on_for_a_while();
    assert!(trial.group.caught_up(&trial.pipeline.input).is_err(), "there is no work left");
    let flow = Flow::watch(&trial.kafka, &trial.pipeline.output);
    let (site, from) = (trial.site.clone(), Instant::now());
    site.cluster().brokers().iter().for_each(|broker| broker.kill().unwrap());
    thread::sleep(AWAY);
    assert!(sluice.is_running(), "it waits for brokers: {:?}", sluice.errors());
    let called = Instant::now();
    site.cluster().restart_all().unwrap();
    let back = Instant::now();
    let first = wait_for("the flow to resume", LIMIT * 2, || {
        flow.first_after(called).ok_or_else(|| "nothing has come yet".to_owned())
    });
    trial.promise("resumed after", first.saturating_duration_since(back), RESUME);
    trial.may_repeat_from(from);
    trial.go_on(2_000);
    trial.finish(vec![sluice])
}

/// The output wants more replicas than there are for a while: the brokers refuse every record, and the producer tries
/// again.
pub fn produce_errors(mut trial: Trial) -> Report {
    trial.keep_default_session();
    trial.load(Mix::usual());
    let sluice = trial.start();
    trial.go_on_for_a_while();
    trial.kafka.set_topic_properties(&trial.pipeline.output, &[("min.insync.replicas", "3")]);
    // One that neither the group nor the transactions need.
    let group = trial.kafka.group_coordinator(&trial.pipeline.name);
    let site = trial.site.clone();
    let broker = site.cluster().brokers().iter().find(|broker| broker.id() != group).unwrap();
    broker.stop().unwrap();
    // The output's end cannot be asked for meanwhile; what is not written is not committed either.
    thread::sleep(REFUSAL / 2);
    let refusing = trial.group.committed(&trial.pipeline.input);
    thread::sleep(REFUSAL / 2);
    assert_eq!(trial.group.committed(&trial.pipeline.input), refusing, "the output was to refuse what is written");
    trial.kafka.set_topic_properties(&trial.pipeline.output, &[("min.insync.replicas", "2")]);
    trial.go_on(2_000);
    broker.restart().unwrap();
    trial.finish(vec![sluice])
}

/// A broker dies, the flow goes on without it, and it comes back with its data.
fn kill_and_restart(trial: &mut Trial, id: i32) {
    // The member may be lost together with its coordinator, and then comes back.
    trial.may_come_back = true;
    let site = trial.site.clone();
    let from = Instant::now();
    site.broker(id).kill().unwrap();
    trial.go_on_for_a_while();
    trial.may_repeat_from(from);
    site.broker(id).restart().unwrap();
    trial.kafka.wait_until_in_sync();
    trial.go_on_for_a_while();
}
