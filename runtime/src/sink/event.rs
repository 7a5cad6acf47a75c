//! What the sink tells the loop of its pipeline.

use super::committer::TransactionOutcome;
use super::receipt::{Delivered, OversizeRecord, SizeRefusal, Span};
use crate::event_sender::EventSender;
use crate::kafka::KafkaError;

/// The way of [`SinkEvent`]s.
pub type SinkEvents = EventSender<SinkEvent>;

/// What happened in the sink.
pub enum SinkEvent {
    /// All that came of a span is acknowledged.
    Delivered(Delivered),
    /// A span was given up: nothing of it may be committed.
    Abandoned {
        /// The span.
        span: Span,
        /// Whether some of what came of it was written already.
        written: bool,
    },
    /// Something that came of a span was not delivered.
    NotDelivered {
        /// The span.
        span: Span,
        /// The topic it was meant for, and why not.
        error: KafkaError,
    },
    /// A broker refused a record as too large for its topic.
    TooLarge(OversizeRecord),
    /// A broker refused a record as too large for its topic, which has nothing to fall back on.
    SizeRefused(SizeRefusal),
    /// The write gate is closed, and the last worker has stopped writing.
    WritersLeft,
    /// The open transaction holds as much as it should.
    TransactionFull,
    /// A call for a transaction has ended.
    Transaction(TransactionOutcome),
}
