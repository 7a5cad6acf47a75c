//! The sink: writes outputs and dead letters, and knows what each topic takes.

pub mod letter;
pub mod receipt;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use self::letter::{Class, DeadLetter, Origin};
use self::receipt::{OpenSpan, Oversize, Receipt, Span, is_too_large};
use crate::batch::{Arena, NO_TIMESTAMP, Record};
use crate::config::plan;
use crate::kafka::admin::TopicLimits;
use crate::kafka::producer::{Outgoing, OutputTopic, Producer, Sent};

/// How long a worker waits for room in a full producer queue before it looks whether it should go on waiting.
const ROOM_WAIT: Duration = Duration::from_millis(20);
/// What Kafka adds to a record of its own in a batch of its own, at the most.
const BATCH_OVERHEAD: usize = 61 + 40;
/// What Kafka adds to each header, at the most.
const HEADER_OVERHEAD: usize = 10;

/// A topic and what it takes.
struct Destination {
    topic: OutputTopic,
    limits: TopicLimits,
}

/// A topic that a pipeline writes to, with what is known of it.
pub struct Known {
    /// Its name.
    pub name: String,
    /// What it refuses.
    pub limits: TopicLimits,
}

/// What became of a write that did not end in the producer's queue.
pub enum NotWritten {
    /// The topic cannot take it: class and reason.
    Refused(Class, String),
    /// The pipeline is being cut off, or the partition is no longer ours.
    GivenUp,
    /// It cannot be written at all: why.
    Impossible(String),
}

/// Writes for all workers of one pipeline.
pub struct Sink {
    producer: Producer<Receipt>,
    outputs: Vec<Option<Destination>>,
    dlq: Option<Destination>,
    oversize: plan::Oversize,
    origin: Origin,
    cut_off: Arc<AtomicBool>,
    // Nothing is sent, and everything counts as acknowledged.
    dry: bool,
}

impl Sink {
    /// Makes the producer. `outputs` are in the plan's order, none where one is `{ drop: true }`.
    ///
    /// # Errors
    /// Properties or topic names that librdkafka refuses.
    pub fn new(
        plan: &plan::Plan,
        outputs: Vec<Option<Known>>,
        dlq: Option<Known>,
        origin: Origin,
        cut_off: Arc<AtomicBool>,
    ) -> anyhow::Result<Sink> {
        let limits: Vec<usize> =
            outputs.iter().flatten().chain(&dlq).map(|known| known.limits.max_message_bytes).collect();
        let properties = with_limits(&plan.producer, &limits);
        let producer = Producer::new(&plan.name, &properties, Receipt::report)?;
        let open = |known: Known| -> anyhow::Result<Destination> {
            Ok(Destination { topic: producer.topic(&known.name)?, limits: known.limits })
        };
        let outputs = outputs.into_iter().map(|known| known.map(open).transpose()).collect::<Result<_, _>>()?;
        let dlq = dlq.map(open).transpose()?;
        let oversize = plan.dlq.as_ref().map_or(plan::Oversize::Stop, |dlq| dlq.oversize);
        Ok(Sink { producer, outputs, dlq, oversize, origin, cut_off, dry: false })
    }

    /// The same, but nothing is sent, and everything counts as acknowledged.
    pub fn dry(self) -> Sink {
        Sink { dry: true, ..self }
    }

    /// The producer, for its transactions.
    pub fn producer(&self) -> &Producer<Receipt> {
        &self.producer
    }

    /// Whether an output writes anywhere.
    pub fn writes(&self, output: usize) -> bool {
        self.outputs[output].is_some()
    }

    /// Whether there is a dead-letter topic.
    pub fn has_dlq(&self) -> bool {
        self.dlq.is_some()
    }

