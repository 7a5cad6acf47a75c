//! Plugins that trap, loop or eat memory: the record that is at fault is dead-lettered, its neighbours go on.

use std::collections::BTreeMap;

use serde_json::json;
use sluicebox_tests::{Feeder, Folder, Group, Kafka, LIMIT, Pipeline, Record, Sluice, audit, wait_for};

use crate::{alone, by_timestamp, records, stop};

const COUNT: usize = 40_000;

#[test]
fn one_poisonous_record_in_ten_thousand_is_dead_lettered_with_its_class() {
    let _alone = alone();
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "poison", 4);
    pipeline.stage("misbehave", json!(null));
    pipeline.set_stage("limits", json!({ "time": "300ms", "memory": "32MiB" }));
    let poison = ["!trap", "!loop", "!memory", "!panic"];
    let records = records(0, COUNT, |n| match n % 10_000 {
        5_000 => poison[n / 10_000].to_owned(),
        _ => format!("value {n}"),
    });
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &records);
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_caught_up(&Group::new(&kafka, &pipeline.name), &pipeline.input);
    stop(&mut sluice);

    let (bad, good): (Vec<Record>, Vec<Record>) = records.into_iter().partition(|r| r.text().starts_with('!'));
    audit(&good, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
    let letters = kafka.read(&pipeline.dlq);
    audit(&bad, &letters.inputs(), by_timestamp).assert_exact();
    let class = |record: &Record| record.header("sluice.error.class").unwrap().to_owned();
    let classes: BTreeMap<&str, String> = letters.0.iter().map(|s| (s.record.text(), class(&s.record))).collect();
    let expected = [("!loop", "time"), ("!memory", "memory"), ("!panic", "trap"), ("!trap", "trap")];
    assert_eq!(classes, expected.map(|(value, class)| (value, class.to_owned())).into());
}

#[test]
fn a_plugin_that_traps_after_an_idle_while_costs_its_own_record() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "rest", 1);
    pipeline.stage("misbehave", json!(null));
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_ready();
    let (feeder, group) = (Feeder::new(&kafka, &[]), Group::new(&kafka, &pipeline.name));
    let own = pipeline.name[..15].to_owned();
    let poison: Vec<Record> = (0..3).map(|n| Record::new("k", "!trap", crate::EPOCH + n)).collect();
    for record in &poison {
        // Its loops have given their threads back, and are started again by whatever wakes them.
        wait_for("the threads to be given back", LIMIT, || {
            let threads = sluice.threads();
            if threads.contains(&own) { Err(threads.join(", ")) } else { Ok(()) }
        });
        feeder.feed(&pipeline.input, [record]);
        sluice.wait_until_caught_up(&group, &pipeline.input);
    }
    stop(&mut sluice);
    audit(&poison, &kafka.read(&pipeline.dlq).inputs(), by_timestamp).assert_exact();
}

#[test]
fn a_batch_that_is_slow_but_steady_loses_nothing() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "slow", 2);
    pipeline.stage("misbehave", json!(null));
    pipeline.set_stage("limits", json!({ "time": "100ms" }));
    // A whole batch takes far longer than its limit, a single record far less.
    let records = crate::busy_records(0, 1_000, 1_000_000);
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &records);
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_caught_up(&Group::new(&kafka, &pipeline.name), &pipeline.input);
    stop(&mut sluice);
    audit(&records, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
    assert!(kafka.read(&pipeline.dlq).is_empty());
}
