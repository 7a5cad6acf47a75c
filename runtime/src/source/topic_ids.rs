//! Topics are known by their ids: one that is deleted and created again while it is read is another topic, of which no
//! offset says anything (KIP-516). Whether a topic, and each partition of it, is there at all is asked with the same
//! question: with fewer partitions than before, librdkafka's cooperative assignor lets members keep those that are gone
//! (`rd_kafka_cooperative_protocol_adjust_assignment`, "unknown but owned").

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::action::{Action, Actions};
use super::assignment::list_of;
use super::note::is_another_topic;
use super::partitions::{OwnedPartitions, Start};
use super::question::Question;
use crate::config::TopicPattern;
use crate::kafka::TopicPartition;

/// How often the brokers are asked.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// When they are asked again about a topic that was not there just now: it may be about to be created again.
const ASK_SOON: Duration = Duration::from_secs(2);
/// How often it is said that a topic is not there.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// What a topic is at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicNow {
    /// It is there.
    Exists {
        /// Its id, with the cluster's; none where the brokers say none.
        id: Option<String>,
        /// How many partitions it has.
        partitions: i32,
    },
    /// It does not exist.
    Gone,
}

impl TopicNow {
    /// Returns its id, where it is known.
    pub fn into_id(self) -> Option<String> {
        match self {
            TopicNow::Exists { id, .. } => id,
            TopicNow::Gone => None,
        }
    }
}

/// What topics are at one moment, without those of which nothing is known.
pub type TopicsNow = BTreeMap<Arc<str>, TopicNow>;

/// Asks what the topics are that are read, from time to time.
pub struct TopicIdWatch {
    pipeline: Arc<str>,
    // As the plan has them: names, and patterns that begin with `^`.
    wanted: Vec<String>,
    // What each topic was when a partition of it was last ours; none where the brokers do not say.
    known: BTreeMap<Arc<str>, Option<String>>,
    // Those of them that were not there in the last answers: since when, and when that was said last.
    absent: BTreeMap<Arc<str>, (Instant, Option<Instant>)>,
    // Partitions that the last answer had not, though nothing else says that their topic is another one.
    missed: BTreeSet<TopicPartition>,
    // None: asked, and not answered.
    due: Option<Instant>,
}

impl TopicIdWatch {
    /// No topic is known. `wanted`: what is subscribed to.
    pub fn new(pipeline: Arc<str>, wanted: Vec<String>, now: Instant) -> TopicIdWatch {
        let (known, absent, missed) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        TopicIdWatch { pipeline, wanted, known, absent, missed, due: Some(now + ASK_EVERY) }
    }

    /// Partitions begin. One without an offset, of a topic that was another one when it was last ours, has lost it: the
    /// brokers forget the offsets of topics that are deleted.
    pub fn on_starts(&mut self, starts: &mut [(TopicPartition, Start)]) {
        let mut now = BTreeMap::new();
        for (at, start) in starts {
            let Some(id) = &start.note.topic else {
                self.known.entry(at.topic.clone()).or_default();
                continue;
            };
            let known = self.known.get(&at.topic).and_then(Option::as_ref);
            let is_another = known.is_some_and(|known| is_another_topic(known, id));
            start.is_recreated |= is_another && start.committed.is_none();
            now.insert(at.topic.clone(), Some(id.clone()));
        }
        self.known.append(&mut now);
    }

    /// Returns the names of the input that were never seen, and the patterns that match nothing that was.
    pub fn unknown(&self) -> Vec<String> {
        let matches = |pattern: &TopicPattern| self.known.keys().any(|topic| pattern.matches(topic));
        let is_known = |wanted: &str| match wanted.starts_with('^') {
            true => TopicPattern::new(wanted).is_ok_and(|pattern| matches(&pattern)),
            false => self.known.contains_key(wanted),
        };
        self.wanted.iter().filter(|wanted| !is_known(wanted)).cloned().collect()
    }

    /// Asks where that is due.
    pub fn step(&mut self, now: Instant, partitions: &OwnedPartitions, actions: &mut Actions) {
        if self.known.is_empty() && partitions.is_empty() || self.due.is_none_or(|due| now < due) {
            return;
        }
        self.due = None;
        let ours = partitions.iter().map(|partition| &partition.at().topic);
        let topics: BTreeSet<_> = ours.chain(self.known.keys()).cloned().collect();
        actions.push(Action::Ask(Question::Topics(topics.into_iter().collect())));
    }

