//! KIP-848's heartbeats: a member joins, is assigned partitions and gives them up by them.

use std::collections::BTreeSet;

use super::State;
use crate::client::ClientId;
use crate::cluster::codes;
use crate::cluster::reconcile::Beat;
use crate::world::World;

impl World {
    /// KIP-848: a heartbeat says what the member has, and its answer what it is to have.
    pub(super) fn beat_consumer(&mut self, id: ClientId) {
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
}
