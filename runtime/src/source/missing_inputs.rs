//! Topics of the input that were never there: named while that lasts. The client begins to read them by itself once
//! they are. (`topic_ids` knows those that were there and are gone.)

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::action::{Action, Actions};
use super::question::{ASK, Question};
use crate::config::TopicPattern;
use crate::kafka::{ErrorKind, GroupQueries, KafkaError};

/// How long a pipeline may have no partitions before the brokers are asked why. A group takes some seconds to form.
const FIRST: Duration = Duration::from_secs(5);
/// How often they are asked while something is missing.
const AGAIN: Duration = Duration::from_secs(5);
/// How often they are asked where nothing is missing, and there are no partitions: others of the group have them.
const LATER: Duration = Duration::from_secs(60);
/// How often it is logged again.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Looks for topics of the input that are missing, where the pipeline has no partitions or the client complains.
pub struct MissingInputs {
    pipeline: Arc<str>,
    // In words; empty: everything is there, as far as is known.
    missing: String,
    // How often that has changed.
    changes: usize,
    due: Instant,
    is_asked: bool,
    is_suspected: bool,
    said: Option<Instant>,
}

impl MissingInputs {
    /// Nothing is known yet.
    pub fn new(pipeline: Arc<str>, now: Instant) -> MissingInputs {
        let (missing, due) = (String::new(), now + FIRST);
        MissingInputs { pipeline, missing, changes: 0, due, is_asked: false, is_suspected: false, said: None }
    }

    /// Returns what is missing, and what to do.
    pub fn describe(&self) -> Option<String> {
        (!self.missing.is_empty())
            .then(|| format!("{}; the pipeline goes on by itself when that is done", self.missing))
    }

    /// Returns how often what is missing has changed.
    pub fn changes(&self) -> usize {
        self.changes
    }

    /// The client has found a topic missing.
    pub fn suspect(&mut self) {
        self.is_suspected = true;
    }

    /// Asks where that is due. `unknown`: the topics and patterns of the input of which nothing was seen.
    pub fn step(
        &mut self,
        now: Instant,
        has_partitions: bool,
        unknown: impl FnOnce() -> Vec<String>,
        actions: &mut Actions,
    ) {
        if has_partitions && self.missing.is_empty() {
            self.due = self.due.max(now + FIRST);
        }
        if self.is_asked || !(self.is_suspected || now >= self.due) {
            return;
        }
        (self.is_asked, self.is_suspected) = (true, false);
        actions.push(Action::Ask(Question::MissingInputs { unknown: unknown() }));
    }

    /// The answer, in words: what is missing, and what to do.
    pub fn on_answer(&mut self, missing: Result<String, KafkaError>, now: Instant) {
        self.is_asked = false;
        self.due = now + AGAIN;
        // No broker that answers says anything of topics; that it is away is told elsewhere.
        let Ok(missing) = missing else { return };
        if missing.is_empty() {
            self.due = now + LATER;
        }
        if missing != self.missing {
            self.changes += 1;
            self.said = None;
            if missing.is_empty() {
                tracing::info!(target: "source", pipeline = %self.pipeline, "every topic of the input is there now");
            }
            self.missing = missing;
        }
        if let Some(said) = self.describe()
            && self.said.is_none_or(|at| now - at >= SAY_AGAIN)
        {
            tracing::warn!(target: "source", pipeline = %self.pipeline, "{said}");
            self.said = Some(now);
        }
    }

    /// When there is something to do next.
    pub fn deadline(&self, has_partitions: bool) -> Option<Instant> {
        let is_watched = !has_partitions || !self.missing.is_empty();
        (is_watched && !self.is_asked).then_some(self.due)
    }
}

