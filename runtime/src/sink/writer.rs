//! The writer: the producer as it is now, and the topics that it writes to, with what each takes.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::receipt::Receipt;
use crate::batch::NO_TIMESTAMP;
use crate::config::plan::{Delivery, Plan};
use crate::kafka::{Kafka, Outgoing, Producer, TopicLimits};

/// What Kafka adds to a record of its own in a batch of its own, at the most.
const BATCH_OVERHEAD: usize = 61 + 40;
/// What Kafka adds to each header, at the most.
const HEADER_OVERHEAD: usize = 10;

/// A topic that a pipeline writes to, with what is known of it.
pub struct Known {
    /// Its name.
    pub name: String,
    /// What it refuses.
    pub limits: TopicLimits,
}

/// A topic and what it takes.
pub(super) struct Destination {
    /// The producer's number for it.
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) limits: TopicLimits,
}

/// A producer and its topics.
pub(super) struct Writer {
    pub(super) producer: Arc<dyn Producer<Receipt>>,
    /// In the plan's order, none where one is `{ drop: true }`.
    pub(super) outputs: Vec<Option<Destination>>,
    pub(super) dlq: Option<Destination>,
}

impl Writer {
    /// Makes a producer with these properties, and opens the topics.
    ///
    /// # Errors
    /// Properties or topic names that librdkafka refuses.
    pub(super) fn new(
        kafka: &dyn Kafka<Receipt>,
        pipeline: &Arc<str>,
        properties: &BTreeMap<String, String>,
        outputs: &[Option<Known>],
        dlq: Option<&Known>,
    ) -> anyhow::Result<Writer> {
        let names: Vec<&str> = outputs.iter().flatten().chain(dlq).map(|known| known.name.as_str()).collect();
        let producer = kafka.producer(pipeline, properties, &names, Receipt::report)?;
        let mut numbers = 0..;
        let mut open = |known: &Known| {
            let number = numbers.next().unwrap_or_default();
            Destination { number, name: known.name.clone(), limits: known.limits }
        };
        let outputs = outputs.iter().map(|known| known.as_ref().map(&mut open)).collect();
        let dlq = dlq.map(&mut open);
        Ok(Writer { producer, outputs, dlq })
    }
}

/// The producer's properties: the plan's, what the topics ask for, and a transactional id under exactly_once.
pub(super) fn properties<'k>(plan: &Plan, topics: impl Iterator<Item = &'k Known>) -> BTreeMap<String, String> {
    let limits: Vec<usize> = topics.map(|known| known.limits.max_message_bytes).collect();
    let mut properties = with_limits(&plan.producer, &limits);
    if plan.delivery == Delivery::ExactlyOnce {
        let copy = plan.instance.clone().unwrap_or_else(|| this_process().to_owned());
        properties.insert("transactional.id".to_owned(), format!("sluice-{}-{copy}", plan.name));
    }
    properties
}

/// A name that no other process has, for copies without an instance.
fn this_process() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let random = getrandom::u64().expect("the operating system gives random bytes");
        format!("{random:016x}")
    })
}

/// Small records never share a large one's fate: a batch stays under the smallest limit. And what a broker may
/// take, our own client lets pass.
fn with_limits(properties: &BTreeMap<String, String>, limits: &[usize]) -> BTreeMap<String, String> {
    let mut properties = properties.clone();
    let smallest = limits.iter().copied().min().unwrap_or(crate::kafka::DEFAULT_MAX_MESSAGE_BYTES);
    let batch_size = properties.get("batch.size").and_then(|size| size.parse().ok()).unwrap_or(1_000_000_usize);
    properties.insert("batch.size".to_owned(), batch_size.min(smallest).to_string());
    properties.insert("message.max.bytes".to_owned(), "1000000000".to_owned());
    properties
}

/// At least what a record takes in a batch of its own, uncompressed.
pub(super) fn size(record: &Outgoing<'_>) -> usize {
    let headers: usize =
        record.headers.clone().map(|(name, value)| name.len() + value.map_or(0, <[u8]>::len) + HEADER_OVERHEAD).sum();
    let more: usize = record.more_headers.iter().map(|(name, value)| name.len() + value.len() + HEADER_OVERHEAD).sum();
    BATCH_OVERHEAD + record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + headers + more
}

/// Why a topic would not take a record, where that is known beforehand.
pub(super) fn refusal(limits: &TopicLimits, key: Option<&[u8]>, timestamp: i64, now: i64) -> Option<String> {
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
