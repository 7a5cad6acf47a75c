//! Partitions that go back to what is delivered of them, because something behind that was left or refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::action::{Action, Actions};
use super::intake::Intake;
use super::partitions::{OwnedPartition, OwnedPartitions};
use super::pause::PauseReason;
use crate::batch::Offset;
use crate::kafka::TopicPartition;
use crate::lease::Lease;

/// Partitions of which a stage has left records: see [`crate::worker::event::WorkerEvent::Left`].
#[derive(Default)]
pub struct GoingBack {
    left: BTreeMap<TopicPartition, Arc<Lease>>,
}

impl GoingBack {
    /// A stage has left records of a partition. Nothing more of it is read until it goes back to them.
    pub fn on_left(&mut self, lease: Arc<Lease>, partitions: &mut OwnedPartitions, actions: &mut Actions) {
        let Some(index) = partitions.of_lease(&lease).map(|partition| partition.index()) else { return };
        let (pause, _) = partitions.set_paused(PauseReason::Rewinding, true, |p| p.index() == index);
        actions.push(Action::Pause(pause));
        self.left.insert(lease.at.clone(), lease);
    }

    /// Brings those back of which nothing is on its way. `may_reassign`: partitions may be given up and assigned again
    /// now.
    pub fn step(
        &mut self,
        may_reassign: bool,
        partitions: &mut OwnedPartitions,
        intake: &Intake,
        actions: &mut Actions,
    ) {
        self.left.retain(|_, lease| partitions.of_lease(lease).is_some());
        if !may_reassign {
            return;
        }
        let mut back = Vec::new();
        self.left.retain(|_, lease| {
            let ready = ready(lease, partitions, intake);
            back.extend(ready);
            ready.is_none()
        });
        if !back.is_empty() {
            actions.push(Action::RestartFrom(back));
        }
    }
}

/// Returns a partition and where it is read on, where nothing more of it is on its way.
pub fn ready(lease: &Arc<Lease>, partitions: &mut OwnedPartitions, intake: &Intake) -> Option<(usize, Option<Offset>)> {
    let is_ready = |partition: &OwnedPartition| {
        !partition.is_paused_for(PauseReason::Revoking)
            && partition.is_settled()
            && partition.is_drained()
            && !intake.gathers(lease)
    };
    let partition = partitions.of_lease(lease).filter(|partition| is_ready(partition))?;
    Some((partition.index(), partition.undelivered()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, dispatch, intake, owned, words};
    use super::*;
    use crate::sink::receipt::Span;

    #[test]
    fn a_partition_goes_back_to_what_was_left_once_nothing_of_it_is_on_its_way() {
        let (mut partitions, mut actions, (intake, _workers)) = (owned(2, 1), Actions::new(), intake(1));
        dispatch(&mut partitions, 0, 0, 10);
        dispatch(&mut partitions, 0, 10, 20);
        let lease = partitions.of(&at(0)).unwrap().lease().clone();
        lease.truncate_at(Offset(4));
        let mut going_back = GoingBack::default();
        going_back.on_left(lease.clone(), &mut partitions, &mut actions);
        assert_eq!(words(&mut actions), ["pause 0"]);
        let mut step = |going_back: &mut GoingBack, may_reassign, partitions: &mut OwnedPartitions| {
            going_back.step(may_reassign, partitions, &intake, &mut actions);
            words(&mut actions)
        };
        assert!(step(&mut going_back, true, &mut partitions).is_empty());
        let partition = partitions.of_mut(&at(0)).unwrap();
        partition.delivered(&Span { lease, first: Offset(0), end: Offset(4) });
        assert!(step(&mut going_back, true, &mut partitions).is_empty(), "what came behind it is with the worker");
        partitions.of_mut(&at(0)).unwrap().abandoned(Offset(10));
        assert!(step(&mut going_back, false, &mut partitions).is_empty(), "a rebalance is under way");
        assert_eq!(step(&mut going_back, true, &mut partitions), ["restart 0@4"]);
        assert!(step(&mut going_back, true, &mut partitions).is_empty());
    }

    #[test]
    fn whoever_has_the_partition_next_begins_with_what_was_left_in_any_case() {
        let (mut partitions, mut actions, (intake, _workers)) = (owned(1, 1), Actions::new(), intake(1));
        let lease = partitions.of(&at(0)).unwrap().lease().clone();
        let mut going_back = GoingBack::default();
        going_back.on_left(lease.clone(), &mut partitions, &mut actions);
        actions.clear();
        partitions.remove(&at(0));
        going_back.step(true, &mut partitions, &intake, &mut actions);
        going_back.on_left(lease, &mut partitions, &mut actions);
        assert!(actions.is_empty() && going_back.left.is_empty());
    }
}
