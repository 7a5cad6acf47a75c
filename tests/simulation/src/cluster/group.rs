//! A consumer group as its coordinator keeps it: members, generations and committed offsets. Members join and are
//! assigned partitions by the eager or the cooperative protocol in `rebalance`, and by KIP-848 in `reconcile`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sluicebox::kafka::{Committed, TopicPartition};

use super::codes::{self, Code};
use super::rebalance::OnJoined;
use crate::scheduler::Nanos;

/// A member's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u64);

/// How a group's members take and give partitions up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// All are given up before any is taken.
    Eager,
    /// Only those that move are given up (`cooperative-sticky`).
    Cooperative,
    /// The coordinator assigns (KIP-848).
    Consumer,
}

/// Who commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The member.
    pub member: MemberId,
    /// Its generation or, under KIP-848, its epoch.
    pub generation: i32,
    /// Its `group.instance.id`.
    pub instance: Option<Arc<str>>,
}

/// What a member says when it joins.
#[derive(Clone, Debug)]
pub struct Join {
    /// Who it was, if it was a member before.
    pub member: Option<MemberId>,
    /// Its `group.instance.id`.
    pub instance: Option<Arc<str>>,
    /// The topics that it wants.
    pub topics: Vec<Arc<str>>,
    /// The partitions that it has.
    pub owned: Vec<TopicPartition>,
    /// How partitions change hands.
    pub protocol: Protocol,
    /// After so long without a heartbeat it is out.
    pub session: Nanos,
    /// So long it has to join again.
    pub rebalance: Nanos,
}

pub(super) struct Member {
    pub(super) instance: Option<Arc<str>>,
    pub(super) topics: Vec<Arc<str>>,
    pub(super) owned: Vec<TopicPartition>,
    pub(super) assignment: Vec<TopicPartition>,
    pub(super) session: Nanos,
    pub(super) rebalance: Nanos,
    pub(super) seen: Nanos,
    pub(super) waiting: Option<OnJoined>,
    /// Under KIP-848.
    pub(super) epoch: i32,
}

