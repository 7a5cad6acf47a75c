//! Records that a topic does not take: too large, or with a null key where that is not allowed.

use serde_json::json;
use sluicebox_tests::{Feeder, Folder, Group, Kafka, Pipeline, Record, Sluice, audit};

use crate::{EPOCH, STOP, by_timestamp, noise, records, run_to_the_end, stop};

const LIMIT: usize = 20_000;

/// Text that hardly compresses, and is no order to a plugin.
fn text(len: usize, seed: usize) -> String {
    noise(len, seed).into_iter().map(|byte| char::from(b'#' + byte % 92)).collect()
}

/// A pipeline with a stage that keeps, with these limits of its output and its dead-letter topic.
fn pipeline(kafka: &Kafka, test: &str, output: usize, dlq: usize) -> Pipeline {
    let mut pipeline = Pipeline::new(kafka, test);
    pipeline.stage("misbehave", json!(null));
    kafka.create_topic(&pipeline.input, 2, &[]);
    kafka.create_topic(&pipeline.output, 2, &[("max.message.bytes", &output.to_string())]);
    kafka.create_topic(&pipeline.dlq, 2, &[("max.message.bytes", &dlq.to_string())]);
    pipeline
}

#[test]
fn an_output_over_its_topics_limit_is_dead_lettered_and_its_neighbours_are_delivered() {
    let kafka = Kafka::shared();
    let pipeline = pipeline(&kafka, "oversize", LIMIT, 1_048_588);
    let records = records(0, 500, |n| match n % 50 {
        20 => text(3 * LIMIT, n),
        // Over the limit, but not once it is compressed: the broker decides.
        30 => "x".repeat(3 * LIMIT),
        _ => text(300, n),
    });
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &records);
    run_to_the_end(&kafka, &pipeline);
    let is_large = |record: &Record| record.text().len() > LIMIT && !record.text().starts_with("xx");
    let (large, small): (Vec<Record>, Vec<Record>) = records.into_iter().partition(is_large);
    audit(&small, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
    let letters = kafka.read(&pipeline.dlq);
    audit(&large, &letters.inputs(), by_timestamp).assert_exact();
    let classes: Vec<_> = letters.0.iter().map(|stored| stored.record.header("sluice.error.class")).collect();
    assert_eq!(classes, [Some("oversize"); 10]);
}

/// Each refusal that teaches nothing new would be an abort, and thousands of them no headway.
#[test]
fn under_exactly_once_thousands_of_outputs_over_the_limit_take_a_few_aborts() {
    const COUNT: usize = 3_000;
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let records = records(0, COUNT, |n| match n % 10 {
        4 => text(300, n),
        // Over the limit, but not once it is compressed.
        7 => format!("{n}{}", "x".repeat(5_000)),
        // One size is like no other.
        _ => text(2_200 + n % 1_000, n),
    });
    let mut pipeline = pipeline(&kafka, "mostly-oversize", 2_000, 1_048_588);
    pipeline.set("delivery", json!("exactly_once"));
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &records);
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_caught_up(&Group::new(&kafka, &pipeline.name), &pipeline.input);
    stop(&mut sluice);
    let (small, large): (Vec<_>, Vec<_>) =
        records.into_iter().enumerate().partition(|(n, _)| [4, 7].contains(&(n % 10)));
    let records = |numbered: Vec<(usize, Record)>| numbered.into_iter().map(|(_, record)| record).collect::<Vec<_>>();
    audit(&records(small), &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
    audit(&records(large), &kafka.read(&pipeline.dlq).inputs(), by_timestamp).assert_exact();
    let aborts = sluice.lines().iter().filter(|line| line.message().contains("aborted")).count();
    assert!(aborts < 50, "{aborts}");
}

/// In the middle of large transactions: what is refused fails all that librdkafka has on its way to that partition.
#[test]
fn a_limit_that_is_lowered_while_it_runs_dead_letters_what_is_over_it_and_the_rest_is_delivered() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let pipeline = pipeline(&kafka, "lowered", 1_048_588, 1_048_588);
    let (before, after) =
        records(0, 8_000, |n| if n > 2_000 && n % 300 == 0 { text(3 * LIMIT, n) } else { text(200, n) })
            .into_iter()
            .enumerate()
            .partition::<Vec<_>, _>(|(n, _)| *n < 2_000);
    let [before, after] = [before, after].map(|all| all.into_iter().map(|(_, record)| record).collect::<Vec<Record>>());
    let feeder = Feeder::new(&kafka, &[]);
    feeder.feed(&pipeline.input, &before);
    let (mut sluice, group) = (Sluice::run(&[&pipeline.write(&folder)]), Group::new(&kafka, &pipeline.name));
    sluice.wait_until_caught_up(&group, &pipeline.input);
    kafka.set_topic_properties(&pipeline.output, &[("max.message.bytes", &LIMIT.to_string())]);
    feeder.feed(&pipeline.input, &after);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    stop(&mut sluice);
    let (large, small): (Vec<Record>, Vec<Record>) =
        before.into_iter().chain(after).partition(|record| record.text().len() > LIMIT);
    assert_eq!(large.len(), 20);
    audit(&small, &kafka.read(&pipeline.output).records(), by_timestamp).assert_nothing_lost();
    audit(&large, &kafka.read(&pipeline.dlq).inputs(), by_timestamp).assert_nothing_lost();
    if pipeline.is_exactly_once() {
        audit(&small, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
        audit(&large, &kafka.read(&pipeline.dlq).inputs(), by_timestamp).assert_exact();
    }
}

