//! What the output topics and the dead-letter topic hold, by what it came of.

use std::collections::BTreeMap;

use sluicebox::kafka::TopicPartition;

use super::Task;
use crate::cluster::Cluster;
use crate::cluster::log::{Fate, Message};
use crate::script::path_of;

/// A result, as the checker tells them apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// Of an output: its number, and the record's path.
    Output(usize, String),
    /// A dead letter.
    Letter(LetterKey),
}

/// A dead letter, by its input record and by which of what came of that has failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LetterKey {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// `sluice.error.path`.
    pub(super) path: String,
}

/// Where a result is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) at: TopicPartition,
    pub(super) offset: i64,
    /// A dead letter's class.
    pub(super) class: String,
}

/// All results.
#[derive(Default)]
pub(super) struct Index {
    results: BTreeMap<Key, Vec<Written>>,
    // Up to where each log is read.
    read: BTreeMap<TopicPartition, i64>,
    /// Results that say nothing of where they come from.
    pub(super) unknown: Vec<String>,
}

impl Index {
    /// Reads what has come since the last time.
    pub(super) fn read(&mut self, cluster: &Cluster, task: &Task) {
        for (number, topic) in task.outputs.iter().enumerate().filter_map(|(n, topic)| Some((n, topic.as_ref()?))) {
            self.read_topic(cluster, topic, |message| {
                let path = path_of(message.value.as_deref()?);
                Some((Key::Output(number, path.to_owned()), String::new()))
            });
        }
        if let Some(topic) = &task.dlq {
            self.read_topic(cluster, topic, letter_of);
        }
    }

    fn read_topic(&mut self, cluster: &Cluster, topic: &str, key: impl Fn(&Message) -> Option<(Key, String)>) {
        let count = cluster.partition_count(topic).unwrap_or(0);
        for number in 0..count {
            let at = TopicPartition::new(topic, number as i32);
            let Some(log) = cluster.log_of(&at) else { continue };
            let from = self.read.get(&at).copied().unwrap_or(0);
            for (offset, message) in log.records(from, log.end()) {
                match key(message) {
                    Some((key, class)) => {
                        let written = Written { at: at.clone(), offset, class };
                        self.results.entry(key).or_default().push(written);
                    }
                    None => self.unknown.push(format!("{at} offset {offset}")),
                }
            }
            self.read.insert(at, log.end());
        }
    }

    /// Where a result is written, as far as it counts: committed, or in the transaction of this producer.
    pub(super) fn of<'i>(
        &'i self,
        cluster: &'i Cluster,
        key: &Key,
        producer: Option<u64>,
    ) -> impl Iterator<Item = &'i Written> {
        let all = self.results.get(key).map_or(&[][..], Vec::as_slice);
        all.iter().filter(move |written| counts(cluster, written, producer))
    }

    /// Whether a dead letter has come of an input record.
    pub(super) fn has_letter(&self, at: &TopicPartition, offset: i64) -> bool {
        let first = LetterKey { topic: at.topic.to_string(), partition: at.partition.0, offset, path: String::new() };
        let next = self.results.range(Key::Letter(first)..).next();
        matches!(next, Some((Key::Letter(letter), _))
            if *letter.topic == *at.topic && letter.partition == at.partition.0 && letter.offset == offset)
    }

    /// All results that count.
    pub(super) fn all<'i>(&'i self, cluster: &'i Cluster) -> impl Iterator<Item = (&'i Key, Vec<&'i Written>)> {
        self.results.iter().filter_map(|(key, all)| {
            let counting: Vec<&Written> = all.iter().filter(|written| counts(cluster, written, None)).collect();
            (!counting.is_empty()).then_some((key, counting))
        })
    }
}

fn counts(cluster: &Cluster, written: &Written, producer: Option<u64>) -> bool {
    match cluster.log_of(&written.at).and_then(|log| log.fate(written.offset)) {
        Some(Fate::Committed) => true,
        Some(Fate::Open(by)) => Some(by) == producer,
        Some(Fate::Aborted) | None => false,
    }
}

/// What a dead letter says of its input.
fn letter_of(message: &Message) -> Option<(Key, String)> {
    let text = |name: &str| {
        let header = message.headers.iter().find(|(own, _)| own == name.as_bytes())?;
        String::from_utf8(header.1.clone()?).ok()
    };
    let key = LetterKey {
        topic: text("sluice.error.topic")?,
        partition: text("sluice.error.partition")?.parse().ok()?,
        offset: text("sluice.error.offset")?.parse().ok()?,
        path: text("sluice.error.path").unwrap_or_default(),
    };
    Some((Key::Letter(key), text("sluice.error.class").unwrap_or_default()))
}
