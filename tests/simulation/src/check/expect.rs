//! What has to come of an input record, by the script.

use sluicebox::kafka::TopicPartition;

use super::index::{Index, Key, LetterKey};
use super::{Task, Then};
use crate::cluster::Cluster;
use crate::cluster::log::Message;
use crate::script::{Act, child, path_of};

/// One end of an input record's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    /// An output.
    Output(Key),
    /// A dead letter of one of these classes.
    Letter(Key, &'static [&'static str]),
    /// The pipeline stops before it.
    Stop,
}

/// What may come of a record: any one of these, whole.
type Alternatives = Vec<Vec<Leaf>>;

struct Input<'a> {
    task: &'a Task,
    at: &'a TopicPartition,
    offset: i64,
}

impl Input<'_> {
    fn letter(&self, trail: &str) -> Key {
        Key::Letter(LetterKey {
            topic: self.at.topic.to_string(),
            partition: self.at.partition.0,
            offset: self.offset,
            path: trail.to_owned(),
        })
    }

    /// What a stage's failure ends in.
    fn failure(&self, stage: usize, trail: &str, classes: &'static [&'static str]) -> Vec<Leaf> {
        match self.task.then[stage] {
            Then::Letter => vec![Leaf::Letter(self.letter(trail), classes)],
            Then::Drop => Vec::new(),
            Then::Stop => vec![Leaf::Stop],
        }
    }

    /// A record reaches an output: it is written there, or refused by the topic.
    fn output(&self, number: usize, path: &str, trail: &str) -> Alternatives {
        if self.task.outputs[number].is_none() {
            return vec![Vec::new()];
        }
        let written = vec![Leaf::Output(Key::Output(number, path.to_owned()))];
        match self.task.dlq {
            Some(_) if self.task.may_be_refused => {
                vec![written, vec![Leaf::Letter(self.letter(trail), &["oversize", "refused"])]]
            }
            Some(_) | None => vec![written],
        }
    }

    fn alternatives(&self, path: &str, trail: &str, stage: usize) -> Alternatives {
        if stage == self.task.script.stages {
            return self.output(0, path, trail);
        }
        let next = |number: u32| if trail.is_empty() { number.to_string() } else { format!("{trail}/{number}") };
        let on = || self.alternatives(path, &next(0), stage + 1);
        let failure = |classes| self.failure(stage, trail, classes);
        let mut alternatives = match self.task.script.act(path, stage) {
            Act::Keep => on(),
            Act::Drop => vec![Vec::new()],
            Act::Emit(count) => {
                let each = (0..count).map(|n| self.alternatives(&child(path, n), &next(n), stage + 1));
                each.fold(vec![Vec::new()], product)
            }
            Act::Divert(output) => self.output(output, path, &next(0)),
            Act::Reject => vec![failure(&["reject"])],
            Act::Retry(times) if times <= self.task.retries => on(),
            // It depends on how often it was tried by others before.
            Act::Retry(_) => with(on(), failure(&["retries"])),
            Act::Trap => vec![failure(&["trap"])],
            Act::Slow => vec![failure(&["time"])],
            Act::Memory => vec![failure(&["memory"])],
            Act::Answer => vec![failure(&["answer"])],
            Act::Undeclared => vec![failure(&["output"])],
        };
        if self.task.is_unsteady {
            alternatives.push(failure(&["reject", "retries", "trap", "time", "memory"]));
        }
        alternatives
    }
}

/// Whether one and the same record may come to something else when it is read again.
pub(super) fn varies(task: &Task, path: &str, stage: usize) -> bool {
    if stage == task.script.stages {
        return false;
    }
    match task.script.act(path, stage) {
        Act::Retry(times) if times > task.retries => true,
        Act::Keep | Act::Retry(_) => varies(task, path, stage + 1),
        Act::Emit(count) => (0..count).any(|number| varies(task, &child(path, number), stage + 1)),
        _ => false,
    }
}

fn with(mut alternatives: Alternatives, one: Vec<Leaf>) -> Alternatives {
    alternatives.push(one);
    alternatives
}

fn product(left: Alternatives, right: Alternatives) -> Alternatives {
    let both =
        |left: &Vec<Leaf>| right.iter().map(|right| left.iter().chain(right).cloned().collect()).collect::<Vec<_>>();
    left.iter().flat_map(both).collect()
}

/// What may come of an input record.
pub(super) fn alternatives(task: &Task, at: &TopicPartition, offset: i64, message: &Message) -> Alternatives {
    let path = path_of(message.value.as_deref().unwrap_or_default());
    Input { task, at, offset }.alternatives(path, "", 0)
}

/// What is lacking of an input record; none where all that has to come of it is there.
pub(super) fn lacking(
    task: &Task,
    index: &Index,
    cluster: &Cluster,
    at: &TopicPartition,
    offset: i64,
    message: &Message,
    producer: Option<u64>,
) -> Option<String> {
    let is_there = |leaf: &Leaf| match leaf {
        Leaf::Output(key) => index.of(cluster, key, producer).next().is_some(),
        Leaf::Letter(key, classes) => {
            index.of(cluster, key, producer).any(|written| classes.contains(&written.class.as_str()))
        }
        Leaf::Stop => false,
    };
    let alternatives = alternatives(task, at, offset, message);
    if alternatives.iter().any(|all| all.iter().all(is_there)) {
        return None;
    }
    let missing = alternatives.iter().filter_map(|all| all.iter().find(|leaf| !is_there(leaf)));
    let missing: Vec<String> = missing.map(|leaf| format!("{leaf:?}")).collect();
    let path = path_of(message.value.as_deref().unwrap_or_default());
    Some(format!("of offset {offset} (record {path}) there is no {}", missing.join(" and no ")))
}
