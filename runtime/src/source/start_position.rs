//! Where a group begins with a partition.
//!
//! What the group has committed counts, unless it was committed for an earlier topic of this name. A partition that it
//! has no offset of begins as `start` says. Under `start: latest` there are two exceptions, in which nothing of the
//! partition was ever there to be skipped: it was added to a topic that the group reads already, or its topic came to
//! be matched by a pattern that the group reads already. Notes beside the commits say so (`note`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::note::{Note, pattern_hash};
use super::partitions::Start;
use super::question::ASK;
use crate::batch::Partition;
use crate::config::TopicPattern;
use crate::config::plan::Start as FirstStart;
use crate::kafka::{Committed, CommittedOf, GroupQueries, KafkaError, TopicPartition};

/// The ids of topics, where brokers say them.
pub type TopicIds = BTreeMap<Arc<str>, String>;
/// Where to begin with each partition, or why that is not known.
pub type Starts = Vec<(TopicPartition, Result<Start, KafkaError>)>;

/// What topics the input names.
pub struct InputTopics {
    names: BTreeSet<String>,
    patterns: Vec<(TopicPattern, String)>,
    start: FirstStart,
    existing: Option<Arc<BTreeSet<Arc<str>>>>,
}

impl InputTopics {
    /// The topics and patterns of an input; `existing` are the topics that were there when the pipeline subscribed to
    /// them, where that is known.
    pub fn new(topics: &[String], start: FirstStart, existing: Option<Arc<BTreeSet<Arc<str>>>>) -> InputTopics {
        let (patterns, names): (Vec<_>, Vec<_>) = topics.iter().partition(|topic| topic.starts_with('^'));
        let compile = |text: &String| Some((TopicPattern::new(text).ok()?, pattern_hash(text)));
        InputTopics {
            names: names.into_iter().cloned().collect(),
            patterns: patterns.into_iter().filter_map(compile).collect(),
            start,
            existing,
        }
    }

    /// The hash of the pattern that matches a topic, unless the topic is named.
    fn pattern_of(&self, topic: &str) -> Option<(&TopicPattern, &str)> {
        if self.names.contains(topic) {
            return None;
        }
        let found = self.patterns.iter().find(|(pattern, _)| pattern.matches(topic));
        found.map(|(pattern, hash)| (pattern, hash.as_str()))
    }

    /// Whether a topic came to a pattern after the pipeline had subscribed to that.
    fn came_later(&self, topic: &str) -> bool {
        self.existing.as_ref().is_some_and(|existing| !existing.contains(topic)) && self.pattern_of(topic).is_some()
    }

    fn note(&self, topic: &str, partitions: Option<i32>, ids: &TopicIds) -> Note {
        let pattern = self.pattern_of(topic).map(|(_, hash)| hash.to_owned());
        Note { partitions, topic: ids.get(topic).cloned(), pattern }
    }

    /// Where to begin with partitions of which it is known what the group has committed, and those of which more has to
    /// be asked.
    pub fn of_committed(
        &self,
        committed: Vec<(TopicPartition, CommittedOf)>,
        ids: &TopicIds,
    ) -> (Starts, Vec<TopicPartition>) {
        let (mut starts, mut first) = (Vec::with_capacity(committed.len()), Vec::new());
        for (at, committed) in committed {
            match committed {
                Ok(Some(Committed { offset, note })) => {
                    let noted = Note::parse(&note);
                    let is_recreated = ids.get(&at.topic).is_some_and(|id| noted.is_of_another_topic(id));
                    let mut note = self.note(&at.topic, noted.partitions, ids);
                    // Brokers that say nothing now may have said it before.
                    note.topic = note.topic.or(noted.topic);
                    let (position, committed) = (Some(offset), Some(offset));
                    starts.push((at, Ok(Start { position, committed, note, is_recreated })));
                }
                Ok(None) if self.start == FirstStart::Earliest => {
                    let note = self.note(&at.topic, None, ids);
                    starts.push((at, Ok(Start { position: None, committed: None, note, is_recreated: false })));
                }
                Ok(None) => first.push(at),
                Err(error) => starts.push((at, Err(error))),
            }
        }
        (starts, first)
    }
}

/// What is known of topics that the group begins with under `start: latest`.
pub struct FirstStarts<'a> {
    queries: &'a dyn GroupQueries,
    input: &'a InputTopics,
    ids: &'a TopicIds,
    partitions_at_start: HashMap<Arc<str>, i32>,
    // By hash, whether the group has offsets under the pattern.
    read_patterns: HashMap<String, bool>,
}

