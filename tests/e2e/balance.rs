//! The balance of `/metrics` through everything at once: dead letters, retries, records that no topic takes, a member
//! that comes and goes, and brokers that are killed and started again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use serde_json::json;
use sluicebox_test_broker::{Cluster, ClusterConfig};
use sluicebox_tests::{Feeder, Folder, Group, Kafka, LIMIT, Pipeline, Sluice, wait_for};

use crate::metrics::{Watch, address, sum};
use crate::{alone, noise, records, stop};

const SCRAPES: usize = 1_000;
const PARTITIONS: i32 = 4;
/// Bytes that the output takes from some moment on.
const OUTPUT: usize = 2_000;
/// Records that are fed together.
const BURST: usize = 500;

/// Feeds until it is told to stop, through the absence of brokers.
struct Load {
    done: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Load {
    fn start(kafka: &Kafka, topic: &str) -> Load {
        let feeder = Feeder::new(kafka, &[("reconnect.backoff.max.ms", "500"), ("message.timeout.ms", "0")]);
        let (done, topic) = (Arc::new(AtomicBool::new(false)), topic.to_owned());
        let until = done.clone();
        let thread = thread::spawn(move || {
            let mut fed = 0;
            while !until.load(Ordering::Acquire) {
                feeder.feed(&topic, &burst(fed));
                fed += BURST;
            }
        });
        Load { done, thread }
    }

    fn stop(self) {
        self.done.store(true, Ordering::Release);
        self.thread.join().unwrap();
    }
}

fn burst(first: usize) -> Vec<sluicebox_tests::Record> {
    records(first, BURST, |n| match n % 100 {
        3 => "!retry:1".to_owned(),
        4 => "!reject:because".to_owned(),
        5 => "!drop".to_owned(),
        6 => "!emit:3".to_owned(),
        _ => format!("value {n}"),
    })
}

/// Text that no compression makes fit.
fn too_large(n: usize) -> String {
    noise(2 * OUTPUT, n).into_iter().map(|byte| char::from(b'#' + byte % 92)).collect()
}

#[test]
fn what_was_read_adds_up_in_a_thousand_scrapes_through_everything() {
    let _alone = alone();
    let cluster = Cluster::start(ClusterConfig::default()).unwrap_or_else(|error| panic!("{error:#}"));
    let (kafka, folder) = (Kafka::at(&cluster.bootstrap()), Folder::new());
    let mut pipeline = Pipeline::new(&kafka, "balance");
    for topic in [&pipeline.input, &pipeline.output, &pipeline.dlq] {
        kafka.create_topic(topic, PARTITIONS, &[]);
    }
    pipeline.set("commit_interval", json!("100ms")).set("breaker", json!("off"));
    pipeline.stage("misbehave", json!(null));
    pipeline.set_stage("on_error", json!({ "retries": 2, "backoff": "5ms" }));
    let file = pipeline.write(&folder);
    let mut sluice = Sluice::run_with(&[&file], |command| {
        command.args(["--admin", "127.0.0.1:0"]);
    });
    let mut watch = Watch::new(address(&mut sluice));
    let load = Load::start(&kafka, &pipeline.input);
    go_on(&mut watch, &mut sluice, 20_000.0);

    let mut other = Sluice::run(&[&file]);
    wait_for_partitions(&mut watch, |assigned| assigned < f64::from(PARTITIONS));
    go_on(&mut watch, &mut sluice, 5_000.0);
    stop(&mut other);
    wait_for_partitions(&mut watch, |assigned| assigned == f64::from(PARTITIONS));
    go_on(&mut watch, &mut sluice, 5_000.0);

    // Nobody tells the program. With transactions, a record that is refused is an abort.
    kafka.set_topic_properties(&pipeline.output, &[("max.message.bytes", &OUTPUT.to_string())]);
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &records(0, 3, too_large));
    go_on(&mut watch, &mut sluice, 5_000.0);

    cluster.brokers()[0].kill().unwrap();
    for _ in 0..100 {
        watch.look();
    }
    cluster.brokers()[0].restart().unwrap();
    go_on(&mut watch, &mut sluice, 20_000.0);

    while watch.scrapes < SCRAPES {
        watch.look();
    }
    load.stop();
    let group = Group::new(&kafka, &pipeline.name);
    sluice.wait_for("all of the load", LIMIT, || {
        watch.look();
        group.caught_up(&pipeline.input)
    });
    let last = watch.look();
    for metric in ["sluice_dead_letters_total", "sluice_stage_retries_total", "sluice_broker_errors_total"] {
        assert!(sum(last, metric) > 0.0, "{metric}");
    }
    assert!(sum(last, "sluice_rebalances_total") > 1.0);
    let aborts = format!("sluice_transactions_total{{pipeline=\"{}\",result=\"aborted\"}}", pipeline.name);
    assert_eq!(last[&aborts] > 0.0, pipeline.is_exactly_once(), "{aborts}");
    stop(&mut sluice);
}

/// Scrapes until so many more input records have an outcome.
fn go_on(watch: &mut Watch, sluice: &mut Sluice, records: f64) {
    let outcomes = |watch: &mut Watch| sum(watch.look(), "sluice_inputs_total");
    let wanted = outcomes(watch) + records;
    sluice.wait_for("more records", 3 * LIMIT, || {
        let seen = outcomes(watch);
        if seen >= wanted { Ok(()) } else { Err(format!("{} are missing", wanted - seen)) }
    });
}

fn wait_for_partitions(watch: &mut Watch, is_it: impl Fn(f64) -> bool) {
    wait_for("a rebalance", LIMIT, || {
        let assigned = sum(watch.look(), "sluice_assigned_partitions");
        if is_it(assigned) { Ok(()) } else { Err(format!("{assigned} partitions are assigned")) }
    });
}
