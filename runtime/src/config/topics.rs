//! Names that Kafka takes, the topics that are read and written, and that no record comes back.

use super::beside;
use super::error::Position;
use super::file;
use super::file_format::OutputFormat;
use super::formats::{self, FormatContext};
use super::pattern::{self, TopicPattern};
use super::plan::{self, CreateTopic, Dlq, KeyValue, Output, Oversize, Target, Topic};
use super::planner::{Planner, Value};
use super::written::{Located, Map, Written};

/// The longest topic name, as Kafka has it.
const LONGEST_TOPIC: usize = 249;
/// The longest name of a pipeline, stage, output or instance.
const LONGEST_NAME: usize = 100;
/// The output that takes what comes out of the last stage.
const DEFAULT: &str = "default";

/// The key of the dead-letter topic.
const DLQ: &str = "dlq";

/// A topic that the file says is written to, for the check against what is read.
pub(super) struct Destination {
    /// The key in the file: `outputs.audit`.
    key: String,
    /// The topic.
    topic: Value<String>,
}

impl Destination {
    /// What a plan keeps of it.
    pub fn place(self) -> beside::Destination {
        beside::Destination { key: self.key, topic: self.topic.value, at: self.topic.at }
    }
}

/// Reads the name of a pipeline, stage, output or instance. None: there is a finding.
pub(crate) fn name(planner: &mut Planner<'_>, key: &str, written: &Written<String>) -> Option<Value<String>> {
    let name = planner.read(key, written)?;
    legal_name(planner, key, name)
}

/// Checks the name of a pipeline, stage, output or instance. None: there is a finding.
pub(super) fn legal_name(planner: &mut Planner<'_>, key: &str, name: Value<String>) -> Option<Value<String>> {
    legal(planner, key, name, LONGEST_NAME)
}

fn topic(planner: &mut Planner<'_>, key: &str, written: &Written<String>) -> Option<Value<String>> {
    let topic = planner.read(key, written)?;
    legal(planner, key, topic, LONGEST_TOPIC)
}

fn legal(planner: &mut Planner<'_>, key: &str, name: Value<String>, longest: usize) -> Option<Value<String>> {
    if let Some(flaw) = flaw(&name.value, longest) {
        planner.error(name.at, format!("{key}: {} {flaw}", name.shown));
        return None;
    }
    Some(name)
}

/// What is wrong with a name of a pipeline, stage, output or instance; none: nothing.
pub(super) fn name_flaw(name: &str) -> Option<String> {
    flaw(name, LONGEST_NAME)
}

fn flaw(name: &str, longest: usize) -> Option<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name {
        "" => Some("is empty".to_owned()),
        "." | ".." => Some("is not a name that Kafka takes".to_owned()),
        name if name.len() > longest => Some(format!("is longer than {longest} characters")),
        name if !name.chars().all(legal) => Some("may hold only letters, digits, \".\", \"_\" and \"-\"".to_owned()),
        _ => None,
    }
}

/// Reads the topics of `input`.
pub(super) fn input(planner: &mut Planner<'_>, topics: &Located<Vec<Written<String>>>) -> Vec<Value<String>> {
    let key = "input.topics";
    if topics.value.is_empty() {
        planner.error(topics.at, format!("{key}: at least one topic is needed"));
    }
    let mut read: Vec<Value<String>> = Vec::new();
    for (number, written) in topics.value.iter().enumerate() {
        let Some(topic) = planner.read(key, written) else { continue };
        planner.record_item(key, number, written);
        let topic =
            if topic.value.starts_with('^') { pattern(planner, key, topic) } else { no_pattern(planner, key, topic) };
        let Some(topic) = topic else { continue };
        if read.iter().any(|earlier| earlier.value == topic.value) {
            planner.error(topic.at, format!("{key}: {} is here twice", topic.shown));
        }
        read.push(topic);
    }
    read
}

/// Checks the name of a topic that is read; of one that is meant as a pattern, it is said how those begin.
fn no_pattern(planner: &mut Planner<'_>, key: &str, topic: Value<String>) -> Option<Value<String>> {
    let name = topic.value.as_str();
    let is_pattern = !topic.replaced && name.contains(['*', '+', '?', '[', '(', '|', '$', '\\']);
    let flaw = flaw(name, LONGEST_TOPIC).filter(|_| is_pattern);
    let Some(flaw) = flaw else { return legal(planner, key, topic, LONGEST_TOPIC) };
    // A star of the shell's stands for any text, as `.*` does in a regular expression.
    let meant = format!("^{}", if name.contains(".*") { name.to_owned() } else { name.replace('*', ".*") });
    let known = TopicPattern::new(&meant).is_ok() && pattern::foreign(&meant).is_none();
    let help = match known {
        true => format!("a pattern begins with \"^\": write \"{meant}\""),
        false => "a pattern begins with \"^\", and is a POSIX extended regular expression".to_owned(),
    };
    planner.error_with_help(topic.at, format!("{key}: {} {flaw}", topic.shown), help);
    None
}

fn pattern(planner: &mut Planner<'_>, key: &str, pattern: Value<String>) -> Option<Value<String>> {
    if let Some((foreign, help)) = pattern::foreign(&pattern.value) {
        // The sentence names a part of the value, which may be the environment's.
        let foreign = if pattern.replaced { "it expands to what no topic can match".to_owned() } else { foreign };
        let help = format!("{help}; librdkafka's patterns are POSIX extended regular expressions");
        planner.error_with_help(pattern.at, format!("{key}: {}: {foreign}", pattern.shown), help);
        return None;
    }
    if let Err(reason) = TopicPattern::new(&pattern.value) {
        planner.error(pattern.at, format!("{key}: {} is not a regular expression: {reason}", pattern.shown));
        return None;
    }
    Some(pattern)
}

