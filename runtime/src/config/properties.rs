//! librdkafka properties: ours by default, the user's over them, and none that would break a promise.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::{Position, did_you_mean};
use super::file;
use super::native::{self, Flaw, Kind};
use super::plan::Delivery;
use super::planner::{Planner, Value};
use super::property_defaults::{LINGER, consumer_defaults, producer_defaults, refusal};
use super::property_names::{
    CONSUMER_ONLY, PATHS, PRODUCER_ONLY, all, canonical, instead, is_of_java, meant, spellings,
};
use super::property_values::{WrongValue, number_with_more, reworded, reworded_together, wrong, wrong_brokers};
use super::sasl::{sasl, token_login};
use super::secret::{self, names_secret};
use super::written::{Map, Written};
use crate::kafka::oidc;

/// Where the cluster is.
const BROKERS: &str = "bootstrap.servers";
/// After which time the broker aborts a transaction; librdkafka's default is a minute.
pub(super) const TRANSACTION_TIMEOUT: &str = "transaction.timeout.ms";

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
    /// The delivery guarantee.
    pub delivery: Delivery,
    /// How many workers there are.
    pub workers: usize,
    /// Whether the properties are for a real cluster, so that the files that they name must be there.
    pub connects: bool,
}

/// The properties of the two clients.
pub(super) struct Clients {
    /// The consumer's.
    pub consumer: BTreeMap<String, String>,
    /// The producer's.
    pub producer: BTreeMap<String, String>,
    /// Whether the file leaves it to us how long records wait at the producer.
    pub sends_at_once: bool,
}

/// A property as the file has it.
pub(super) struct Entry {
    /// The property's one name.
    pub name: &'static str,
    /// The key: `kafka.acks`.
    pub key: String,
    /// Where the key is.
    pub at: Position,
    /// The section it stands in; none: the one for both clients.
    section: Option<Kind>,
    /// The value's text in the file.
    written: String,
    /// The value.
    pub value: Value<String>,
}

impl Entry {
    fn is_for(&self, kind: Kind) -> bool {
        let other = match kind {
            Kind::Consumer => &PRODUCER_ONLY[..],
            Kind::Producer => &CONSUMER_ONLY[..],
        };
        self.section.map_or_else(|| !other.contains(&self.name), |section| section == kind)
    }

    /// The value as it may be shown.
    fn shown(&self) -> String {
        if names_secret(self.name) { secret::masked(&self.written).to_owned() } else { self.written.clone() }
    }
}

/// Reads `kafka`, `consumer` and `producer`.
pub(super) fn clients(planner: &mut Planner<'_>, file: &file::Pipeline, about: &About<'_>) -> Clients {
    let mut entries = section(planner, None, &file.kafka.value, about);
    brokers(planner, file, &mut entries);
    // Later entries win: a client's own section comes over the one for both.
    entries.extend(section(planner, Some(Kind::Consumer), &file.consumer, about));
    entries.extend(section(planner, Some(Kind::Producer), &file.producer, about));
    let of = |kind| entries.iter().filter(move |entry| entry.is_for(kind));
    let mut consumer = consumer_defaults(about);
    consumer.extend(of(Kind::Consumer).map(|entry| (entry.name.to_owned(), entry.value.value.clone())));
    group_protocol(planner, &mut consumer, of(Kind::Consumer));
    let mut producer = producer_defaults(about);
    producer.extend(of(Kind::Producer).map(|entry| (entry.name.to_owned(), entry.value.value.clone())));
    let sends_at_once = !of(Kind::Producer).any(|entry| entry.name == LINGER);
    sasl(planner, &entries);
    let sections = [&file.kafka.value, &file.consumer, &file.producer];
    let is_written =
        |name: &str| sections.iter().flat_map(|own| &own.entries).any(|(key, _)| canonical(&key.text) == name);
    token_login(planner, &entries, &is_written);
    unused_security(planner, &entries);
    for entry in &entries {
        let sections = [Kind::Consumer, Kind::Producer].into_iter().filter(|kind| entry.is_for(*kind));
        sections.for_each(|kind| planner.record(format!("{}.{}", section_name(Some(kind)), entry.name), entry.shown()));
    }
    if about.connects && !planner.has_errors() {
        together(planner, Kind::Consumer, &consumer, &entries, file.kafka.at);
        let mut transactional = producer.clone();
        if about.delivery == Delivery::ExactlyOnce {
            // The id itself is made at start; librdkafka checks more where there is one.
            transactional.insert("transactional.id".to_owned(), "check".to_owned());
        }
        together(planner, Kind::Producer, &transactional, &entries, file.kafka.at);
    }
    Clients { consumer, producer, sends_at_once }
}

