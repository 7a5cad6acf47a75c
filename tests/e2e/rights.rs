//! Rights that are taken away while the program runs, and given back: it waits, says so and goes on.

use serde_json::json;
use sluicebox_test_broker::{Cluster, ClusterConfig, Login};
use sluicebox_tests::{Feeder, Folder, Forbidden, Group, Guarded, Kafka, Pipeline, Sluice, audit};

use crate::{STOP, by_timestamp, records, stop};

const USER: &str = "alice";
/// What a broker needs to know rights; clients of its plain listener may do everything.
const RIGHTS: [(&str, &str); 3] = [
    ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
    ("allow.everyone.if.no.acl.found", "true"),
    ("super.users", "User:ANONYMOUS"),
];

/// A pipeline of a user with rights, on a cluster of its own.
struct Trial {
    kafka: Kafka,
    pipeline: Pipeline,
    cluster: Cluster,
    folder: Folder,
}

impl Trial {
    fn new() -> Trial {
        let login = Login { user: USER.to_owned(), password: "correct-horse".to_owned() };
        let properties = RIGHTS.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let config = ClusterConfig { secure: Some(login), properties, ..ClusterConfig::default() };
        let cluster = Cluster::start(config).unwrap_or_else(|error| panic!("{error:#}"));
        let kafka = Kafka::at(&cluster.bootstrap());
        let pipeline = Pipeline::with_topics(&kafka, "rights", 2);
        let mut trial = Trial { kafka, pipeline, cluster, folder: Folder::new() };
        trial.log_in();
        trial
    }

    fn log_in(&mut self) {
        let secure = self.cluster.secure().unwrap();
        self.pipeline.set("kafka", secure.properties().into_iter().collect());
        self.pipeline.set_in("kafka", "topic.metadata.refresh.interval.ms", json!(500));
        // A group that may not be used forgets its members soon.
        self.pipeline.set("consumer", json!({ "session.timeout.ms": 3000, "heartbeat.interval.ms": 500 }));
        self.pipeline.set("instance", json!("one"));
    }

    fn run(&self) -> Sluice {
        Sluice::run(&[&self.pipeline.write(&self.folder)])
    }

    fn transactional_id(&self) -> String {
        format!("sluice-{}-one", self.pipeline.name)
    }
}

#[test]
fn rights_that_are_taken_away_are_waited_for_and_nothing_is_lost() {
    let trial = Trial::new();
    let (kafka, pipeline, id) = (&trial.kafka, &trial.pipeline, trial.transactional_id());
    let (feeder, group) = (Feeder::new(kafka, &[]), Group::new(kafka, &pipeline.name));
    let mut sluice = trial.run();
    sluice.wait_until_ready();

    let mut steps = vec![
        (Guarded::Topic(&pipeline.input), Forbidden::Read),
        (Guarded::Topic(&pipeline.input), Forbidden::All),
        (Guarded::Group(&pipeline.name), Forbidden::Read),
        (Guarded::Topic(&pipeline.output), Forbidden::Write),
        (Guarded::Topic(&pipeline.output), Forbidden::All),
    ];
    if pipeline.is_exactly_once() {
        steps.push((Guarded::TransactionalId(&id), Forbidden::Write));
    }
    let mut fed = Vec::new();
    for (number, (guarded, forbidden)) in steps.into_iter().enumerate() {
        let [before, after] = [number * 1000, number * 1000 + 500].map(|first| records(first, 200, |n| n.to_string()));
        feeder.feed(&pipeline.input, &before);
        sluice.wait_until_caught_up(&group, &pipeline.input);
        let seen = sluice.lines().len();
        kafka.forbid(USER, guarded, forbidden);
        feeder.feed(&pipeline.input, &after);
        let what = format!("that {forbidden:?} on {guarded:?} is missing");
        sluice.wait_for_line_from(seen, &what, |line| line.text.contains("kafka_patience"));
        kafka.allow_again(USER, guarded);
        sluice.wait_until_caught_up(&group, &pipeline.input);
        fed.extend(before);
        fed.extend(after);
    }
    stop(&mut sluice);

    let written = audit(&fed, &kafka.read(&pipeline.output).records(), by_timestamp);
    if pipeline.is_exactly_once() { written.assert_exact() } else { written.assert_nothing_lost() }
}

#[test]
fn patience_has_an_end_and_a_topic_of_a_pattern_is_passed_over() {
    let mut trial = Trial::new();
    let (hidden, pattern) = (format!("{}.hidden", trial.pipeline.input), format!("^{}", trial.pipeline.input));
    trial.kafka.create_topic(&hidden, 1, &[]);
    trial.kafka.forbid(USER, Guarded::Topic(&hidden), Forbidden::Read);
    trial.pipeline.set("input", json!({ "topics": [pattern] })).set("kafka_patience", json!("3s"));
    let (kafka, pipeline) = (&trial.kafka, &trial.pipeline);
    let (feeder, group) = (Feeder::new(kafka, &[]), Group::new(kafka, &pipeline.name));
    let records = records(0, 200, |n| n.to_string());
    feeder.feed(&pipeline.input, &records);
    feeder.feed(&hidden, &records);
    let mut sluice = trial.run();
    sluice.wait_for_line("that a topic is passed over", |line| {
        line.text.contains("may not be read") && line.text.contains(&hidden)
    });
    sluice.wait_until_caught_up(&group, &pipeline.input);

    kafka.forbid(USER, Guarded::Group(&pipeline.name), Forbidden::Read);
    assert_eq!(sluice.wait_for_end(STOP), 1);
    let errors = sluice.errors();
    assert!(errors.iter().any(|error| error.contains("Read on the consumer group")), "{errors:?}");
    audit(&records, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
}