    /// What dead letters of this pipeline say alike.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Writes a record to an output; waits while the producer's queue is full. `letter` makes the dead letter to
    /// fall back on if a broker refuses the record as too large.
    ///
    /// # Errors
    /// See [`NotWritten`].
    pub fn write(
        &self,
        output: usize,
        arena: &Arena,
        record: &Record,
        now: i64,
        span: &mut OpenSpan,
        letter: impl FnOnce() -> Box<DeadLetter>,
    ) -> Result<(), NotWritten> {
        let Some(destination) = &self.outputs[output] else { return Ok(()) };
        let (key, value) = (arena.get(record.key), arena.get(record.value));
        if let Some(reason) = refusal(&destination.limits, key, record.timestamp, now) {
            return Err(NotWritten::Refused(
                Class::Refused,
                format!("topic \"{}\": {reason}", destination.topic.name()),
            ));
        }
        let headers = arena.headers(record.headers);
        let outgoing = Outgoing { key, value, headers, more_headers: &[], timestamp: record.timestamp };
        // Over the limit as it stands it may still fit compressed: the broker decides.
        let large = size(&outgoing) > destination.limits.max_message_bytes;
        let receipt = if large && self.has_dlq() { span.large_receipt(letter()) } else { span.receipt() };
        self.send(destination, &outgoing, receipt, span)
    }

    /// Writes a dead letter; waits while the producer's queue is full.
    ///
    /// # Errors
    /// See [`NotWritten`]; never [`NotWritten::Refused`].
    pub fn dead_letter(&self, mut letter: Box<DeadLetter>, span: &mut OpenSpan) -> Result<(), NotWritten> {
        let destination = self.fit(&mut letter).map_err(NotWritten::Impossible)?;
        let receipt = span.receipt();
        match self.send(destination, &letter.outgoing(), receipt, span) {
            Err(NotWritten::Refused(_, reason)) => Err(NotWritten::Impossible(reason)),
            other => other,
        }
    }

    /// Writes the dead letter of a record that a broker refused; never waits. Comes back where the queue is full.
    ///
    /// # Errors
    /// It cannot be written at all: the span that it belongs to, and why.
    pub fn resend(&self, mut oversize: Oversize) -> Result<Option<Oversize>, (Span, String)> {
        let destination = match self.fit(&mut oversize.letter) {
            Ok(destination) => destination,
            Err(reason) => return Err((oversize.span, reason)),
        };
        match self.producer.send(&destination.topic, &oversize.letter.outgoing(), oversize.receipt.clone()) {
            Sent::Enqueued => Ok(None),
            Sent::Full(_) => Ok(Some(oversize)),
            Sent::Refused(_, error) => {
                Err((oversize.span, format!("dead letter to topic \"{}\": {error}", destination.topic.name())))
            }
        }
    }

    /// Throws away what is enqueued: the partitions it came from are no longer ours.
    pub fn purge(&self) {
        self.producer.purge();
    }

    fn fit(&self, letter: &mut DeadLetter) -> Result<&Destination, String> {
        let Some(destination) = &self.dlq else {
            return Err("a record failed and the pipeline has no `dlq`".to_owned());
        };
        let (limit, now) = (destination.limits.max_message_bytes, now_ms());
        if size(&letter.outgoing()) > limit && self.oversize == plan::Oversize::DropValue {
            letter.drop_value();
        }
        let outgoing = letter.outgoing();
        if let Some(reason) = refusal(&destination.limits, outgoing.key, outgoing.timestamp, now) {
            let name = destination.topic.name();
            return Err(format!("the dead-letter topic \"{name}\" cannot take it: {reason}"));
        }
        Ok(destination)
    }

