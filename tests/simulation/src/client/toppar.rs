//! A partition as the client keeps it, and what was fetched of it: librdkafka's `rd_kafka_toppar_t`.
//!
//! What is fetched has the version that the partition had then. A pause, a resume, a seek, a start and a stop each
//! raise the version, and what has an older one is thrown away when it is read.

use std::sync::Arc;

use sluicebox::kafka::{KafkaError, StartPosition, TopicPartition};

use crate::cluster::log::Message;

/// Where to fetch next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At the log's start, wherever that is when it is asked.
    Beginning,
    /// At an offset.
    At(i64),
}

impl From<StartPosition> for Next {
    fn from(start: StartPosition) -> Next {
        match start {
            StartPosition::Beginning => Next::Beginning,
            StartPosition::Offset(offset) => Next::At(offset.0),
        }
    }
}

/// A partition.
#[derive(Clone, Debug)]
pub struct Toppar {
    /// Whether it is assigned.
    pub is_assigned: bool,
    /// What the application has paused stays so over assignments.
    pub is_paused: bool,
    /// By the client itself, while a rebalance waits for its answer.
    pub is_held: bool,
    /// Whether it is fetched at all: not after an offset out of range.
    pub is_active: bool,
    /// What is fetched under another version is thrown away.
    pub version: u64,
    /// Where to fetch next.
    pub next: Next,
    /// Behind the last that the application has got; none since a start or a seek.
    pub position: Option<i64>,
    /// Into which queue what is fetched goes.
    pub queue: usize,
    /// How much of it is in the queue.
    pub queued: usize,
    /// A fetch is under way.
    pub is_fetching: bool,
    /// Everything is fetched: more is fetched when there is more.
    pub is_parked: bool,
    /// The end that was told last.
    pub told_end: Option<i64>,
    /// The error that was told last.
    pub told_error: Option<i32>,
    /// The high watermark of the last fetch.
    pub high: Option<i64>,
}

impl Toppar {
    /// One that nothing is known of.
    pub fn new() -> Toppar {
        Toppar {
            is_assigned: false,
            is_paused: false,
            is_held: false,
            is_active: false,
            version: 0,
            next: Next::Beginning,
            position: None,
            queue: 0,
            queued: 0,
            is_fetching: false,
            is_parked: false,
            told_end: None,
            told_error: None,
            high: None,
        }
    }

    /// What is fetched already is thrown away.
    fn outdate(&mut self) {
        self.version += 1;
        self.queued = 0;
        self.is_parked = false;
    }

    /// It is assigned, and fetched from here on into a queue.
    pub fn start(&mut self, from: Next, queue: usize) {
        self.outdate();
        (self.is_assigned, self.is_active, self.is_held) = (true, true, false);
        (self.next, self.position, self.queue) = (from, None, queue);
        (self.told_end, self.told_error) = (None, None);
    }

    /// It is given up.
    pub fn stop(&mut self) {
        self.outdate();
        (self.is_assigned, self.is_active, self.is_held, self.position) = (false, false, false, None);
    }

    /// It is not fetched, for a reason of the application's or of the client's own. Fetching goes on behind what the
    /// application has got, which may be more than it has looked at.
    pub fn pause(&mut self, by_application: bool) {
        self.outdate();
        match by_application {
            true => self.is_paused = true,
            false => self.is_held = true,
        }
        if let Some(position) = self.position {
            self.next = Next::At(position);
        }
    }

    /// The end of a pause. What was fetched is thrown away, whether there was a pause or not.
    pub fn resume(&mut self, by_application: bool) {
        self.outdate();
        match by_application {
            true => self.is_paused = false,
            false => self.is_held = false,
        }
    }

    /// It is fetched from elsewhere. Returns whether it is fetched at all.
    pub fn seek(&mut self, to: Next) -> bool {
        if !self.is_active {
            return false;
        }
        self.outdate();
        (self.next, self.position, self.told_end) = (to, None, None);
        true
    }

    /// Whether it is to be fetched now; `most` may wait in the queue.
    pub fn is_hungry(&self, most: usize) -> bool {
        let is_fetched = self.is_assigned && self.is_active && !self.is_paused && !self.is_held;
        is_fetched && !self.is_fetching && !self.is_parked && self.queued < most
    }
}

/// What comes out of a queue.
#[derive(Clone, Debug)]
pub struct Op {
    /// The partition.
    pub at: TopicPartition,
    /// The version under which it was fetched.
    pub version: u64,
    /// What it is.
    pub content: Content,
}

/// A record, or what there is to say in the place of one.
#[derive(Clone, Debug)]
pub enum Content {
    /// A record.
    Record(i64, Arc<Message>),
    /// The partition's end.
    End(i64),
    /// The log does not hold the offset.
    OutOfRange(KafkaError),
    /// An error that is no end of it.
    Failed(KafkaError),
}

impl Content {
    /// Behind what the application has got with this: an end counts as a record.
    pub fn position(&self) -> Option<i64> {
        match self {
            Content::Record(offset, _) | Content::End(offset) => Some(offset + 1),
            Content::OutOfRange(_) | Content::Failed(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_goes_on_behind_what_was_handed_over() {
        let mut toppar = Toppar::new();
        toppar.start(Next::At(5), 0);
        let fetched = toppar.version;
        (toppar.next, toppar.position) = (Next::At(20), Some(12));
        toppar.pause(true);
        assert_ne!(toppar.version, fetched);
        toppar.resume(true);
        assert_eq!(toppar.next, Next::At(12));
    }

    #[test]
    fn a_seek_during_a_pause_holds() {
        let mut toppar = Toppar::new();
        toppar.start(Next::At(5), 0);
        toppar.position = Some(12);
        toppar.pause(true);
        assert!(toppar.seek(Next::At(7)));
        toppar.resume(true);
        assert_eq!(toppar.next, Next::At(7));
    }

    #[test]
    fn the_end_of_a_pause_that_was_none_passes_over_what_was_fetched() {
        let mut toppar = Toppar::new();
        toppar.start(Next::At(0), 0);
        let fetched = toppar.version;
        toppar.next = Next::At(10);
        toppar.resume(true);
        assert_ne!(toppar.version, fetched);
        assert_eq!(toppar.next, Next::At(10));
    }

    #[test]
    fn an_application_s_pause_outlives_an_assignment() {
        let mut toppar = Toppar::new();
        toppar.start(Next::At(0), 0);
        toppar.pause(true);
        toppar.stop();
        toppar.start(Next::At(0), 0);
        assert!(!toppar.is_hungry(10));
        assert!(!Toppar::new().seek(Next::At(0)));
    }
}