#[test]
fn two_outputs_may_share_a_topic_and_its_limit_is_known() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = pipeline(&kafka, "shared-topic", LIMIT, 1_048_588);
    pipeline.set_in("outputs", "other", json!({ "topic": pipeline.output }));
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_ready();
    stop(&mut sluice);
    let unread = sluice.lines().into_iter().find(|line| line.message().contains("cannot be read"));
    assert!(unread.is_none(), "{unread:?}");
}

#[test]
fn an_output_over_its_topics_limit_stops_a_pipeline_without_dead_letters() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = pipeline(&kafka, "no-dlq", LIMIT, LIMIT);
    pipeline.remove("stages").remove("dlq");
    let records = [Record::new("a", "small", EPOCH), Record::new("a", text(3 * LIMIT, 1), EPOCH + 1)];
    Feeder::new(&kafka, &[]).feed_partition(&pipeline.input, 0, &records);
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    assert_eq!(sluice.wait_for_end(STOP), 1);
    assert!(sluice.errors().iter().any(|error| error.contains(&pipeline.output)), "{:?}", sluice.errors());
    let committed = Group::new(&kafka, &pipeline.name).committed(&pipeline.input)[0];
    assert!(committed.unwrap_or(0) <= 1, "{committed:?}");
}

#[test]
fn a_dead_letter_over_its_topics_limit_stops_the_pipeline_or_goes_without_its_value() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = pipeline(&kafka, "large-letter", 1_048_588, LIMIT);
    let bad = Record::new("key", format!("!reject {}", text(3 * LIMIT, 1)), EPOCH).with_header("trace", "t");
    Feeder::new(&kafka, &[]).feed(&pipeline.input, [&bad]);
    let group = Group::new(&kafka, &pipeline.name);

    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    assert_eq!(sluice.wait_for_end(STOP), 1);
    assert!(sluice.errors().iter().any(|error| error.contains(&pipeline.dlq)), "{:?}", sluice.errors());
    assert!(group.committed(&pipeline.input).iter().all(|committed| committed.unwrap_or(0) == 0));

    pipeline.set_in("dlq", "oversize", json!("drop_value"));
    run_to_the_end(&kafka, &pipeline);
    let letters = kafka.read(&pipeline.dlq);
    assert_eq!(letters.inputs(), [Record { value: None, ..bad }]);
    assert_eq!(letters.0[0].record.header("sluice.error.class"), Some("reject"));
}

#[test]
fn a_null_key_for_a_compacted_output_is_dead_lettered_as_refused() {
    let kafka = Kafka::shared();
    let mut pipeline = Pipeline::new(&kafka, "compacted");
    pipeline.stage("misbehave", json!(null));
    kafka.create_topic(&pipeline.input, 1, &[]);
    kafka.create_topic(&pipeline.output, 2, &[("cleanup.policy", "compact")]);
    kafka.create_topic(&pipeline.dlq, 1, &[]);
    let mut records = records(0, 20, |n| n.to_string());
    records[7].key = None;
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &records);
    run_to_the_end(&kafka, &pipeline);
    let letters = kafka.read(&pipeline.dlq);
    assert_eq!(letters.inputs(), records[7..8]);
    assert_eq!(letters.0[0].record.header("sluice.error.class"), Some("refused"));
    records.remove(7);
    audit(&records, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}

