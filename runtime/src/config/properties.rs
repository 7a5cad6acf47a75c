//! librdkafka properties: ours by default, the user's over them, and none that would break a promise.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::{Position, did_you_mean};
use super::file;
use super::native::{self, Flaw, Kind};
use super::plan::Delivery;
use super::planner::{Planner, Value};
use super::property_names::{CONSUMER_ONLY, PATHS, PRODUCER_ONLY, all, canonical, spellings};
use super::secret::names_secret;
use super::written::{Map, Written};

/// Where the cluster is.
const BROKERS: &str = "bootstrap.servers";
/// After which time the broker aborts a transaction; librdkafka's default is a minute.
pub(super) const TRANSACTION_TIMEOUT: &str = "transaction.timeout.ms";

/// Brokers that are back are found within a second, not after librdkafka's ten.
const RECONNECT: (&str, &str) = ("reconnect.backoff.max.ms", "1000");

/// What of the rest of the file properties depend on.
pub(super) struct About<'p> {
    /// The file's folder, which paths are relative to.
    pub folder: &'p Path,
    /// The pipeline's name.
    pub name: &'p str,
    /// The consumer group.
    pub group: &'p str,
    /// The name that no other copy has.
    pub instance: Option<&'p str>,
    /// What is promised.
    pub delivery: Delivery,
}

/// The properties of the two clients.
pub(super) struct Clients {
    /// The consumer's.
    pub consumer: BTreeMap<String, String>,
    /// The producer's.
    pub producer: BTreeMap<String, String>,
}

/// A property as the file has it.
struct Entry {
    /// The property's one name.
    name: &'static str,
    /// The key: `kafka.acks`.
    key: String,
    /// Where the key is.
    at: Position,
    /// The section it stands in; none: the one for both clients.
    section: Option<Kind>,
    /// The value.
    value: Value<String>,
}

impl Entry {
    fn is_for(&self, kind: Kind) -> bool {
        let other = match kind {
            Kind::Consumer => &PRODUCER_ONLY[..],
            Kind::Producer => &CONSUMER_ONLY[..],
        };
        self.section.map_or_else(|| !other.contains(&self.name), |section| section == kind)
    }
}

/// Reads `kafka`, `consumer` and `producer`.
pub(super) fn clients(planner: &mut Planner<'_>, file: &file::Pipeline, about: &About<'_>) -> Clients {
    let mut entries = section(planner, None, &file.kafka.value, about);
    brokers(planner, file, &entries);
    // Later entries win: a client's own section comes over the one for both.
    entries.extend(section(planner, Some(Kind::Consumer), &file.consumer, about));
    entries.extend(section(planner, Some(Kind::Producer), &file.producer, about));
    let of = |kind| entries.iter().filter(move |entry| entry.is_for(kind));
    let mut consumer = consumer_defaults(about);
    consumer.extend(of(Kind::Consumer).map(|entry| (entry.name.to_owned(), entry.value.value.clone())));
    group_protocol(planner, &mut consumer, of(Kind::Consumer));
    let mut producer = producer_defaults(about);
    producer.extend(of(Kind::Producer).map(|entry| (entry.name.to_owned(), entry.value.value.clone())));
    if !planner.has_errors() {
        together(planner, Kind::Consumer, &consumer, &entries, file.kafka.at);
        let mut transactional = producer.clone();
        if about.delivery == Delivery::ExactlyOnce {
            // The id itself is made at start; librdkafka checks more where there is one.
            transactional.insert("transactional.id".to_owned(), "check".to_owned());
        }
        together(planner, Kind::Producer, &transactional, &entries, file.kafka.at);
    }
    Clients { consumer, producer }
}

/// There must be a cluster to talk to, one for both clients.
fn brokers(planner: &mut Planner<'_>, file: &file::Pipeline, entries: &[Entry]) {
    let help = "name the cluster's brokers: bootstrap.servers: HOST:PORT,...";
    if !file.kafka.value.entries.iter().any(|(name, _)| canonical(&name.text) == BROKERS) {
        planner.error_with_help(file.kafka.at, format!("kafka: the key \"{BROKERS}\" is missing"), help);
    }
    if let Some(empty) = entries.iter().find(|entry| entry.name == BROKERS && entry.value.value.trim().is_empty()) {
        planner.error_with_help(empty.value.at, format!("{}: no broker is named", empty.key), help);
    }
}

fn consumer_defaults(about: &About<'_>) -> BTreeMap<String, String> {
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
    if about.delivery == Delivery::ExactlyOnce {
        defaults.push(("isolation.level", "read_committed"));
    }
    owned(defaults)
}

fn producer_defaults(about: &About<'_>) -> BTreeMap<String, String> {
    let client_id = format!("sluice-{}", about.name);
    let mut defaults = vec![
        ("acks", "all"),
        ("allow.auto.create.topics", "false"),
        ("client.id", &client_id),
        ("compression.type", "lz4"),
        ("enable.idempotence", "true"),
        ("linger.ms", "5"),
        // Keys keep the partition that Java clients would give them.
        ("partitioner", "murmur2_random"),
        ("queue.buffering.max.kbytes", "16384"),
        // Bytes bound the queue; the count only has to stay out of their way.
        ("queue.buffering.max.messages", "1000000"),
        RECONNECT,
    ];
    if about.delivery == Delivery::ExactlyOnce && about.instance.is_none() {
        // Nobody takes over the transactional id of a copy that was killed, so its open transaction holds up
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

/// Reads one section; what is wrong with a property by itself is found here.
fn section(
    planner: &mut Planner<'_>,
    section: Option<Kind>,
    written: &Map<Written<file::Property>>,
    about: &About<'_>,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (name, value) in &written.entries {
        let key = format!("{}.{}", section_name(section), name.text);
        let Some(value) = planner.read(&key, value) else { continue };
        let value = Value { value: value.value.0, shown: value.shown, replaced: value.replaced, at: value.at };
        let Some(entry) = entry(planner, section, key, name, value, about) else { continue };
        if let Some(earlier) = entries.iter().find(|earlier| earlier.name == entry.name) {
            planner.error(entry.at, format!("{}: this is the same property as {}", entry.key, earlier.key));
        }
        entries.push(entry);
    }
    entries
}

fn section_name(section: Option<Kind>) -> &'static str {
    match section {
        None => "kafka",
        Some(Kind::Consumer) => "consumer",
        Some(Kind::Producer) => "producer",
    }
}

