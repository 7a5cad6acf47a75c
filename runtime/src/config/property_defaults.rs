//! What sluice sets of librdkafka's properties: by default, and so that nobody else may.

use std::collections::BTreeMap;

use super::plan::Delivery;
use super::properties::{About, TRANSACTION_TIMEOUT};

/// How long records wait at the producer for others.
pub(super) const LINGER: &str = "linger.ms";
/// Brokers that are back are found within a second, not after librdkafka's ten.
const RECONNECT: (&str, &str) = ("reconnect.backoff.max.ms", "1000");

/// The consumer's.
pub(super) fn consumer_defaults(about: &About<'_>) -> BTreeMap<String, String> {
    let client_id = format!("sluice-{}", about.name);
    let mut defaults = vec![
        ("allow.auto.create.topics", "false"),
        // The source itself decides what a missing or lost offset means, so librdkafka reports it.
        ("auto.offset.reset", "error"),
        ("client.id", &client_id),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        // At a partition's end the position is committed, past trailing markers.
        ("enable.partition.eof", "true"),
        // The default of a second lets a fast consumer sit idle each time the local queue has been full.
        ("fetch.queue.backoff.ms", "5"),
        ("group.id", about.group),
        ("group.protocol", "classic"),
        ("queued.max.messages.kbytes", "16384"),
        // librdkafka keeps about 500 bytes beside each record that waits, and what is far ahead has left the cache when
        // it is its turn.
        ("queued.min.messages", "20000"),
        RECONNECT,
        // A topic that has grown is noticed within this time, not after librdkafka's five minutes.
        ("topic.metadata.refresh.interval.ms", "10000"),
    ];
    defaults.extend(about.instance.map(|instance| ("group.instance.id", instance)));
    if about.workers > 1 {
        // Each worker has a queue of its own. While one is full, librdkafka asks for the partitions of the others
        // alone, and where nothing comes of those the full queue has run empty long before the broker answers.
        defaults.push(("fetch.wait.max.ms", "40"));
    }
    if about.delivery == Delivery::ExactlyOnce {
        defaults.push(("isolation.level", "read_committed"));
    }
    owned(defaults)
}

/// The producer's.
pub(super) fn producer_defaults(about: &About<'_>) -> BTreeMap<String, String> {
    let client_id = format!("sluice-{}", about.name);
    let mut defaults = vec![
        ("acks", "all"),
        ("allow.auto.create.topics", "false"),
        ("client.id", &client_id),
        ("compression.type", "lz4"),
        ("enable.idempotence", "true"),
        // Under load. Where little is on its way, what a worker has written is sent at once: see `sends_at_once`.
        // With 0 librdkafka polls without a pause while a partition's last request is on its way.
        (LINGER, "4"),
        // Keys keep the partition that Java clients would give them.
        ("partitioner", "murmur2_random"),
        ("queue.buffering.max.kbytes", "16384"),
        // Bytes bound the queue; the count only has to stay out of their way.
        ("queue.buffering.max.messages", "1000000"),
        RECONNECT,
    ];
    if about.delivery == Delivery::ExactlyOnce && about.instance.is_none() {
        // Nobody takes over the transactional id of an instance that was killed, so its open transaction holds up
        // readers until it times out.
        defaults.push((TRANSACTION_TIMEOUT, "15000"));
    }
    if about.delivery == Delivery::AtLeastOnce {
        // A record that timed out would let later ones of its key pass it. In a transaction librdkafka bounds the
        // time by the transaction's.
        defaults.push(("message.timeout.ms", "0"));
    }
    owned(defaults)
}

fn owned(defaults: Vec<(&str, &str)>) -> BTreeMap<String, String> {
    defaults.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// For a property that the delivery guarantees depend on: what to use in its place.
pub(super) fn refusal(name: &str, value: &str, delivery: Delivery) -> Option<&'static str> {
    let is_off = matches!(value.to_ascii_lowercase().as_str(), "false" | "f" | "0");
    match name {
        "group.id" => Some("use `group` under `input`"),
        "group.instance.id" => Some("use `instance`"),
        "transactional.id" => Some("use `delivery: exactly_once`, and `instance` for a stable id"),
        "enable.auto.commit" | "auto.commit.enable" | "enable.auto.offset.store" | "auto.commit.interval.ms" => {
            Some("offsets are committed once all that came of them is delivered; `commit_interval` says how often")
        }
        "auto.offset.reset" => Some("use `start` and `on_lost_offset` under `input`"),
        "allow.auto.create.topics" => Some("use `create: { partitions: N, replication: N }` beside the output's topic"),
        "enable.partition.eof" => {
            Some("leave it out: the end of a partition must be seen to commit past trailing markers")
        }
        "delivery.report.only.error" => Some("leave it out: a record counts as delivered when its report says so"),
        "enable.idempotence" if is_off => Some("leave it out: without it retries may duplicate and reorder"),
        "acks" if !matches!(value, "all" | "-1") => {
            Some("leave it out: a record is delivered when all in-sync replicas have it")
        }
        "isolation.level" if delivery == Delivery::ExactlyOnce => {
            Some("leave it out: under `delivery: exactly_once` it is read_committed")
        }
        _ => None,
    }
}
