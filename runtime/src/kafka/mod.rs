//! Kafka: everything of rdkafka and librdkafka that the rest of the program sees, as types of its own.

pub mod admin;
pub mod consumer;
pub mod embedded;
pub mod log;
pub mod polled;
pub mod producer;
pub mod reader;
mod records;
pub mod transactions;
pub mod waker;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use crate::batch::Partition;

/// The configuration of a client. librdkafka logs what its `debug` property asks for; rdkafka would ask a logger of
/// another kind than ours how much that may be.
fn client_config(properties: &BTreeMap<String, String>) -> ClientConfig {
    let mut config: ClientConfig = properties.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    config.set_log_level(RDKafkaLogLevel::Debug);
    config
}

/// A topic's partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: Partition,
}

impl TopicPartition {
    /// A partition by its topic's name and its number.
    pub(crate) fn new(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition { topic: topic.into(), partition: Partition(partition) }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// An error of librdkafka or of the broker: its code, and what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct KafkaError {
    /// The code.
    pub code: RDKafkaErrorCode,
    /// What it says, the code's name included.
    pub text: String,
}

impl KafkaError {
    /// The error of a code; `detail` is what the library added, or empty.
    pub(crate) fn new(code: RDKafkaRespErr, detail: &str) -> KafkaError {
        let code = RDKafkaErrorCode::from(code);
        let text = if detail.is_empty() { code.to_string() } else { format!("{detail} ({code:?})") };
        KafkaError { code, text }
    }
}

impl KafkaError {
    /// What was not asked, because something before it was not answered.
    pub(crate) fn later() -> KafkaError {
        KafkaError::new(RDKafkaRespErr::RD_KAFKA_RESP_ERR__IN_PROGRESS, "not asked yet")
    }

    /// What was not over in time.
    pub(crate) fn timed_out(what: &str) -> KafkaError {
        KafkaError::new(RDKafkaRespErr::RD_KAFKA_RESP_ERR__TIMED_OUT, what)
    }

    /// What no code of Kafka's stands for.
    pub(crate) fn other(what: &str) -> KafkaError {
        KafkaError { code: RDKafkaErrorCode::Fail, text: what.to_owned() }
    }

    /// The same error, with what it is about before it.
    pub(crate) fn about(self, subject: &str) -> KafkaError {
        KafkaError { text: format!("{subject}: {}", self.text), ..self }
    }
}

impl From<rdkafka::error::KafkaError> for KafkaError {
    fn from(error: rdkafka::error::KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(code) => KafkaError { code, text: code.to_string() },
            None => KafkaError { code: RDKafkaErrorCode::Fail, text: error.to_string() },
        }
    }
}
