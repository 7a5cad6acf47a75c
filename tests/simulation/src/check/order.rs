//! Order: outputs of one key and one input partition keep the order of their inputs.

use std::collections::{BTreeMap, BTreeSet};

use sluicebox::kafka::TopicPartition;

use super::Checker;
use super::expect::varies;
use crate::cluster::Cluster;
use crate::cluster::log::Fate;
use crate::script::{number_of, path_of};

/// Where each input record is, by its number.
pub(super) type Places = BTreeMap<u64, (TopicPartition, i64)>;

impl Checker {
    pub(super) fn check_order(&mut self, cluster: &Cluster, inputs: &Places, may_repeat: bool) {
        let topics: Vec<_> = self.task.outputs.iter().flatten().cloned().collect();
        for topic in topics {
            for number in 0..cluster.partition_count(&topic).unwrap_or(0) {
                let at = TopicPartition::new(&topic, number as i32);
                if let Some(what) = self.disorder(cluster, &at, inputs, may_repeat) {
                    self.violate(what);
                }
            }
        }
    }

    fn disorder(&self, cluster: &Cluster, at: &TopicPartition, inputs: &Places, may_repeat: bool) -> Option<String> {
        let task = &self.task;

        let log = cluster.log_of(at)?;
        // The last of each key and input partition, and what has come already.
        let mut last: BTreeMap<(Option<&[u8]>, &TopicPartition), i64> = BTreeMap::new();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for (offset, message) in log.records(0, log.end()) {
            if log.fate(offset) != Some(Fate::Committed) {
                continue;
            }
            let path = path_of(message.value.as_deref().unwrap_or_default());
            let Some((input, input_offset)) = number_of(path).and_then(|number| inputs.get(&number)) else { continue };
            // What comes again may come out of order: only the first time counts.
            if !seen.insert(path) || (message.key.is_none() && !task.exactly_once) {
                continue;
            }
            let log = cluster.topics.get(&*input.topic).map(|topic| (topic.id, input.clone()));
            // What was passed over behind a lost offset may be read after all, behind the next.
            if log.as_ref().is_some_and(|log| self.is_exempt(log, *input_offset)) {
                continue;
            }
            // What was a dead letter once, or dropped, and is read again after a loss, may be none then.
            let number = path.split('.').next().unwrap_or(path);
            let may_vary = task.is_unsteady || varies(task, number, 0) || self.index.has_letter(input, *input_offset);
            let may_repeat = may_repeat || log.is_some_and(|log| self.is_broken(&log));
            if may_repeat && (may_vary || self.refused.contains(path)) {
                continue;
            }
            // Those that came of one record go their own ways, and may leave the chain at several stages.
            let before = last.insert((message.key.as_deref(), input), *input_offset);
            if message.key.is_some()
                && let Some(before) = before.filter(|before| before > input_offset)
            {
                return Some(format!(
                    "{at} offset {offset}: record {path}, of offset {input_offset} of {input}, comes behind one of the same \
                 key that came of offset {before}"
                ));
            }
        }
        None
    }
}
