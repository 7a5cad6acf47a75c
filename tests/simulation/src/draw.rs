//! Drawing scenarios: which configuration, which records and which faults a seed stands for.

use fastrand::Rng;

use crate::check::Then;
use crate::cluster::group::Protocol;
use crate::fault::{Fault, Timed};
use crate::network::{MS, Network, SECOND};
use crate::scenario::{Fed, OnLost, Scenario, Setup};
use crate::scheduler::{Nanos, Style};
use crate::script::Script;

/// A kind of scenario: what is likely to happen in it.
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    // Faults that are drawn, each with its weight.
    faults: &'static [(Draw, u32)],
    // The most faults in one history.
    most_faults: usize,
    // Changes a setup that was drawn.
    shape: fn(&mut Setup, &mut Rng),
}

/// Draws a fault.
type Draw = fn(&mut Rng, &Setup, usize) -> Fault;

fn time(rng: &mut Rng) -> Nanos {
    match rng.u8(..4) {
        0 => rng.u64(MS..200 * MS),
        1 | 2 => rng.u64(100 * MS..3 * SECOND),
        _ => rng.u64(SECOND..12 * SECOND),
    }
}

fn stop(rng: &mut Rng, _: &Setup, instances: usize) -> Fault {
    Fault::Stop { instance: rng.usize(..instances), pause: time(rng) }
}

fn crash(rng: &mut Rng, _: &Setup, instances: usize) -> Fault {
    Fault::Crash { instance: rng.usize(..instances), pause: time(rng) }
}

fn freeze(rng: &mut Rng, _: &Setup, instances: usize) -> Fault {
    Fault::Freeze { instance: rng.usize(..instances), time: time(rng) }
}

fn broker(rng: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::Broker { broker: rng.usize(..3), time: time(rng), failover: rng.u64(..3 * SECOND) }
}

fn expel(rng: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::Expel { member: rng.u64(..) }
}

fn rebalance(_: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::Rebalance
}

fn deny_read(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    Fault::DenyRead { topic: rng.usize(..setup.topics.len()), time: time(rng) }
}

fn deny_write(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    Fault::DenyWrite { output: rng.usize(..=setup.more_outputs), time: time(rng) }
}

fn deny_group(rng: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::DenyGroup { time: time(rng) }
}

fn deny_transactions(rng: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::DenyTransactions { time: time(rng) }
}

fn shrink(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    Fault::Shrink { output: rng.usize(..=setup.more_outputs), bytes: rng.usize(200..500) }
}

fn compact(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    Fault::Compact { output: rng.usize(..=setup.more_outputs) }
}

fn partition(rng: &mut Rng, setup: &Setup) -> (usize, usize) {
    let topic = rng.usize(..setup.topics.len());
    (topic, rng.usize(..setup.topics[topic]))
}

fn truncate(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    let (topic, partition) = partition(rng, setup);
    Fault::Truncate { topic, partition, records: rng.i64(1..10) }
}

fn retain(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    let (topic, partition) = partition(rng, setup);
    Fault::Retain { topic, partition, records: rng.i64(0..10) }
}

fn recreate(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    Fault::Recreate { topic: rng.usize(..setup.topics.len()) }
}

fn grow(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    Fault::Grow { topic: rng.usize(..setup.topics.len()), partitions: rng.usize(1..3) }
}

fn outage(rng: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::Outage { time: time(rng) }
}

fn reject_all(rng: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::RejectAll { time: time(rng) }
}

fn panic(_: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::Panic
}

fn slow(rng: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::Slow { time: time(rng) }
}

fn open_transaction(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    let (topic, partition) = partition(rng, setup);
    Fault::OpenTransaction { topic, partition, time: time(rng) }
}

fn as_drawn(_: &mut Setup, _: &mut Rng) {}

fn at_least_once(setup: &mut Setup, _: &mut Rng) {
    setup.exactly_once = false;
}

fn exactly_once(setup: &mut Setup, _: &mut Rng) {
    setup.exactly_once = true;
}

