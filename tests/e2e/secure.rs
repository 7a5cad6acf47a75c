//! Brokers with TLS and SASL/SCRAM.

use std::path::Path;

use serde_json::json;
use sluicebox_test_broker::{Cluster, ClusterConfig, Login};
use sluicebox_tests::{Feeder, Finished, Folder, Group, Kafka, Pipeline, Sluice, audit, sluice};

use crate::{by_timestamp, records, stop};

const PASSWORD: &str = "correct-horse-battery";

#[test]
fn a_pipeline_works_with_tls_and_scram_and_never_shows_its_password() {
    let login = Login { user: "alice".to_owned(), password: PASSWORD.to_owned() };
    let cluster = Cluster::start(ClusterConfig { secure: Some(login), ..ClusterConfig::default() });
    let cluster = cluster.unwrap_or_else(|error| panic!("{error:#}"));
    let secure = cluster.secure().unwrap();
    let (kafka, folder) = (Kafka::at(&cluster.bootstrap()), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "secure", 2);
    pipeline.stage("identity", json!({})).set("kafka", secure.properties().into_iter().collect());
    pipeline.set_in("kafka", "sasl.password", json!("${SECURE_PASSWORD}"));
    let file = pipeline.write(&folder);
    let records = records(0, 1_000, |n| n.to_string());
    Feeder::new(&kafka, &[]).feed(&pipeline.input, &records);

    let mut running = Sluice::run_with(&[&file], |command| {
        command.env("SECURE_PASSWORD", PASSWORD).env("RUST_LOG", "debug");
    });
    running.wait_until_caught_up(&Group::new(&kafka, &pipeline.name), &pipeline.input);
    stop(&mut running);
    audit(&records, &kafka.read(&pipeline.output).records(), by_timestamp).assert_exact();
    assert!(running.lines().iter().all(|line| !line.text.contains(PASSWORD)));

    let check =
        |file: &Path| Finished::of(sluice().env("SECURE_PASSWORD", PASSWORD).args(["check", "--broker"]).arg(file));
    let right = check(&file);
    assert_eq!(right.code, Some(0), "{}", right.err);
    let list = Finished::of(sluice().env("SECURE_PASSWORD", PASSWORD).args(["dlq", "list"]).arg(&file));
    assert_eq!(list.code, Some(0), "{}", list.err);
    assert!(list.err.contains("no such dead letters"), "{}", list.err);
    let replay = Finished::of(sluice().env("SECURE_PASSWORD", PASSWORD).args(["dlq", "replay"]).arg(&file));
    assert_eq!(replay.code, Some(0), "{}", replay.err);
    // A file that is wrong beside its password, which is written out here.
    let wrong = pipeline.yaml().replace("${SECURE_PASSWORD}", PASSWORD).replace("SASL_SSL", "SASL_SLS");
    let wrong = check(&folder.write("wrong.yaml", wrong));
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("security.protocol"), "{}", wrong.err);
    // A wrong password is named as such.
    let wrong_login = pipeline.yaml().replace("${SECURE_PASSWORD}", "not-this-one");
    let login = check(&folder.write("login.yaml", wrong_login));
    assert_eq!(login.code, Some(1), "{}", login.err);
    assert!(login.err.contains("the login at"), "{}", login.err);
    for shown in [login.out, login.err, right.out, right.err, wrong.out, wrong.err, list.err, replay.out, replay.err] {
        assert!(!shown.contains(PASSWORD), "{shown}");
    }
}
