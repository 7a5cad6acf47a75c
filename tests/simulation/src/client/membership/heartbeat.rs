//! Heartbeats by the eager and the cooperative protocol, and what a member does by the clock: its session, and the
//! application that has not asked for anything for too long.

use sluicebox::kafka::ConsumerEvent;

use super::State;
use crate::client::ClientId;
use crate::cluster::codes;
use crate::cluster::group::Protocol;
use crate::network::{MS, SECOND};
use crate::scheduler::Nanos;
use crate::world::World;

/// How long an application may leave an event of its client: it may be in the middle of a seek, which waits for up to
/// two seconds, twice.
const UNTAKEN: Nanos = 6 * SECOND;

impl World {
    /// Calls `act` once in an interval, for as long as there is the consumer.
    pub(in crate::client) fn repeat(&mut self, id: ClientId, interval: Nanos, act: fn(&mut World, ClientId)) {
        self.after(interval, move |world| {
            if world.consumer(id).is_some() {
                act(world, id);
                world.repeat(id, interval, act);
            }
        });
    }

    /// Once in a heartbeat's interval.
    pub(in crate::client) fn tick(&mut self, id: ClientId) {
        self.check_taken(id);
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

    /// Whatever else it does, the application takes events.
    fn check_taken(&mut self, id: ClientId) {
        let Some((process, since)) = self.consumer(id).and_then(|state| Some((state.process, state.untaken_since?)))
        else {
            return;
        };
        let since = since.max(self.instances.frozen_until(process));
        if self.now().saturating_sub(since) > UNTAKEN + self.scheduler.stalls() {
            let ms = (self.now() - since) / MS;
            self.checker.violate(format!("an event of client {id} was not taken for {ms} ms"));
            self.stop_if_violated();
        }
    }

    pub(super) fn beat(&mut self, id: ClientId) {
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

    pub(super) fn turn(&mut self, id: ClientId) -> u64 {
        self.consumer(id).map_or(0, |state| state.membership.turn)
    }

    /// The group rebalances.
    pub(super) fn on_rebalance(&mut self, id: ClientId) {
        let Some(state) = self.consumer(id).filter(|state| state.membership.state == State::Steady) else { return };
        match state.membership.protocol {
            Protocol::Eager => self.give_up_all(id, false),
            Protocol::Cooperative => self.join(id),
            Protocol::Consumer => {}
        }
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

    pub(in crate::client) fn rejoin_after_poll(&mut self, id: ClientId) {
        let now = self.now();
        let Some(state) = self.consumer(id) else { return };
        if state.membership.heard == u64::MAX {
            state.membership.heard = now;
        }
        if state.membership.state == State::Idle {
            self.join(id);
        }
    }
}
