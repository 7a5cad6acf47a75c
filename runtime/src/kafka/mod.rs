//! Kafka, behind one narrow trait for each role: a member of a consumer group, a producer with transactions, an
//! administrator, and a reader outside of groups. There are two implementations: [`librdkafka`] on real brokers, and
//! the simulated cluster of the simulation tests.

mod admin;
mod consumer;
mod describe;
mod error;
pub mod librdkafka;
pub mod oidc;
mod producer;
pub mod reader;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::admin::{Create, DEFAULT_MAX_MESSAGE_BYTES, TopicAdmin, TopicError, TopicLimits};
pub use self::consumer::{
    Committed, CommittedOf, ConsumerEvent, Fetched, FetchedRecord, GroupConsumer, GroupMetadata, GroupQueries,
    PartitionReader, RecordOrigin, StartPosition,
};
pub use self::describe::{Described, Rights, TopicDescription};
pub use self::error::{ErrorKind, KafkaError, TransactionError};
pub use self::producer::{Outgoing, Producer, Report, Sent};
use crate::batch::Partition;
use crate::rt::Wakeup;

/// Properties of a client, by librdkafka's names.
pub type Properties = BTreeMap<String, String>;

/// Makes the clients of a pipeline. `R` is what its producer hands back with each delivery report.
pub trait Kafka<R>: Send + Sync {
    /// Makes a consumer whose records come in `queues` queues; contacts no broker yet. `wakeup` is woken when there is
    /// something to read.
    ///
    /// # Errors
    /// Properties that the client refuses.
    fn consumer(
        &self,
        pipeline: &Arc<str>,
        properties: &Properties,
        queues: usize,
        wakeup: Wakeup,
    ) -> Result<Box<dyn GroupConsumer>, KafkaError>;

    /// Makes a producer for these topics, which are known by their numbers from then on; contacts no broker yet.
    ///
    /// # Errors
    /// Properties or topic names that the client refuses; a thread that cannot be made.
    fn producer(
        &self,
        pipeline: &Arc<str>,
        properties: &Properties,
        topics: &[&str],
        report: Report<R>,
    ) -> anyhow::Result<Arc<dyn Producer<R>>>;

    /// Makes a connection for questions about topics. Each may take up to `timeout`.
    ///
    /// # Errors
    /// Properties that the client refuses.
    fn admin(
        &self,
        pipeline: &Arc<str>,
        properties: &Properties,
        timeout: Duration,
    ) -> anyhow::Result<Box<dyn TopicAdmin>>;

    /// Makes a reader outside of any group; contacts no broker yet.
    ///
    /// # Errors
    /// Properties that the client refuses.
    fn reader(&self, pipeline: &Arc<str>, properties: &Properties) -> Result<Box<dyn PartitionReader>, KafkaError>;
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
    pub fn new(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition { topic: topic.into(), partition: Partition(partition) }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}
