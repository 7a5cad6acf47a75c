//! Everything that happens outside of the loop, and what is asked of it.

use std::time::Instant;

use super::question::Answer;
use crate::event_sender::EventSender;
use crate::sink::event::SinkEvent;
use crate::worker::Job;
use crate::worker::event::WorkerEvent;

/// The way of [`Event`]s.
pub type Events = EventSender<Event>;

/// What happened.
pub enum Event {
    /// In the sink.
    Sink(SinkEvent),
    /// In a worker.
    Worker(WorkerEvent),
    /// What lies behind the records of a probe that failed, to be looked at.
    LookaheadReady(Job),
    /// Somebody outside asks for something.
    Command(Command),
    /// The brokers have answered a question, or not.
    Answer(Answer),
}

impl From<SinkEvent> for Event {
    fn from(event: SinkEvent) -> Self {
        Event::Sink(event)
    }
}

impl From<WorkerEvent> for Event {
    fn from(event: WorkerEvent) -> Self {
        Event::Worker(event)
    }
}

/// Called by the loop, once, when what was asked for is done and shows in the view. It must not wait.
pub type Reply = Box<dyn FnOnce() + Send>;

/// What is asked of a pipeline from outside.
pub enum Command {
    /// Drain, commit and end.
    Stop {
        /// Since when: the deadline counts from this moment.
        asked: Instant,
    },
    /// Publish a view.
    Publish(Reply),
    /// Pause and resume what an operator has asked for since (see [`OperatorPauses`](crate::view::OperatorPauses)).
    ObeyOperator(Reply),
}
