//! Which worker processes which partition. After a revoke some may be left with many and others with none: then partitions
//! move, one at a time, each only when nothing of it is on its way.

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
    /// Goes on with a move, or begins one where a worker has two partitions more than another. `may_move`: no rebalance is under
    /// way, and the pipeline is not ending.
    pub fn step(
        &mut self,
        may_move: bool,
        partitions: &mut OwnedPartitions,
        intake: &Intake,
        actions: &mut Actions,
    ) {
        if let Some((index, generation, worker)) = self.moving {
            let Some(partition) =
                partitions.get(index).filter(|partition| partition.lease().generation == generation)
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
