//! Partitions that were assigned and have not begun: it is being asked where each begins.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::action::{Action, Actions};
use super::partitions::Start;
use super::question::{ASK_AGAIN, Question};
use crate::kafka::{KafkaError, TopicPartition};

/// How long a rebalance waits for it to be known where partitions begin. Until it is answered nothing is fetched, of no
/// partition.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// How often it is looked whether this is a member of the group, while nothing was ever assigned. Under KIP-848 a
/// member that gets no partitions is never told so: librdkafka calls nobody where the assignment stays empty.
const LOOK_FOR_MEMBERSHIP: Duration = Duration::from_secs(1);

/// The partitions that are still to begin.
pub struct Assignment {
    pipeline: Arc<str>,
    pending: BTreeMap<TopicPartition, State>,
    // A rebalance waits for its answer, at most until then.
    answer_due: Option<Instant>,
    // Tells answers to the latest questions from older ones.
    ticket: u64,
    // An assignment has been completed once.
    is_assigned: bool,
    // When to look whether this is a member though nothing was assigned, and as which it was seen then.
    look_due: Option<Instant>,
    seen_as: Option<Arc<str>>,
    // Who this was in the group at the last assignment.
    member_id: Option<Arc<str>>,
}

enum State {
    Asked,
    Failed { again: Instant },
    Known(Start),
}

impl Assignment {
    /// Nothing is assigned yet.
    pub fn new(pipeline: Arc<str>) -> Assignment {
        Assignment {
            pipeline,
            pending: BTreeMap::new(),
            answer_due: None,
            ticket: 0,
            is_assigned: false,
            look_due: None,
            seen_as: None,
            member_id: None,
        }
    }

    /// A rebalance assigns partitions to this member. Returns whether it was another one at the assignment before. What
    /// it holds from then may have been others' in between: a member that is thrown out while it gives something up
    /// joins again, and librdkafka does not tell that the rest was lost (`rd_kafka_cgrp_revoke_all_rejoin_maybe` leaves
    /// out what comes during a rebalance).
    pub fn on_member(&mut self, member_id: Option<Arc<str>>) -> bool {
        let Some(member_id) = member_id else { return false };
        let before = self.member_id.replace(member_id);
        before.is_some() && before != self.member_id
    }

    /// Returns whether a member is the one that partitions were assigned to.
    pub fn is_of(&self, member_id: &Arc<str>) -> bool {
        self.member_id.as_ref() == Some(member_id)
    }

    /// A rebalance assigns partitions. An eager one (not `incremental`) names everything again.
    pub fn on_assigned(
        &mut self,
        partitions: Vec<TopicPartition>,
        incremental: bool,
        now: Instant,
        actions: &mut Actions,
    ) {
        if !incremental {
            self.pending.clear();
        }
        self.answer_due = Some(now + ANSWER_WITHIN);
        self.ask(partitions, actions);
    }

    fn ask(&mut self, partitions: Vec<TopicPartition>, actions: &mut Actions) {
        if partitions.is_empty() {
            return;
        }
        self.ticket += 1;
        for at in &partitions {
            self.pending.insert(at.clone(), State::Asked);
        }
        actions.push(Action::Ask(Question::Starts { partitions, ticket: self.ticket }));
    }

    /// It is known where partitions begin, or why it is not. Only the answers to the latest question of a partition
    /// count.
    pub fn on_starts(&mut self, starts: Vec<(TopicPartition, Result<Start, KafkaError>)>, ticket: u64, now: Instant) {
        let mut failed: Option<(KafkaError, Vec<TopicPartition>)> = None;
        for (at, start) in starts {
            let Some(state @ State::Asked) = self.pending.get_mut(&at) else { continue };
            match start {
                // What was committed meanwhile by whoever had the partition is not in an older answer.
                Ok(_) if ticket < self.ticket && self.answer_due.is_some() => {
                    *state = State::Failed { again: now };
                }
                Ok(start) => *state = State::Known(start),
                Err(error) => {
                    *state = State::Failed { again: now + ASK_AGAIN };
                    failed.get_or_insert_with(|| (error, Vec::new())).1.push(at);
                }
            }
        }
        if let Some((error, waiting)) = failed {
            let waiting = list_of(&waiting);
            tracing::warn!(target: "source", pipeline = %self.pipeline, %waiting, "cannot begin with partitions yet: {error}");
        }
    }

    /// It was looked whether this is a member of the group. Returns whether that is an assignment, of no partitions: it
    /// is a member, has been one for a while, and nothing is to be taken.
    pub fn on_membership(&mut self, member_id: Option<Arc<str>>) -> bool {
        let is_known = member_id.is_some() && member_id == self.seen_as;
        self.seen_as = member_id;
        let is_assigned = is_known && self.is_unassigned();
        self.is_assigned |= is_assigned;
        is_assigned
    }