    fn send(
        &self,
        destination: &Destination,
        outgoing: &Outgoing<'_>,
        mut receipt: Arc<Receipt>,
        span: &mut OpenSpan,
    ) -> Result<(), NotWritten> {
        if self.dry {
            Receipt::report(receipt, Ok(()));
            return Ok(());
        }
        loop {
            match self.producer.send(&destination.topic, outgoing, receipt) {
                Sent::Enqueued => return Ok(()),
                Sent::Full(back) => {
                    if self.cut_off.load(Ordering::Acquire) || span.lease().ended() {
                        span.unsent();
                        return Err(NotWritten::GivenUp);
                    }
                    receipt = back;
                    self.producer.wait_for_room(ROOM_WAIT);
                }
                Sent::Refused(_, error) => {
                    span.unsent();
                    let reason = format!("topic \"{}\": {error}", destination.topic.name());
                    if is_too_large(&error) {
                        return Err(NotWritten::Refused(Class::Oversize, reason));
                    }
                    return Err(NotWritten::Impossible(reason));
                }
            }
        }
    }
}

/// Milliseconds since the epoch.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// Small records never share a large one's fate: a batch stays under the smallest limit. And what a broker may
/// take, our own client lets pass.
fn with_limits(properties: &BTreeMap<String, String>, limits: &[usize]) -> BTreeMap<String, String> {
    let mut properties = properties.clone();
    let smallest = limits.iter().copied().min().unwrap_or(crate::kafka::admin::DEFAULT_MAX_MESSAGE_BYTES);
    let batch_size = properties.get("batch.size").and_then(|size| size.parse().ok()).unwrap_or(1_000_000_usize);
    properties.insert("batch.size".to_owned(), batch_size.min(smallest).to_string());
    properties.insert("message.max.bytes".to_owned(), "1000000000".to_owned());
    properties
}

/// At least what a record takes in a batch of its own, uncompressed.
fn size(record: &Outgoing<'_>) -> usize {
    let headers: usize =
        record.headers.clone().map(|(name, value)| name.len() + value.map_or(0, <[u8]>::len) + HEADER_OVERHEAD).sum();
    let more: usize = record.more_headers.iter().map(|(name, value)| name.len() + value.len() + HEADER_OVERHEAD).sum();
    BATCH_OVERHEAD + record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + headers + more
}

/// Why a topic would not take a record, where that is known beforehand.
fn refusal(limits: &TopicLimits, key: Option<&[u8]>, timestamp: i64, now: i64) -> Option<String> {
    if limits.compacted && key.is_none() {
        return Some("it is compacted and takes no record with a null key".to_owned());
    }
    // These become the time of sending.
    if timestamp == NO_TIMESTAMP || timestamp == 0 {
        return None;
    }
    if limits.timestamp_before.is_some_and(|bound| timestamp < now.saturating_sub(bound)) {
        return Some(format!("the timestamp {timestamp} is older than its message.timestamp.before.max.ms allows"));
    }
    if limits.timestamp_after.is_some_and(|bound| timestamp > now.saturating_add(bound)) {
        return Some(format!(
            "the timestamp {timestamp} is further ahead than its message.timestamp.after.max.ms allows"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_topic_would_refuse_is_known_beforehand() {
        let open = TopicLimits::default();
        assert_eq!(refusal(&open, None, 1, 1_000_000), None);
        let compacted = TopicLimits { compacted: true, ..open };
        assert!(refusal(&compacted, None, 1, 1).is_some());
        assert_eq!(refusal(&compacted, Some(b""), 1, 1), None);
        let bounded = TopicLimits { timestamp_before: Some(10), timestamp_after: Some(10), ..open };
        assert!(refusal(&bounded, None, 989, 1000).is_some());
        assert!(refusal(&bounded, None, 1011, 1000).is_some());
        assert_eq!(refusal(&bounded, None, 1010, 1000), None);
        assert_eq!(refusal(&bounded, None, 0, 1000), None);
        assert_eq!(refusal(&bounded, None, NO_TIMESTAMP, 1000), None);
    }

    #[test]
    fn batches_stay_under_the_smallest_limit() {
        let properties = with_limits(&BTreeMap::new(), &[2_000_000, 50_000]);
        assert_eq!(properties["batch.size"], "50000");
    }
}
