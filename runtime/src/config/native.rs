//! Asks librdkafka whether properties are right. No broker is contacted.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::client::{Client, DefaultClientContext};
use rdkafka::error::KafkaError;
use rdkafka::types::{RDKafkaConfRes, RDKafkaType};

use crate::kafka::oidc;

/// Which of the two clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The consumer.
    Consumer,
    /// The producer.
    Producer,
}

/// What is wrong with a property.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// librdkafka knows no such name.
    Unknown,
    /// The value is wrong; librdkafka's own words, which may hold the value.
    Invalid(String),
}

/// Checks one property by itself.
pub(super) fn check(name: &str, value: &str) -> Result<(), Flaw> {
    if oidc::is_ours(name) {
        return Ok(());
    }
    match ClientConfig::new().set(name, value).create_native_config() {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => Err(Flaw::Unknown),
        Err(KafkaError::ClientConfig(_, reason, ..)) => Err(Flaw::Invalid(one_line(&reason))),
        Err(other) => Err(Flaw::Invalid(one_line(&other.to_string()))),
    }
}

/// Checks all properties of a client together, by making one that knows no broker: contradictions, and files that
/// cannot be read. The error is librdkafka's own words.
pub(super) fn check_together(kind: Kind, properties: &BTreeMap<String, String>) -> Result<(), String> {
    let mut config = ClientConfig::new();
    let librdkafkas = properties.iter().filter(|(name, _)| !oidc::is_ours(name));
    config.extend(librdkafkas.map(|(name, value)| (name.clone(), value.clone())));
    config.remove("bootstrap.servers");
    let kind = match kind {
        Kind::Consumer => RDKafkaType::RD_KAFKA_CONSUMER,
        Kind::Producer => RDKafkaType::RD_KAFKA_PRODUCER,
    };
    let native = config.create_native_config().map_err(|error| error.to_string())?;
    match Client::new(&config, native, kind, DefaultClientContext) {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientCreation(reason)) => Err(one_line(&reason)),
        Err(other) => Err(one_line(&other.to_string())),
    }
}

/// The version of librdkafka.
pub fn librdkafka_version() -> String {
    rdkafka::util::get_rdkafka_version().1
}

/// The SASL mechanisms that this build can use.
pub fn sasl_mechanisms() -> Vec<&'static str> {
    let config = ClientConfig::new().create_native_config();
    let features = config.and_then(|config| config.get("builtin.features")).unwrap_or_default();
    let has = |feature: &str| features.split(',').any(|own| own == feature);
    let all: [(&str, &[&str]); 4] = [
        ("sasl_plain", &["PLAIN"]),
        ("sasl_scram", &["SCRAM-SHA-256", "SCRAM-SHA-512"]),
        ("sasl_oauthbearer", &["OAUTHBEARER"]),
        ("sasl_gssapi", &["GSSAPI"]),
    ];
    all.into_iter().filter(|(feature, _)| has(feature)).flat_map(|(_, mechanisms)| mechanisms.iter().copied()).collect()
}

fn one_line(reason: &str) -> String {
    reason.split_whitespace().collect::<Vec<_>>().join(" ")
}