    /// Returns whether nothing was ever assigned, nor is about to be.
    fn is_unassigned(&self) -> bool {
        !self.is_assigned && self.is_complete() && self.is_answered()
    }

    /// Asks again where that is due, and begins with what is known.
    pub fn step(&mut self, now: Instant, actions: &mut Actions) {
        if self.is_unassigned() && self.look_due.is_none_or(|due| now >= due) {
            self.look_due = Some(now + LOOK_FOR_MEMBERSHIP);
            actions.push(Action::LookForMembership);
        }
        let is_due = |state: &State| matches!(state, State::Failed { again } if *again <= now);
        let again: Vec<_> = self.pending.iter().filter(|(_, state)| is_due(state)).map(|(at, _)| at.clone()).collect();
        self.ask(again, actions);
        let is_asked = self.pending.values().any(|state| matches!(state, State::Asked));
        let is_answer_due = self.answer_due.is_some_and(|due| now >= due || !is_asked);
        let any_known = self.pending.values().any(|state| matches!(state, State::Known(_)));
        if is_answer_due || (self.answer_due.is_none() && any_known) {
            self.answer_due = None;
            let known = self.take_known();
            actions.push(Action::Assign(known));
        }
    }

    fn take_known(&mut self) -> Vec<(TopicPartition, Start)> {
        let is_known = |_: &TopicPartition, state: &mut State| matches!(state, State::Known(_));
        let known = self.pending.extract_if(.., is_known);
        known.filter_map(|(at, state)| if let State::Known(start) = state { Some((at, start)) } else { None }).collect()
    }

    /// The client has refused to take partitions: they are asked for again.
    pub fn on_refused(&mut self, partitions: impl Iterator<Item = TopicPartition>, now: Instant) {
        for at in partitions {
            self.pending.insert(at, State::Failed { again: now + ASK_AGAIN });
        }
    }

    /// The client has taken partitions. Returns whether the assignment is complete.
    pub fn on_begun(&mut self) -> bool {
        self.is_assigned |= self.pending.is_empty();
        self.pending.is_empty()
    }

    /// Partitions are to be given up.
    pub fn on_revoked(&mut self, partitions: &[TopicPartition]) {
        self.pending.retain(|at, _| !partitions.contains(at));
        if self.pending.is_empty() {
            // A rebalance that revokes comes after the one before has its answer, or makes it needless.
            self.answer_due = None;
        }
    }

    /// Returns whether no rebalance that assigns partitions waits for its answer.
    pub fn is_answered(&self) -> bool {
        self.answer_due.is_none()
    }

    /// Returns whether all that was assigned has begun.
    pub fn is_complete(&self) -> bool {
        self.pending.is_empty()
    }

    /// The partitions that have not begun.
    pub fn pending(&self) -> impl Iterator<Item = &TopicPartition> {
        self.pending.keys()
    }

    /// Returns whether there was a complete assignment, empty or not.
    pub fn is_assigned(&self) -> bool {
        self.is_assigned
    }

    /// When there is something to do next.
    pub fn deadline(&self) -> Option<Instant> {
        let again = self.pending.values().filter_map(|state| match state {
            State::Failed { again } => Some(*again),
            State::Asked | State::Known(_) => None,
        });
        let look = self.look_due.filter(|_| self.is_unassigned());
        again.chain(self.answer_due).chain(look).min()
    }
}

