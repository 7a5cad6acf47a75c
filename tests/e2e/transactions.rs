//! Input that was written in transactions: markers leave no lag, aborted records are not read.

use sluicebox_tests::{Feeder, Folder, Group, Kafka, Pipeline, Sluice, audit, unique};

use crate::{by_timestamp, records, stop};

#[test]
fn markers_leave_no_lag_and_aborted_records_are_not_read() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "markers", 2);
    pipeline.remove("dlq");
    let feeder = Feeder::new(&kafka, &[("transactional.id", &unique("feeder"))]);
    feeder.init_transactions();
    let [first, aborted, second, last] = [0, 100, 200, 300].map(|first| records(first, 50, |n| n.to_string()));
    feeder.transaction(&pipeline.input, 0, &first, true);
    feeder.transaction(&pipeline.input, 0, &aborted, false);
    feeder.transaction(&pipeline.input, 0, &second, true);
    // Of this partition nothing is ever to be seen but its end.
    feeder.transaction(&pipeline.input, 1, &aborted, false);

    kafka.wait_until_no_transaction_is_open(&pipeline.input);
    let group = Group::new(&kafka, &pipeline.name);
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    feeder.transaction(&pipeline.input, 0, &last, true);
    // The feeder hears of its commit before the marker is there, and so before the input's end has moved.
    kafka.wait_until_no_transaction_is_open(&pipeline.input);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    stop(&mut sluice);

    assert_eq!(group.committed(&pipeline.input), [Some(204), Some(51)]);
    let expected = [first, second, last].concat();
    audit(&expected, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}

#[test]
fn a_partition_that_waits_for_an_open_transaction_is_named_with_its_offset() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "open", 1);
    pipeline.remove("dlq");
    let (feeder, before) = (Feeder::new(&kafka, &[]), records(0, 10, |n| n.to_string()));
    feeder.feed(&pipeline.input, &before);
    let group = Group::new(&kafka, &pipeline.name);
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    let other = Feeder::new(&kafka, &[("transactional.id", &unique("other"))]);
    other.init_transactions();
    let (open, behind) = (records(100, 10, |n| n.to_string()), records(200, 10, |n| n.to_string()));
    other.begin_transaction(&pipeline.input, 0, &open);
    feeder.feed(&pipeline.input, &behind);
    sluice.wait_for_line("which partition waits, and where", |line| {
        line.text.contains(&format!("{}/0 is not read beyond offset 10", pipeline.input))
    });
    other.end_transaction(true);
    kafka.wait_until_no_transaction_is_open(&pipeline.input);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    stop(&mut sluice);
    let expected = [before, open, behind].concat();
    audit(&expected, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}
