//! Kinds of history: which faults are likely in each, and what it changes in a setup that was drawn.

use fastrand::Rng;

use super::faults::{
    Draw, broker, compact, crash, deny_group, deny_read, deny_transactions, deny_write, expel, freeze, grow,
    open_transaction, outage, panic, rebalance, recreate, reject_all, retain, shrink, slow, stop, truncate,
};
use crate::scenario::{OnLost, Setup};

/// A kind of scenario: what is likely to happen in it.
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    // Faults that are drawn, each with its weight.
    pub(super) faults: &'static [(Draw, u32)],
    // The most faults in one history.
    pub(super) most_faults: usize,
    // Changes a setup that was drawn.
    pub(super) shape: fn(&mut Setup, &mut Rng),
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
