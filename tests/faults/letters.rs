//! A dead-letter topic that is not there, too small, or forbidden: the pipeline stops, commits nothing of it, and goes
//! on when that is mended.

use std::time::Instant;

use serde_json::json;
use sluicebox_tests::{Forbidden, Guarded, LIMIT, Mix, Sluice};

use crate::report::Report;
use crate::trial::{PARTITIONS, Trial, USER};

/// The topic goes away before the first dead letter.
pub fn missing(mut trial: Trial) -> Report {
    let metadata = json!({ "topic.metadata.refresh.interval.ms": 500, "topic.metadata.propagation.max.ms": 1_000 });
    trial.pipeline.set("producer", metadata);
    let sluice = with_harmless_load(&mut trial);
    trial.kafka.delete_topic(&trial.pipeline.dlq);
    stops_at_the_first_letter(&mut trial, sluice);
    trial.kafka.create_topic(&trial.pipeline.dlq, PARTITIONS, &[]);
    goes_on(trial)
}

/// A dead letter is larger than the topic takes.
pub fn too_small(mut trial: Trial) -> Report {
    trial.kafka.set_topic_properties(&trial.pipeline.dlq, &[("max.message.bytes", "2000")]);
    let mut sluice = with_harmless_load(&mut trial);
    trial.stop_load();
    // Nothing that could be compressed to less.
    let noise: String = (0..10_000).map(|_| trial.random.alphanumeric()).collect();
    trial.feed("large", &format!("!reject:no {noise}"));
    assert_stops(&mut trial, &mut sluice);
    trial.kafka.set_topic_properties(&trial.pipeline.dlq, &[]);
    goes_on(trial)
}

/// The program may not write to the topic.
pub fn unauthorised(mut trial: Trial) -> Report {
    let secure = trial.site.cluster().secure().unwrap().clone();
    trial.pipeline.set("kafka", secure.properties().into_iter().collect());
    trial.pipeline.set("kafka_patience", json!("0s"));
    let sluice = with_harmless_load(&mut trial);
    let dlq = trial.pipeline.dlq.clone();
    trial.kafka.forbid(USER, Guarded::Topic(&dlq), Forbidden::Write);
    stops_at_the_first_letter(&mut trial, sluice);
    trial.kafka.allow_again(USER, Guarded::Topic(&dlq));
    goes_on(trial)
}

/// The program under a load of which nothing is a dead letter.
fn with_harmless_load(trial: &mut Trial) -> Sluice {
    trial.load(Mix::harmless());
    let sluice = trial.start();
    trial.go_on_for_a_while();
    sluice
}

fn stops_at_the_first_letter(trial: &mut Trial, mut sluice: Sluice) {
    trial.load(Mix::usual());
    assert_stops(trial, &mut sluice);
}

fn assert_stops(trial: &mut Trial, sluice: &mut Sluice) {
    let from = Instant::now();
    assert_eq!(sluice.wait_for_end(LIMIT * 2), 1);
    // What was in its hands beside the record in question.
    trial.may_repeat_from(from);
    let errors = sluice.errors();
    assert!(errors.iter().any(|error| error.contains(&trial.pipeline.dlq)), "{errors:?}");
    assert!(trial.group.caught_up(&trial.pipeline.input).is_err(), "the record in question is committed");
}

/// It stopped in good order: it drained what could be delivered, and repeats nothing but what it had in its hands.
fn goes_on(mut trial: Trial) -> Report {
    trial.load(Mix::usual());
    let sluice = trial.start();
    trial.go_on_for_a_while();
    trial.finish(vec![sluice])
}
