//! A consumer group as its coordinator keeps it: members, generations and committed offsets. Members join and are assigned
//! partitions by the eager or the cooperative protocol here, and by KIP-848 in `reconcile`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sluicebox::kafka::{Committed, TopicPartition};

use super::codes::{self, Code};
use crate::network::MS;
use crate::scheduler::Nanos;
use crate::world::World;

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

/// A generation's answer to a member.
#[derive(Clone, Debug)]
pub struct Joined {
    /// Its name.
    pub member: MemberId,
    /// The generation.
    pub generation: i32,
    /// The partitions that it gets.
    pub assignment: Vec<TopicPartition>,
}

/// Where the answer to a member goes.
pub type OnJoined = Box<dyn FnOnce(&mut World, Result<Joined, Code>)>;

pub(super) struct Member {
    pub(super) instance: Option<Arc<str>>,
    pub(super) topics: Vec<Arc<str>>,
    pub(super) owned: Vec<TopicPartition>,
    pub(super) assignment: Vec<TopicPartition>,
    pub(super) session: Nanos,
    rebalance: Nanos,
    pub(super) seen: Nanos,
    waiting: Option<OnJoined>,
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
enum State {
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
    fenced: BTreeSet<MemberId>,
    // In transactions that are open, by producer.
    pending: BTreeMap<u64, BTreeMap<TopicPartition, Committed>>,
    state: State,
    rounds: u64,
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

impl World {
    /// A member joins, or joins again. The answer comes when all have.
    pub fn join_group(&mut self, name: &Arc<str>, join: Join, answer: OnJoined) {
        let now = self.now();
        let group = self.cluster.group(name);
        let known = join.member.filter(|member| group.members.contains_key(member));
        if join.member.is_some() && known.is_none() {
            let fenced = join.member.is_some_and(|member| group.fenced.contains(&member));
            let code = if fenced { codes::FENCED_INSTANCE } else { codes::UNKNOWN_MEMBER };
            return answer(self, Err(code));
        }
        let replaced = if known.is_none() { self.replace_static(name, &join) } else { None };
        let member = match (known, replaced) {
            (Some(member), _) => member,
            (None, Some((member, Some(assignment)))) => {
                // A static member that comes back in a group at rest gets what it had.
                let generation = self.cluster.group(name).generation;
                self.arm_session(name.clone(), member);
                return answer(self, Ok(Joined { member, generation, assignment }));
            }
            (None, Some((member, None))) => member,
            (None, None) => self.cluster.group(name).new_name(),
        };
        let group = self.cluster.group(name);
        group.protocol = join.protocol;
        let assignment = group.members.remove(&member).map_or_else(Vec::new, |member| member.assignment);
        let Join { instance, topics, owned, session, rebalance, .. } = join;
        let joining = Member::new(instance, topics, assignment, session, rebalance, now);
        group.members.insert(member, Member { owned, waiting: Some(answer), ..joining });
        // A static member that comes back has another name, and nobody watches that one yet.
        if known.is_none() {
            self.arm_session(name.clone(), member);
        }
        if !matches!(self.cluster.group(name).state, State::Preparing { .. }) {
            self.prepare_rebalance(name);
        }
        self.complete_when_all_joined(name);
    }

    /// A static member comes back under a new name: the old one is fenced. Returns the new name and, in a group at rest, what it had.
    fn replace_static(&mut self, name: &Arc<str>, join: &Join) -> Option<(MemberId, Option<Vec<TopicPartition>>)> {
        let now = self.now();
        let instance = join.instance.as_ref()?;
        // What was revoked of a cooperative member that died before it joined again has nobody until the next rebalance,
        // which no history may have to wait for.
        let wanted: Vec<TopicPartition> = self.target(name).into_values().flatten().collect();
        let group = self.cluster.group(name);
        let is_assigned = |at: &TopicPartition| group.members.values().any(|member| member.assignment.contains(at));
        let is_complete = wanted.iter().all(is_assigned);
        let old = *group.members.iter().find(|(_, member)| member.instance.as_ref() == Some(instance))?.0;
        let mut member = group.members.remove(&old)?;
        let new = group.new_name();
        group.fenced.insert(old);
        let waiting = member.waiting.take();
        let is_at_rest = group.state == State::Stable && member.topics == join.topics && is_complete;
        let assignment = member.assignment.clone();
        (member.seen, member.session) = (now, join.session);
        group.members.insert(new, member);
        self.count("static member replaced");
        if let Some(waiting) = waiting {
            waiting(self, Err(codes::FENCED_INSTANCE));
        }
        Some((new, is_at_rest.then_some(assignment)))
    }

    /// The group rebalances.
    pub fn begin_rebalance(&mut self, name: &Arc<str>) {
        let group = self.cluster.group(name);
        match (group.protocol, group.state) {
            (Protocol::Consumer, _) => self.retarget(name),
            (_, State::Preparing { .. }) => {}
            (Protocol::Eager | Protocol::Cooperative, _) => self.prepare_rebalance(name),
        }
    }

    /// What there is to assign has changed, which under KIP-848 the coordinator notices.
    pub fn retarget_consumers(&mut self, name: &Arc<str>) {
        if self.cluster.group(name).protocol == Protocol::Consumer {
            self.retarget(name);
        }
    }

    /// All members are to join again.
    fn prepare_rebalance(&mut self, name: &Arc<str>) {
        let group = self.cluster.group(name);
        group.rounds += 1;
        let round = group.rounds;
        group.state = State::Preparing { round };
        let patience = group.members.values().map(|member| member.rebalance).max().unwrap_or(0);
        let name = name.clone();
        self.count("rebalance");
        self.after(patience, move |world| {
            if world.cluster.group(&name).state == (State::Preparing { round }) {
                world.checker.excuse("a member did not join in time");
                world.cluster.group(&name).members.retain(|_, member| member.waiting.is_some());
                world.count("member did not join in time");
                world.complete_when_all_joined(&name);
            }
        });
    }