/// Asks which topics and patterns of an input there are. Returns which of those that are `unknown` so far are missing,
/// and what to do, in words; empty where nothing is.
///
/// # Errors
/// The broker's, or no answer in time; that one of the topics may not be read, whether it is known or not.
pub fn missing_inputs(queries: &dyn GroupQueries, topics: &[String], unknown: &[String]) -> Result<String, KafkaError> {
    let named = topics.iter().filter(|topic| !topic.starts_with('^'));
    let names: Vec<Arc<str>> = named.map(|name| name.as_str().into()).collect();
    let patterns = unknown.iter().filter(|topic| topic.starts_with('^'));
    let described = if names.is_empty() { Vec::new() } else { queries.describe(&names, ASK)? };
    let refused = described.iter().filter_map(|(_, description)| description.as_ref().err());
    if let Some(refusal) = refused.into_iter().find(|error| error.kind == ErrorKind::Authorization) {
        return Err(refusal.clone());
    }
    let is_missing = |error: &KafkaError| error.kind == ErrorKind::UnknownTopic;
    let mut missing: Vec<String> = described
        .into_iter()
        .filter(|(_, description)| description.as_ref().is_err_and(is_missing))
        .filter(|(name, _)| unknown.iter().any(|unknown| **unknown == **name))
        .map(|(name, _)| format!("input topic \"{name}\" does not exist: create it"))
        .collect();
    missing.sort_unstable();
    let patterns: Vec<_> = patterns.collect();
    let all = if patterns.is_empty() { Vec::new() } else { queries.topics(ASK)? };
    for pattern in patterns.into_iter().filter(|_| !all.is_empty()) {
        let is_matched = |compiled: TopicPattern| all.iter().any(|(topic, _)| compiled.matches(topic));
        if TopicPattern::new(pattern).is_ok_and(|compiled| !is_matched(compiled)) {
            missing.push(format!(
                "\"{pattern}\" of `input.topics` matches no topic that this user may see: create one, or grant Describe"
            ));
        }
    }
    Ok(missing.join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::testing::words;
    use super::*;
    use crate::batch::Offset;
    use crate::kafka::{CommittedOf, Described, TopicDescription, TopicPartition};
    use crate::rt;

    struct Cluster(&'static [&'static str]);

    impl GroupQueries for Cluster {
        fn committed(
            &self,
            _: &[TopicPartition],
            _: Duration,
        ) -> Result<Vec<(TopicPartition, CommittedOf)>, KafkaError> {
            Ok(Vec::new())
        }

        fn partition_count(&self, topic: &str, _: Duration) -> Result<i32, KafkaError> {
            Ok(i32::from(self.0.contains(&topic)))
        }

        fn watermarks(&self, _: &TopicPartition, _: Duration) -> Result<(Offset, Offset), KafkaError> {
            Ok((Offset(0), Offset(0)))
        }

        fn topics(&self, _: Duration) -> Result<Vec<(Arc<str>, i32)>, KafkaError> {
            Ok(self.0.iter().map(|name| ((*name).into(), 1)).collect())
        }

        fn describe(&self, topics: &[Arc<str>], _: Duration) -> Result<Described, KafkaError> {
            let describe = |topic: &Arc<str>| match self.0.contains(&&**topic) {
                true if &**topic == "secret" => {
                    (topic.clone(), Err(KafkaError::new(ErrorKind::Authorization, "not allowed")))
                }
                true => (topic.clone(), Ok(TopicDescription::default())),
                false => (topic.clone(), Err(KafkaError::new(ErrorKind::UnknownTopic, "unknown"))),
            };
            Ok(topics.iter().map(describe).collect())
        }
    }

    fn missing(topics: &[&str], there: &'static [&'static str]) -> String {
        let topics: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        missing_inputs(&Cluster(there), &topics, &topics).unwrap()
    }

    #[test]
    fn each_topic_and_pattern_that_is_missing_is_named() {
        assert_eq!(missing(&["a", "^b"], &["a", "b.1"]), "");
        assert_eq!(missing(&["a", "c"], &["a"]), "input topic \"c\" does not exist: create it");
        let both = missing(&["a", "^b[0-9]"], &["other", "bb"]);
        assert!(
            both.starts_with("input topic \"a\" does not exist: create it; \"^b[0-9]\" of `input.topics`"),
            "{both}"
        );
        assert!(both.contains("matches no topic"), "{both}");
        let topics = ["a".to_owned(), "secret".to_owned()];
        let known = missing_inputs(&Cluster(&[]), &topics, &topics[1..]).unwrap();
        assert_eq!(
            known, "input topic \"secret\" does not exist: create it",
            "what becomes of the other is told elsewhere"
        );
        let refused = missing_inputs(&Cluster(&["secret"]), &topics, &[]).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Authorization, "whether it was seen or not");
    }

    fn topics() -> Vec<String> {
        vec!["a".to_owned()]
    }

    #[test]
    fn what_is_missing_is_asked_while_it_lasts_and_told_until_it_is_there() {
        let (start, mut actions) = (rt::now(), Actions::new());
        let mut inputs = MissingInputs::new("p".into(), start);
        inputs.step(start, false, topics, &mut actions);
        assert!(actions.is_empty(), "a group takes its time");
        assert_eq!(inputs.deadline(false), Some(start + FIRST));
        let asked = start + FIRST;
        inputs.step(asked, false, topics, &mut actions);
        inputs.step(asked + FIRST, false, topics, &mut actions);
        assert_eq!(words(&mut actions), ["ask"], "one question at a time");
        inputs.on_answer(Ok("input topic \"a\" does not exist: create it".to_owned()), asked);
        assert!(inputs.describe().unwrap().starts_with("input topic \"a\" does not exist: create it; the pipeline"));
        // Also with partitions of another topic.
        assert_eq!(inputs.deadline(true), Some(asked + AGAIN));
        inputs.step(asked + AGAIN, true, topics, &mut actions);
        inputs.on_answer(Err(KafkaError::timed_out("away")), asked + AGAIN);
        assert!(inputs.describe().is_some() && inputs.changes() == 1, "no answer says nothing");
        inputs.on_answer(Ok(String::new()), asked + 2 * AGAIN);
        assert_eq!((inputs.describe(), inputs.changes()), (None, 2));
        assert_eq!(inputs.deadline(true), None);
    }

    #[test]
    fn a_pipeline_that_has_partitions_asks_only_where_the_client_complains() {
        let (start, mut actions) = (rt::now(), Actions::new());
        let mut inputs = MissingInputs::new("p".into(), start);
        inputs.step(start + 2 * FIRST, true, topics, &mut actions);
        assert!(actions.is_empty() && inputs.deadline(true).is_none());
        inputs.step(start + 2 * FIRST, false, topics, &mut actions);
        assert!(actions.is_empty(), "a rebalance takes its time, too");
        inputs.suspect();
        inputs.step(start + 2 * FIRST, true, topics, &mut actions);
        assert_eq!(words(&mut actions), ["ask"]);
    }
}
