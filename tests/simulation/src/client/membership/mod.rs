//! A consumer's part in its group, as librdkafka plays it: it joins, tells the application what it is to take and to
//! give up, and waits for its answer before it goes on.

mod assignment;
mod consumer_protocol;
mod heartbeat;
mod join;
mod subscription;

use std::collections::BTreeSet;
use std::sync::Arc;

use sluicebox::kafka::{ConsumerEvent, ErrorKind, KafkaError, Properties, TopicPartition};

use super::{ClientId, millis, property};
use crate::cluster::codes;
use crate::cluster::group::{Join, MemberId, Protocol, Who};
use crate::network::MS;
use crate::scheduler::Nanos;
use crate::world::World;

/// How far a member has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has subscribed to nothing, or has left.
    Out,
    Joining,
    Syncing,
    /// The application is to take partitions.
    WaitAssign,
    Steady,
    /// The application is to give partitions up.
    WaitUnassign,
    /// They are being given up.
    Unassigning,
    /// The application has not asked for anything for too long.
    Idle,
}

/// A consumer in its group.
pub struct Membership {
    /// How partitions change hands.
    pub protocol: Protocol,
    /// The client can do nothing more.
    pub is_fatal: bool,
    /// The assignment is others' already.
    pub is_lost: bool,
    member: Option<MemberId>,
    generation: i32,
    instance: Option<Arc<str>>,
    subscription: Vec<String>,
    // As they were when it joined.
    topics: Vec<(Arc<str>, usize)>,
    state: State,
    // What the group has assigned, whether the application has taken it or not.
    owned: BTreeSet<TopicPartition>,
    // Under KIP-848: one heartbeat at a time is on its way.
    is_beating: bool,
    // To be taken when others are given up.
    then_take: Option<Vec<TopicPartition>>,
    rejoins: bool,
    // All is to be given up once the application has answered what it was asked before; whether that is lost.
    gives_up: Option<bool>,
    // Answers to what was asked before are not waited for.
    turn: u64,
    session: Nanos,
    rebalance: Nanos,
    heard: Nanos,
}

impl Membership {
    pub(in crate::client) fn new(properties: &Properties) -> Membership {
        let strategy = properties.get("partition.assignment.strategy").map_or("cooperative-sticky", String::as_str);
        let protocol = match (properties.get("group.protocol").map(String::as_str), strategy) {
            (Some("consumer"), _) => Protocol::Consumer,
            (_, "cooperative-sticky") => Protocol::Cooperative,
            _ => Protocol::Eager,
        };
        Membership {
            protocol,
            is_fatal: false,
            is_lost: false,
            member: None,
            generation: 0,
            instance: properties.get("group.instance.id").map(|name| name.as_str().into()),
            subscription: Vec::new(),
            topics: Vec::new(),
            state: State::Out,
            owned: BTreeSet::new(),
            is_beating: false,
            then_take: None,
            rejoins: false,
            gives_up: None,
            turn: 0,
            session: millis(properties, "session.timeout.ms", 45_000),
            rebalance: property(properties, "max.poll.interval.ms", 300_000) * MS,
            heard: 0,
        }
    }

    /// Who it is; none while it is no member.
    pub fn who(&self) -> Option<Who> {
        let instance = self.instance.clone();
        let member = self.member.filter(|_| self.generation > 0)?;
        Some(Who { member, generation: self.generation, instance })
    }

    fn is_member(&self) -> bool {
        !matches!(self.state, State::Out | State::Joining | State::Idle)
    }
}

impl World {
    /// Whether each consumer is a member of its group, has what that has given it, and neither is to change.
    pub fn are_groups_settled(&self) -> bool {
        self.clients.consumers.values().all(|state| {
            let membership = &state.membership;
            let is_steady = membership.state == State::Steady && membership.gives_up.is_none() && !membership.rejoins;
            let group = self.cluster.groups.get(&state.group).zip(membership.who());
            is_steady && group.is_some_and(|(group, who)| group.is_settled(&who, &membership.owned))
        })
    }

    /// What the coordinator says of a member. Returns whether something was done about it.
    pub(in crate::client) fn on_member_error(&mut self, id: ClientId, error: &KafkaError) -> bool {
        let Some(state) = self.consumer(id) else { return true };
        let is_unknown = *error == codes::UNKNOWN_MEMBER.into() || *error == codes::FENCED_MEMBER_EPOCH.into();
        if error.kind == ErrorKind::FencedInstance {
            if !std::mem::replace(&mut state.membership.is_fatal, true) {
                state.push(ConsumerEvent::Fatal(error.clone()));
            }
            return true;
        }
        if is_unknown {
            (state.membership.member, state.membership.generation) = (None, 0);
        } else if *error != codes::ILLEGAL_GENERATION.into() {
            return false;
        }
        match state.membership.state {
            State::Steady => self.give_up_all(id, true),
            // It remembers it for after that (`RD_KAFKA_CGRP_CONSUMER_F_WAIT_REJOIN`).
            State::WaitAssign | State::WaitUnassign | State::Unassigning
                if state.membership.protocol == Protocol::Consumer =>
            {
                state.membership.gives_up = Some(true);
            }
            // While it rebalances it does not begin to do so again: what is wrong shows once more after that.
            _ => {}
        }
        true
    }

    fn send_leave(&mut self, name: Arc<str>, member: Option<MemberId>, then: impl FnOnce(&mut World) + 'static) {
        let Some(member) = member else { return then(self) };
        let coordinator = self.cluster.group(&name).coordinator;
        let serve = move |world: &mut World| world.leave_group(&name, member);
        self.request(coordinator, serve, move |world, _| then(world));
    }

    /// Leaves the group, and tells when that is over. A static member stays in it until its session ends.
    pub(in crate::client) fn close_consumer(&mut self, id: ClientId, then: impl FnOnce(&mut World) + 'static) {
        let Some(mut state) = self.clients.consumers.remove(&id) else { return then(self) };
        let is_static = state.membership.instance.is_some();
        let member = state.membership.member.take().filter(|_| !is_static);
        self.send_leave(state.group.clone(), member, then);
    }
}

impl Membership {
    fn join(&self, topics: Vec<Arc<str>>) -> Join {
        Join {
            member: self.member,
            instance: self.instance.clone(),
            topics,
            owned: self.owned.iter().cloned().collect(),
            protocol: self.protocol,
            session: self.session,
            rebalance: self.rebalance,
        }
    }

    fn polled_out(&self) -> bool {
        self.heard == u64::MAX
    }
}
