//! What the application is to take and to give up, and what follows when it has done so.

use std::collections::BTreeSet;

use sluicebox::kafka::{ConsumerEvent, TopicPartition};

use super::State;
use crate::client::ClientId;
use crate::client::consumer::ConsumerState;
use crate::cluster::group::Protocol;
use crate::network::MS;
use crate::world::World;

impl World {
    /// The group has said what the member is to have.
    pub(super) fn take_assignment(&mut self, id: ClientId, assignment: Vec<TopicPartition>) {
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
    pub(in crate::client) fn on_assign_called(&mut self, id: ClientId) {
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
    pub(in crate::client) fn on_unassign_called(&mut self, id: ClientId) {
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
    pub(super) fn give_up_all(&mut self, id: ClientId, lost: bool) {
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
