//! What becomes of the properties of both clients.

use super::{FULL, LEAST, good, planned, planned_with};
use crate::config::PlanOptions;

#[test]
fn both_clients_have_the_properties_that_the_promises_need() {
    let plan = good(FULL);
    for (name, value) in [
        ("bootstrap.servers", "localhost:9092"),
        ("group.id", "order-status"),
        ("group.instance.id", "pod-1"),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("auto.offset.reset", "error"),
        ("enable.partition.eof", "true"),
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("allow.auto.create.topics", "false"),
        ("client.id", "sluice-order-status"),
        ("session.timeout.ms", "10000"),
        ("message.max.bytes", "2000000"),
    ] {
        assert_eq!(plan.consumer.get(name).map(String::as_str), Some(value), "{name}");
    }
    for (name, value) in [
        ("enable.idempotence", "true"),
        ("acks", "all"),
        ("partitioner", "murmur2_random"),
        ("message.timeout.ms", "0"),
        ("allow.auto.create.topics", "false"),
        ("linger.ms", "10"),
        ("compression.type", "zstd"),
        ("message.max.bytes", "2000000"),
    ] {
        assert_eq!(plan.producer.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!plan.producer.contains_key("session.timeout.ms") && !plan.consumer.contains_key("linger.ms"));
}

#[test]
fn properties_for_both_go_only_to_the_client_that_has_them_and_the_narrower_section_wins() {
    let text = "name: copy\nkafka: { bootstrap.servers: x, fetch.min.bytes: 2, linger.ms: 7, client.id: both }\n\
                consumer: { client.id: reader }\ninput: { topics: [a] }\noutputs: { default: { topic: b } }\n";
    let plan = good(text);
    assert!(plan.consumer["fetch.min.bytes"] == "2" && !plan.producer.contains_key("fetch.min.bytes"));
    assert!(plan.producer["linger.ms"] == "7" && !plan.consumer.contains_key("linger.ms"));
    assert_eq!((&*plan.consumer["client.id"], &*plan.producer["client.id"]), ("reader", "both"));
}

#[test]
fn an_alias_takes_the_place_of_the_default_it_means() {
    let plan = good(&LEAST.replace("localhost", "x, compression.codec: zstd, queue.buffering.max.ms: 50"));
    assert_eq!((&*plan.producer["compression.type"], &*plan.producer["linger.ms"]), ("zstd", "50"));
    assert!(!plan.producer.contains_key("compression.codec"));
}

#[test]
fn addresses_lose_the_spaces_around_them() {
    assert_eq!(good(&LEAST.replace("localhost", "\" a:1, b:2,\"")).consumer["bootstrap.servers"], "a:1,b:2");
}

#[test]
fn certificates_need_not_be_there_where_no_cluster_is_contacted() {
    let text = LEAST.replace("localhost", "x, security.protocol: ssl, ssl.ca.location: none.pem");
    assert!(planned(&text).is_err());
    for (embedded, offline) in [(true, false), (false, true)] {
        assert!(planned_with(&text, &PlanOptions { embedded, offline, ..PlanOptions::default() }).is_ok());
    }
}

/// A login by tokens but for the address of the endpoint.
const OIDC: &str = "x, security.protocol: sasl_ssl, sasl.mechanism: OAUTHBEARER, sasl.oauthbearer.method: oidc, \
                    sasl.oauthbearer.client.credentials.client.id: a, sasl.oauthbearer.client.secret: hunter2, \
                    sasl.oauthbearer.token.endpoint.url";

#[test]
fn a_login_by_tokens_is_the_programs_own_and_its_secret_is_shown_nowhere() {
    let (plan, _) = planned(&LEAST.replace("localhost", &format!("{OIDC}: https://idp/token"))).unwrap();
    for properties in [&plan.consumer, &plan.producer] {
        let credentials = crate::kafka::oidc::Credentials::of(properties).unwrap();
        assert_eq!((credentials.id.as_str(), credentials.secret.as_str()), ("a", "hunter2"));
    }
    assert!(!format!("{plan:?} {}", crate::config::print(&plan)).contains("hunter2"));
}

#[test]
fn security_settings_that_are_not_used_are_a_warning() {
    for (settings, said) in [
        (
            "x, sasl.username: a, sasl.password: b",
            Some("kafka.sasl.username: not used, because security.protocol is plaintext"),
        ),
        (
            "x, security.protocol: SASL_PLAINTEXT, sasl.mechanism: PLAIN, sasl.username: a, sasl.password: b, ssl.ca.location: plugins",
            Some("kafka.ssl.ca.location: not used"),
        ),
        ("x, security.protocol: sasl_ssl, sasl.username: a, sasl.password: b, sasl.mechanism: PLAIN", None),
        (
            "x, security.protocol: sasl_ssl, sasl.mechanism: PLAIN, sasl.username: a, sasl.password: b, sasl.oauthbearer.scope: c",
            Some("kafka.sasl.oauthbearer.scope: not used, because sasl.oauthbearer.method is not oidc"),
        ),
        (format!("{OIDC}: https://idp/token").as_str(), None),
        (format!("{OIDC}: http://127.0.0.1:8080/token").as_str(), None),
        (format!("{OIDC}: http://idp/token").as_str(), Some("the client's secret is sent in the clear")),
    ] {
        let (_, warnings) = planned(&LEAST.replace("localhost", settings)).unwrap();
        let warning = warnings.first().map(ToString::to_string).unwrap_or_default();
        assert_eq!(warnings.len(), usize::from(said.is_some()), "{settings}: {warning}");
        assert!(warning.contains(said.unwrap_or_default()), "{settings}: {warning}");
    }
}

#[test]
fn exactly_once_reads_committed_and_leaves_the_timeout_to_the_transaction() {
    let text = format!("{LEAST}delivery: exactly_once\n");
    let plan = good(&text);
    assert_eq!(plan.consumer["isolation.level"], "read_committed");
    assert_eq!(plan.producer["transaction.timeout.ms"], "15000");
    assert!(!plan.producer.contains_key("message.timeout.ms"));
    assert!(!good(&format!("{text}instance: a\n")).producer.contains_key("transaction.timeout.ms"));
}

#[test]
fn kip_848_keeps_the_classic_strategy_away() {
    let plan = good(&LEAST.replace("localhost", "x, group.protocol: consumer"));
    assert!(!plan.consumer.contains_key("partition.assignment.strategy"));
}

#[test]
fn it_is_left_to_us_how_long_a_record_waits_at_the_producer_unless_the_file_says_so() {
    assert!(good(LEAST).sends_at_once);
    for section in ["kafka", "producer"] {
        let text = match section {
            "kafka" => LEAST.replace("localhost", "localhost, linger.ms: 5"),
            _ => format!("{LEAST}producer: {{ queue.buffering.max.ms: 5 }}\n"),
        };
        assert!(!good(&text).sends_at_once, "{section}");
    }
}

#[test]
fn no_fetch_waits_for_long_where_workers_have_queues_of_their_own() {
    let wait = |more: &str| good(&format!("{LEAST}{more}")).consumer.get("fetch.wait.max.ms").cloned();
    assert_eq!(wait("workers: 1\n"), None);
    assert_eq!(wait("workers: 2\n").as_deref(), Some("40"));
    assert_eq!(wait("workers: 2\nconsumer: { fetch.wait.max.ms: 700 }\n").as_deref(), Some("700"));
}
