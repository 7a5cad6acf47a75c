//! Which worker processes which partition. After a revoke some may be left with many and others with none: then
//! partitions move, one at a time, each only when nothing of it is on its way.

use super::action::{Action, Actions};
use super::intake::Intake;
use super::partitions::OwnedPartitions;
use super::pause::PauseReason;

/// The move that is under way.
#[derive(Default)]
pub struct Placement {
    // The index and generation of the partition that moves, and where it goes.
    moving: Option<(usize, u64, usize)>,
}

impl Placement {
    /// Goes on with a move, or begins one where a worker has two partitions more than another. `may_move`: no rebalance
    /// is under way, and the pipeline is not ending.
    pub fn step(&mut self, may_move: bool, partitions: &mut OwnedPartitions, intake: &Intake, actions: &mut Actions) {
        if let Some((index, generation, worker)) = self.moving {
            let Some(partition) = partitions.get(index).filter(|partition| partition.lease().generation == generation)
            else {
                // It was given up, or is read again in a new generation.
                return self.end(index, partitions, actions);
            };
            let is_free = partition.is_idle() && !partition.is_retrying() && !intake.gathers(partition.lease());
            if !may_move {
                return self.end(index, partitions, actions);
            }
            if is_free {
                actions.push(Action::MoveTo { index, worker });
                self.end(index, partitions, actions);
            }
            return;
        }
        if !may_move {
            return;
        }
        let loads = partitions.loads(intake.workers());
        let most = (0..loads.len()).max_by_key(|worker| loads[*worker]).unwrap_or(0);
        let least = (0..loads.len()).min_by_key(|worker| loads[*worker]).unwrap_or(0);
        if loads.is_empty() || loads[most] < loads[least] + 2 {
            return;
        }
        // One of which nothing waits for a retry is free the soonest.
        let candidates = partitions.iter().filter(|p| p.worker() == most && !p.is_retrying() && !p.pauses().any());
        let Some(partition) = candidates.min_by_key(|p| !p.is_idle()) else { return };
        let (index, generation) = (partition.index(), partition.lease().generation);
        self.moving = Some((index, generation, least));
        let (pause, _) = partitions.set_paused(PauseReason::Moving, true, |p| p.index() == index);
        actions.push(Action::Pause(pause));
    }

    fn end(&mut self, index: usize, partitions: &mut OwnedPartitions, actions: &mut Actions) {
        self.moving = None;
        let (_, fetch) = partitions.set_paused(PauseReason::Moving, false, |p| p.index() == index);
        actions.push(Action::ReadOn(fetch));
    }

    /// Returns whether a partition moves at this moment.
    pub fn is_moving(&self) -> bool {
        self.moving.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, deliver, dispatch, intake, owned, words};
    use super::*;

    /// Lets a placement go on, and carries its moves out, until it has nothing more to do.
    fn settle(placement: &mut Placement, partitions: &mut OwnedPartitions, intake: &Intake) -> usize {
        let mut moves = 0;
        for _ in 0..100 {
            let mut actions = Actions::new();
            placement.step(true, partitions, intake, &mut actions);
            for action in &actions {
                if let Action::MoveTo { index, worker } = action {
                    partitions.get_mut(*index).unwrap().set_worker(*worker);
                    moves += 1;
                }
            }
            if actions.is_empty() {
                return moves;
            }
        }
        panic!("it never settles");
    }

    #[test]
    fn after_a_revoke_no_worker_has_two_partitions_more_than_another() {
        let (mut partitions, (intake, _workers)) = (owned(8, 4), intake(4));
        // Those of the workers 2 and 3 go.
        for number in [2, 3, 6, 7] {
            partitions.remove(&at(number));
        }
        assert_eq!(partitions.loads(4), [2, 2, 0, 0]);
        assert_eq!(settle(&mut Placement::default(), &mut partitions, &intake), 2);
        assert_eq!(partitions.loads(4), [1, 1, 1, 1]);
    }

    #[test]
    fn a_partition_moves_only_when_nothing_of_it_is_in_flight() {
        let (mut partitions, (intake, _workers)) = (owned(2, 1), intake(2));
        dispatch(&mut partitions, 0, 0, 5);
        dispatch(&mut partitions, 1, 0, 5);
        let (mut placement, mut actions) = (Placement::default(), Actions::new());
        placement.step(true, &mut partitions, &intake, &mut actions);
        assert_eq!(words(&mut actions), ["pause 0"]);
        placement.step(true, &mut partitions, &intake, &mut actions);
        assert!(actions.is_empty() && placement.is_moving());
        deliver(&mut partitions, 0, 0, 5);
        placement.step(true, &mut partitions, &intake, &mut actions);
        assert_eq!(words(&mut actions), ["move 0 to 1", "read on 0"]);
    }

    #[test]
    fn a_move_ends_where_a_rebalance_comes_between() {
        let (mut partitions, (intake, _workers)) = (owned(2, 1), intake(2));
        dispatch(&mut partitions, 0, 0, 5);
        dispatch(&mut partitions, 1, 0, 5);
        let (mut placement, mut actions) = (Placement::default(), Actions::new());
        placement.step(true, &mut partitions, &intake, &mut actions);
        words(&mut actions);
        placement.step(false, &mut partitions, &intake, &mut actions);
        assert_eq!(words(&mut actions), ["read on 0"]);
        assert!(!placement.is_moving());
    }
}