/// Partitions in words.
pub fn list_of(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(TopicPartition::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::note::Note;
    use super::*;
    use crate::batch::Offset;
    use crate::kafka::ErrorKind;
    use crate::rt;

    fn at(number: i32) -> TopicPartition {
        TopicPartition::new("in", number)
    }

    fn start(offset: i64) -> Result<Start, KafkaError> {
        let offset = Some(Offset(offset));
        Ok(Start { position: offset, committed: offset, note: Note::default(), is_recreated: false })
    }

    fn away() -> Result<Start, KafkaError> {
        Err(KafkaError::new(ErrorKind::Unavailable, "away"))
    }

    fn assigned(actions: &Actions) -> Option<Vec<TopicPartition>> {
        actions.iter().find_map(|action| match action {
            Action::Assign(list) => Some(list.iter().map(|(at, _)| at.clone()).collect()),
            _ => None,
        })
    }

    #[test]
    fn a_rebalance_is_answered_when_all_is_known() {
        let (mut assignment, now, mut actions) = (Assignment::new("p".into()), rt::now(), Actions::new());
        assignment.on_assigned(vec![at(0), at(1)], true, now, &mut actions);
        assert!(
            matches!(&actions[..], [Action::Ask(Question::Starts { partitions, ticket: 1 })] if partitions.len() == 2)
        );
        assignment.on_starts(vec![(at(0), start(5))], 1, now);
        actions.clear();
        assignment.step(now, &mut actions);
        assert!(actions.is_empty() && !assignment.is_answered());
        assignment.on_starts(vec![(at(1), start(6))], 1, now);
        assignment.step(now, &mut actions);
        assert_eq!(assigned(&actions), Some(vec![at(0), at(1)]));
        assert!(assignment.is_answered() && assignment.on_begun() && assignment.is_assigned());
    }

    #[test]
    fn a_leader_that_is_away_keeps_no_other_partition_from_beginning() {
        let (mut assignment, now, mut actions) = (Assignment::new("p".into()), rt::now(), Actions::new());
        assignment.on_assigned(vec![at(0), at(1)], true, now, &mut actions);
        assignment.on_starts(vec![(at(0), away()), (at(1), start(6))], 1, now);
        assignment.step(now, &mut actions);
        assert_eq!(assigned(&actions), Some(vec![at(1)]));
        assert!(!assignment.on_begun());
        actions.clear();
        assignment.step(now + ASK_AGAIN, &mut actions);
        assert!(matches!(&actions[..], [Action::Ask(Question::Starts { partitions, .. })] if *partitions == [at(0)]));
        actions.clear();
        assignment.on_starts(vec![(at(0), start(1))], 2, now + ASK_AGAIN);
        assignment.step(now + ASK_AGAIN, &mut actions);
        assert_eq!(assigned(&actions), Some(vec![at(0)]));
    }

    #[test]
    fn a_rebalance_is_answered_in_time_though_nobody_says_where_to_begin() {
        let (mut assignment, now, mut actions) = (Assignment::new("p".into()), rt::now(), Actions::new());
        assignment.on_assigned(vec![at(0)], true, now, &mut actions);
        actions.clear();
        assignment.step(now + ANSWER_WITHIN, &mut actions);
        assert_eq!(assigned(&actions), Some(vec![]));
    }

    #[test]
    fn whoever_joins_again_is_another_member() {
        let mut assignment = Assignment::new("p".into());
        assert!(!assignment.on_member(Some("first".into())));
        assert!(!assignment.on_member(Some("first".into())));
        // Thrown out once more, before the assignment could be looked at.
        assert!(!assignment.on_member(None));
        assert!(assignment.is_of(&"first".into()));
        assert!(assignment.on_member(Some("second".into())));
        assert!(assignment.is_of(&"second".into()) && !assignment.is_of(&"first".into()));
    }

    #[test]
    fn a_member_that_is_given_nothing_is_looked_for() {
        let (mut assignment, now, mut actions) = (Assignment::new("p".into()), rt::now(), Actions::new());
        assignment.step(now, &mut actions);
        assert!(matches!(&actions[..], [Action::LookForMembership]));
        assert!(!assignment.on_membership(None));
        assert_eq!(assignment.deadline(), Some(now + LOOK_FOR_MEMBERSHIP));
        actions.clear();
        assignment.step(now, &mut actions);
        assert!(actions.is_empty());
        assignment.step(now + LOOK_FOR_MEMBERSHIP, &mut actions);
        assert!(matches!(&actions[..], [Action::LookForMembership]));
        assert!(!assignment.on_membership(Some("first".into())), "it has only just joined");
        assert!(!assignment.on_membership(Some("second".into())), "it has joined again");
        assert!(assignment.on_membership(Some("second".into())));
        assert!(assignment.is_assigned() && assignment.deadline().is_none());
        assert!(!assignment.on_membership(Some("second".into())));
    }

    #[test]
    fn a_member_that_is_given_something_is_not_looked_for() {
        let (mut assignment, now, mut actions) = (Assignment::new("p".into()), rt::now(), Actions::new());
        assignment.on_assigned(vec![at(0)], true, now, &mut actions);
        actions.clear();
        assignment.step(now, &mut actions);
        assert!(actions.is_empty());
        assert!(!assignment.on_membership(Some("first".into())));
        assert!(!assignment.on_membership(Some("first".into())));
    }

    #[test]
    fn an_empty_assignment_is_answered_at_once() {
        let (mut assignment, now, mut actions) = (Assignment::new("p".into()), rt::now(), Actions::new());
        assignment.on_assigned(vec![], true, now, &mut actions);
        assignment.step(now, &mut actions);
        assert_eq!(assigned(&actions), Some(vec![]));
        assert!(assignment.on_begun() && assignment.is_assigned());
    }

    #[test]
    fn what_is_revoked_before_it_began_does_not_begin() {
        let (mut assignment, now, mut actions) = (Assignment::new("p".into()), rt::now(), Actions::new());
        assignment.on_assigned(vec![at(0), at(1)], true, now, &mut actions);
        assignment.on_revoked(&[at(0)]);
        assignment.on_starts(vec![(at(0), start(1)), (at(1), start(2))], 1, now);
        assignment.step(now, &mut actions);
        assert_eq!(assigned(&actions), Some(vec![at(1)]));
    }
}
