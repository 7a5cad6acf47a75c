//! The program against real Kafka: one module for each subject, and what they share here.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is a failed test, in its helpers too")]

mod api;
mod balance;
mod breaker;
mod check;
mod copies;
mod copy;
mod crash;
mod decoded;
mod dev;
mod dlq;
mod explain;
mod failures;
mod format_tools;
mod formats;
mod growth;
mod hold;
mod hostile;
mod inspect;
mod languages;
mod large;
mod lost_offset;
mod membership;
mod metrics;
mod misbehave;
mod missing_topics;
mod monitoring;
mod new;
mod oauthbearer;
mod order_status;
mod outage;
mod page;
mod pipeline_tests;
mod precompiled;
mod registry;
mod reload;
mod retries;
mod rights;
mod secure;
mod serdes;
mod service_manager;
mod signals;
mod sizes;
mod slow_stage;
mod sql;
mod stall;
mod streams;
mod traces;
mod transactions;
mod usage;
mod watch;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sluicebox_tests::{Folder, Group, Kafka, Pipeline, Record, Sluice};

/// How long the program may take to drain and end.
const STOP: Duration = Duration::from_secs(30);

/// Test data begins at this time.
const EPOCH: i64 = 1_767_225_600_000;

/// Tests that load the machine come one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // A test that has failed before this one has left nothing behind.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a record is known by: each has a timestamp of its own.
fn by_timestamp(record: &Record) -> i64 {
    record.timestamp
}

/// Records with values of `value`, keys in turns, and timestamps of their own from `first` on.
fn records(first: usize, count: usize, value: impl Fn(usize) -> String) -> Vec<Record> {
    (first..first + count).map(|n| Record::new(format!("key-{}", n % 97), value(n), EPOCH + n as i64)).collect()
}

/// Records that a plugin is busy with for a while: `misbehave` keeps them after so many turns of a loop.
fn busy_records(first: usize, count: usize, turns: u32) -> Vec<Record> {
    records(first, count, |n| format!("!spin:{turns} {n}"))
}

/// Bytes that do not compress, the same for the same seed.
fn noise(len: usize, seed: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ (seed as u64).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Runs a pipeline until everything that lies in its input is committed, and to its end.
fn run_to_the_end(kafka: &Kafka, pipeline: &Pipeline) {
    let folder = Folder::new();
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_caught_up(&Group::new(kafka, &pipeline.name), &pipeline.input);
    stop(&mut sluice);
}

/// Tells the program to stop, and expects that it ends well.
fn stop(sluice: &mut Sluice) {
    assert_eq!(sluice.terminate(STOP), 0, "errors in the log: {:?}", sluice.errors());
}