/// Reads `outputs`, in the order of the file. `input`: how records come in.
pub(super) fn outputs(
    planner: &mut Planner<'_>,
    outputs: &Located<Map<file::Output>>,
    input: &KeyValue<plan::InputFormat>,
    context: &FormatContext<'_>,
) -> (Vec<Output>, Vec<Destination>) {
    let (mut read, mut destinations) = (Vec::new(), Vec::new());
    for (written, output) in &outputs.value.entries {
        // An output's name is what plugins say, so it is taken as it is written.
        let shown = format!("\"{}\"", written.text);
        let name = Value { value: written.text.clone(), shown, replaced: false, at: written.at };
        let Some(name) = legal_name(planner, "outputs", name) else { continue };
        let key = format!("outputs.{}", name.value);
        let target = target(planner, &key, name.at, output, &mut destinations);
        let mut encoded = |part: &str, written: Option<&OutputFormat>, input: Option<&plan::InputFormat>| {
            let (key, written) = (format!("{key}.{part}"), written?);
            if matches!(target, Target::Drop) {
                planner.error(written.format.at, format!("{key}: with `drop: true` nothing is encoded"));
            }
            formats::output(planner, &key, written, input, context)
        };
        let key = encoded("key", output.key.as_ref(), input.key.as_ref());
        let value = encoded("value", output.value.as_ref(), input.value.as_ref());
        if input.value.is_some() && matches!(target, Target::Topic(_)) && output.value.is_none() {
            formats::warn_of_text(planner, name.at, &name.value);
        }
        read.push(Output { name: name.value.into(), target, formats: KeyValue { key, value } });
    }
    if !outputs.value.entries.iter().any(|(name, _)| name.text == DEFAULT) {
        planner.error_with_help(
            outputs.at,
            "outputs: there is no \"default\" for what comes out of the last stage",
            "add default: { topic: NAME }, or default: { drop: true } if nothing is to be written",
        );
    }
    (read, destinations)
}

fn target(
    planner: &mut Planner<'_>,
    key: &str,
    at: Position,
    output: &file::Output,
    destinations: &mut Vec<Destination>,
) -> Target {
    let drop = planner.read_or(&format!("{key}.drop"), output.drop.as_ref(), false);
    match &output.topic {
        Some(written) if drop => {
            planner.error(written.at, format!("{key}: either a topic or `drop: true`, not both"));
            Target::Drop
        }
        Some(written) => Target::Topic(destination(planner, key, written, output.create.as_ref(), destinations)),
        None if drop => {
            if let Some(create) = &output.create {
                planner.error(create.partitions.at, format!("{key}: with `drop: true` there is no topic to create"));
            }
            Target::Drop
        }
        None => {
            let help = "write { topic: NAME }, or { drop: true } if nothing is to be written";
            planner.error_with_help(at, format!("{key}: no topic"), help);
            Target::Drop
        }
    }
}

/// Reads `dlq`.
pub(super) fn dlq(planner: &mut Planner<'_>, dlq: &file::Dlq, destinations: &mut Vec<Destination>) -> Dlq {
    Dlq {
        topic: destination(planner, DLQ, &dlq.topic, dlq.create.as_ref(), destinations),
        oversize: planner.read_or("dlq.oversize", dlq.oversize.as_ref(), Oversize::Stop),
        connect_headers: planner.read_or("dlq.connect_headers", dlq.connect_headers.as_ref(), false),
    }
}

fn destination(
    planner: &mut Planner<'_>,
    key: &str,
    written: &Written<String>,
    create: Option<&file::Create>,
    destinations: &mut Vec<Destination>,
) -> Topic {
    let topic = topic(planner, &format!("{key}.topic"), written);
    let name = topic.as_ref().map(|topic| topic.value.clone()).unwrap_or_default();
    destinations.extend(topic.map(|topic| Destination { key: key.to_owned(), topic }));
    let create = create.map(|create| CreateTopic {
        partitions: number(planner, &format!("{key}.create.partitions"), &create.partitions, 10_000),
        replication: number(planner, &format!("{key}.create.replication"), &create.replication, 1_000),
    });
    Topic { name, create }
}

fn number(planner: &mut Planner<'_>, key: &str, written: &Written<usize>, most: u16) -> i32 {
    let read = planner.read_within(key, written, 1..=usize::from(most));
    read.and_then(|read| i32::try_from(read.value).ok()).unwrap_or(1)
}

/// Warns where the DLQ is an output's topic, too: readers of the output would take dead letters for records.
pub(super) fn warn_of_shared_dlq(planner: &mut Planner<'_>, destinations: &[Destination]) {
    let Some(dlq) = destinations.iter().find(|destination| destination.key == DLQ) else { return };
    let mut outputs = destinations.iter().filter(|destination| destination.key != DLQ);
    if let Some(output) = outputs.find(|output| output.topic.value == dlq.topic.value) {
        let message = format!(
            "dlq.topic: {} is the topic of {}, too: its readers will get dead letters",
            dlq.topic.shown, output.key
        );
        planner.warn(dlq.topic.at, message);
    }
}

/// Finds topics that are read and written.
pub(super) fn no_loop(planner: &mut Planner<'_>, topics: &[Value<String>], destinations: &[Destination]) {
    for Destination { key, topic: written } in destinations {
        for read in topics {
            let same = read.value == written.value;
            let matches = || TopicPattern::new(&read.value).is_ok_and(|pattern| pattern.matches(&written.value));
            if same || (read.value.starts_with('^') && matches()) {
                planner.error_with_help(
                    written.at,
                    format!("{key}: {} is written, and read by input.topics ({})", written.shown, read.shown),
                    "every record would come back: choose another topic, or say `allow_loop: true` under `input`",
                );
            }
        }
    }
}