#[test]
fn a_timestamp_that_the_output_does_not_take_is_dead_lettered_as_refused() {
    let kafka = Kafka::shared();
    let mut pipeline = Pipeline::new(&kafka, "timestamps");
    pipeline.stage("misbehave", json!(null));
    kafka.create_topic(&pipeline.input, 1, &[]);
    // About 35 years.
    kafka.create_topic(&pipeline.output, 1, &[("message.timestamp.before.max.ms", &(1_i64 << 40).to_string())]);
    kafka.create_topic(&pipeline.dlq, 1, &[]);
    let mut records = records(0, 10, |n| n.to_string());
    // 1970: far older than the topic takes.
    records[3].timestamp = 1_000;
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &records);
    run_to_the_end(&kafka, &pipeline);
    let letters = kafka.read(&pipeline.dlq);
    assert_eq!(letters.inputs(), records[3..4]);
    assert_eq!(letters.0[0].record.header("sluice.error.class"), Some("refused"));
}

/// Everything is delivered but one record, whose dead letter (or output, where there are none) is over its topic's
/// limit, which is lowered while the pipeline runs.
fn over_a_lowered_limit(kafka: &Kafka, test: &str, has_dlq: bool) {
    let (at, folder) = (100 + 1_000, Folder::new());
    let mut pipeline = Pipeline::with_topics(kafka, test, 1);
    if has_dlq {
        pipeline.stage("misbehave", json!(null));
    } else {
        pipeline.remove("dlq");
    }
    let records = records(0, 2_100, |n| match (n == at, has_dlq) {
        (true, true) => format!("!reject {}", text(3 * LIMIT, n)),
        (true, false) => text(3 * LIMIT, n),
        (false, _) => text(200, n),
    });
    let (feeder, group) = (Feeder::new(kafka, &[]), Group::new(kafka, &pipeline.name));
    feeder.feed(&pipeline.input, &records[..100]);
    let mut sluice = Sluice::run(&[&pipeline.write(&folder)]);
    sluice.wait_until_caught_up(&group, &pipeline.input);
    let (topic, remedy) = match has_dlq {
        true => (&pipeline.dlq, "dlq.oversize: drop_value"),
        false => (&pipeline.output, "give the pipeline a `dlq`"),
    };
    kafka.set_topic_properties(topic, &[("max.message.bytes", &LIMIT.to_string())]);
    feeder.feed(&pipeline.input, &records[100..]);
    assert_eq!(sluice.wait_for_end(STOP), 1);
    let errors = sluice.errors().join("\n");
    let (from, offset, limit) =
        (format!("{}/0", pipeline.input), format!("offset {at} has "), format!("takes {LIMIT} (max.message.bytes)"));
    for part in [&from, &offset, &limit, topic, remedy] {
        assert!(errors.contains(part), "{part} in {errors}");
    }
    let size: usize = errors.split_once(&offset).and_then(|(_, rest)| rest.split(' ').next()?.parse().ok()).unwrap();
    assert!((3 * LIMIT..4 * LIMIT).contains(&size), "{size} bytes");

    let committed = group.committed(&pipeline.input)[0].unwrap();
    let written = kafka.read(&pipeline.output);
    if pipeline.is_exactly_once() {
        audit(&records[..committed as usize], &written.records(), by_timestamp).assert_exact();
    } else {
        assert_eq!(committed, at as i64, "what came before it is delivered and committed");
        let mut seen = written.records().iter().map(by_timestamp).collect::<Vec<_>>();
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        // Where the record has no dead letter it was in a batch that had to be taken apart once.
        assert!(seen.len() == count || !has_dlq, "{count} outputs of {} records", seen.len());
        assert!(count <= 2 * 2_100, "{count} outputs");
    }

    // With the limit raised again all is delivered.
    kafka.set_topic_properties(topic, &[("max.message.bytes", "1048588")]);
    run_to_the_end(kafka, &pipeline);
    let is_bad = |record: &Record| has_dlq && record.text().starts_with('!');
    let (bad, good): (Vec<Record>, Vec<Record>) = records.into_iter().partition(is_bad);
    let outputs = audit(&good, &kafka.read(&pipeline.output).records(), by_timestamp);
    if has_dlq || pipeline.is_exactly_once() {
        outputs.assert_nothing_lost();
    } else {
        // What had been delivered behind the record is delivered again behind it, and has come before it, too.
        assert!(outputs.missing.is_empty() && outputs.unexpected.is_empty(), "{outputs:?}");
    }
    if has_dlq {
        audit(&bad, &kafka.read(&pipeline.dlq).inputs(), by_timestamp).assert_exact();
    }
}

#[test]
fn a_dead_letter_over_a_limit_that_was_lowered_ends_the_pipeline_with_its_size_and_costs_no_neighbour() {
    over_a_lowered_limit(&Kafka::shared(), "lowered-letter", true);
}

#[test]
fn an_output_over_a_limit_that_was_lowered_ends_a_pipeline_without_dead_letters_with_its_size() {
    over_a_lowered_limit(&Kafka::shared(), "lowered-output", false);
}
