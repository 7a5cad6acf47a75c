//! Why a pipeline ends: what, where, why, and what to do.

use crate::kafka::{ErrorKind, KafkaError, TopicPartition};

/// Why a pipeline cannot go on. Everything delivered before it is committed; nothing else is.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A plugin could not be loaded or started.
    #[error("{0}")]
    Plugin(String),
    /// A topic is missing or cannot be asked for.
    #[error("{0}")]
    Topic(String),
    /// A record could not be delivered.
    #[error(
        "a record of {from} (offsets from {offset}) could not be delivered: {cause}; it stays uncommitted: fix the \
         cause and start the pipeline again"
    )]
    Undeliverable {
        /// Its input partition.
        from: TopicPartition,
        /// Its offset, or, where only its batch is known, the first of that.
        offset: i64,
        /// The topic it was meant for, and why not.
        cause: String,
    },
    /// A stage said that nothing can go on.
    #[error(
        "stage \"{stage}\" failed for good: {reason}; nothing of the batch is committed: fix the cause and start the \
         pipeline again"
    )]
    Fatal {
        /// The stage.
        stage: String,
        /// What it said.
        reason: String,
    },
    /// A record failed in a stage that asks for a stop.
    #[error(
        "stage \"{stage}\" failed on {at} at offset {offset} ({class}: {reason}) and says `then: stop`; everything \
         before that record is delivered and committed: fix the plugin or the record's producer, or set \
         `on_error: {{ then: dlq }}`, and start the pipeline again"
    )]
    Record {
        /// The stage.
        stage: String,
        /// The input partition.
        at: TopicPartition,
        /// The record's offset.
        offset: i64,
        /// The class of the failure.
        class: &'static str,
        /// The reason.
        reason: String,
    },
    /// A stage fails on too much, and the breaker asks for a stop.
    #[error("{0}")]
    Breaker(String),
    /// The committed offset is no longer, or not yet, in the log.
    #[error(
        "{at}: offset {wanted} is gone: the log holds {low} to {high}, {gap}; to go on all the same set `input.on_lost_offset` \
         to earliest (from {low}) or latest (from {high}), or set the group's offset by hand"
    )]
    OffsetLost {
        /// The partition.
        at: TopicPartition,
        /// The offset to read from.
        wanted: i64,
        /// The first offset that there is.
        low: i64,
        /// The one that comes next.
        high: i64,
        /// The gap in words.
        gap: String,
    },
    /// Another process has this instance's name.
    #[error(
        "another running process uses the same `instance` ({0}): give each a name of its own, or leave `instance` out"
    )]
    Fenced(String),
    /// The brokers or the client allow no transactions.
    #[error(
        "exactly_once is not possible: {0}; everything delivered before is committed: fix the cause (rights on \
         the topics, the group and the transactional id; the brokers' transaction settings) and start the pipeline again"
    )]
    Transactions(KafkaError),
    /// The last transaction was aborted.
    #[error(
        "the last transaction was aborted ({0}); what it held stays uncommitted and is read again by the next start"
    )]
    Aborted(String),
    /// The deadline for draining has passed.
    #[error(
        "not everything in flight was delivered within `drain: {0:?}`; what was not stays uncommitted and is read again"
    )]
    Drain(std::time::Duration),
    /// The brokers do not allow something.
    #[error(
        "the brokers have not allowed it for {seconds} s: {what}; everything delivered is committed: grant the right and \
         start the pipeline again, or let it wait longer with `kafka_patience`"
    )]
    Unauthorized {
        /// What is missing.
        what: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A batch of the input that the client cannot read.
    #[error(
        "the input cannot be read: {0}; nothing behind it is committed: check the topic's log, or move the group past it"
    )]
    Unreadable(KafkaError),
    /// A client that cannot go on.
    #[error("Kafka: {0}")]
    Kafka(#[from] KafkaError),
    /// A thread of the pipeline has panicked: which, or what the panic said.
    #[error(
        "a panic ended the pipeline ({0}); what was in flight stays uncommitted and is read again: please report this"
    )]
    Panic(String),
    /// Anything of the operating system or the libraries.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

