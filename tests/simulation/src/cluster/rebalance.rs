//! Rebalances of the eager and the cooperative protocol: all members join again, and each is answered with its part.

use std::sync::Arc;

use sluicebox::kafka::TopicPartition;

use super::codes::{self, Code};
use super::group::{Join, Member, MemberId, Protocol, State};
use crate::network::MS;
use crate::world::World;

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

    /// A static member comes back under a new name: the old one is fenced. Returns the new name and, in a group at
    /// rest, what it had.
    fn replace_static(&mut self, name: &Arc<str>, join: &Join) -> Option<(MemberId, Option<Vec<TopicPartition>>)> {
        let now = self.now();
        let instance = join.instance.as_ref()?;
        // What was revoked of a cooperative member that died before it joined again has nobody until the next
        // rebalance, which no history may have to wait for.
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