fn with_retries(setup: &mut Setup, rng: &mut Rng) {
    setup.script.retries = rng.u32(100..400);
    setup.backoff = rng.u64(10..1500);
}

fn with_breaker(setup: &mut Setup, rng: &mut Rng) {
    setup.breaker = Some((rng.u32(20..=80), rng.u64(4..20)));
    // What is left at the end must not fail for ever, or the circuit would stay open with good reason.
    (setup.script.rejects, setup.script.retries, setup.script.poison) = (0, 0, 0);
}

fn with_limits(setup: &mut Setup, rng: &mut Rng) {
    setup.output_limit = rng.usize(200..400);
    setup.script.oversize = rng.u32(30..200);
    setup.producer_queue = rng.usize(2..8);
}

fn with_large_records(setup: &mut Setup, rng: &mut Rng) {
    setup.script.oversize = rng.u32(10..200);
}

fn named(setup: &mut Setup, _: &mut Rng) {
    setup.named = true;
}

fn that_goes_on(setup: &mut Setup, rng: &mut Rng) {
    setup.on_lost = if rng.bool() { OnLost::Earliest } else { OnLost::Latest };
    setup.starts_at_end = false;
}

/// All kinds.
pub const KINDS: [Kind; 14] = [
    Kind {
        name: "clean",
        about: "rebalances, stops and growth alone, after which nothing comes twice",
        faults: &[(rebalance, 3), (grow, 1), (open_transaction, 1)],
        most_faults: 4,
        shape: as_drawn,
    },
    Kind {
        name: "rebalance",
        about: "instances that stop, freeze, crash and are thrown out of the group",
        faults: &[(stop, 4), (crash, 2), (freeze, 2), (expel, 3), (rebalance, 4), (grow, 1)],
        most_faults: 8,
        shape: as_drawn,
    },
    Kind {
        name: "brokers",
        about: "brokers, leaders and coordinators that are away, and answers that come late or not at all",
        faults: &[(broker, 6), (slow, 2), (rebalance, 1), (stop, 1)],
        most_faults: 6,
        shape: at_least_once,
    },
    Kind {
        name: "transactions",
        about: "transactions while brokers go away, members are thrown out and instances die",
        faults: &[(broker, 4), (slow, 2), (expel, 2), (crash, 2), (stop, 2), (freeze, 2), (rebalance, 2)],
        most_faults: 6,
        shape: exactly_once,
    },
    Kind {
        name: "lost-offsets",
        about: "retention, truncation and topics that are created again",
        faults: &[(truncate, 3), (retain, 4), (recreate, 2), (stop, 1), (freeze, 1), (rebalance, 1)],
        most_faults: 4,
        shape: that_goes_on,
    },
    Kind {
        name: "stops-at-loss",
        about: "the same, with `on_lost_offset: stop`",
        faults: &[(truncate, 2), (retain, 3), (recreate, 1), (rebalance, 1)],
        most_faults: 2,
        shape: |setup, _| setup.on_lost = OnLost::Stop,
    },
    Kind {
        name: "retries",
        about: "records that wait for a retry, while the group changes",
        faults: &[(outage, 4), (rebalance, 3), (stop, 2), (crash, 1), (expel, 1)],
        most_faults: 6,
        shape: with_retries,
    },
    Kind {
        name: "breaker",
        about: "plugins that fail on everything for a while",
        faults: &[(reject_all, 6), (rebalance, 2), (stop, 1), (broker, 1), (expel, 1)],
        most_faults: 4,
        shape: with_breaker,
    },
    Kind {
        name: "limits",
        about: "records that are too large, and a full producer queue",
        faults: &[(rebalance, 3), (broker, 2), (stop, 2), (expel, 1)],
        most_faults: 4,
        shape: with_limits,
    },
    Kind {
        name: "refusals",
        about: "output topics that refuse more than they did at the start",
        faults: &[(shrink, 4), (compact, 3), (rebalance, 1), (stop, 1), (broker, 1)],
        most_faults: 4,
        shape: with_large_records,
    },
    Kind {
        name: "rights",
        about: "rights that are taken away and given back",
        faults: &[(deny_read, 3), (deny_write, 3), (deny_group, 2), (deny_transactions, 2), (rebalance, 1), (stop, 1)],
        most_faults: 3,
        shape: as_drawn,
    },
    Kind {
        name: "static",
        about: "instances with names, which keep their partitions over a restart",
        faults: &[(stop, 4), (crash, 4), (freeze, 1), (expel, 1), (broker, 1)],
        most_faults: 6,
        shape: named,
    },
    Kind {
        name: "panic",
        about: "plugins that panic",
        faults: &[(panic, 4), (rebalance, 1), (broker, 1)],
        most_faults: 3,
        shape: as_drawn,
    },
    Kind {
        name: "storm",
        about: "everything at once",
        faults: &[
            (stop, 2),
            (crash, 2),
            (freeze, 2),
            (broker, 4),
            (expel, 2),
            (rebalance, 2),
            (deny_read, 1),
            (deny_group, 1),
            (retain, 1),
            (grow, 1),
            (outage, 1),
            (reject_all, 1),
            (panic, 1),
            (slow, 1),
            (open_transaction, 1),
        ],
        most_faults: 10,
        shape: |setup, rng| {
            with_retries(setup, rng);
            that_goes_on(setup, rng);
        },
    },
];

