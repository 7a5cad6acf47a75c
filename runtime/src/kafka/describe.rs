//! What brokers say of topics and groups to whoever asks: which topic it is, and what may be done with it.

use std::sync::Arc;

use super::KafkaError;

/// What a client may do with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Whether it may be read.
    pub read: bool,
    /// Whether it may be written to.
    pub write: bool,
}

/// What brokers say of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicDescription {
    /// The ids of the cluster and of the topic, with a colon between them, which no other topic of this name has; none
    /// where the brokers do not say.
    pub id: Option<String>,
    /// How many partitions it has.
    pub partitions: i32,
    /// What the client may do with it; none where the brokers do not say.
    pub rights: Option<Rights>,
}

/// What brokers say of each of several topics, or why they say nothing.
pub type Described = Vec<(Arc<str>, Result<TopicDescription, KafkaError>)>;
