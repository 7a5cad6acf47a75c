//! Events: what the threads of a pipeline tell its source loop, which alone decides.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use crate::batch::{Batch, Offset};
use crate::error::PipelineError;
use crate::kafka::KafkaError;
use crate::kafka::waker::Waker;
use crate::lease::Lease;
use crate::sink::committer::Outcome;
use crate::sink::receipt::{Delivered, Oversize, Span};

/// The way to a pipeline's source loop.
#[derive(Clone)]
pub struct Events {
    sender: Sender<Event>,
    waker: Waker,
}

impl Events {
    /// A way to whoever holds the other end of `sender`, and is woken by `waker`.
    pub fn new(sender: Sender<Event>, waker: Waker) -> Events {
        Events { sender, waker }
    }

    /// Tells the loop, which looks at it within 10 ms while anything is on its way. Where it has ended nothing is left
    /// to decide.
    pub fn tell(&self, event: Event) {
        let _ = self.sender.send(event);
    }

    /// Tells it what does not suffer a delay.
    pub fn tell_now(&self, event: Event) {
        self.tell(event);
        self.waker.wake();
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
    Oversize(Oversize),
    /// A partition waits for a retry.
    Held(Arc<Lease>),
    /// It no longer waits.
    Released(Arc<Lease>),
    /// A stage fails on too much.
    BreakerOpened(Tripped),
    /// A probe has come to its end.
    Probed(Probe),
    /// The pipeline cannot go on.
    Broken(PipelineError),
    /// The pipeline is asked to stop.
    Stop,
    /// The latch is shut and the last worker has stopped writing.
    Quiet,
    /// The open transaction holds as much as it should.
    Full,
    /// A call for a transaction has ended.
    Transaction(Outcome),
}

/// Why a breaker opened.
#[derive(Clone, Debug)]
pub struct Tripped {
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
pub enum Probe {
    /// The stage is better.
    Passed,
    /// It is not; nothing was written.
    Failed,
    /// None of its records came as far as the stage.
    Unclear,
}
