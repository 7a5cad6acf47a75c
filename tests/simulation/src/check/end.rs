//! What must hold when a history is over.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluicebox::kafka::TopicPartition;

use super::expect::{Leaf, alternatives};
use super::index::Key;
use super::order::Places;
use super::{Checked, Checker, LogId};
use crate::cluster::Cluster;
use crate::cluster::log::Fate;
use crate::script::{number_of, path_of};
use crate::world::World;

/// What a history promises at its end.
#[derive(Clone, Debug)]
pub struct Ending {
    /// The topics that are read.
    pub inputs: Vec<Arc<str>>,
    /// Whether everything has to be read and committed; not where a pipeline had a reason to stop.
    pub all_is_read: bool,
    /// Whether results may come twice for a reason that the checker was not told.
    pub may_repeat: bool,
    /// Whether records were taken away, of which results may be left.
    pub loses_offsets: bool,
}

impl World {
    /// Checks a history that is over.
    pub fn check_end(&mut self, ending: &Ending) {
        let World { checker, cluster, .. } = self;
        checker.index.read(cluster, &checker.task);
        if ending.all_is_read {
            checker.check_all_is_read(cluster, &ending.inputs);
        }
        let places = places(cluster, &ending.inputs);
        checker.check_results(cluster, ending);
        checker.check_order(cluster, &places, checker.may_repeat(ending));
        if let Some(unknown) = checker.index.unknown.first() {
            let what = format!("nothing tells what {unknown} came of");
            checker.violate(what);
        }
    }

    /// How many offsets of these topics are not committed yet.
    pub fn lag(&self, inputs: &[Arc<str>]) -> i64 {
        partitions(&self.cluster, inputs).map(|at| self.checker.lag(&self.cluster, &at)).sum()
    }

    /// Whether a transaction of somebody is open in these topics, behind which nothing can be read.
    pub fn is_held_up(&self, inputs: &[Arc<str>]) -> bool {
        partitions(&self.cluster, inputs)
            .filter_map(|at| self.cluster.log_of(&at))
            .any(|log| log.stable_end() < log.end())
    }
}

fn partitions<'c>(cluster: &'c Cluster, topics: &'c [Arc<str>]) -> impl Iterator<Item = TopicPartition> + 'c {
    topics.iter().flat_map(|topic| {
        (0..cluster.partition_count(topic).unwrap_or(0)).map(|number| TopicPartition::new(topic, number as i32))
    })
}

fn places(cluster: &Cluster, topics: &[Arc<str>]) -> Places {
    let mut places = BTreeMap::new();
    for at in partitions(cluster, topics) {
        let Some(log) = cluster.log_of(&at) else { continue };
        for (offset, message) in log.records(0, log.end()) {
            let path = path_of(message.value.as_deref().unwrap_or_default());
            if let Some(number) = number_of(path).filter(|_| log.fate(offset) == Some(Fate::Committed)) {
                places.insert(number, (at.clone(), offset));
            }
        }
    }
    places
}

impl Checker {
    /// How many offsets of a partition are not committed; of a log that was cut short only records count that may not
    /// be passed over.
    fn lag(&self, cluster: &Cluster, at: &TopicPartition) -> i64 {
        let (Some(log), Some(topic)) = (cluster.log_of(at), cluster.topics.get(&*at.topic)) else { return 0 };
        let (group, end) = (cluster.groups.get(&self.task.group), log.stable_end());
        let committed = group.and_then(|group| group.offsets.get(at)).map(|committed| committed.offset.0);
        let id = (topic.id, at.clone());
        if self.cut.contains(&id) {
            let from = committed.unwrap_or(0).max(log.start());
            return log.records(from, end).filter(|(offset, _)| !self.is_exempt(&id, *offset)).count() as i64;
        }
        // Of an empty partition nothing needs to be committed.
        if log.start() == end { 0 } else { end - committed.unwrap_or(0).min(end) }
    }

