//! The writer: the producer as it is now, and the topics that it writes to, with what each takes.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use super::receipt::{Place, Receipt};
use crate::batch::{Arena, NO_TIMESTAMP, Record};
use crate::config::plan::{Delivery, Plan};
use crate::kafka::{DEFAULT_MAX_MESSAGE_BYTES, Kafka, Outgoing, Producer, Properties, TopicLimits};

/// What Kafka adds to a record in a batch of its own, at most.
pub(super) const BATCH_OVERHEAD: usize = 61 + 40;
/// What Kafka adds to each header, at most.
const HEADER_OVERHEAD: usize = 10;
/// The property that bounds the producer's queue.
pub(super) const QUEUE_KBYTES: &str = "queue.buffering.max.kbytes";
/// The largest value that librdkafka takes for it.
const QUEUE_KBYTES_MOST: usize = 2_147_483_647;

/// A topic that a pipeline writes to, with what is known of it.
pub struct Known {
    /// Its name.
    pub name: String,
    /// What it refuses.
    pub limits: TopicLimits,
}

/// What a topic makes of a record, as far as that is known beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forecast {
    /// Nothing is known against it.
    Taken,
    /// The topic does not take it: why.
    Refused(String),
    /// It has so many bytes, which are more than the topic takes. It may fit all the same when it is compressed.
    Large(usize),
}

impl Known {
    /// Returns what the topic makes of a record at this time, in milliseconds since the epoch.
    pub fn forecast(&self, arena: &Arena, record: &Record, now: i64) -> Forecast {
        let (key, value) = (arena.get(record.key), arena.get(record.value));
        if let Some(reason) = refusal(&self.limits, key, record.timestamp, now) {
            return Forecast::Refused(format!("topic \"{}\": {reason}", self.name));
        }
        let headers = arena.headers(record.headers);
        let size = size(&Outgoing { key, value, headers, more_headers: &[], timestamp: record.timestamp });
        if size > self.limits.max_message_bytes { Forecast::Large(size) } else { Forecast::Taken }
    }
}

/// A topic and what it takes.
pub(super) struct Destination {
    /// The producer's number for it.
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) limits: TopicLimits,
}

/// What is known of the topics that a pipeline writes to.
pub(super) struct KnownTopics {
    /// In the plan's order, none where one is `{ drop: true }`.
    outputs: Vec<Option<Known>>,
    dlq: Option<Known>,
    /// How often the outputs' limits have been halved, because brokers refuse what they are said to take.
    halvings: u32,
}

impl KnownTopics {
    /// Returns topics with these limits.
    pub(super) fn new(outputs: Vec<Option<Known>>, dlq: Option<Known>) -> KnownTopics {
        KnownTopics { outputs, dlq, halvings: 0 }
    }

    /// Returns all that are written to: the outputs, then the dead-letter topic.
    pub(super) fn all(&self) -> impl Iterator<Item = &Known> {
        self.outputs.iter().flatten().chain(&self.dlq)
    }

    /// Takes over what the topics refuse, in the order of [`KnownTopics::all`].
    pub(super) fn set_limits(&mut self, limits: &[TopicLimits]) {
        self.halvings = 0;
        for (known, limits) in self.outputs.iter_mut().flatten().chain(&mut self.dlq).zip(limits) {
            known.limits = *limits;
        }
    }

    /// Halves what outputs are believed to take. Returns false, and does not, where that would be less than `least`.
    pub(super) fn halve(&mut self, least: usize) -> bool {
        let is_possible = self.sizes().all(|size| size / 2 >= least);
        self.halvings += u32::from(is_possible);
        is_possible
    }

    /// Halves what outputs are believed to take, once where that is `wanted`, and until no batch is larger than a
    /// record that is to be `alone` in its own. Returns whether it did.
    pub(super) fn halve_for(&mut self, wanted: bool, alone: Option<usize>, least: usize) -> bool {
        let mut halved = wanted && self.halve(least);
        while alone.is_some_and(|size| self.sizes().all(|believed| believed > size)) && self.halve(least) {
            halved = true;
        }
        halved
    }

    /// Returns the name of an output's topic, or of the dead-letter topic, and the bytes that it is believed to take.
    pub(super) fn limit(&self, place: Place) -> Option<(&str, usize)> {
        let (known, limits) = match place {
            Place::Output { output, .. } => {
                self.outputs.get(output)?.as_ref().map(|known| (known, self.believed(&known.limits)))?
            }
            Place::Dlq { .. } => self.dlq.as_ref().map(|known| (known, known.limits))?,
        };
        Some((&known.name, limits.max_message_bytes))
    }