/// Draws a scenario of a kind, or of any.
///
/// # Errors
/// There is no such kind.
pub fn draw(seed: u64, kind: Option<&str>) -> Result<Scenario, String> {
    let mut rng = Rng::with_seed(seed);
    let kind = match kind {
        Some(name) => KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| {
            let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
            format!("no scenario \"{name}\"; there are {}", names.join(", "))
        })?,
        None => &KINDS[rng.usize(..KINDS.len())],
    };
    let mut setup = draw_setup(&mut rng);
    (kind.shape)(&mut setup, &mut rng);
    // `check` refuses both together.
    setup.holds_key &= !setup.exactly_once;
    let instances: Vec<Nanos> = (0..rng.usize(1..=3)).map(|_| rng.u64(..3 * SECOND)).collect();
    let length = rng.u64(4 * SECOND..20 * SECOND);
    let records = draw_records(&mut rng, &setup, length);
    let mut faults = Vec::new();
    for _ in 0..rng.usize(..=kind.most_faults) {
        let fault = choose(&mut rng, kind.faults)(&mut rng, &setup, instances.len());
        faults.push(Timed { at: rng.u64(SECOND / 2..length + 2 * SECOND), fault });
    }
    faults.sort_by_key(|timed| timed.at);
    let style = draw_style(&mut rng, kind.name == "clean");
    let network = Network {
        longest: rng.u64(MS / 2..10 * MS),
        slow_per_mille: if kind.name == "clean" { 0 } else { rng.u32(..20) },
        slowest: rng.u64(20 * MS..800 * MS),
        ..Network::default()
    };
    let quiet_at = length + 4 * SECOND;
    Ok(Scenario { name: kind.name, seed, setup, style, network, brokers: 3, instances, records, faults, quiet_at })
}

fn choose(rng: &mut Rng, weighted: &[(Draw, u32)]) -> Draw {
    let mut drawn = rng.u32(..weighted.iter().map(|(_, weight)| *weight).sum::<u32>());
    for (draw, weight) in weighted {
        match drawn.checked_sub(*weight) {
            Some(rest) => drawn = rest,
            None => return *draw,
        }
    }
    weighted[0].0
}

fn draw_style(rng: &mut Rng, clean: bool) -> Style {
    let stalls = !clean && rng.bool();
    Style {
        stalls_per_mille: if stalls { rng.u32(1..30) } else { 0 },
        longest_stall: rng.u64(MS..700 * MS),
        longest_slice: rng.u64(MS / 1000..MS / 5),
        spurious_per_mille: rng.u32(..20),
    }
}