    /// The answer.
    pub fn on_topics(&mut self, topics: &TopicsNow, now: Instant, partitions: &mut OwnedPartitions) {
        for (topic, state) in topics {
            match state {
                TopicNow::Exists { id, partitions: count } => {
                    if let Some((_, Some(_))) = self.absent.remove(topic) {
                        tracing::info!(target: "source", pipeline = %self.pipeline, %topic, "the topic is there again");
                    }
                    if let Some(id) = id {
                        self.on_id(topic, id, *count, partitions);
                    }
                    self.on_count(topic, *count, partitions);
                    // What it was stays known until a partition of it begins.
                    let known = self.known.entry(topic.clone()).or_default();
                    if known.is_none() || partitions.iter().any(|partition| partition.at().topic == *topic) {
                        known.clone_from(id);
                    }
                }
                TopicNow::Gone => self.on_absence(topic, now),
            }
        }
        let is_in_doubt = self.absent.values().any(|(_, said)| said.is_none());
        self.due = Some(now + if is_in_doubt { ASK_SOON } else { ASK_EVERY });
    }

    fn on_id(&self, topic: &Arc<str>, id: &str, count: i32, partitions: &mut OwnedPartitions) {
        for partition in partitions.iter_mut().filter(|partition| partition.at().topic == *topic) {
            if !partition.topic_id().is_some_and(|known| is_another_topic(known, id)) {
                partition.set_topic_id(id);
                continue;
            }
            partition.set_recreated(id);
            if partition.at().partition.0 < count {
                tracing::warn!(
                    target: "source", pipeline = %self.pipeline, %topic, partition = partition.at().partition.0,
                    "the topic was deleted and created again: what was read of the new one before this was noticed \
                     may be read again, or be passed over, as `on_lost_offset` says"
                );
            }
        }
    }

    /// A topic has so many partitions. Of one that is known to be another topic now that is believed at once; otherwise
    /// a broker may be behind, and it is asked again.
    fn on_count(&mut self, topic: &Arc<str>, count: i32, partitions: &mut OwnedPartitions) {
        let (mut gone, mut back) = (Vec::new(), Vec::new());
        for partition in partitions.iter_mut().filter(|partition| partition.at().topic == *topic) {
            let at = partition.at().clone();
            if at.partition.0 < count {
                self.missed.remove(&at);
                if partition.is_gone() {
                    partition.set_back();
                    back.push(at);
                }
            } else if !partition.is_gone() && (partition.is_recreated() || !self.missed.insert(at.clone())) {
                partition.set_gone();
                gone.push(at);
            }
        }
        if !gone.is_empty() {
            let gone = list_of(&gone);
            tracing::warn!(
                target: "source", pipeline = %self.pipeline, %topic, partitions = count, %gone,
                "the topic was deleted and created again with fewer partitions: some are gone, and nothing is read of \
                 them unless the topic grows again"
            );
        }
        if !back.is_empty() {
            let back = list_of(&back);
            tracing::info!(
                target: "source", pipeline = %self.pipeline, %topic, partitions = count, %back,
                "the topic has grown: partitions that were gone are read from their beginning"
            );
        }
    }

    fn on_absence(&mut self, topic: &Arc<str>, now: Instant) {
        let Some((_, said)) = self.absent.get_mut(topic) else {
            self.absent.insert(topic.clone(), (now, None));
            return;
        };
        if said.is_some_and(|said| now < said + SAY_EVERY) {
            return;
        }
        *said = Some(now);
        if self.wanted.iter().any(|wanted| **wanted == **topic) {
            tracing::warn!(
                target: "source", pipeline = %self.pipeline, %topic,
                "the topic does not exist any more: nothing is read of it until it is created again, and then it goes \
                 on as `on_lost_offset` says"
            );
        } else {
            tracing::info!(
                target: "source", pipeline = %self.pipeline, %topic, "a topic of a pattern does not exist any more"
            );
            // Nobody waits for it.
            self.absent.remove(topic);
            self.known.remove(topic);
        }
    }

    /// Returns which topics are waited for, in words.
    pub fn waits_for(&self) -> Option<String> {
        let said = self.absent.iter().filter(|(_, (_, said))| said.is_some());
        let names: Vec<String> = said.map(|(topic, _)| format!("\"{topic}\"")).collect();
        match &names[..] {
            [] => None,
            [name] => Some(format!("topic {name} does not exist any more: it is waited for")),
            _ => Some(format!("topics {} do not exist any more: they are waited for", names.join(", "))),
        }
    }

