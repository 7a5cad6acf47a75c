//! Brokers with SASL/OAUTHBEARER, and tokens of an endpoint that comes and goes.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use sluicebox_test_broker::{Cluster, ClusterConfig, Login};
use sluicebox_tests::{
    Feeder, Finished, Folder, Group, Kafka, Mood, Pipeline, Sluice, TokenEndpoint, audit, sluice, wait_for,
};

use crate::{by_timestamp, records, stop};

const SECRET: &str = "correct-horse-battery";
/// How long a token lasts, and so a connection: brokers end one that does not log in again.
const LIFETIME: Duration = Duration::from_secs(4);
/// What the program says within this time.
const SAID: Duration = Duration::from_secs(10);

fn cluster() -> Cluster {
    let login = Login { user: "alice".to_owned(), password: "unused".to_owned() };
    let properties = vec![("connections.max.reauth.ms".to_owned(), "60000".to_owned())];
    let cluster = Cluster::start(ClusterConfig { secure: Some(login), properties, ..ClusterConfig::default() });
    cluster.unwrap_or_else(|error| panic!("{error:#}"))
}

fn log_in_by_tokens(pipeline: &mut Pipeline, cluster: &Cluster, endpoint: &TokenEndpoint) {
    let secure = cluster.secure().unwrap();
    pipeline.set(
        "kafka",
        json!({
            "bootstrap.servers": secure.bootstrap,
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": secure.ca_pem,
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.token.endpoint.url": endpoint.url(),
            "sasl.oauthbearer.client.id": "sluicebox",
            "sasl.oauthbearer.client.secret": "${CLIENT_SECRET}",
            "sasl.oauthbearer.scope": "kafka all",
        }),
    );
}

fn command(arguments: &[&str], file: &Path) -> Finished {
    Finished::of(sluice().env("CLIENT_SECRET", SECRET).args(arguments).arg(file))
}

#[test]
fn every_client_logs_in_by_tokens_and_an_endpoint_that_is_away_costs_waiting_alone() {
    let cluster = cluster();
    let endpoint = TokenEndpoint::start(SECRET, LIFETIME);
    let (kafka, folder) = (Kafka::at(&cluster.bootstrap()), Folder::new());
    for delivery in ["at_least_once", "exactly_once"] {
        let mut pipeline = Pipeline::with_topics(&kafka, "tokens", 2);
        pipeline.stage("identity", json!({})).set("delivery", json!(delivery));
        log_in_by_tokens(&mut pipeline, &cluster, &endpoint);
        let file = pipeline.write(&folder);
        let (first, second) = (records(0, 1_000, |n| n.to_string()), records(1_000, 1_000, |n| n.to_string()));
        let feeder = Feeder::new(&kafka, &[]);
        feeder.feed(&pipeline.input, &first);
        let mut running = Sluice::run_with(&[&file], |command| {
            command.env("CLIENT_SECRET", SECRET).env("RUST_LOG", "debug");
        });
        let group = Group::new(&kafka, &pipeline.name);
        running.wait_until_caught_up(&group, &pipeline.input);

        // While there are no tokens connections end with the last one, and nothing else does.
        endpoint.set_mood(Mood::Gone);
        let from = running.lines().len();
        running.wait_for_line_from(from, "that there is no token", |line| line.text.contains("no token to log in"));
        let ended = Instant::now() + LIFETIME;
        wait_for("the last token to end", LIFETIME * 3, || {
            if Instant::now() > ended { Ok(()) } else { Err("it lasts".to_owned()) }
        });
        feeder.feed(&pipeline.input, &second);
        endpoint.set_mood(Mood::Well);
        running.wait_until_caught_up(&group, &pipeline.input);
        stop(&mut running);
        let all = [first, second].concat();
        audit(&all, &kafka.read(&pipeline.output).records(), by_timestamp).assert_nothing_lost();
        assert!(running.lines().iter().all(|line| !line.text.contains(SECRET)));

        for arguments in [&["check", "--broker"][..], &["dlq", "list"], &["dlq", "replay"]] {
            let done = command(arguments, &file);
            assert_eq!(done.code, Some(0), "{arguments:?}: {}", done.err);
        }
    }
    let asked = endpoint.requests();
    assert!(asked.iter().all(|form| form == "grant_type=client_credentials&scope=kafka+all"), "{asked:?}");
}

#[test]
fn a_token_endpoint_that_refuses_or_is_away_is_named_by_check_and_in_the_log() {
    let cluster = cluster();
    let endpoint = TokenEndpoint::start("another", LIFETIME);
    let (kafka, folder) = (Kafka::at(&cluster.bootstrap()), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "tokens", 1);
    log_in_by_tokens(&mut pipeline, &cluster, &endpoint);
    let file = pipeline.write(&folder);
    for (mood, said) in [
        (Mood::Well, "401 (invalid_client)"),
        (Mood::Gone, "there is no token to log in"),
        (Mood::Silent, "timeout"),
        (Mood::Page(503), "503"),
        (Mood::Page(200), "what is not JSON"),
    ] {
        endpoint.set_mood(mood);
        let began = Instant::now();
        let check = command(&["check", "--broker"], &file);
        assert_eq!(check.code, Some(1), "{mood:?}: {}", check.err);
        assert!(check.err.contains(said) && check.err.contains(&endpoint.url()), "{mood:?}: {}", check.err);
        assert!(!check.err.contains(SECRET), "{}", check.err);
        assert!(began.elapsed() < SAID, "{mood:?}: {:?}", began.elapsed());
    }

    endpoint.set_mood(Mood::Well);
    let mut running = Sluice::run_with(&[&file], |command| {
        command.env("CLIENT_SECRET", SECRET);
    });
    let line = running.wait_for_line("that the client is refused", |line| line.text.contains("invalid_client"));
    assert!(line.text.contains("client.secret") && !line.text.contains(SECRET), "{}", line.text);
    stop(&mut running);
}
