//! What Kafka and its client say when something fails, classified once: nobody else looks at error codes.

use std::fmt;

/// An error of a broker or of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaError {
    /// What kind of error it is, by what follows from it.
    pub kind: ErrorKind,
    /// Kafka's number for it; a negative one is the client's own.
    pub code: i32,
    /// What it says, for people.
    pub text: String,
}

/// Kinds of errors, by what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// An ACL does not allow it.
    Authorization,
    /// The broker does not believe who we are, or the secure connection is not made.
    Authentication,
    /// Another member has taken our static membership (`group.instance.id`) over.
    FencedInstance,
    /// Another producer has taken the transactional id over, or the broker has ended the transaction because it took
    /// too long.
    FencedProducer,
    /// A record is larger than its topic, or the client, takes.
    TooLarge,
    /// The topic refuses the record: a null key where it is compacted, a timestamp outside of its bounds.
    InvalidRecord,
    /// The topic refuses another record of the same batch, which says nothing of this one.
    InvalidBatch,
    /// The group is rebalancing, or we are no longer its member in this generation.
    Rebalance,
    /// A batch in the log that the client cannot read.
    Unreadable,
    /// There is no such topic or partition.
    UnknownTopic,
    /// The log does not hold the offset.
    OffsetOutOfRange,
    /// No answer in time.
    TimedOut,
    /// No broker, coordinator or leader can be reached at this moment.
    Unavailable,
    /// The client threw the record away because it was told to.
    Purged,
    /// The transaction or the producer's sequence has failed, which says nothing of the record.
    TransactionFailed,
    /// Another call of the same kind is still under way.
    Conflict,
    /// The client was overtaken by a later change of the same partition.
    Outdated,
    /// Fetching of the partition has stopped.
    Stopped,
    /// The client can do nothing more.
    Fatal,
    /// Anything else. It may pass.
    Other,
}

impl ErrorKind {
    /// All of them.
    pub const ALL: [ErrorKind; 20] = [
        ErrorKind::Authorization,
        ErrorKind::Authentication,
        ErrorKind::FencedInstance,
        ErrorKind::FencedProducer,
        ErrorKind::TooLarge,
        ErrorKind::InvalidRecord,
        ErrorKind::InvalidBatch,
        ErrorKind::Rebalance,
        ErrorKind::Unreadable,
        ErrorKind::UnknownTopic,
        ErrorKind::OffsetOutOfRange,
        ErrorKind::TimedOut,
        ErrorKind::Unavailable,
        ErrorKind::Purged,
        ErrorKind::TransactionFailed,
        ErrorKind::Conflict,
        ErrorKind::Outdated,
        ErrorKind::Stopped,
        ErrorKind::Fatal,
        ErrorKind::Other,
    ];

    /// Returns the word for it in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Authorization => "authorization",
            ErrorKind::Authentication => "authentication",
            ErrorKind::FencedInstance => "fenced_instance",
            ErrorKind::FencedProducer => "fenced_producer",
            ErrorKind::TooLarge => "too_large",
            ErrorKind::InvalidRecord => "invalid_record",
            ErrorKind::InvalidBatch => "invalid_batch",
            ErrorKind::Rebalance => "rebalance",
            ErrorKind::Unreadable => "unreadable",
            ErrorKind::UnknownTopic => "unknown_topic",
            ErrorKind::OffsetOutOfRange => "offset_out_of_range",
            ErrorKind::TimedOut => "timed_out",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Purged => "purged",
            ErrorKind::TransactionFailed => "transaction_failed",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Outdated => "outdated",
            ErrorKind::Stopped => "stopped",
            ErrorKind::Fatal => "fatal",
            ErrorKind::Other => "other",
        }
    }
}

impl fmt::Display for KafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for KafkaError {}

impl KafkaError {
    /// An error of this kind that no code of Kafka's stands for.
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> KafkaError {
        KafkaError { kind, code: 0, text: text.into() }
    }

    /// What was not over in time.
    pub fn timed_out(what: &str) -> KafkaError {
        KafkaError::new(ErrorKind::TimedOut, format!("{what}: timed out"))
    }

    /// Returns the error with what it is about in front of its text.
    #[must_use]
    pub fn about(self, subject: &str) -> KafkaError {
        KafkaError { text: format!("{subject}: {}", self.text), ..self }
    }

    /// Returns the error in words that say what to do, where it is that no broker answers at `servers`.
    #[must_use]
    pub fn asked_of(self, servers: &str) -> KafkaError {
        match self.kind {
            ErrorKind::Unavailable | ErrorKind::TimedOut => {
                let text = format!("no broker answers at {servers}: check `bootstrap.servers` and the network");
                KafkaError { text, ..self }
            }
            _ => self,
        }
    }

    /// Returns the error as one of a record that was to be written to a topic.
    #[must_use]
    pub fn of_output(self, topic: &str) -> KafkaError {
        let text = match self.kind {
            ErrorKind::UnknownTopic => {
                format!("topic \"{topic}\" does not exist any more, or has fewer partitions: {}", self.text)
            }
            _ => format!("topic \"{topic}\": {}", self.text),
        };
        KafkaError { text, ..self }
    }
}

/// Why a call for a transaction failed, by what has to come next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionError {
    /// Make the same call again: it was not over in time, or may succeed later.
    Retry(KafkaError),
    /// Abort the transaction; then the producer can go on.
    Abort(KafkaError),
    /// Make a new producer: this one can do nothing more.
    Fatal(KafkaError),
}

impl TransactionError {
    /// What the client or the broker says.
    pub fn cause(&self) -> &KafkaError {
        match self {
            TransactionError::Retry(cause) | TransactionError::Abort(cause) | TransactionError::Fatal(cause) => cause,
        }
    }

    /// What the client or the broker says.
    pub fn into_cause(self) -> KafkaError {
        match self {
            TransactionError::Retry(cause) | TransactionError::Abort(cause) | TransactionError::Fatal(cause) => cause,
        }
    }
}