    /// The bytes that each topic is believed to take.
    fn sizes(&self) -> impl Iterator<Item = usize> {
        self.all().map(|known| self.believed(&known.limits).max_message_bytes)
    }

    fn believed(&self, limits: &TopicLimits) -> TopicLimits {
        TopicLimits { max_message_bytes: limits.max_message_bytes >> self.halvings, ..*limits }
    }

    /// Returns the topics as destinations of a producer that knows them in this order.
    fn destinations(&self) -> (Vec<Option<Destination>>, Option<Destination>) {
        let mut numbers = 0..;
        let mut open = |known: &Known, limits: TopicLimits| {
            let number = numbers.next().unwrap_or_default();
            Destination { number, name: known.name.clone(), limits }
        };
        let output = |known: &Option<Known>| known.as_ref().map(|known| open(known, self.believed(&known.limits)));
        let outputs = self.outputs.iter().map(output).collect();
        // A dead letter has nothing to fall back on.
        (outputs, self.dlq.as_ref().map(|known| open(known, known.limits)))
    }
}

/// A producer and its topics.
pub(super) struct Writer {
    pub(super) producer: Arc<dyn Producer<Receipt>>,
    /// In the plan's order, none where one is `{ drop: true }`.
    pub(super) outputs: Vec<Option<Destination>>,
    pub(super) dlq: Option<Destination>,
    /// The producer's properties.
    pub(super) properties: Properties,
    /// The bytes of values that the producer's queue holds at most.
    pub(super) queue_bytes: usize,
    /// Bytes of keys and values that were enqueued.
    pub(super) enqueued: Arc<AtomicU64>,
}

impl Writer {
    /// Makes a producer with these properties, and opens the topics.
    ///
    /// # Errors
    /// Properties or topic names that the client refuses.
    pub(super) fn new(
        kafka: &dyn Kafka<Receipt>,
        pipeline: &Arc<str>,
        properties: &Properties,
        topics: &KnownTopics,
    ) -> anyhow::Result<Writer> {
        let properties = with_limits(properties, topics);
        let names: Vec<&str> = topics.all().map(|known| known.name.as_str()).collect();
        let producer = kafka.producer(pipeline, &properties, &names, Receipt::report)?;
        let queue_bytes = queue_kbytes(&properties).saturating_mul(1024);
        let (outputs, dlq) = topics.destinations();
        let enqueued = Arc::default();
        Ok(Writer { producer, outputs, dlq, properties, queue_bytes, enqueued })
    }

    /// Returns whether the producer compresses what it sends.
    pub(super) fn compresses(&self) -> bool {
        let codec = ["compression.type", "compression.codec"].into_iter().find_map(|name| self.properties.get(name));
        codec.is_some_and(|codec| codec != "none")
    }

    /// Returns the same producer with what is known of its topics now.
    pub(super) fn with_topics(&self, topics: &KnownTopics) -> Writer {
        let (outputs, dlq) = topics.destinations();
        let (producer, properties) = (self.producer.clone(), self.properties.clone());
        let enqueued = self.enqueued.clone();
        Writer { producer, outputs, dlq, properties, queue_bytes: self.queue_bytes, enqueued }
    }

    /// Returns whether a producer for these topics needs other properties.
    pub(super) fn is_outdated(&self, properties: &Properties, topics: &KnownTopics) -> bool {
        with_limits(properties, topics) != self.properties
    }
}

/// Returns the producer's properties: the plan's, and a transactional id under exactly_once.
pub(super) fn properties(plan: &Plan) -> Properties {
    let mut properties = plan.producer.clone();
    if plan.delivery == Delivery::ExactlyOnce {
        let instance = plan.instance.clone().unwrap_or_else(|| this_process().to_owned());
        properties.insert("transactional.id".to_owned(), format!("sluice-{}-{instance}", plan.name));
    }
    properties
}

/// Returns a name that no other process has, for those without an `instance`.
fn this_process() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let random = getrandom::u64().expect("the operating system gives random bytes");
        format!("{random:016x}")
    })
}

