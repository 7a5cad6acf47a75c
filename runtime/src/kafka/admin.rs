//! The role of an administrator: what has to be known of topics before a pipeline starts, namely whether they exist and
//! what they refuse.

/// What a broker takes where a topic's limit cannot be read: its default `max.message.bytes`.
pub const DEFAULT_MAX_MESSAGE_BYTES: usize = 1_048_588;

/// What a topic refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicLimits {
    /// `max.message.bytes`.
    pub max_message_bytes: usize,
    /// Whether a null key is refused: the topic is compacted.
    pub compacted: bool,
    /// How far, in milliseconds, a timestamp may lie behind the broker's clock; none: any way.
    pub timestamp_before: Option<i64>,
    /// How far, in milliseconds, a timestamp may lie ahead of the broker's clock; none: any way.
    pub timestamp_after: Option<i64>,
}

impl Default for TopicLimits {
    fn default() -> Self {
        TopicLimits {
            max_message_bytes: DEFAULT_MAX_MESSAGE_BYTES,
            compacted: false,
            timestamp_before: None,
            timestamp_after: None,
        }
    }
}

/// How to create a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Create {
    /// How many partitions.
    pub partitions: i32,
    /// How many replicas of each.
    pub replication: i32,
    /// A `max.message.bytes` other than the brokers' default.
    pub max_message_bytes: Option<usize>,
    /// Whether only the last record of each key is kept.
    pub compacted: bool,
}

/// Why a topic cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TopicError {
    /// No broker answers: that may pass.
    #[error("no broker answers at {servers}: {cause}; check `bootstrap.servers`, `security.protocol` and the network")]
    NoBroker {
        /// Where they were looked for.
        servers: String,
        /// What the client says.
        cause: String,
    },
    /// The brokers refuse the login, or the connection is not trusted: that may pass where a password or a certificate
    /// is being exchanged.
    #[error(
        "the login at {servers} fails: {cause}; check `security.protocol`, `sasl.mechanism`, the user and its password, \
         and certificates"
    )]
    Login {
        /// Where.
        servers: String,
        /// What the client says.
        cause: String,
    },
    /// There is no token to log in with: that may pass, too.
    #[error("there is no token to log in at {servers}: {cause}")]
    NoToken {
        /// Where.
        servers: String,
        /// The endpoint, and what it says.
        cause: String,
    },
    /// There is no such topic: a broker that was just told of it may say so for a moment.
    #[error("{0}")]
    Missing(String),
    /// The topic itself.
    #[error("{0}")]
    Topic(String),
}

impl TopicError {
    /// Whether no broker has said anything of the topic: that may pass.
    pub fn is_absence(&self) -> bool {
        match self {
            TopicError::NoBroker { .. } | TopicError::Login { .. } | TopicError::NoToken { .. } => true,
            TopicError::Missing(_) | TopicError::Topic(_) => false,
        }
    }
}

/// A connection for questions about topics. Each call waits for its answer.
pub trait TopicAdmin: Send {
    /// Makes sure that a topic exists. One that does not is created where `create` says how; returns whether it was.
    /// `role` says in an error what the topic is to the pipeline.
    ///
    /// # Errors
    /// See [`TopicError`].
    fn ensure_topic(&self, role: &str, name: &str, create: Option<&Create>) -> Result<bool, TopicError>;

    /// Returns how many replicas a topic has of its first partition; none where there is no such topic.
    ///
    /// # Errors
    /// No broker answers.
    fn replication(&self, name: &str) -> Result<Option<i32>, TopicError>;

    /// Returns what topics refuse, in the order of `names`. Each may be unknown for a reason of its own: it may not be
    /// read, or no broker answers.
    fn limits(&self, names: &[&str]) -> Vec<Result<TopicLimits, TopicError>>;

    /// Ends the connection, without waiting for that.
    fn close(self: Box<Self>);
}