fn entry(
    planner: &mut Planner<'_>,
    section: Option<Kind>,
    key: String,
    name: &Written<String>,
    value: Value<String>,
    about: &About<'_>,
) -> Option<Entry> {
    let at = name.at;
    let canonical = canonical(&name.text);
    if let Some(instead) = refusal(canonical, &value.value, about.delivery) {
        planner.error_with_help(
            at,
            format!("{key}: sluice sets this itself, and another value would break a promise"),
            instead,
        );
        return None;
    }
    match native::check(&name.text, &value.value) {
        Ok(()) => {}
        Err(Flaw::Unknown) => {
            let message = format!("{key}: librdkafka has no such property");
            match did_you_mean(&name.text, all()) {
                Some(help) => planner.error_with_help(at, message, help),
                None => planner.error(at, message),
            }
            return None;
        }
        Err(Flaw::Invalid(reason)) => {
            let message = format!("{key}: librdkafka does not take {}", value.shown);
            // librdkafka's words may hold the value.
            let message = if value.replaced || names_secret(&key) { message } else { format!("{message}: {reason}") };
            planner.error(value.at, message);
            return None;
        }
    }
    let misplaced = match section {
        Some(_) if canonical == BROKERS => Some("kafka"),
        Some(Kind::Producer) if CONSUMER_ONLY.contains(&canonical) => Some("consumer"),
        Some(Kind::Consumer) if PRODUCER_ONLY.contains(&canonical) => Some("producer"),
        _ => None,
    };
    if let Some(place) = misplaced {
        planner.error_with_help(at, format!("{key}: this does not belong here"), format!("put it under `{place}`"));
        return None;
    }
    let Some(name) = all().find(|known| *known == canonical) else {
        planner.error(at, format!("{key}: this can be set by a program only"));
        return None;
    };
    let value = relative(name, value, about.folder);
    Some(Entry { name, key, at, section, value })
}

/// Paths in a file are relative to it; librdkafka's own are relative to where the program was started.
fn relative(name: &str, mut value: Value<String>, folder: &Path) -> Value<String> {
    // "probe" is librdkafka's word for where certificates usually are.
    if PATHS.contains(&name) && !value.value.is_empty() && value.value != "probe" {
        value.value = folder.join(&value.value).display().to_string();
    }
    value
}

/// For a property that would break a promise: what to use instead.
fn refusal(name: &str, value: &str, delivery: Delivery) -> Option<&'static str> {
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

/// Completes the consumer for the protocol it is to use.
fn group_protocol<'e>(
    planner: &mut Planner<'_>,
    consumer: &mut BTreeMap<String, String>,
    entries: impl Iterator<Item = &'e Entry>,
) {
    if consumer["group.protocol"].eq_ignore_ascii_case("classic") {
        let strategy = consumer.entry("partition.assignment.strategy".to_owned());
        strategy.or_insert_with(|| "cooperative-sticky".to_owned());
        if !consumer.contains_key("group.instance.id") {
            // While a copy that died is not given up, the others cannot commit: librdkafka's 45 s are for static
            // members alone, which may be back within them.
            consumer.entry("session.timeout.ms".to_owned()).or_insert_with(|| "10000".to_owned());
        }
        return;
    }
    for entry in entries {
        let help = match entry.name {
            "session.timeout.ms" | "heartbeat.interval.ms" => "leave it out: the broker decides it for the group",
            "partition.assignment.strategy" => "use group.remote.assignor",
            "group.protocol.type" => "leave it out",
            _ => continue,
        };
        planner.error_with_help(entry.at, format!("{}: not allowed with group.protocol: consumer", entry.key), help);
    }
}

/// Finds what is wrong with the properties of a client together, and points at the first of the file that
/// librdkafka's words name.
fn together(
    planner: &mut Planner<'_>,
    kind: Kind,
    properties: &BTreeMap<String, String>,
    entries: &[Entry],
    otherwise: Position,
) {
    let Err(reason) = native::check_together(kind, properties) else { return };
    let mine = || entries.iter().filter(|entry| entry.is_for(kind));
    let named = mine().find(|entry| spellings(entry.name).any(|name| reason.contains(name)));
    let secret = mine().any(|entry| {
        let value = &entry.value;
        (value.replaced || names_secret(entry.name)) && !value.value.is_empty() && reason.contains(&value.value)
    });
    let section = section_name(named.map_or(Some(kind), |entry| entry.section));
    let reason = if secret { "a value from the environment, or a secret, is not right" } else { &reason };
    planner.error(named.map_or(otherwise, |entry| entry.at), format!("{section}: librdkafka refuses this: {reason}"));
}