/// Adds what the topics ask for. Small records never share a large one's fate: a batch stays under the smallest limit.
/// What a broker may take, the client lets pass, and its queue holds: librdkafka says of a record that is larger than
/// its whole queue that the queue is full.
fn with_limits(properties: &Properties, topics: &KnownTopics) -> Properties {
    let mut properties = properties.clone();
    let smallest = topics.sizes().min().unwrap_or(DEFAULT_MAX_MESSAGE_BYTES);
    let largest = topics.all().map(|known| known.limits.max_message_bytes).max().unwrap_or(DEFAULT_MAX_MESSAGE_BYTES);
    let batch_size = properties.get("batch.size").and_then(|size| size.parse().ok()).unwrap_or(1_000_000_usize);
    properties.insert("batch.size".to_owned(), batch_size.min(smallest).to_string());
    properties.insert("message.max.bytes".to_owned(), "1000000000".to_owned());
    // Values that are over the limit may still fit compressed.
    let room = (largest.saturating_mul(2) / 1024).min(QUEUE_KBYTES_MOST);
    let queue = queue_kbytes(&properties).max(room);
    properties.insert(QUEUE_KBYTES.to_owned(), queue.to_string());
    properties
}

fn queue_kbytes(properties: &Properties) -> usize {
    properties.get(QUEUE_KBYTES).and_then(|size| size.parse().ok()).unwrap_or(1_048_576)
}

/// Returns what a record takes in a batch of its own, uncompressed, or a little less.
pub(super) fn size(record: &Outgoing<'_>) -> usize {
    let headers: usize =
        record.headers.clone().map(|(name, value)| name.len() + value.map_or(0, <[u8]>::len) + HEADER_OVERHEAD).sum();
    let more: usize = record.more_headers.iter().map(|(name, value)| name.len() + value.len() + HEADER_OVERHEAD).sum();
    BATCH_OVERHEAD + record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + headers + more
}

/// Why a topic would not take a record, where that is known beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The topic is compacted, and the key is null.
    NullKey,
    /// The timestamp is too old.
    TooOld(i64),
    /// The timestamp is too far ahead.
    TooFarAhead(i64),
}

impl Refusal {
    /// Returns whether it is for the timestamp.
    pub(super) fn is_for_timestamp(self) -> bool {
        matches!(self, Refusal::TooOld(_) | Refusal::TooFarAhead(_))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NullKey => f.write_str("it is compacted and takes no record with a null key"),
            Refusal::TooOld(timestamp) => {
                write!(f, "the timestamp {timestamp} is older than its message.timestamp.before.max.ms allows")
            }
            Refusal::TooFarAhead(timestamp) => {
                write!(f, "the timestamp {timestamp} is further ahead than its message.timestamp.after.max.ms allows")
            }
        }
    }
}

/// Returns why a topic would not take a record, where that is known beforehand.
pub(super) fn refusal(limits: &TopicLimits, key: Option<&[u8]>, timestamp: i64, now: i64) -> Option<Refusal> {
    if limits.compacted && key.is_none() {
        return Some(Refusal::NullKey);
    }
    // These become the time of sending.
    if timestamp == NO_TIMESTAMP || timestamp == 0 {
        return None;
    }
    if limits.timestamp_before.is_some_and(|bound| timestamp < now.saturating_sub(bound)) {
        return Some(Refusal::TooOld(timestamp));
    }
    if limits.timestamp_after.is_some_and(|bound| timestamp > now.saturating_add(bound)) {
        return Some(Refusal::TooFarAhead(timestamp));
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

    fn with(limits: &[usize], properties: &[(&str, &str)]) -> Properties {
        let known = |&max_message_bytes| {
            let limits = TopicLimits { max_message_bytes, ..TopicLimits::default() };
            Some(Known { name: "out".to_owned(), limits })
        };
        let topics = KnownTopics::new(limits.iter().map(known).collect(), None);
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        with_limits(&properties, &topics)
    }

    #[test]
    fn batches_stay_under_the_smallest_limit() {
        assert_eq!(with(&[2_000_000, 50_000], &[])["batch.size"], "50000");
    }

    #[test]
    fn the_queue_holds_the_largest_record_that_a_topic_takes() {
        let default = [(QUEUE_KBYTES, "16384")];
        assert_eq!(with(&[1_048_588], &default)[QUEUE_KBYTES], "16384");
        assert_eq!(with(&[32 << 20], &default)[QUEUE_KBYTES], "65536");
    }
}
