//! The checker: what must hold at each commit and at the end of a history, by a reckoning of its own that shares no
//! code with what it watches.

pub mod end;
mod expect;
mod index;
mod order;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sluicebox::kafka::{Committed, StartPosition, TopicPartition};

use self::index::Index;
use crate::cluster::Cluster;
use crate::cluster::log::Message;
use crate::script::{Script, path_of};
use crate::world::World;

/// What becomes of a record that a stage could not process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It goes to the dead-letter topic.
    Letter,
    /// It ends there.
    Drop,
    /// The pipeline stops before it.
    Stop,
}

/// What the pipeline under test is to do.
#[derive(Clone, Debug)]
pub struct Task {
    /// What the plugins do.
    pub script: Script,
    /// The consumer group.
    pub group: Arc<str>,
    /// Where each output goes, `default` first; none: nowhere.
    pub outputs: Vec<Option<Arc<str>>>,
    /// The dead-letter topic.
    pub dlq: Option<Arc<str>>,
    /// For each stage.
    pub then: Vec<Then>,
    /// Calls after the first.
    pub retries: u32,
    /// Outputs, dead letters and offsets are in one transaction.
    pub exactly_once: bool,
    /// Partitions of which nothing is committed are read from the newest record on.
    pub starts_at_end: bool,
    /// An output may be refused by its topic.
    pub may_be_refused: bool,
    /// What a stage refused or wanted again may have been another record's fault, or have passed: either is right.
    pub is_unsteady: bool,
}

/// A log, over the deletion of its topic: the topic's id and the partition.
type LogId = (u64, TopicPartition);

/// Watches one history.
pub struct Checker {
    /// What the pipeline is to do.
    pub task: Task,
    index: Index,
    // Up to where each log is checked, and where that began.
    checked: BTreeMap<LogId, Checked>,
    // What may be passed over.
    exempt: BTreeMap<LogId, Vec<(i64, i64)>>,
    // Logs that were cut short: what was committed before may lie behind their ends.
    cut: BTreeSet<LogId>,
    // The offset to read from was gone: from where it goes on then is the configuration's to say.
    lost: BTreeSet<LogId>,
    // A commit was sent as another member than the one that asked for it.
    late: BTreeSet<LogId>,
    excuses: BTreeSet<&'static str>,
    // The paths of records in batches that were refused.
    refused: BTreeSet<String>,
    violations: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct Checked {
    from: i64,
    to: i64,
}

impl Checker {
    /// A checker for a task.
    pub fn new(task: Task) -> Checker {
        Checker {
            task,
            index: Index::default(),
            checked: BTreeMap::new(),
            exempt: BTreeMap::new(),
            cut: BTreeSet::new(),
            lost: BTreeSet::new(),
            late: BTreeSet::new(),
            excuses: BTreeSet::new(),
            refused: BTreeSet::new(),
            violations: Vec::new(),
        }
    }

    /// What was found.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Something happened after which records may come twice.
    pub fn excuse(&mut self, why: &'static str) {
        self.excuses.insert(why);
    }

    /// Whether anything happened after which records may come twice.
    pub fn has_excuse(&self) -> bool {
        !self.excuses.is_empty()
    }

    /// A broker has refused a batch that holds this record, for what the topic refuses: others may come before it.
    pub fn refused(&mut self, message: &Message) {
        self.refused.insert(path_of(message.value.as_deref().unwrap_or_default()).to_owned());
    }

    /// These offsets of a log may be passed over.
    fn exempt(&mut self, topic: u64, at: &TopicPartition, from: i64, to: i64) {
        self.exempt.entry((topic, at.clone())).or_default().push((from, to));
    }

    /// A log was cut short, from `from` to `to`, which is not known to whoever reads on behind that.
    pub fn cut(&mut self, topic: u64, at: &TopicPartition, from: i64, to: i64) {
        self.exempt(topic, at, from, to);
        self.cut.insert((topic, at.clone()));
    }

    /// The end of what may be passed over in a partition, in whichever topic of this name.
    pub fn cut_up_to(&self, at: &TopicPartition) -> i64 {
        let of_it = self.exempt.iter().filter(|((_, partition), _)| partition == at);
        of_it.flat_map(|(_, ranges)| ranges).map(|(_, to)| *to).max().unwrap_or(0)
    }

    /// Whether an offset may be passed over.
    fn is_exempt(&self, log: &LogId, offset: i64) -> bool {
        self.exempt.get(log).is_some_and(|ranges| ranges.iter().any(|(from, to)| (*from..*to).contains(&offset)))
    }

    /// Something is wrong.
    pub fn violate(&mut self, what: String) {
        self.violations.push(what);
    }