fn draw_setup(rng: &mut Rng) -> Setup {
    let stages = rng.usize(1..=3);
    let has_dlq = rng.u8(..5) > 0;
    let fails = has_dlq || rng.bool();
    let then = if has_dlq { Then::Letter } else { Then::Drop };
    let mut weight = |most: u32| if rng.bool() { rng.u32(..most) } else { 0 };
    let script = Script {
        seed: 0,
        stages,
        outputs: 0,
        drops: weight(150),
        emits: weight(150),
        diverts: weight(150),
        rejects: if fails { weight(100) } else { 0 },
        retries: weight(100),
        poison: if fails { weight(60) } else { 0 },
        oversize: 0,
        padding: 600,
    };
    let more_outputs = rng.usize(..=1);
    let protocol = match rng.u8(..4) {
        0 => Protocol::Eager,
        1 | 2 => Protocol::Cooperative,
        _ => Protocol::Consumer,
    };
    let commit_interval = rng.u64(50..1500);
    Setup {
        exactly_once: rng.bool(),
        protocol,
        workers: rng.usize(1..=4),
        topics: (0..rng.usize(1..=2)).map(|_| rng.usize(1..=4)).collect(),
        by_pattern: rng.u8(..4) == 0,
        starts_at_end: rng.u8(..5) == 0,
        on_lost: [OnLost::Stop, OnLost::Earliest, OnLost::Latest][rng.usize(..3)],
        batch_records: rng.usize(1..=64),
        batch_wait: rng.u64(1..20),
        holds_key: rng.bool(),
        retries: rng.u32(..4),
        backoff: rng.u64(1..300),
        then: vec![then; stages],
        has_dlq,
        breaker: None,
        commit_interval,
        drain: rng.u64(2_000..15_000),
        session: rng.u64(3_000..10_000),
        poll_interval: rng.u64(10_000..30_000),
        transaction_timeout: rng.u64(5_000..15_000),
        fetched_ahead: rng.usize(1..=200),
        producer_queue: rng.usize(5..=2000),
        linger: rng.u64(..20),
        named: rng.u8(..3) == 0,
        output_partitions: rng.usize(1..=3),
        more_outputs,
        drops_default: rng.u8(..10) == 0,
        output_limit: 1_048_588,
        script: Script { seed: rng.u64(..), outputs: more_outputs, ..script },
    }
}

fn draw_records(rng: &mut Rng, setup: &Setup, length: Nanos) -> Vec<Fed> {
    let count = match rng.u8(..4) {
        0 => rng.u64(1..20),
        1 | 2 => rng.u64(20..150),
        _ => rng.u64(150..500),
    };
    let keys = rng.u8(1..=8);
    let (with_holes, with_transactions) = (rng.bool(), rng.u8(..3) == 0);
    let bursts = rng.bool();
    let mut records: Vec<Fed> = (0..count)
        .map(|_| {
            let topic = rng.usize(..setup.topics.len());
            let at = if bursts { rng.u64(..=4) * length / 4 + rng.u64(..50 * MS) } else { rng.u64(..length) };
            Fed {
                at,
                number: 0,
                topic,
                partition: rng.usize(..setup.topics[topic]),
                key: (rng.u8(..8) > 0).then(|| rng.u8(..keys)),
                hole: if with_holes && rng.u8(..5) == 0 { rng.u8(1..4) } else { 0 },
                transaction: (with_transactions && rng.u8(..4) == 0).then(|| rng.u8(..4) > 0),
            }
        })
        .collect();
    records.sort_by_key(|fed| fed.at);
    for (number, fed) in (0..).zip(&mut records) {
        fed.number = number;
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_stands_for_one_scenario() {
        for seed in 0..100 {
            assert_eq!(draw(seed, None), draw(seed, None));
        }
        assert_ne!(draw(1, Some("storm")), draw(2, Some("storm")));
        assert!(draw(1, Some("none")).unwrap_err().contains("rebalance"));
    }

    #[test]
    fn every_kind_is_drawn() {
        let mut names: Vec<&str> = (0..500).map(|seed| draw(seed, None).unwrap().name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KINDS.len());
    }
}
