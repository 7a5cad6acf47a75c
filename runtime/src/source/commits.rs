//! Commits outside of transactions: about once an interval, whatever is delivered and not committed yet.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::action::{Action, Actions};
use super::authorization::Refused;
use super::partitions::OwnedPartitions;
use crate::batch::Offset;
use crate::kafka::{ErrorKind, KafkaError, TopicPartition};

/// When to commit next, and whether a commit is under way.
pub struct Commits {
    pipeline: Arc<str>,
    interval: Duration,
    due: Instant,
    // Asked for and not answered: at most one. Of two that meet the end of a coordinator the older one may be tried
    // again after the newer, and then what is committed goes back.
    is_outstanding: bool,
    // Asked for meanwhile.
    is_wanted: bool,
}

/// How a commit of each partition has ended.
pub type Results = Vec<(TopicPartition, Offset, Result<(), KafkaError>)>;

impl Commits {
    /// Commits every `interval`.
    pub fn new(pipeline: Arc<str>, interval: Duration, now: Instant) -> Commits {
        Commits { pipeline, interval, due: now + interval, is_outstanding: false, is_wanted: false }
    }

    /// Returns whether no commit is under way.
    pub fn are_answered(&self) -> bool {
        !self.is_outstanding
    }

    /// Commits where that is due.
    pub fn step(&mut self, now: Instant, partitions: &mut OwnedPartitions, actions: &mut Actions) {
        if now >= self.due {
            self.due = now + self.interval;
            self.request(partitions, actions);
        }
    }

    /// When the next commit is due.
    pub fn deadline(&self) -> Instant {
        self.due
    }

    /// Commits what is delivered, at once or when the commit before is answered.
    pub fn request(&mut self, partitions: &mut OwnedPartitions, actions: &mut Actions) {
        if self.is_outstanding {
            self.is_wanted = true;
            return;
        }
        let offsets: Vec<_> = partitions
            .iter_mut()
            .filter_map(|partition| Some((partition.at().clone(), partition.request_commit()?)))
            .collect();
        if !offsets.is_empty() {
            self.is_outstanding = true;
            actions.push(Action::Commit(offsets));
        }
    }

    /// The commit has ended.
    pub fn on_committed(&mut self, results: Results, partitions: &mut OwnedPartitions, actions: &mut Actions) {
        self.is_outstanding = false;
        let mut failed = None;
        for (at, offset, result) in results {
            let Some(partition) = partitions.of_mut(&at) else { continue };
            match result {
                Ok(()) => partition.committed(offset),
                Err(error) => {
                    partition.commit_failed();
                    failed = Some((at, error));
                }
            }
        }
        if let Some((at, error)) = failed {
            self.log(&at, &error);
            if error.kind == ErrorKind::Authorization {
                actions.push(Action::Refused(Refused::Input, error));
            }
        }
        if std::mem::take(&mut self.is_wanted) {
            self.request(partitions, actions);
        }
    }

    fn log(&self, at: &TopicPartition, error: &KafkaError) {
        let pipeline = &*self.pipeline;
        if error.kind == ErrorKind::Rebalance {
            tracing::debug!(
                target: "source", pipeline, topic = %at.topic, partition = at.partition.0,
                "a commit met a rebalance: {error}"
            );
            return;
        }
        tracing::warn!(
            target: "source", pipeline, topic = %at.topic, partition = at.partition.0,
            "a commit failed and is tried again: {error}; nothing is lost, but after a crash more would be repeated"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::note::Note;
    use super::super::partitions::Start;
    use super::*;
    use crate::kafka::Committed;
    use crate::rt;
    use crate::sink::receipt::Span;

    const INTERVAL: Duration = Duration::from_secs(1);

    fn at() -> TopicPartition {
        TopicPartition::new("in", 0)
    }

    /// One partition of which everything below the offset is delivered.
    fn delivered_up_to(end: i64) -> OwnedPartitions {
        let mut partitions = OwnedPartitions::default();
        let begin = Some(Offset(0));
        let note = Note { partitions: Some(1), ..Note::default() };
        partitions.add(&at(), 0, Start { position: begin, committed: begin, note, is_recreated: false });
        deliver(&mut partitions, 0, end);
        partitions
    }

    fn deliver(partitions: &mut OwnedPartitions, first: i64, end: i64) {
        let partition = partitions.of_mut(&at()).unwrap();
        let (first, end) = (Offset(first), Offset(end));
        assert!(partition.accept(Offset(end.0 - 1)));
        partition.dispatched(first, end);
        partition.delivered(&Span { lease: partition.lease().clone(), first, end });
    }

    fn committed(actions: &Actions) -> Vec<i64> {
        let commits = actions.iter().filter_map(|action| match action {
            Action::Commit(offsets) => Some(offsets.iter().map(|(_, Committed { offset, .. })| offset.0)),
            _ => None,
        });
        commits.flatten().collect()
    }

    #[test]
    fn what_is_delivered_is_committed_once_an_interval() {
        let (now, mut actions) = (rt::now(), Actions::new());
        let mut commits = Commits::new("p".into(), INTERVAL, now);
        let mut partitions = delivered_up_to(5);
        commits.step(now, &mut partitions, &mut actions);
        assert!(actions.is_empty());
        commits.step(now + INTERVAL, &mut partitions, &mut actions);
        assert_eq!(committed(&actions), [5]);
        commits.on_committed(vec![(at(), Offset(5), Ok(()))], &mut partitions, &mut actions);
        commits.step(now + 2 * INTERVAL, &mut partitions, &mut actions);
        assert_eq!(committed(&actions), [5], "there is nothing new");
        assert!(partitions.of(&at()).unwrap().is_committed());
    }

    #[test]
    fn there_is_one_commit_at_a_time() {
        let (now, mut actions) = (rt::now(), Actions::new());
        let mut commits = Commits::new("p".into(), INTERVAL, now);
        let mut partitions = delivered_up_to(5);
        commits.request(&mut partitions, &mut actions);
        deliver(&mut partitions, 5, 9);
        commits.request(&mut partitions, &mut actions);
        assert_eq!(committed(&actions), [5]);
        assert!(!commits.are_answered());
        commits.on_committed(vec![(at(), Offset(5), Ok(()))], &mut partitions, &mut actions);
        assert_eq!(committed(&actions), [5, 9]);
    }

    #[test]
    fn a_commit_that_failed_is_asked_for_again() {
        let (now, mut actions) = (rt::now(), Actions::new());
        let mut commits = Commits::new("p".into(), INTERVAL, now);
        let mut partitions = delivered_up_to(5);
        commits.request(&mut partitions, &mut actions);
        let error = KafkaError::new(ErrorKind::Rebalance, "rebalance");
        commits.on_committed(vec![(at(), Offset(5), Err(error))], &mut partitions, &mut actions);
        assert!(!partitions.of(&at()).unwrap().is_committed());
        commits.request(&mut partitions, &mut actions);
        assert_eq!(committed(&actions), [5, 5]);
    }
}