    /// All that is below an offset is about to be committed. `producer`: what its transaction holds counts too.
    fn on_commit(&mut self, cluster: &Cluster, at: &TopicPartition, offset: i64, producer: Option<u64>) {
        let Some(topic) = cluster.topics.get(&*at.topic) else { return };
        let Some(log) = cluster.log_of(at) else { return };
        let id = (topic.id, at.clone());
        let known = self.checked.get(&id).copied();
        let Checked { from, to } = known.unwrap_or(Checked { from: 0, to: 0 });
        let is_cut = self.cut.contains(&id);
        if offset > log.end() && is_cut {
            return;
        }
        if offset > log.end() {
            return self.violate(format!("{at}: {offset} is committed, and the log ends at {}", log.end()));
        }
        if offset < to && !is_cut && !self.lost.contains(&id) && !self.late.contains(&id) {
            self.violate(format!("{at}: the committed offset goes back from {to} to {offset}"));
        }
        self.index.read(cluster, &self.task);
        let lacking = log.records(to, offset).find_map(|(at_offset, message)| {
            if self.is_exempt(&id, at_offset) || log.fate(at_offset) == Some(crate::cluster::log::Fate::Aborted) {
                return None;
            }
            expect::lacking(&self.task, &self.index, cluster, at, at_offset, message, producer)
        });
        if let Some(lacking) = lacking {
            self.violate(format!("{at}: {offset} is committed, but {lacking}"));
        }
        self.checked.insert(id, Checked { from, to: to.max(offset) });
    }
}

impl World {
    /// A member commits an offset.
    pub fn check_commit(&mut self, group: &str, at: &TopicPartition, offset: i64) {
        if *self.checker.task.group != *group {
            return;
        }
        self.checker.on_commit(&self.cluster, at, offset, None);
        self.stop_if_violated();
    }

    /// A commit is sent as another member than the one that asked for it: what is committed may go back.
    pub fn excuse_commit(&mut self, group: &str, offsets: &[(TopicPartition, Committed)]) {
        if *self.checker.task.group != *group {
            return;
        }
        self.count("commit sent as another member");
        self.checker.excuse("a commit was sent as another member");
        for (at, _) in offsets {
            if let Some(topic) = self.cluster.topics.get(&*at.topic) {
                self.checker.late.insert((topic.id, at.clone()));
            }
        }
    }

    /// A transaction is committed.
    pub fn check_transaction(&mut self, producer: u64, groups: &BTreeSet<Arc<str>>) {
        let name = self.checker.task.group.clone();
        for group in groups.iter().filter(|group| **group == name) {
            let pending = self.cluster.groups.get(group).map(|group| group.pending_of(producer)).unwrap_or_default();
            for (at, committed) in pending {
                self.trace(format_args!("transaction of {producer}: {at} at {}", committed.offset));
                self.checker.on_commit(&self.cluster, &at, committed.offset.0, Some(producer));
            }
        }
        self.stop_if_violated();
    }

    /// A member begins with a partition. Where the group has committed nothing of it yet, a pipeline that starts at the
    /// end may pass over what is there.
    pub fn note_start(&mut self, at: &TopicPartition, from: StartPosition) {
        let task = &self.checker.task;
        let committed = self.cluster.groups.get(&task.group).is_some_and(|group| group.offsets.contains_key(at));
        let Some(topic) = self.cluster.topics.get(&*at.topic).filter(|_| task.starts_at_end && !committed) else {
            return;
        };
        if let StartPosition::Offset(offset) = from {
            self.checker.exempt(topic.id, at, 0, offset.0);
        }
    }

    /// The offset to read next was not in the log.
    pub fn note_lost(&mut self, at: &TopicPartition) {
        if let Some(topic) = self.cluster.topics.get(&*at.topic) {
            self.checker.lost.insert((topic.id, at.clone()));
            self.checker.excuse("an offset was lost");
        }
    }

    /// A member reads on from elsewhere. Behind a lost offset that may leave records out.
    pub fn note_seek(&mut self, at: &TopicPartition, to: StartPosition) {
        let (Some(topic), StartPosition::Offset(to)) = (self.cluster.topics.get(&*at.topic), to) else { return };
        let id = (topic.id, at.clone());
        if self.checker.lost.contains(&id) {
            let from = self.checker.checked.get(&id).map_or(0, |checked| checked.to);
            self.checker.exempt(id.0, at, from.min(to.0), to.0);
        }
    }

    /// The history ends where something is wrong.
    pub fn stop_if_violated(&self) {
        if !self.checker.violations.is_empty() {
            self.scheduler.stop();
        }
    }
}

#[cfg(test)]
mod tests;
