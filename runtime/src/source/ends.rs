//! The ends of partitions that are not fetched. A fetch tells how far a partition has grown; of one that is paused for
//! long the brokers are asked, or its lag would stand still while records come.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::action::{Action, Actions};
use super::partitions::OwnedPartitions;
use super::question::Question;
use crate::batch::Offset;
use crate::kafka::TopicPartition;

/// How often it is looked for such partitions. One that is paused at two looks in a row is asked about.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Asks for the ends of partitions that are paused.
pub struct Ends {
    due: Instant,
    is_asked: bool,
    paused: BTreeSet<TopicPartition>,
    known: BTreeMap<TopicPartition, Offset>,
}

impl Ends {
    /// No partition is paused.
    pub fn new(now: Instant) -> Ends {
        Ends { due: now, is_asked: false, paused: BTreeSet::new(), known: BTreeMap::new() }
    }

    /// Looks where that is due.
    pub fn step(&mut self, now: Instant, partitions: &OwnedPartitions, actions: &mut Actions) {
        if now < self.due || self.is_asked {
            return;
        }
        self.due = now + LOOK_EVERY;
        let paused = partitions.iter().filter(|partition| partition.pauses().any()).map(|p| p.at().clone());
        let before = std::mem::replace(&mut self.paused, paused.collect());
        self.known.retain(|at, _| self.paused.contains(at));
        let mut asked: Vec<_> = self.paused.intersection(&before).cloned().collect();
        if asked.is_empty() {
            return;
        }
        // A leader that is away takes the time of those behind it: what had no answer comes first.
        asked.sort_by_key(|at| self.known.contains_key(at));
        self.is_asked = true;
        actions.push(Action::Ask(Question::Ends(asked)));
    }

    /// The answer: the partitions whose leaders have said it.
    pub fn on_ends(&mut self, ends: Vec<(TopicPartition, Offset)>) {
        self.is_asked = false;
        self.known.extend(ends);
    }

    /// Returns the end of a partition as it was told last, where it is paused.
    pub fn of(&self, at: &TopicPartition) -> Option<Offset> {
        self.known.get(at).copied()
    }

    /// When to look next.
    pub fn deadline(&self, partitions: &OwnedPartitions) -> Option<Instant> {
        let is_needed = partitions.iter().any(|partition| partition.pauses().any()) && !self.is_asked;
        is_needed.then_some(self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::super::pause::PauseReason;
    use super::super::testing::{at, owned, words};
    use super::*;
    use crate::rt;

    #[test]
    fn a_partition_that_stays_paused_is_asked_about_until_it_is_fetched_again() {
        let (mut partitions, mut now) = (owned(2, 1), rt::now());
        let mut ends = Ends::new(now);
        let mut look = |ends: &mut Ends, partitions: &OwnedPartitions| {
            let mut actions = Actions::new();
            ends.step(now, partitions, &mut actions);
            now += LOOK_EVERY;
            words(&mut actions)
        };
        assert!(look(&mut ends, &partitions).is_empty(), "nothing is paused");
        assert_eq!(ends.deadline(&partitions), None);
        partitions.set_paused(PauseReason::Operator, true, |partition| partition.at() == &at(1));
        assert!(ends.deadline(&partitions).is_some());
        assert!(look(&mut ends, &partitions).is_empty(), "it may be a moment");
        assert_eq!(look(&mut ends, &partitions), ["ask"]);
        assert!(look(&mut ends, &partitions).is_empty(), "one question at a time");
        ends.on_ends(vec![(at(1), Offset(7))]);
        assert_eq!((ends.of(&at(0)), ends.of(&at(1))), (None, Some(Offset(7))));
        assert_eq!(look(&mut ends, &partitions), ["ask"]);
        ends.on_ends(Vec::new());
        assert_eq!(ends.of(&at(1)), Some(Offset(7)), "nobody has answered");
        partitions.set_paused(PauseReason::Operator, false, |_| true);
        assert!(look(&mut ends, &partitions).is_empty());
        assert_eq!(ends.of(&at(1)), None, "a fetch tells it");
    }
}
