//! Partitions that are being given up: they are drained, committed, and only then the revoke is answered.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::action::{Action, Actions};
use super::assignment::list_of;
use super::intake::Intake;
use super::partitions::{OwnedPartition, OwnedPartitions};
use super::pause::PauseReason;
use super::question::ASK_AGAIN;
use super::transactions::Transactions;
use crate::kafka::TopicPartition;

/// How long a revoke waits for the answer to its last commit.
const COMMIT_WAIT: Duration = Duration::from_secs(5);

/// The revokes that are not answered yet, in the order in which they came.
pub struct Revocations {
    pipeline: Arc<str>,
    drain: Duration,
    revokes: VecDeque<Revoke>,
}

struct Revoke {
    partitions: Vec<TopicPartition>,
    deadline: Instant,
    last_commit: Option<LastCommit>,
}

/// The last commit of partitions that are being given up.
struct LastCommit {
    /// When it is waited for no longer.
    deadline: Instant,
    /// When it is asked for again if it has failed, as it may in the middle of a rebalance.
    again: Instant,
}

impl Revocations {
    /// There are none. Each may take as long as `drain` says.
    pub fn new(pipeline: Arc<str>, drain: Duration) -> Revocations {
        Revocations { pipeline, drain, revokes: VecDeque::new() }
    }

    /// Partitions are to be given up. What is gathered of them has been dispatched: it is drained like the rest.
    pub fn on_revoked(
        &mut self,
        revoked: &[TopicPartition],
        now: Instant,
        partitions: &mut OwnedPartitions,
        actions: &mut Actions,
    ) {
        // What was assigned and never begun with is not the client's to give up either.
        let ours: Vec<_> = revoked.iter().filter(|at| partitions.of(at).is_some()).cloned().collect();
        let (pause, _) = partitions.set_paused(PauseReason::Revoking, true, is_one_of(&ours));
        actions.push(Action::Pause(pause));
        for partition in partitions.iter().filter(|partition| partition.is_retrying() && is_one_of(&ours)(partition)) {
            actions.push(Action::AbandonRetries { worker: partition.worker(), lease: partition.lease().clone() });
        }
        self.revokes.push_back(Revoke { partitions: ours, deadline: now + self.drain, last_commit: None });
    }

    /// The partitions are others' already: nothing of them is written or committed any more.
    pub fn on_lost(
        &mut self,
        lost: &[TopicPartition],
        has_transactions: bool,
        partitions: &mut OwnedPartitions,
        actions: &mut Actions,
    ) {
        let ours: Vec<_> = lost.iter().filter(|at| partitions.of(at).is_some()).cloned().collect();
        tracing::warn!(
            target: "source", pipeline = %self.pipeline, partitions = %list_of(&ours),
            "the assignment was lost: what was not committed is discarded, and read again by whoever has it now"
        );
        for at in &ours {
            partitions.remove(at);
        }
        // What is queued of partitions that stay is not to be thrown away. An abort throws away what it has to.
        if partitions.is_empty() && !has_transactions {
            actions.push(Action::PurgeProducer);
        }
        actions.push(Action::Unassign(ours));
        // Those of a topic that is gone may be lost alone.
        actions.push(Action::ReadOnAfterRebalance { except: Vec::new() });
        actions.push(Action::Abort("the assignment was lost".to_owned()));
    }

    /// Goes on with the first revoke.
    pub fn step(
        &mut self,
        now: Instant,
        partitions: &mut OwnedPartitions,
        intake: &Intake,
        transactions: Option<&mut Transactions>,
        actions: &mut Actions,
    ) {
        let Some(revoke) = self.revokes.front_mut() else { return };
        let is_its = |partition: &OwnedPartition| revoke.partitions.contains(partition.at());
        let its = || partitions.iter().filter(|partition| is_its(partition));
        let is_drained = its().all(|partition| partition.is_drained() && !intake.gathers(partition.lease()));
        let is_committed = its().all(OwnedPartition::is_committed);
        // While partitions go back nothing of them is in the transaction, whatever waits at the gate.
        let is_rewinding = transactions.as_ref().is_some_and(|transactions| transactions.is_rewinding());
        // What is written and not acknowledged yet is in the transaction too.
        let is_empty = transactions.as_ref().is_none_or(|transactions| transactions.is_empty());
        let is_done = is_committed && (is_empty || is_drained);
        let Some(last) = &mut revoke.last_commit else {
            if now >= revoke.deadline || is_drained || is_rewinding {
                // What is in the middle of being written is written to its end, or the transaction could not be kept.
                match transactions.filter(|transactions| !is_drained && transactions.may_be_written()) {
                    Some(transactions) => transactions.request_close(),
                    None => partitions.revoke_leases(is_its),
                }
                actions.push(Action::RequestCommit);
                revoke.last_commit = Some(LastCommit { deadline: now + COMMIT_WAIT, again: now + ASK_AGAIN });
            }
            return;
        };
        if is_done || now >= last.deadline {
            if !is_done {
                // Nothing of a transaction is kept whose offsets are not.
                let why = "partitions had to be given up before it was committed";
                actions.push(Action::Abort(why.to_owned()));
            }
            self.answer(partitions, actions);
        } else if now >= last.again {
            last.again = now + ASK_AGAIN;
            actions.push(Action::RequestCommit);
        }
    }

    fn answer(&mut self, partitions: &mut OwnedPartitions, actions: &mut Actions) {
        let Some(Revoke { partitions: revoked, .. }) = self.revokes.pop_front() else { return };
        revoked.iter().for_each(|at| partitions.remove(at));
        tracing::info!(target: "source", pipeline = %self.pipeline, partitions = %list_of(&revoked), "revoked");
        actions.push(Action::Unassign(revoked));
        actions.push(Action::ReadOnAfterRebalance { except: Vec::new() });
    }

    /// Revokes the leases of partitions that could not be drained in time. Nothing of them is in the middle of being
    /// written.
    pub fn revoke_overdue_leases(&self, partitions: &OwnedPartitions) {
        for revoke in self.revokes.iter().filter(|revoke| revoke.last_commit.is_some()) {
            partitions.revoke_leases(is_one_of(&revoke.partitions));
        }
    }

    /// Returns whether no revoke waits for its answer.
    pub fn are_answered(&self) -> bool {
        self.revokes.is_empty()
    }

    /// When there is something to do next, whatever happens.
    pub fn deadline(&self) -> Option<Instant> {
        let revoke = self.revokes.front()?;
        Some(revoke.last_commit.as_ref().map_or(revoke.deadline, |last| last.deadline.min(last.again)))
    }
}

fn is_one_of(list: &[TopicPartition]) -> impl Fn(&OwnedPartition) -> bool {
    move |partition| list.contains(partition.at())
}

#[cfg(test)]
mod tests;