impl<'a> FirstStarts<'a> {
    /// Nothing is known yet.
    pub fn new(queries: &'a dyn GroupQueries, input: &'a InputTopics, ids: &'a TopicIds) -> FirstStarts<'a> {
        FirstStarts { queries, input, ids, partitions_at_start: HashMap::new(), read_patterns: HashMap::new() }
    }

    /// Where to begin with a partition that the group has no offset of.
    ///
    /// # Errors
    /// A broker does not answer.
    pub fn of(&mut self, at: &TopicPartition) -> Result<Start, KafkaError> {
        let at_start = match self.partitions_at_start.get(&at.topic) {
            Some(count) => *count,
            None => {
                let count = self.count_at_start(at)?;
                self.partitions_at_start.insert(at.topic.clone(), count);
                count
            }
        };
        let note = self.input.note(&at.topic, Some(at_start), self.ids);
        let position = match at.partition.0 >= at_start {
            true => None,
            // Fixed now, and committed: what comes while we are away is not skipped.
            false => Some(self.queries.watermarks(at, ASK)?.1),
        };
        Ok(Start { position, committed: None, note, is_recreated: false })
    }

    /// How many partitions the topic had when the group began with it; 0 where it came to a pattern that was read, by
    /// the group before or by this pipeline while the pattern matched nothing yet.
    fn count_at_start(&mut self, at: &TopicPartition) -> Result<i32, KafkaError> {
        let count = self.queries.partition_count(&at.topic, ASK)?;
        let committed = committed_of(self.queries, &at.topic, count)?;
        let noted = committed.iter().filter_map(|(_, committed)| Note::parse(&committed.note).partitions).min();
        // A group that began with another program has no notes: what it has offsets of is what there was.
        let known = committed.iter().map(|(partition, _)| partition.0 + 1).max();
        if let Some(known) = noted.or(known) {
            return Ok(known);
        }
        Ok(if self.input.came_later(&at.topic) || self.is_of_a_read_pattern(&at.topic)? { 0 } else { count })
    }

    fn is_of_a_read_pattern(&mut self, topic: &str) -> Result<bool, KafkaError> {
        let Some((pattern, hash)) = self.input.pattern_of(topic) else { return Ok(false) };
        if let Some(is_read) = self.read_patterns.get(hash) {
            return Ok(*is_read);
        }
        let mut is_read = false;
        for (other, count) in self.queries.topics(ASK)? {
            if &*other == topic || !pattern.matches(&other) {
                continue;
            }
            let committed = committed_of(self.queries, &other, count)?;
            if committed.iter().any(|(_, it)| Note::parse(&it.note).pattern.as_deref() == Some(hash)) {
                is_read = true;
                break;
            }
        }
        self.read_patterns.insert(hash.to_owned(), is_read);
        Ok(is_read)
    }
}

/// What the group has committed of a topic's partitions.
fn committed_of(
    queries: &dyn GroupQueries,
    topic: &Arc<str>,
    count: i32,
) -> Result<Vec<(Partition, Committed)>, KafkaError> {
    let all = (0..count).map(|number| TopicPartition { topic: topic.clone(), partition: Partition(number) });
    let committed = queries.committed(&all.collect::<Vec<_>>(), ASK)?;
    let each = committed.into_iter().map(|(at, committed)| Ok(committed?.map(|it| (at.partition, it))));
    Ok(each.collect::<Result<Vec<_>, KafkaError>>()?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::batch::Offset;
    use crate::kafka::ErrorKind;

    /// A cluster with topics of two partitions each, and what a group has committed.
    struct Group(Vec<(TopicPartition, Committed)>, Vec<&'static str>);

    impl GroupQueries for Group {
        fn committed(
            &self,
            partitions: &[TopicPartition],
            _: Duration,
        ) -> Result<Vec<(TopicPartition, CommittedOf)>, KafkaError> {
            let of = |at: &TopicPartition| self.0.iter().find(|(found, _)| found == at).map(|(_, it)| it.clone());
            Ok(partitions.iter().map(|at| (at.clone(), Ok(of(at)))).collect())
        }

        fn partition_count(&self, _: &str, _: Duration) -> Result<i32, KafkaError> {
            Ok(2)
        }

        fn topics(&self, _: Duration) -> Result<Vec<(Arc<str>, i32)>, KafkaError> {
            Ok(self.1.iter().map(|name| ((*name).into(), 2)).collect())
        }

        fn watermarks(&self, _: &TopicPartition, _: Duration) -> Result<(Offset, Offset), KafkaError> {
            Ok((Offset(0), Offset(100)))
        }
    }

    fn input(topics: &[&str], start: FirstStart) -> InputTopics {
        let topics: Vec<_> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        InputTopics::new(&topics, start, None)
    }

    fn committed(topic: &str, partition: i32, note: &str) -> (TopicPartition, Committed) {
        (TopicPartition::new(topic, partition), Committed { offset: Offset(7), note: note.to_owned() })
    }

    fn first_start(group: &Group, topics: &[&str], topic: &str, partition: i32) -> Start {
        let (input, ids) = (input(topics, FirstStart::Latest), TopicIds::new());
        FirstStarts::new(group, &input, &ids).of(&TopicPartition::new(topic, partition)).unwrap()
    }

    #[test]
    fn latest_is_the_end_of_a_topic_that_is_new_to_the_group() {
        let group = Group(Vec::new(), vec!["in.a"]);
        for topics in [["in.a"], ["^in"]] {
            let start = first_start(&group, &topics, "in.a", 0);
            assert_eq!((start.position, start.note.partitions), (Some(Offset(100)), Some(2)));
        }
    }

    #[test]
    fn the_first_topic_of_a_pattern_that_matched_none_is_read_from_its_beginning() {
        let (group, ids) = (Group(Vec::new(), vec!["in.a", "other"]), TopicIds::new());
        let position = |topics: &[&str], existing: &[&str]| {
            let existing = existing.iter().map(|topic| (*topic).into()).collect();
            let input = InputTopics { existing: Some(Arc::new(existing)), ..input(topics, FirstStart::Latest) };
            FirstStarts::new(&group, &input, &ids).of(&TopicPartition::new("in.a", 0)).unwrap().position
        };
        assert_eq!(position(&["^in[.]"], &["other"]), None);
        assert_eq!(position(&["^in[.]"], &["other", "in.a"]), Some(Offset(100)), "it was there");
        assert_eq!(position(&["in.a"], &["other"]), Some(Offset(100)), "it is named");
    }

    #[test]
    fn a_partition_that_was_added_is_read_from_its_beginning() {
        let group = Group(vec![committed("in.a", 0, "sluice:partitions=1")], vec!["in.a"]);
        let start = first_start(&group, &["in.a"], "in.a", 1);
        assert_eq!((start.position, start.note.partitions), (None, Some(1)));
    }

    #[test]
    fn a_topic_that_comes_to_a_pattern_that_is_read_is_read_from_its_beginning() {
        let note = format!("sluice:partitions=2;pattern={}", pattern_hash("^in[.]"));
        let group = Group(vec![committed("in.a", 0, &note)], vec!["in.a", "in.b", "other"]);
        assert_eq!(first_start(&group, &["^in[.]"], "in.b", 1).position, None);
        assert_eq!(
            first_start(&group, &["^in[.].*"], "in.b", 1).position,
            Some(Offset(100)),
            "the pattern has changed"
        );
        assert_eq!(
            first_start(&group, &["^in[.]", "in.b"], "in.b", 1).position,
            Some(Offset(100)),
            "it is newly named"
        );
        let named = Group(vec![committed("in.a", 0, "sluice:partitions=2")], vec!["in.a", "in.b"]);
        assert_eq!(first_start(&named, &["^in[.]"], "in.b", 1).position, Some(Offset(100)), "no offset of the pattern");
    }

    #[test]
    fn an_offset_of_an_earlier_topic_of_this_name_is_known_as_such() {
        let is_recreated = |note: &str, id: Option<&str>| {
            let ids = id.map(|id| ("in".into(), id.to_owned())).into_iter().collect();
            let (at, committed) = committed("in", 0, note);
            let (starts, first) =
                input(&["in"], FirstStart::Earliest).of_committed(vec![(at, Ok(Some(committed)))], &ids);
            assert!(first.is_empty());
            let start = starts.into_iter().next().unwrap().1.unwrap();
            (start.is_recreated, start.note.topic)
        };
        assert_eq!(is_recreated("sluice:topic=c:one", Some("c:two")), (true, Some("c:two".to_owned())));
        assert_eq!(is_recreated("sluice:topic=c:one", Some("c:one")), (false, Some("c:one".to_owned())));
        assert_eq!(is_recreated("sluice:topic=c:one", None), (false, Some("c:one".to_owned())));
        assert_eq!(is_recreated("sluice:partitions=2", Some("c:two")), (false, Some("c:two".to_owned())));
    }

    #[test]
    fn earliest_asks_no_further_question() {
        let (input, ids) = (input(&["in"], FirstStart::Earliest), TopicIds::new());
        let away = KafkaError::new(ErrorKind::Unavailable, "away");
        let all = vec![(TopicPartition::new("in", 0), Ok(None)), (TopicPartition::new("in", 1), Err(away))];
        let (starts, first) = input.of_committed(all, &ids);
        assert!(first.is_empty());
        assert!(matches!(&starts[0].1, Ok(Start { position: None, .. })));
        assert!(starts[1].1.is_err());
    }
}
