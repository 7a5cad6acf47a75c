//! Topics are known by their ids: one that is deleted and created again while it is read is another topic, of which no
//! offset says anything (KIP-516).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::action::{Action, Actions};
use super::note::is_another_topic;
use super::partitions::{OwnedPartitions, Start};
use super::question::Question;
use crate::kafka::TopicPartition;

/// How often the brokers are asked.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// Asks for the ids of topics that are read, from time to time.
pub struct TopicIdWatch {
    pipeline: Arc<str>,
    // What each topic was when a partition of it was last ours.
    known: BTreeMap<Arc<str>, String>,
    // None: asked, and not answered.
    due: Option<Instant>,
}

impl TopicIdWatch {
    /// No topic is known.
    pub fn new(pipeline: Arc<str>, now: Instant) -> TopicIdWatch {
        TopicIdWatch { pipeline, known: BTreeMap::new(), due: Some(now + ASK_EVERY) }
    }

    /// Partitions begin. One without an offset, of a topic that was another one when it was last ours, has lost it: the
    /// brokers forget the offsets of topics that are deleted.
    pub fn on_starts(&mut self, starts: &mut [(TopicPartition, Start)]) {
        let mut now = BTreeMap::new();
        for (at, start) in starts {
            let Some(id) = &start.note.topic else { continue };
            let is_another = self.known.get(&at.topic).is_some_and(|known| is_another_topic(known, id));
            start.is_recreated |= is_another && start.committed.is_none();
            now.insert(at.topic.clone(), id.clone());
        }
        self.known.append(&mut now);
    }

    /// Asks where that is due.
    pub fn step(&mut self, now: Instant, partitions: &OwnedPartitions, actions: &mut Actions) {
        if partitions.is_empty() || self.due.is_none_or(|due| now < due) {
            return;
        }
        self.due = None;
        let topics: BTreeSet<_> = partitions.iter().map(|partition| partition.at().topic.clone()).collect();
        actions.push(Action::Ask(Question::TopicIds(topics.into_iter().collect())));
    }

    /// The answer, without the topics of which nothing is known, as one that is being deleted.
    pub fn on_ids(&mut self, ids: BTreeMap<Arc<str>, String>, now: Instant, partitions: &mut OwnedPartitions) {
        self.due = Some(now + ASK_EVERY);
        for partition in partitions.iter_mut() {
            let Some(id) = ids.get(&partition.at().topic) else { continue };
            if !partition.topic_id().is_some_and(|known| is_another_topic(known, id)) {
                partition.set_topic_id(id);
                continue;
            }
            tracing::warn!(
                target: "source", pipeline = %self.pipeline, topic = %partition.at().topic, partition = partition.at().partition.0,
                "the topic was deleted and created again: what was read of the new one before this was noticed may be \
                 read again, or be passed over, as `on_lost_offset` says"
            );
            partition.set_recreated(id);
        }
        self.known.extend(ids);
    }

    /// When there is something to do next.
    pub fn deadline(&self, partitions: &OwnedPartitions) -> Option<Instant> {
        self.due.filter(|_| !partitions.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::super::note::Note;
    use super::super::testing::{at, owned, words};
    use super::*;
    use crate::batch::Offset;
    use crate::rt;

    fn ids(id: &str) -> BTreeMap<Arc<str>, String> {
        BTreeMap::from([("in".into(), id.to_owned())])
    }

    #[test]
    fn a_topic_that_is_another_one_now_has_lost_its_offsets() {
        let (now, mut partitions, mut actions) = (rt::now(), owned(2, 1), Actions::new());
        let mut watch = TopicIdWatch::new("p".into(), now);
        watch.step(now, &partitions, &mut actions);
        assert!(actions.is_empty());
        watch.step(now + ASK_EVERY, &partitions, &mut actions);
        assert_eq!(words(&mut actions), ["ask"]);
        watch.step(now + 2 * ASK_EVERY, &partitions, &mut actions);
        assert!(actions.is_empty(), "one question at a time");
        let mut answer = |watch: &mut TopicIdWatch, id: &str| {
            watch.on_ids(ids(id), now, &mut partitions);
            partitions.iter().all(|partition| partition.is_recreated())
        };
        assert!(!answer(&mut watch, "c:one"), "it was not known before");
        assert!(!answer(&mut watch, "c:one"));
        assert!(!answer(&mut watch, "mirror:two"), "another cluster is trusted");
        assert!(!answer(&mut watch, "mirror:two"));
        assert!(answer(&mut watch, "mirror:three"));
    }

    #[test]
    fn a_partition_that_comes_back_without_offset_is_of_another_topic() {
        let mut watch = TopicIdWatch::new("p".into(), rt::now());
        let mut begin = |id: &str, committed: Option<i64>| {
            let note = Note { topic: Some(id.to_owned()), ..Note::default() };
            let (position, committed) = (committed.map(Offset), committed.map(Offset));
            let mut starts = [(at(0), Start { position, committed, note, is_recreated: false })];
            watch.on_starts(&mut starts);
            starts[0].1.is_recreated
        };
        assert!(!begin("c:one", None));
        assert!(!begin("c:one", None));
        assert!(begin("c:two", None));
        assert!(!begin("c:three", Some(5)), "somebody else has begun with it, and committed");
    }
}
