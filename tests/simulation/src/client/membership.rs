//! A consumer's part in its group, as librdkafka plays it: it joins, tells the application what it is to take and to give up,
//! and waits for its answer before it goes on.

use std::collections::BTreeSet;
use std::sync::Arc;

use regex::Regex;
use sluicebox::kafka::{ConsumerEvent, ErrorKind, KafkaError, Properties, TopicPartition};

use super::consumer::ConsumerState;
use super::{ClientId, millis, property};
use crate::cluster::codes::{self, Code};
use crate::cluster::group::{Join, Joined, MemberId, Protocol, Who};
use crate::cluster::reconcile::Beat;
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
    pub(super) fn new(properties: &Properties) -> Membership {
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

    fn resolve(&mut self, subscription: &[String]) -> Vec<(Arc<str>, usize)> {
        let patterns: Vec<(Option<Regex>, &String)> = subscription
            .iter()
            .map(|name| (name.starts_with('^').then(|| Regex::new(name).ok()).flatten(), name))
            .collect();
        let matches = |topic: &str| {
            patterns.iter().any(|(pattern, name)| pattern.as_ref().map_or(topic == *name, |p| p.is_match(topic)))
        };
        let topics = self.cluster.topics.iter().filter(|(name, _)| matches(name));
        topics.map(|(name, topic)| (name.clone(), topic.partitions.len())).collect()
    }

    pub(super) fn subscribe(&mut self, id: ClientId, topics: &[String]) -> Result<(), KafkaError> {
        if let Some(bad) = topics.iter().find(|name| name.starts_with('^') && Regex::new(name).is_err()) {
            return Err(KafkaError::new(ErrorKind::Other, format!("not a pattern: {bad}")));
        }
        if let Some(state) = self.consumer(id) {
            state.membership.subscription = topics.to_vec();
        }
        self.join(id);
        Ok(())
    }

    /// Joins the group, or joins it again.
    fn join(&mut self, id: ClientId) {
        let now = self.now();
        let Some(subscription) = self.consumer(id).map(|state| state.membership.subscription.clone()) else { return };
        let topics = self.resolve(&subscription);
        let Some(state) = self.consumer(id) else { return };
        let (name, membership) = (state.group.clone(), &mut state.membership);
        if membership.is_fatal || subscription.is_empty() {
            return;
        }
        membership.turn += 1;
        (membership.topics, membership.state, membership.heard) = (topics, State::Joining, now);
        membership.rejoins = false;
        let turn = membership.turn;
        if membership.protocol == Protocol::Consumer {
            (membership.member, membership.generation, membership.state) = (None, 0, State::Steady);
            return self.beat(id);
        }
        let join = membership.join(membership.topics.iter().map(|(topic, _)| topic.clone()).collect());
        let coordinator = self.cluster.group(&name).coordinator;
        let answered = move |world: &mut World, answer: Result<Joined, Code>| {
            let way = world.way();
            world.after(way, move |world| world.on_joined(id, turn, answer));
        };
        let serve = move |world: &mut World| {
            if world.cluster.denied.group {
                return answered(world, Err(codes::GROUP_AUTHORIZATION));
            }
            if world.cluster.group(&name).coordinator != coordinator {
                return answered(world, Err(codes::COORDINATOR_NOT_AVAILABLE));
            }
            world.join_group(&name, join, Box::new(answered));
        };
        // The answer comes by itself; only a broker that is away tells nothing.
        self.request(coordinator, serve, move |world, sent| {
            if sent == Err(crate::network::Unanswered::Away) {
                world.on_joined(id, turn, Err(codes::COORDINATOR_NOT_AVAILABLE));
            }
        });
    }

    fn join_later(&mut self, id: ClientId) {
        let backoff = self.backoff();
        let Some(turn) = self.consumer(id).map(|state| state.membership.turn) else { return };
        self.after(backoff, move |world| {
            if world.consumer(id).is_some_and(|state| state.membership.turn == turn) {
                world.join(id);
            }
        });
    }

    fn on_joined(&mut self, id: ClientId, turn: u64, answer: Result<Joined, Code>) {
        let now = self.now();
        let Some(state) = self.consumer(id).filter(|state| state.membership.turn == turn) else {
            // It has left meanwhile.
            return;
        };
        let membership = &mut state.membership;
        match answer {
            Ok(joined) => {
                (membership.member, membership.generation) = (Some(joined.member), joined.generation);
                (membership.state, membership.heard) = (State::Syncing, now);
                let delay = self.way();
                self.after(delay, move |world| world.on_assignment(id, turn, joined));
            }
            Err(code) => {
                let error: KafkaError = code.into();
                if error.kind == ErrorKind::Authorization {
                    state.push(ConsumerEvent::Failed(error));
                    return self.join_later(id);
                }
                self.on_join_refused(id, &error);
            }
        }
    }

    /// Joins again, where it can; what it had is lost where it is not known any more.
    fn on_join_refused(&mut self, id: ClientId, error: &KafkaError) {
        self.on_member_error(id, error);
        let Some(state) = self.consumer(id).filter(|state| !state.membership.is_fatal) else { return };
        let membership = &mut state.membership;
        if membership.member.is_none() && !membership.owned.is_empty() {
            membership.state = State::Steady;
            return self.give_up_all(id, true);
        }
        self.join_later(id);
    }

    fn on_assignment(&mut self, id: ClientId, turn: u64, joined: Joined) {
        let Some(state) = self.consumer(id).filter(|state| state.membership.turn == turn) else { return };
        let name = state.group.clone();
        let who = state.membership.who();
        // Another rebalance has begun meanwhile, or the member is out already.
        let now = self.now();
        let stands = who.map_or(Err(codes::UNKNOWN_MEMBER), |who| self.cluster.group(&name).heartbeat(&who, now));
        match stands {
            Ok(()) => {}
            Err(codes::REBALANCE_IN_PROGRESS) => return self.join(id),
            Err(code) => return self.on_join_refused(id, &code.into()),
        }
        self.take_assignment(id, joined.assignment);
    }

    /// The group has said what the member is to have.
    fn take_assignment(&mut self, id: ClientId, assignment: Vec<TopicPartition>) {
        let Some(state) = self.consumer(id) else { return };
        let membership = &mut state.membership;
        if membership.protocol == Protocol::Eager {
            membership.owned = assignment.iter().cloned().collect();
            return state.ask_to_take(assignment, false);
        }
        let new: BTreeSet<TopicPartition> = assignment.into_iter().collect();
        let added: Vec<TopicPartition> = new.difference(&membership.owned).cloned().collect();
        let surplus: Vec<TopicPartition> = membership.owned.difference(&new).cloned().collect();
        if surplus.is_empty() {
            membership.owned.extend(added.iter().cloned());
            return state.ask_to_take(added, false);
        }
        membership.rejoins = added.is_empty() && membership.protocol == Protocol::Cooperative;
        membership.then_take = (!added.is_empty()).then_some(added);
        membership.owned.retain(|at| !surplus.contains(at));
        state.ask_to_give_up(surplus);
    }

    /// The application has taken partitions.
    pub(super) fn on_assign_called(&mut self, id: ClientId) {
        let Some(state) = self.consumer(id) else { return };
        state.membership.is_lost = false;
        if state.membership.state != State::WaitAssign {
            return;
        }
        state.hold_all(false);
        state.membership.state = State::Steady;
        if let Some(lost) = state.membership.gives_up.take() {
            return self.give_up_all(id, lost);
        }
        if std::mem::take(&mut state.membership.rejoins) {
            return self.join(id);
        }
        self.beat(id);
    }

    /// The application has given partitions up.
    pub(super) fn on_unassign_called(&mut self, id: ClientId) {
        let Some(state) = self.consumer(id) else { return };
        if state.membership.state != State::WaitUnassign {
            return;
        }
        state.hold_all(false);
        let membership = &mut state.membership;
        (membership.state, membership.is_lost) = (State::Unassigning, false);
        let turn = membership.turn;
        let delay = self.rng.u64(..2 * MS);
        self.after(delay, move |world| world.on_given_up(id, turn));
    }

    fn on_given_up(&mut self, id: ClientId, turn: u64) {
        let Some(state) = self.consumer(id) else { return };
        let membership = &mut state.membership;
        if membership.state != State::Unassigning || membership.turn != turn {
            return;
        }
        if let Some(lost) = membership.gives_up.take() {
            (membership.state, membership.then_take) = (State::Steady, None);
            return self.give_up_all(id, lost);
        }
        if let Some(added) = membership.then_take.take() {
            membership.owned.extend(added.iter().cloned());
            let rejoins = membership.protocol == Protocol::Cooperative;
            return state.ask_to_take(added, rejoins);
        }
        if membership.polled_out() {
            membership.state = State::Idle;
            return;
        }
        if std::mem::take(&mut membership.rejoins) || membership.protocol == Protocol::Eager {
            return self.join(id);
        }
        membership.state = State::Steady;
        self.beat(id);
    }

    /// All partitions are to be given up, and the group joined again.
    fn give_up_all(&mut self, id: ClientId, lost: bool) {
        let Some(state) = self.consumer(id) else { return };
        let membership = &mut state.membership;
        membership.is_lost |= lost;
        if lost {
            self.count("assignment lost");
            self.checker.excuse("an assignment was lost");
        }
        let Some(state) = self.consumer(id) else { return };
        let membership = &mut state.membership;
        if matches!(membership.state, State::WaitAssign | State::WaitUnassign | State::Unassigning) {
            membership.gives_up = Some(lost || membership.gives_up == Some(true));
            return;
        }
        membership.turn += 1;
        (membership.rejoins, membership.then_take) = (true, None);
        let all: Vec<TopicPartition> = std::mem::take(&mut membership.owned).into_iter().collect();
        if all.is_empty() {
            membership.is_lost = false;
            return self.join(id);
        }
        state.ask_to_give_up(all);
    }

    /// What the coordinator says of a member. Returns whether something was done about it.
    pub(super) fn on_member_error(&mut self, id: ClientId, error: &KafkaError) -> bool {
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

    pub(super) fn start_ticking(&mut self, id: ClientId, interval: Nanos) {
        self.after(interval, move |world| {
            if world.consumer(id).is_some() {
                world.tick(id);
                world.start_ticking(id, interval);
            }
        });
    }

    /// Once in a heartbeat's interval.
    fn tick(&mut self, id: ClientId) {
        let now = self.now();
        let Some(state) = self.consumer(id) else { return };
        let polled = state.polled;
        let membership = &mut state.membership;
        if membership.is_fatal || !membership.is_member() {
            return;
        }
        if now.saturating_sub(polled) > membership.rebalance {
            return self.leave_unpolled(id);
        }
        if now.saturating_sub(membership.heard) > membership.session {
            // By the client's own clock; the coordinator may see it otherwise.
            (membership.member, membership.generation, membership.heard) = (None, 0, now);
            self.trace(format_args!("client {id}: no answer from the group for a session"));
            if self.consumer(id).is_some_and(|state| state.membership.state == State::Steady) {
                self.give_up_all(id, true);
            }
            return;
        }
        self.beat(id);
    }

    fn beat(&mut self, id: ClientId) {
        let Some(state) = self.consumer(id) else { return };
        let (name, membership) = (state.group.clone(), &state.membership);
        if membership.protocol == Protocol::Consumer {
            return self.beat_consumer(id);
        }
        let Some(who) = membership.who() else { return };
        let (coordinator, turn) = (self.cluster.group(&name).coordinator, self.turn(id));
        let serve = move |world: &mut World| {
            let now = world.now();
            let group = world.cluster.group(&name);
            if group.coordinator == coordinator {
                group.heartbeat(&who, now)
            } else {
                Err(codes::COORDINATOR_NOT_AVAILABLE)
            }
        };
        self.request(coordinator, serve, move |world, answer| {
            let now = world.now();
            let Some(state) = world.consumer(id).filter(|state| state.membership.turn == turn) else { return };
            match answer {
                Ok(Ok(())) => state.membership.heard = now,
                Ok(Err(codes::REBALANCE_IN_PROGRESS)) => {
                    state.membership.heard = now;
                    world.on_rebalance(id);
                }
                Ok(Err(code)) => _ = world.on_member_error(id, &code.into()),
                Err(_) => {}
            }
        });
    }

    fn turn(&mut self, id: ClientId) -> u64 {
        self.consumer(id).map_or(0, |state| state.membership.turn)
    }

    /// The group rebalances.
    fn on_rebalance(&mut self, id: ClientId) {
        let Some(state) = self.consumer(id).filter(|state| state.membership.state == State::Steady) else { return };
        match state.membership.protocol {
            Protocol::Eager => self.give_up_all(id, false),
            Protocol::Cooperative => self.join(id),
            Protocol::Consumer => {}
        }
    }

    /// KIP-848: a heartbeat says what the member has, and its answer what it is to have.
    fn beat_consumer(&mut self, id: ClientId) {
        let Some(state) = self.consumer(id) else { return };
        let (name, membership) = (state.group.clone(), &state.membership);
        // Who was thrown out joins again when the application has given up what is lost, and not before.
        let waits = matches!(membership.state, State::WaitAssign | State::WaitUnassign | State::Unassigning);
        if membership.is_beating || (membership.member.is_none() && waits) {
            return;
        }
        // What is to be taken may be taken at any moment, and what is to be given up counts as given up when the
        // application has done so.
        let mut owned = membership.owned.clone();
        owned.extend(state.assigned());
        let owned = owned.into_iter().collect();
        let topics = membership.topics.iter().map(|(topic, _)| topic.clone()).collect();
        let beat = Beat { epoch: membership.generation, owned, join: membership.join(topics) };
        let (coordinator, turn) = (self.cluster.group(&name).coordinator, self.turn(id));
        if let Some(state) = self.consumer(id) {
            state.membership.is_beating = true;
        }
        let serve = move |world: &mut World| {
            if world.cluster.group(&name).coordinator != coordinator {
                return Err(codes::COORDINATOR_NOT_AVAILABLE);
            }
            world.consumer_heartbeat(&name, beat)
        };
        self.request(coordinator, serve, move |world, answer| {
            let now = world.now();
            if let Some(state) = world.consumer(id) {
                state.membership.is_beating = false;
            }
            let Some(state) = world.consumer(id).filter(|state| state.membership.turn == turn) else { return };
            match answer {
                Ok(Ok(beaten)) => {
                    let membership = &mut state.membership;
                    membership.heard = now;
                    (membership.member, membership.generation) = (Some(beaten.member), beaten.epoch);
                    let assignment: BTreeSet<_> = beaten.assignment.iter().cloned().collect();
                    if membership.state == State::Steady && assignment != membership.owned {
                        membership.turn += 1;
                        world.take_assignment(id, beaten.assignment);
                    }
                }
                Ok(Err(code)) => _ = world.on_member_error(id, &code.into()),
                Err(_) => {}
            }
        });
    }

    /// The application has not asked for anything for too long: the member leaves until it does.
    fn leave_unpolled(&mut self, id: ClientId) {
        self.count("poll interval exceeded");
        if !self.checker.has_excuse() {
            self.checker.violate(format!("client {id} was not polled for longer than it may be"));
            self.stop_if_violated();
        }
        let Some(state) = self.consumer(id) else { return };
        state.push(ConsumerEvent::Failed(codes::MAX_POLL_EXCEEDED.into()));
        let name = state.group.clone();
        let member = state.membership.member.take();
        (state.membership.generation, state.membership.heard) = (0, u64::MAX);
        self.send_leave(name, member, |_| {});
        self.give_up_all(id, true);
    }

    pub(super) fn rejoin_after_poll(&mut self, id: ClientId) {
        let now = self.now();
        let Some(state) = self.consumer(id) else { return };
        if state.membership.heard == u64::MAX {
            state.membership.heard = now;
        }
        if state.membership.state == State::Idle {
            self.join(id);
        }
    }

    fn send_leave(&mut self, name: Arc<str>, member: Option<MemberId>, then: impl FnOnce(&mut World) + 'static) {
        let Some(member) = member else { return then(self) };
        let coordinator = self.cluster.group(&name).coordinator;
        let serve = move |world: &mut World| world.leave_group(&name, member);
        self.request(coordinator, serve, move |world, _| then(world));
    }

    /// Leaves the group, and tells when that is over. A static member stays in it until its session ends.
    pub(super) fn close_consumer(&mut self, id: ClientId, then: impl FnOnce(&mut World) + 'static) {
        let Some(mut state) = self.clients.consumers.remove(&id) else { return then(self) };
        let is_static = state.membership.instance.is_some();
        let member = state.membership.member.take().filter(|_| !is_static);
        self.send_leave(state.group.clone(), member, then);
    }

    pub(super) fn start_refreshing(&mut self, id: ClientId, interval: Nanos) {
        self.after(interval, move |world| {
            if world.consumer(id).is_some() {
                world.refresh(id);
                world.start_refreshing(id, interval);
            }
        });
    }

    /// Topics may have come, gone, or got more partitions.
    fn refresh(&mut self, id: ClientId) {
        let Some(subscription) = self.consumer(id).map(|state| state.membership.subscription.clone()) else { return };
        let topics = self.resolve(&subscription);
        let Some(state) = self.consumer(id).filter(|state| state.membership.state == State::Steady) else { return };
        let name = state.group.clone();
        // A topic that was away for a moment while the group assigned partitions is in nobody's assignment.
        let is_assigned = self.cluster.group(&name).assigns(&topics);
        let Some(state) = self.consumer(id) else { return };
        if state.membership.topics == topics && is_assigned {
            return;
        }
        state.membership.topics = topics;
        self.count("topics have changed");
        self.on_rebalance(id);
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

impl ConsumerState {
    fn ask_to_take(&mut self, partitions: Vec<TopicPartition>, rejoins: bool) {
        self.membership.rejoins = rejoins;
        if partitions.is_empty() && self.membership.protocol == Protocol::Consumer {
            self.membership.state = State::Steady;
            return;
        }
        self.membership.state = State::WaitAssign;
        self.hold_all(true);
        self.push(ConsumerEvent::Assigned(partitions));
    }

    fn ask_to_give_up(&mut self, partitions: Vec<TopicPartition>) {
        self.membership.state = State::WaitUnassign;
        self.hold_all(true);
        self.push(ConsumerEvent::Revoked { partitions, lost: self.membership.is_lost });
    }
}
