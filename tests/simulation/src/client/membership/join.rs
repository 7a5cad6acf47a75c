//! Joining the group by the eager or the cooperative protocol: a member asks to join, waits for the generation, and
//! hears of its assignment. Under KIP-848 heartbeats do this.

use sluicebox::kafka::{ConsumerEvent, ErrorKind, KafkaError};

use super::State;
use crate::client::ClientId;
use crate::cluster::codes::{self, Code};
use crate::cluster::group::Protocol;
use crate::cluster::rebalance::Joined;
use crate::network::Unanswered;
use crate::world::World;

impl World {
    /// Joins the group, or joins it again.
    pub(super) fn join(&mut self, id: ClientId) {
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
            if sent == Err(Unanswered::Away) {
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
}