/// What stands in the place of a plugin's words where they may quote what is hidden.
const UNSAID: &str = "its words may quote what `show` hides: `sluice explain` shows them masked";

impl PipelineError {
    /// Returns the same without a plugin's words about a record.
    #[must_use]
    pub fn without_words(self) -> PipelineError {
        let reason = UNSAID.to_owned();
        match self {
            PipelineError::Fatal { stage, .. } => PipelineError::Fatal { stage, reason },
            PipelineError::Record { stage, at, offset, class, .. } => {
                PipelineError::Record { stage, at, offset, class, reason }
            }
            other => other,
        }
    }

    /// Returns a failure, class and reason, without a plugin's words about a record.
    pub fn class_alone(reason: &str) -> String {
        format!("{}: {UNSAID}", reason.split(':').next().unwrap_or_default())
    }

    /// The words for all kinds of errors.
    pub const KINDS: [&'static str; 16] = [
        "plugin",
        "topic",
        "unauthorized",
        "undeliverable",
        "fatal",
        "record",
        "breaker",
        "offset_lost",
        "fenced",
        "transactions",
        "aborted",
        "drain",
        "unreadable",
        "kafka",
        "panic",
        "other",
    ];

    /// Returns the word for its kind in metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            PipelineError::Plugin(_) => "plugin",
            PipelineError::Topic(_) => "topic",
            PipelineError::Unauthorized { .. } => "unauthorized",
            PipelineError::Undeliverable { .. } => "undeliverable",
            PipelineError::Fatal { .. } => "fatal",
            PipelineError::Record { .. } => "record",
            PipelineError::Breaker(_) => "breaker",
            PipelineError::OffsetLost { .. } => "offset_lost",
            PipelineError::Fenced(_) => "fenced",
            PipelineError::Transactions(_) => "transactions",
            PipelineError::Aborted(_) => "aborted",
            PipelineError::Drain(_) => "drain",
            PipelineError::Unreadable(_) => "unreadable",
            PipelineError::Kafka(_) => "kafka",
            PipelineError::Panic(_) => "panic",
            PipelineError::Other(_) => "other",
        }
    }

    /// Returns whether a restart may help: what it failed of may pass by itself, or may be fixed without the pipeline
    /// file.
    pub fn may_pass(&self) -> bool {
        match self {
            PipelineError::Plugin(_)
            | PipelineError::Topic(_)
            | PipelineError::Fatal { .. }
            | PipelineError::Unauthorized { .. }
            | PipelineError::Panic(_) => true,
            PipelineError::Kafka(error) | PipelineError::Transactions(error) => error.kind == ErrorKind::Authorization,
            PipelineError::Undeliverable { .. }
            | PipelineError::Record { .. }
            | PipelineError::Breaker(_)
            | PipelineError::OffsetLost { .. }
            | PipelineError::Fenced(_)
            | PipelineError::Aborted(_)
            | PipelineError::Drain(_)
            | PipelineError::Unreadable(_)
            | PipelineError::Other(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugins_words_are_left_out_and_the_rest_stays() {
        let reason = "no customer ann@example.com".to_owned();
        let at = TopicPartition::new("orders", 3);
        let stage = "look-up".to_owned();
        let record =
            PipelineError::Record { stage: stage.clone(), at, offset: 7, class: "reject", reason: reason.clone() };
        for error in [record, PipelineError::Fatal { stage, reason }] {
            let text = error.without_words().to_string();
            assert!(text.contains("\"look-up\"") && text.contains("may quote") && !text.contains("ann@"), "{text}");
        }
        assert!(PipelineError::class_alone("reject: no customer ann@example.com").starts_with("reject: its words may"));
        assert_eq!(PipelineError::Fenced("a".to_owned()).without_words().kind(), "fenced");
    }
}