    fn check_all_is_read(&mut self, cluster: &Cluster, inputs: &[Arc<str>]) {
        for at in partitions(cluster, inputs) {
            let lag = self.lag(cluster, &at);
            if lag > 0 {
                self.violate(format!("{at} is stuck: {lag} offsets are not committed"));
            }
        }
    }

    /// Whether a log was cut short, or its next offset was gone: records of it may be read again or passed over.
    pub(super) fn is_broken(&self, log: &LogId) -> bool {
        self.cut.contains(log) || self.lost.contains(log)
    }

    /// Whether results may come twice.
    fn may_repeat(&self, ending: &Ending) -> bool {
        !self.task.exactly_once && (ending.may_repeat || self.has_excuse())
    }

    /// Every result that is there was to come, and where that is promised once alone.
    fn check_results(&mut self, cluster: &Cluster, ending: &Ending) {
        let mut allowed: BTreeMap<Key, LogId> = BTreeMap::new();
        let mut once = Vec::new();
        for at in partitions(cluster, &ending.inputs) {
            let (Some(log), Some(topic)) = (cluster.log_of(&at), cluster.topics.get(&*at.topic)) else { continue };
            let id = (topic.id, at.clone());
            let Checked { from, to } = self.checked.get(&id).copied().unwrap_or(Checked { from: 0, to: 0 });
            for (offset, message) in log.records(log.start(), log.end()) {
                if log.fate(offset) != Some(Fate::Committed) {
                    continue;
                }
                let alternatives = alternatives(&self.task, &at, offset, message);
                for leaf in alternatives.iter().flatten() {
                    if let Leaf::Output(key) | Leaf::Letter(key, _) = leaf {
                        allowed.insert(key.clone(), id.clone());
                    }
                }
                if (from..to).contains(&offset) && !self.is_broken(&id) && !self.is_exempt(&id, offset) {
                    once.push((at.clone(), offset, alternatives));
                }
            }
        }
        let may_repeat = self.may_repeat(ending);
        let mut found = Vec::new();
        for (key, written) in self.index.all(cluster) {
            let is_gone = !allowed.contains_key(key) && ending.loses_offsets;
            if !allowed.contains_key(key) && !is_gone {
                found.push(format!("{} offset {}: no input leads to {key:?}", written[0].at, written[0].offset));
            }
            let is_of_broken = allowed.get(key).is_some_and(|log| self.is_broken(log));
            if written.len() > 1 && !may_repeat && !is_of_broken && !is_gone {
                let places = written.iter().map(|one| format!("{} {}", one.at, one.offset)).collect::<Vec<_>>();
                found.push(format!("{key:?} is there {} times: {}", written.len(), places.join(", ")));
            }
        }
        for (at, offset, alternatives) in once.iter().filter(|_| self.task.exactly_once) {
            if let Some(there) = self.what_is_no_alternative(cluster, alternatives) {
                found.push(format!("{at} offset {offset} has come to {there:?}, which is none of what it may come to"));
            }
        }
        found.into_iter().take(10).for_each(|what| self.violate(what));
    }

    /// What is there of what may come of a record, unless it is one alternative and nothing beside it.
    fn what_is_no_alternative<'a>(&self, cluster: &Cluster, alternatives: &'a [Vec<Leaf>]) -> Option<Vec<&'a Key>> {
        let key_of = |leaf: &'a Leaf| match leaf {
            Leaf::Output(key) | Leaf::Letter(key, _) => Some(key),
            Leaf::Stop => None,
        };
        let mut there: Vec<&Key> = Vec::new();
        for key in alternatives.iter().flatten().filter_map(key_of) {
            if !there.contains(&key) && self.index.of(cluster, key, None).next().is_some() {
                there.push(key);
            }
        }
        let is_one = |all: &'a Vec<Leaf>| {
            let own: Vec<&Key> = all.iter().filter_map(key_of).collect();
            own.len() == there.len() && own.iter().all(|key| there.contains(key))
        };
        (!alternatives.iter().any(is_one)).then_some(there)
    }
}
