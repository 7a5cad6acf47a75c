//! The errors that brokers and clients answer with: Kafka's numbers, and the kinds that the runtime sorts them into.

use sluicebox::kafka::{ErrorKind, KafkaError};

/// An error of Kafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    kind: ErrorKind,
    number: i32,
    text: &'static str,
}

impl From<Code> for KafkaError {
    fn from(code: Code) -> KafkaError {
        KafkaError { kind: code.kind, code: code.number, text: code.text.to_owned() }
    }
}

const fn code(kind: ErrorKind, number: i32, text: &'static str) -> Code {
    Code { kind, number, text }
}

/// Offset out of range.
pub const OFFSET_OUT_OF_RANGE: Code = code(ErrorKind::OffsetOutOfRange, 1, "Offset out of range");
/// Unknown topic or partition.
pub const UNKNOWN_TOPIC: Code = code(ErrorKind::UnknownTopic, 3, "Unknown topic or partition");
/// Message size too large.
pub const TOO_LARGE: Code = code(ErrorKind::TooLarge, 10, "Message size too large");
/// Coordinator not available.
pub const COORDINATOR_NOT_AVAILABLE: Code = code(ErrorKind::Unavailable, 15, "Coordinator not available");
/// Illegal generation.
pub const ILLEGAL_GENERATION: Code = code(ErrorKind::Rebalance, 22, "Illegal generation");
/// Unknown member.
pub const UNKNOWN_MEMBER: Code = code(ErrorKind::Rebalance, 25, "Unknown member");
/// Rebalance in progress.
pub const REBALANCE_IN_PROGRESS: Code = code(ErrorKind::Rebalance, 27, "Rebalance in progress");
/// Topic authorization failed.
pub const TOPIC_AUTHORIZATION: Code = code(ErrorKind::Authorization, 29, "Topic authorization failed");
/// Group authorization failed.
pub const GROUP_AUTHORIZATION: Code = code(ErrorKind::Authorization, 30, "Group authorization failed");
/// Invalid timestamp.
pub const INVALID_TIMESTAMP: Code = code(ErrorKind::InvalidRecord, 32, "Invalid timestamp");
/// Invalid producer epoch.
pub const INVALID_PRODUCER_EPOCH: Code = code(ErrorKind::FencedProducer, 47, "Invalid producer epoch");
/// Invalid transactional state.
pub const INVALID_TRANSACTIONAL_STATE: Code = code(ErrorKind::TransactionFailed, 48, "Invalid transactional state");
/// Concurrent transactions.
pub const CONCURRENT_TRANSACTIONS: Code = code(ErrorKind::Other, 51, "Concurrent transactions");
/// Transactional id authorization failed.
pub const TRANSACTIONAL_ID_AUTHORIZATION: Code =
    code(ErrorKind::Authorization, 53, "Transactional id authorization failed");
/// Fenced instance id.
pub const FENCED_INSTANCE: Code = code(ErrorKind::FencedInstance, 82, "Fenced instance id");
/// Invalid record.
pub const INVALID_RECORD: Code = code(ErrorKind::InvalidRecord, 87, "Invalid record");
/// Unstable offset commit.
pub const UNSTABLE_OFFSET_COMMIT: Code = code(ErrorKind::Other, 88, "Unstable offset commit");
/// Producer fenced.
pub const PRODUCER_FENCED: Code = code(ErrorKind::FencedProducer, 90, "Producer fenced");
/// Fenced member epoch.
pub const FENCED_MEMBER_EPOCH: Code = code(ErrorKind::Rebalance, 110, "Fenced member epoch");
/// Stale member epoch.
pub const STALE_MEMBER_EPOCH: Code = code(ErrorKind::Rebalance, 113, "Stale member epoch");
/// Broker transport failure.
pub const TRANSPORT: Code = code(ErrorKind::Unavailable, -195, "Broker transport failure");
/// Operation timed out.
pub const TIMED_OUT: Code = code(ErrorKind::TimedOut, -185, "Operation timed out");
/// Erroneous state.
pub const STATE: Code = code(ErrorKind::TransactionFailed, -172, "Erroneous state");
/// Conflicting use.
pub const CONFLICT: Code = code(ErrorKind::Conflict, -173, "Conflicting use");
/// Purged in queue.
pub const PURGED: Code = code(ErrorKind::Purged, -152, "Purged in queue");
/// Fatal error.
pub const FATAL: Code = code(ErrorKind::Fatal, -150, "Fatal error");
/// Maximum application poll interval exceeded.
pub const MAX_POLL_EXCEEDED: Code = code(ErrorKind::Other, -147, "Maximum application poll interval exceeded");
/// Another record of the batch is invalid.
pub const INVALID_DIFFERENT_RECORD: Code =
    code(ErrorKind::InvalidBatch, -138, "Another record of the batch is invalid");
