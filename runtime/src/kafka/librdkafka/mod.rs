//! Kafka by librdkafka: the roles of [`crate::kafka`] on real brokers. Types of rdkafka and librdkafka do not leave
//! this folder.

mod admin;
mod consumer;
mod describe;
pub mod embedded;
mod event;
mod log;
mod presence;
mod producer;
mod queries;
mod reader;
mod records;
mod token_endpoint;
mod tokens;
mod transactions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use self::admin::NativeAdmin;
use self::consumer::NativeConsumer;
pub use self::presence::Presence;
use self::producer::NativeProducer;
use self::reader::NativeReader;
use super::oidc;
use super::{ErrorKind, GroupConsumer, Kafka, KafkaError, PartitionReader, Producer, Properties, Report, TopicAdmin};
use crate::rt::Wakeup;

/// Makes clients of real brokers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Librdkafka;

impl<R: Send + Sync + 'static> Kafka<R> for Librdkafka {
    fn consumer(
        &self,
        pipeline: &Arc<str>,
        properties: &Properties,
        queues: usize,
        wakeup: Wakeup,
    ) -> Result<Box<dyn GroupConsumer>, KafkaError> {
        Ok(Box::new(NativeConsumer::new(pipeline, properties, queues, wakeup)?))
    }

    fn producer(
        &self,
        pipeline: &Arc<str>,
        properties: &Properties,
        topics: &[&str],
        report: Report<R>,
    ) -> anyhow::Result<Arc<dyn Producer<R>>> {
        Ok(Arc::new(NativeProducer::new(pipeline, properties, topics, report)?))
    }

    fn admin(
        &self,
        pipeline: &Arc<str>,
        properties: &Properties,
        timeout: Duration,
    ) -> anyhow::Result<Box<dyn TopicAdmin>> {
        Ok(Box::new(NativeAdmin::new(pipeline, properties, timeout)?))
    }

    fn reader(&self, pipeline: &Arc<str>, properties: &Properties) -> Result<Box<dyn PartitionReader>, KafkaError> {
        Ok(Box::new(NativeReader::new(pipeline, properties)?))
    }
}

/// The configuration of a client. librdkafka logs what its `debug` property asks for; rdkafka would ask a logger of
/// another kind than ours how much that may be. What the program does itself is left out: see `tokens.rs`.
fn client_config(properties: &BTreeMap<String, String>) -> ClientConfig {
    let librdkafkas = properties.iter().filter(|(name, _)| !oidc::is_ours(name));
    let mut config: ClientConfig = librdkafkas.map(|(k, v)| (k.clone(), v.clone())).collect();
    config.set_log_level(RDKafkaLogLevel::Debug);
    config
}

/// The error of a code; `detail` is what the library added, or empty.
fn error_of(code: RDKafkaRespErr, detail: &str) -> KafkaError {
    classified(RDKafkaErrorCode::from(code), code as i32, detail)
}

fn classified(code: RDKafkaErrorCode, number: i32, detail: &str) -> KafkaError {
    let text = if detail.is_empty() { code.to_string() } else { format!("{detail} ({code:?})") };
    KafkaError { kind: kind_of(code), code: number, text }
}

impl From<rdkafka::error::KafkaError> for KafkaError {
    fn from(error: rdkafka::error::KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(code) => KafkaError { kind: kind_of(code), code: code as i32, text: code.to_string() },
            None => KafkaError::new(ErrorKind::Other, error.to_string()),
        }
    }
}

/// What follows from an error code.
fn kind_of(code: RDKafkaErrorCode) -> ErrorKind {
    use RDKafkaErrorCode as Code;
    match code {
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => ErrorKind::Authorization,
        Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL => ErrorKind::Authentication,
        Code::FencedInstanceId => ErrorKind::FencedInstance,
        Code::Fenced | Code::InvalidProducerEpoch | Code::ProducerFenced => ErrorKind::FencedProducer,
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => ErrorKind::TooLarge,
        Code::InvalidRecord | Code::InvalidTimestamp => ErrorKind::InvalidRecord,
        Code::InvalidDifferentRecord => ErrorKind::InvalidBatch,
        Code::IllegalGeneration
        | Code::RebalanceInProgress
        | Code::UnknownMemberId
        | Code::FencedMemberEpoch
        | Code::StaleMemberEpoch => ErrorKind::Rebalance,
        Code::BadMessage | Code::BadCompression | Code::NotImplemented => ErrorKind::Unreadable,
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => ErrorKind::UnknownTopic,
        Code::OffsetOutOfRange | Code::AutoOffsetReset => ErrorKind::OffsetOutOfRange,
        Code::OperationTimedOut | Code::RequestTimedOut | Code::TimedOutQueue | Code::MessageTimedOut => {
            ErrorKind::TimedOut
        }
        Code::BrokerTransportFailure
        | Code::AllBrokersDown
        | Code::Resolve
        | Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::BrokerNotAvailable
        | Code::CoordinatorNotAvailable
        | Code::CoordinatorLoadInProgress
        | Code::NotCoordinator
        | Code::NetworkException
        | Code::WaitingForCoordinator => ErrorKind::Unavailable,
        Code::PurgeQueue | Code::PurgeInflight => ErrorKind::Purged,
        Code::State
        | Code::InvalidProducerIdMapping
        | Code::InvalidTransactionalState
        | Code::OutOfOrderSequenceNumber
        | Code::UnknownProducerId => ErrorKind::TransactionFailed,
        Code::Conflict => ErrorKind::Conflict,
        Code::Outdated => ErrorKind::Outdated,
        Code::Fatal => ErrorKind::Fatal,
        _ => ErrorKind::Other,
    }
}
