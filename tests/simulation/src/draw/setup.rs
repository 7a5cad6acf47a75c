//! What is there before anything goes wrong: a configuration, the records of the inputs, and how threads take turns.

use fastrand::Rng;

use crate::check::Then;
use crate::cluster::group::Protocol;
use crate::network::MS;
use crate::scenario::{Fed, OnLost, Setup};
use crate::scheduler::{Nanos, Style};
use crate::script::Script;

pub(super) fn draw_style(rng: &mut Rng, clean: bool) -> Style {
    let stalls = !clean && rng.bool();
    Style {
        stalls_per_mille: if stalls { rng.u32(1..30) } else { 0 },
        longest_stall: rng.u64(MS..700 * MS),
        longest_slice: rng.u64(MS / 1000..MS / 5),
        spurious_per_mille: rng.u32(..20),
    }
}

pub(super) fn draw_setup(rng: &mut Rng) -> Setup {
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

pub(super) fn draw_records(rng: &mut Rng, setup: &Setup, length: Nanos) -> Vec<Fed> {
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