    fn complete_when_all_joined(&mut self, name: &Arc<str>) {
        let group = self.cluster.group(name);
        let State::Preparing { round } = group.state else { return };
        if group.members.values().any(|member| member.waiting.is_none()) {
            return;
        }
        // Members that begin at the same time get into one generation.
        let delay = self.rng.u64(..20 * MS);
        let name = name.clone();
        self.after(delay, move |world| {
            let group = world.cluster.group(&name);
            let all = group.members.values().all(|member| member.waiting.is_some());
            if group.state == (State::Preparing { round }) && all {
                world.complete_rebalance(&name);
            }
        });
    }

    fn complete_rebalance(&mut self, name: &Arc<str>) {
        let target = self.target(name);
        let group = self.cluster.group(name);
        group.generation += 1;
        let generation = group.generation;
        group.state = if group.members.is_empty() { State::Stable } else { State::Completing };
        let owned: Vec<(MemberId, TopicPartition)> = match group.protocol {
            Protocol::Cooperative => {
                let its = |(id, member): (&MemberId, &Member)| {
                    member.owned.iter().map(|at| (*id, at.clone())).collect::<Vec<_>>()
                };
                group.members.iter().flat_map(its).collect()
            }
            Protocol::Eager | Protocol::Consumer => Vec::new(),
        };
        let mut answers = Vec::new();
        for (id, member) in &mut group.members {
            let of_others = |at: &TopicPartition| owned.iter().any(|(owner, theirs)| owner != id && theirs == at);
            let target = target.get(id).into_iter().flatten();
            member.assignment = target.filter(|at| !of_others(at)).cloned().collect();
            let joined = Joined { member: *id, generation, assignment: member.assignment.clone() };
            answers.extend(member.waiting.take().map(|answer| (answer, joined)));
        }
        self.trace(format_args!("group {name}: generation {generation} of {} members", answers.len()));
        for (answer, joined) in answers {
            answer(self, Ok(joined));
        }
        let (name, delay) = (name.clone(), self.rng.u64(..10 * MS));
        self.after(delay, move |world| {
            let group = world.cluster.group(&name);
            if group.state == State::Completing && group.generation == generation {
                group.state = State::Stable;
            }
        });
    }

    /// Who is to have which partition: each keeps what it has, as far as that is its share.
    pub(super) fn target(&mut self, name: &Arc<str>) -> BTreeMap<MemberId, Vec<TopicPartition>> {
        let cluster = &mut self.cluster;
        let Some(group) = cluster.groups.get(name) else { return BTreeMap::new() };
        let topics: BTreeSet<&Arc<str>> = group.members.values().flat_map(|member| &member.topics).collect();
        let partitions = topics.into_iter().flat_map(|topic| {
            let count = cluster.topics.get(topic).map_or(0, |topic| topic.partitions.len());
            (0..count).map(|number| TopicPartition::new(topic, number as i32)).collect::<Vec<_>>()
        });
        let mut free: Vec<TopicPartition> = partitions.collect();
        let members = group.members.len();
        if members == 0 {
            return BTreeMap::new();
        }
        let share = free.len().div_ceil(members);
        let mut target = BTreeMap::new();
        for (id, member) in &group.members {
            let mut its: Vec<TopicPartition> = Vec::new();
            for at in member.assignment.iter().chain(&member.owned).filter(|at| free.contains(at)) {
                if its.len() < share && !its.contains(at) {
                    its.push(at.clone());
                }
            }
            free.retain(|at| !its.contains(at));
            target.insert(*id, its);
        }
        for at in free {
            if let Some(least) = target.values_mut().min_by_key(|its| its.len()) {
                least.push(at);
            }
        }
        target
    }

    /// A member leaves.
    pub fn leave_group(&mut self, name: &Arc<str>, member: MemberId) {
        let group = self.cluster.group(name);
        let Some(mut gone) = group.members.remove(&member) else { return };
        let protocol = group.protocol;
        if let Some(waiting) = gone.waiting.take() {
            waiting(self, Err(codes::UNKNOWN_MEMBER));
        }
        match protocol {
            Protocol::Consumer => self.retarget(name),
            Protocol::Eager | Protocol::Cooperative => {
                if !matches!(self.cluster.group(name).state, State::Preparing { .. }) {
                    self.prepare_rebalance(name);
                }
                self.complete_when_all_joined(name);
            }
        }
    }

    /// Throws a member out once it has not been heard of for its session.
    pub(super) fn arm_session(&mut self, name: Arc<str>, member: MemberId) {
        let now = self.now();
        let Some(state) = self.cluster.group(&name).members.get(&member) else { return };
        let deadline = state.seen + state.session;
        if state.waiting.is_some() || deadline > now {
            let delay = deadline.saturating_sub(now).max(100 * MS);
            return self.after(delay, move |world| world.arm_session(name, member));
        }
        self.count("session expired");
        self.checker.excuse("a session has expired");
        self.trace(format_args!("group {name}: the session of {member:?} has expired"));
        self.leave_group(&name, member);
    }

    /// The coordinator went away: what waits for an answer gets none.
    pub(super) fn fail_joins(&mut self, name: &Arc<str>) {
        let group = self.cluster.group(name);
        let waiting: Vec<OnJoined> = group.members.values_mut().filter_map(|member| member.waiting.take()).collect();
        waiting.into_iter().for_each(|answer| answer(self, Err(codes::COORDINATOR_NOT_AVAILABLE)));
    }
}