impl Member {
    pub(super) fn new(
        instance: Option<Arc<str>>,
        topics: Vec<Arc<str>>,
        assignment: Vec<TopicPartition>,
        session: Nanos,
        rebalance: Nanos,
        seen: Nanos,
    ) -> Member {
        Member { instance, topics, owned: Vec::new(), assignment, session, rebalance, seen, waiting: None, epoch: 0 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Stable,
    /// Members are to join again.
    Preparing {
        round: u64,
    },
    /// Members hear of their assignment.
    Completing,
}

/// A group.
pub struct Group {
    /// The broker that coordinates it.
    pub coordinator: usize,
    /// The generation; under KIP-848 the group's epoch.
    pub generation: i32,
    /// What is committed.
    pub offsets: BTreeMap<TopicPartition, Committed>,
    pub(super) protocol: Protocol,
    pub(super) members: BTreeMap<MemberId, Member>,
    // Static members that another took the place of.
    pub(super) fenced: BTreeSet<MemberId>,
    // In transactions that are open, by producer.
    pending: BTreeMap<u64, BTreeMap<TopicPartition, Committed>>,
    pub(super) state: State,
    pub(super) rounds: u64,
    names: u64,
}

impl Group {
    pub(super) fn new(coordinator: usize) -> Group {
        Group {
            coordinator,
            generation: 0,
            offsets: BTreeMap::new(),
            protocol: Protocol::Cooperative,
            members: BTreeMap::new(),
            fenced: BTreeSet::new(),
            pending: BTreeMap::new(),
            state: State::Stable,
            rounds: 0,
            names: 0,
        }
    }

    pub(super) fn new_name(&mut self) -> MemberId {
        self.names += 1;
        MemberId(self.names)
    }

    pub(super) fn forget_topic(&mut self, name: &str) {
        self.offsets.retain(|at, _| &*at.topic != name);
        self.pending.values_mut().for_each(|pending| pending.retain(|at, _| &*at.topic != name));
    }

    /// Whether a member is who it says, in this generation.
    fn check(&self, who: &Who) -> Result<(), Code> {
        if self.fenced.contains(&who.member) {
            return Err(codes::FENCED_INSTANCE);
        }
        let member = self.members.get(&who.member).ok_or(codes::UNKNOWN_MEMBER)?;
        match self.protocol {
            Protocol::Consumer if member.epoch != who.generation => Err(codes::STALE_MEMBER_EPOCH),
            Protocol::Eager | Protocol::Cooperative if self.generation != who.generation => {
                Err(codes::ILLEGAL_GENERATION)
            }
            _ => Ok(()),
        }
    }

    /// Commits offsets of a member.
    ///
    /// # Errors
    /// It is no member in this generation, or the group is between two.
    pub fn commit(&mut self, who: &Who, offsets: &[(TopicPartition, Committed)]) -> Result<(), Code> {
        self.check(who)?;
        if self.state == State::Completing {
            return Err(codes::REBALANCE_IN_PROGRESS);
        }
        self.offsets.extend(offsets.iter().cloned());
        Ok(())
    }

    /// Adds offsets to a producer's transaction.
    ///
    /// # Errors
    /// The member that they belong to is none in this generation.
    pub fn commit_in_transaction(
        &mut self,
        producer: u64,
        who: &Who,
        offsets: &[(TopicPartition, Committed)],
    ) -> Result<(), Code> {
        self.check(who)?;
        self.pending.entry(producer).or_default().extend(offsets.iter().cloned());
        Ok(())
    }

    /// Returns what a producer's open transaction commits.
    pub fn pending_of(&self, producer: u64) -> Vec<(TopicPartition, Committed)> {
        let pending = self.pending.get(&producer);
        pending
            .map_or_else(Vec::new, |pending| pending.iter().map(|(at, offset)| (at.clone(), offset.clone())).collect())
    }

    /// The end of a producer's transaction.
    pub fn end_transaction(&mut self, producer: u64, commit: bool) {
        if let Some(pending) = self.pending.remove(&producer)
            && commit
        {
            self.offsets.extend(pending);
        }
    }

    /// Returns what is committed of a partition.
    ///
    /// # Errors
    /// An open transaction may change it.
    pub fn committed(&self, at: &TopicPartition) -> Result<Option<Committed>, Code> {
        if self.pending.values().any(|pending| pending.contains_key(at)) {
            return Err(codes::UNSTABLE_OFFSET_COMMIT);
        }
        Ok(self.offsets.get(at).cloned())
    }

    /// A member is alive.
    ///
    /// # Errors
    /// It is none, or is to join again.
    pub fn heartbeat(&mut self, who: &Who, now: Nanos) -> Result<(), Code> {
        self.check(who)?;
        if let Some(member) = self.members.get_mut(&who.member) {
            member.seen = now;
        }
        if matches!(self.state, State::Preparing { .. }) { Err(codes::REBALANCE_IN_PROGRESS) } else { Ok(()) }
    }

    /// The names of its members.
    pub fn members(&self) -> Vec<MemberId> {
        self.members.keys().copied().collect()
    }

    /// Whether every partition of these topics, of which it is said how many they have, is some member's.
    pub fn assigns(&self, topics: &[(Arc<str>, usize)]) -> bool {
        let assigned: BTreeSet<&TopicPartition> = self.members.values().flat_map(|member| &member.assignment).collect();
        topics.iter().all(|(topic, count)| {
            (0..*count).all(|number| assigned.contains(&TopicPartition::new(topic, number as i32)))
        })
    }

    /// Whether the group is at rest, and a member has what it was given.
    pub fn is_settled(&self, who: &Who, owned: &BTreeSet<TopicPartition>) -> bool {
        let Some(member) = self.members.get(&who.member).filter(|_| self.check(who).is_ok()) else { return false };
        let has_all = member.assignment.len() == owned.len() && member.assignment.iter().all(|at| owned.contains(at));
        self.state == State::Stable && who.generation == self.generation && has_all
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}
