//! EventSender: what the threads of a pipeline tell its source loop, which alone decides.

use std::sync::Arc;
use std::time::Instant;

use crate::batch::{Batch, Offset};
use crate::error::PipelineError;
use crate::kafka::KafkaError;
use crate::lease::Lease;
use crate::rt::{Sender, Wakeup};
use crate::sink::committer::TransactionOutcome;
use crate::sink::receipt::{Delivered, OversizeRecord, Span};
use crate::source::Answer;
use crate::worker::Job;

/// The way to a pipeline's source loop.
#[derive(Clone)]
pub struct EventSender {
    sender: Sender<Event>,
    wakeup: Wakeup,
}

impl EventSender {
    /// A way to whoever holds the other end of `sender`, and is woken by `wakeup`.
    pub fn new(sender: Sender<Event>, wakeup: Wakeup) -> EventSender {
        EventSender { sender, wakeup }
    }

    /// Tells the loop, which looks at it within 10 ms while anything is on its way. Where it has ended nothing is left
    /// to decide.
    pub fn send(&self, event: Event) {
        let _ = self.sender.send(event);
    }

    /// Tells it what does not suffer a delay.
    pub fn send_and_wake(&self, event: Event) {
        self.send(event);
        self.wakeup.wake();
    }
}

/// What happened.
pub enum Event {
    /// A worker is done with a batch, whose memory comes back.
    Processed {
        /// Which worker.
        worker: usize,
        /// The memory, to be filled again.
        batch: Batch,
    },
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
    /// Records of a partition wait for a retry.
    RetryPending {
        /// The partition.
        lease: Arc<Lease>,
        /// Whether no more of it may come.
        full: bool,
    },
    /// None of it waits any more.
    RetriesDone(Arc<Lease>),
    /// A stage fails on too much.
    BreakerOpened(BreakerTrip),
    /// What lies behind the records of a probe that failed, to be looked at.
    LookaheadReady(Job),
    /// A probe has come to its end.
    ProbeEnded(ProbeResult),
    /// The pipeline cannot go on.
    Failed(PipelineError),
    /// Somebody outside asks for something.
    Command(Command),
    /// The brokers have answered a question, or not.
    Answer(Answer),
    /// The latch is shut and the last worker has stopped writing.
    WritersLeft,
    /// The open transaction holds as much as it should.
    TransactionFull,
    /// A call for a transaction has ended.
    Transaction(TransactionOutcome),
}

/// What is asked of a pipeline from outside.
#[derive(Debug)]
pub enum Command {
    /// Drain, commit and end.
    Stop {
        /// Since when: the deadline counts from this moment.
        asked: Instant,
    },
}

/// Why a breaker opened.
#[derive(Clone, Debug)]
pub struct BreakerTrip {
    /// The stage's number.
    pub stage: usize,
    /// Its name.
    pub name: Arc<str>,
    /// Records that failed in the window.
    pub failed: u64,
    /// Records in the window.
    pub total: u64,
    /// One that failed: its partition and offset.
    pub record: (Arc<Lease>, Offset),
    /// Why it failed: class and reason.
    pub reason: String,
}

/// What a probe found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// The stage is better.
    Passed,
    /// It is not; nothing was written.
    Failed,
    /// None of its records came as far as the stage.
    Unclear,
}