    /// When there is something to do next.
    pub fn deadline(&self, partitions: &OwnedPartitions) -> Option<Instant> {
        self.due.filter(|_| !partitions.is_empty() || !self.known.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::super::note::Note;
    use super::super::testing::{at, owned, words};
    use super::*;
    use crate::batch::Offset;
    use crate::rt;

    fn watch(now: Instant) -> TopicIdWatch {
        TopicIdWatch::new("p".into(), vec!["in".to_owned()], now)
    }

    fn exists(id: &str, partitions: i32) -> TopicsNow {
        BTreeMap::from([("in".into(), TopicNow::Exists { id: Some(id.to_owned()), partitions })])
    }

    fn gone() -> TopicsNow {
        BTreeMap::from([("in".into(), TopicNow::Gone)])
    }

    #[test]
    fn a_topic_that_is_another_one_now_has_lost_its_offsets() {
        let (now, mut partitions, mut actions) = (rt::now(), owned(2, 1), Actions::new());
        let mut watch = watch(now);
        watch.step(now, &partitions, &mut actions);
        assert!(actions.is_empty());
        watch.step(now + ASK_EVERY, &partitions, &mut actions);
        assert_eq!(words(&mut actions), ["ask"]);
        watch.step(now + 2 * ASK_EVERY, &partitions, &mut actions);
        assert!(actions.is_empty(), "one question at a time");
        let mut answer = |watch: &mut TopicIdWatch, id: &str| {
            watch.on_topics(&exists(id, 2), now, &mut partitions);
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
        let mut watch = watch(rt::now());
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
    #[test]
    fn partitions_that_a_topic_has_no_more_are_gone_at_once_where_it_is_another_topic() {
        let (now, mut partitions) = (rt::now(), owned(4, 1));
        let mut watch = watch(now);
        watch.on_topics(&exists("c:one", 4), now, &mut partitions);
        watch.on_topics(&exists("c:two", 2), now, &mut partitions);
        let gone = |partitions: &OwnedPartitions| -> Vec<bool> { partitions.iter().map(|p| p.is_gone()).collect() };
        assert_eq!(gone(&partitions), [false, false, true, true]);
        assert_eq!(partitions.len(), 2, "they do not count as assigned");
        assert!(partitions.iter().all(|p| p.is_recreated() && !p.has_uncommitted()));
        watch.on_topics(&exists("c:two", 3), now, &mut partitions);
        assert_eq!(gone(&partitions), [false, false, false, true]);
        assert!(partitions.of(&at(2)).unwrap().is_back());
    }

    #[test]
    fn fewer_partitions_of_the_same_topic_are_believed_the_second_time() {
        let (now, mut partitions) = (rt::now(), owned(2, 1));
        let mut watch = watch(now);
        watch.on_topics(&exists("c:one", 1), now, &mut partitions);
        assert_eq!(partitions.len(), 2, "a broker may not have heard yet that it has grown");
        watch.on_topics(&exists("c:one", 2), now, &mut partitions);
        watch.on_topics(&exists("c:one", 1), now, &mut partitions);
        assert_eq!(partitions.len(), 2);
        watch.on_topics(&exists("c:one", 1), now, &mut partitions);
        assert_eq!(partitions.len(), 1);
    }

    #[test]
    fn a_topic_that_is_gone_is_waited_for_and_known_as_another_one_when_it_is_there_again() {
        let (now, mut partitions, mut actions) = (rt::now(), owned(1, 1), Actions::new());
        let mut watch = watch(now);
        watch.on_topics(&exists("c:one", 1), now, &mut partitions);
        partitions.remove(&at(0));
        watch.on_topics(&gone(), now, &mut partitions);
        assert_eq!((watch.waits_for(), watch.deadline(&partitions)), (None, Some(now + ASK_SOON)));
        watch.on_topics(&gone(), now, &mut partitions);
        assert!(watch.waits_for().unwrap().contains("topic \"in\" does not exist any more"));
        watch.step(now + ASK_EVERY, &partitions, &mut actions);
        assert_eq!(words(&mut actions), ["ask"], "though nothing is assigned");
        watch.on_topics(&exists("c:two", 1), now, &mut partitions);
        assert_eq!(watch.waits_for(), None);
        let note = Note { topic: Some("c:two".to_owned()), ..Note::default() };
        let mut starts = [(at(0), Start { position: None, committed: None, note, is_recreated: false })];
        watch.on_starts(&mut starts);
        assert!(starts[0].1.is_recreated);
    }

    #[test]
    fn nobody_waits_for_a_topic_of_a_pattern() {
        let (now, mut partitions) = (rt::now(), owned(1, 1));
        let mut watch = TopicIdWatch::new("p".into(), vec!["^in".to_owned()], now);
        watch.on_topics(&exists("c:one", 1), now, &mut partitions);
        partitions.remove(&at(0));
        watch.on_topics(&gone(), now, &mut partitions);
        watch.on_topics(&gone(), now, &mut partitions);
        assert_eq!((watch.waits_for(), watch.deadline(&partitions)), (None, None));
    }
}
