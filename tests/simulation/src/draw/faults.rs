//! Faults: how each is drawn.

use fastrand::Rng;

use crate::fault::Fault;
use crate::network::{MS, SECOND};
use crate::scenario::Setup;
use crate::scheduler::Nanos;

/// Draws a fault.
pub(super) type Draw = fn(&mut Rng, &Setup, usize) -> Fault;

fn time(rng: &mut Rng) -> Nanos {
    match rng.u8(..4) {
        0 => rng.u64(MS..200 * MS),
        1 | 2 => rng.u64(100 * MS..3 * SECOND),
        _ => rng.u64(SECOND..12 * SECOND),
    }
}

pub(super) fn stop(rng: &mut Rng, _: &Setup, instances: usize) -> Fault {
    Fault::Stop { instance: rng.usize(..instances), pause: time(rng) }
}

pub(super) fn crash(rng: &mut Rng, _: &Setup, instances: usize) -> Fault {
    Fault::Crash { instance: rng.usize(..instances), pause: time(rng) }
}

pub(super) fn freeze(rng: &mut Rng, _: &Setup, instances: usize) -> Fault {
    Fault::Freeze { instance: rng.usize(..instances), time: time(rng) }
}

pub(super) fn broker(rng: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::Broker { broker: rng.usize(..3), time: time(rng), failover: rng.u64(..3 * SECOND) }
}

pub(super) fn expel(rng: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::Expel { member: rng.u64(..) }
}

pub(super) fn rebalance(_: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::Rebalance
}

pub(super) fn deny_read(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    Fault::DenyRead { topic: rng.usize(..setup.topics.len()), time: time(rng) }
}

pub(super) fn deny_write(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    Fault::DenyWrite { output: rng.usize(..=setup.more_outputs), time: time(rng) }
}

pub(super) fn deny_group(rng: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::DenyGroup { time: time(rng) }
}

pub(super) fn deny_transactions(rng: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::DenyTransactions { time: time(rng) }
}

pub(super) fn shrink(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    Fault::Shrink { output: rng.usize(..=setup.more_outputs), bytes: rng.usize(200..500) }
}

pub(super) fn compact(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    Fault::Compact { output: rng.usize(..=setup.more_outputs) }
}

fn partition(rng: &mut Rng, setup: &Setup) -> (usize, usize) {
    let topic = rng.usize(..setup.topics.len());
    (topic, rng.usize(..setup.topics[topic]))
}

pub(super) fn truncate(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    let (topic, partition) = partition(rng, setup);
    Fault::Truncate { topic, partition, records: rng.i64(1..10) }
}

pub(super) fn retain(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    let (topic, partition) = partition(rng, setup);
    Fault::Retain { topic, partition, records: rng.i64(0..10) }
}

pub(super) fn recreate(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    Fault::Recreate { topic: rng.usize(..setup.topics.len()) }
}

pub(super) fn grow(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    Fault::Grow { topic: rng.usize(..setup.topics.len()), partitions: rng.usize(1..3) }
}

pub(super) fn outage(rng: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::Outage { time: time(rng) }
}

pub(super) fn reject_all(rng: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::RejectAll { time: time(rng) }
}

pub(super) fn panic(_: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::Panic
}

pub(super) fn slow(rng: &mut Rng, _: &Setup, _: usize) -> Fault {
    Fault::Slow { time: time(rng) }
}

pub(super) fn open_transaction(rng: &mut Rng, setup: &Setup, _: usize) -> Fault {
    let (topic, partition) = partition(rng, setup);
    Fault::OpenTransaction { topic, partition, time: time(rng) }
}