/// There must be a cluster to talk to, one for both clients.
fn brokers(planner: &mut Planner<'_>, file: &file::Pipeline, entries: &mut [Entry]) {
    let help = "name the cluster's brokers: bootstrap.servers: HOST:PORT,...";
    let protocol = entries.iter().find(|entry| entry.name == "security.protocol");
    let protocol = protocol.map_or_else(|| "plaintext".to_owned(), |entry| entry.value.value.clone());
    // What is nearly the name is an error of its own.
    let is_named = |name: &str| meant(name) == Some(BROKERS) || did_you_mean(name, [BROKERS]).is_some();
    if !file.kafka.value.entries.iter().any(|(name, _)| is_named(&name.text)) {
        planner.error_with_help(file.kafka.at, format!("kafka: the key \"{BROKERS}\" is missing"), help);
    }
    let Some(entry) = entries.iter_mut().find(|entry| entry.name == BROKERS) else { return };
    let list: Vec<&str> = entry.value.value.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if list.is_empty() {
        planner.error_with_help(entry.value.at, format!("{}: no broker is named", entry.key), help);
    } else if let Some(flaw) = wrong_brokers(&entry.value.value, &protocol) {
        report(planner, &entry.key, &entry.value, flaw);
    }
    entry.value.value = list.join(",");
}

/// Warns of settings for a protocol that is not used: the default sends everything in the clear, to whoever answers.
fn unused_security(planner: &mut Planner<'_>, entries: &[Entry]) {
    let protocol = entries.iter().find(|entry| entry.name == "security.protocol");
    let protocol = protocol.map_or_else(|| "plaintext".to_owned(), |entry| entry.value.value.to_ascii_lowercase());
    for (prefix, word, use_instead) in [("sasl.", "sasl", "sasl_ssl"), ("ssl.", "ssl", "ssl")] {
        let first = entries.iter().find(|entry| entry.name.starts_with(prefix));
        if let Some(entry) = first.filter(|_| !protocol.contains(word)) {
            let message = format!(
                "{}: not used, because security.protocol is {protocol}; for a cluster that asks for it write {use_instead}",
                entry.key
            );
            planner.warn(entry.at, message);
        }
    }
}

fn report<T>(planner: &mut Planner<'_>, key: &str, value: &Value<T>, WrongValue { message, help }: WrongValue) {
    let text = format!("{key}: {} {message}", value.shown);
    match help {
        // A suggestion is made of the value.
        Some(help) if !(value.replaced && help.starts_with("did you mean")) => {
            planner.error_with_help(value.at, text, help);
        }
        _ => planner.error(value.at, text),
    }
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
        let written = value.text.clone();
        let Some(value) = planner.read(&key, value) else { continue };
        let value = Value { value: value.value.0, shown: value.shown, replaced: value.replaced, at: value.at };
        let Some(entry) = entry(planner, section, key, name, (written, value), about) else { continue };
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
    (written, value): (String, Value<String>),
    about: &About<'_>,
) -> Option<Entry> {
    let at = name.at;
    let canonical = canonical(&name.text);
    if let Some(instead) = refusal(canonical, &value.value, about.delivery) {
        planner.error_with_help(
            at,
            format!("{key}: not configurable, because sluice's delivery guarantees depend on it"),
            instead,
        );
        return None;
    }
    if is_of_java(canonical) {
        let message = format!("{key}: librdkafka, the client that this program has, has no such property");
        planner.error_with_help(at, message, instead(canonical).unwrap_or_default());
        return None;
    }
    let value = relative(canonical, value, about.folder);
    if let Some(flaw) = wrong(canonical, &value.value, about.connects) {
        report(planner, &key, &value, flaw);
        return None;
    }
    // What the program does itself has one name.
    let asked = if oidc::is_ours(canonical) { canonical } else { &name.text };
    match native::check(asked, &value.value) {
        Ok(()) => {
            if let Some(flaw) = number_with_more(asked, &value.value) {
                report(planner, &key, &value, flaw);
                return None;
            }
        }
        Err(Flaw::Unknown) => {
            let message = format!("{key}: librdkafka has no such property");
            match instead(&name.text).or_else(|| did_you_mean(&name.text, all())) {
                Some(help) => planner.error_with_help(at, message, help),
                None => planner.error(at, message),
            }
            return None;
        }
        Err(Flaw::Invalid(reason)) => {
            let is_hidden = value.replaced || names_secret(&key);
            let message = reworded(canonical, &name.text, &reason, is_hidden);
            report(planner, &key, &value, WrongValue { message, help: None });
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
    Some(Entry { name, key, at, section, written, value })
}

/// Paths in a file are relative to it; librdkafka's own are relative to where the program was started.
fn relative(name: &str, mut value: Value<String>, folder: &Path) -> Value<String> {
    // "probe" is librdkafka's word for where certificates usually are.
    if PATHS.contains(&name) && !value.value.is_empty() && value.value != "probe" {
        value.value = folder.join(&value.value).display().to_string();
    }
    value
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
            // Until an instance that died is removed from the group, the others cannot commit: librdkafka's 45 s are
            // for static members alone, which may be back within them.
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
    let reason = match secret {
        true => "a value from the environment, or a secret, is not right".to_owned(),
        false => reworded_together(&reason),
    };
    planner.error(named.map_or(otherwise, |entry| entry.at), format!("{section}: librdkafka refuses this: {reason}"));
}
