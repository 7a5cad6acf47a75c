//! A topic: its partitions, and what it refuses.

use sluicebox::kafka::TopicLimits;

use super::codes::{self, Code};
use super::log::{Log, Message};

/// What Kafka adds to a record in a batch of its own.
const OVERHEAD: usize = 61 + 14;

/// A partition and who leads it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The log.
    pub log: Log,
    /// The broker.
    pub leader: usize,
}

/// A topic.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Tells it from others that had its name.
    pub id: u64,
    /// Its partitions.
    pub partitions: Vec<Place>,
    /// What it refuses.
    pub limits: TopicLimits,
}

/// The bytes of a record on the way to a broker.
pub fn size(message: &Message) -> usize {
    let headers = message.headers.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len) + 2);
    OVERHEAD
        + message.key.as_ref().map_or(0, |key| key.len())
        + message.value.as_ref().map_or(0, |value| value.len())
        + headers.sum::<usize>()
}

impl Topic {
    /// Why a topic refuses a record of a batch; `now` is the broker's clock in milliseconds since the epoch.
    pub fn refusal(&self, message: &Message, now: i64) -> Option<Code> {
        if self.limits.compacted && message.key.is_none() {
            return Some(codes::INVALID_RECORD);
        }
        let is_early = self.limits.timestamp_before.is_some_and(|bound| message.timestamp < now - bound);
        let is_late = self.limits.timestamp_after.is_some_and(|bound| message.timestamp > now + bound);
        (is_early || is_late).then_some(codes::INVALID_TIMESTAMP)
    }

    /// Whether a batch is over the topic's limit.
    pub fn is_too_large<'m>(&self, mut messages: impl Iterator<Item = &'m Message>) -> bool {
        let first = messages.next().map_or(0, size);
        let bytes = first + messages.map(|message| size(message) - OVERHEAD + 14).sum::<usize>();
        bytes > self.limits.max_message_bytes
    }
}
