//! Who has which partition: where to start, and when and how to give up.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::slot::{Pause, Slots, Start};
use super::{Source, Transactions};
use crate::batch::Partition;
use crate::config::plan::Start as FirstStart;
use crate::kafka::consumer::{Committed, StartPosition};
use crate::kafka::{KafkaError, TopicPartition};

/// Before the number in what is noted beside commits.
const NOTE: &str = "sluice:partitions=";
/// How long a question to the brokers may take before it is asked again.
pub(super) const ASK: Duration = Duration::from_secs(2);
/// How long the first question about an assignment may take: until it has an answer nothing is fetched.
const ASK_FIRST: Duration = Duration::from_secs(2);
/// And the next one, which keeps the loop from the partitions that are fetched; then ever longer, up to the first's.
const ASK_ON: Duration = Duration::from_millis(250);
/// How long to wait before a question that failed is asked again.
pub(super) const ASK_AGAIN: Duration = Duration::from_millis(500);
/// How long a revoke waits for the answer to its last commit.
const COMMIT_WAIT: Duration = Duration::from_secs(5);

/// Partitions that are ours as soon as it is known where to start.
pub struct Pending {
    partitions: Vec<TopicPartition>,
    again: Instant,
    // The rebalance that brought them has its answer: the others are fetched meanwhile.
    answered: bool,
    // How long the next question may take.
    ask: Duration,
}

impl Pending {
    /// Whether the rebalance that brought them has its answer.
    pub fn is_answered(&self) -> bool {
        self.answered
    }
}

/// Partitions that are being given up.
pub struct Revoke {
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

/// What is known of a topic that the group begins with.
struct Topic {
    partitions_at_start: i32,
}

/// Where to start, and what cannot be told yet.
type Starts = (Vec<(TopicPartition, Start)>, Option<(KafkaError, Vec<TopicPartition>)>);

impl Source<'_> {
    pub(super) fn on_assigned(&mut self, partitions: Vec<TopicPartition>) {
        self.last = None;
        // What is still waiting is not offered again, but where an eager assignment names everything anew.
        let waiting = self.pending.take().filter(|_| self.consumer.incremental());
        let mut all = waiting.map_or_else(Vec::new, |pending| pending.partitions);
        all.retain(|at| !partitions.contains(at));
        all.extend(partitions);
        self.pending = Some(Pending { partitions: all, again: Instant::now(), answered: false, ask: ASK_FIRST });
    }

    pub(super) fn go_on_assigning(&mut self, now: Instant) {
        let Some(pending) = self.pending.take_if(|pending| now >= pending.again) else { return };
        if let Some((error, partitions)) = self.assign(&pending) {
            let waiting = list_of(&partitions);
            if !pending.answered {
                tracing::warn!(target: "source", pipeline = %self.plan.name, %waiting, "cannot begin with partitions yet: {error}");
            }
            let ask = if pending.answered { (pending.ask * 2).min(ASK_FIRST) } else { ASK_ON };
            self.pending = Some(Pending { partitions, again: now + ASK_AGAIN, answered: true, ask });
        }
    }

    /// Begins with every partition of which it can be known where. Answers the others, and why.
    fn assign(&mut self, pending: &Pending) -> Option<(KafkaError, Vec<TopicPartition>)> {
        let partitions = &pending.partitions;
        let (starts, unresolved) = match self.starts(partitions, pending.ask) {
            Ok(resolved) => resolved,
            Err(error) if pending.answered => return Some((error, partitions.clone())),
            // The rebalance gets its answer all the same, or nothing of the others would be fetched.
            Err(error) => (Vec::new(), Some((error, partitions.clone()))),
        };
        if pending.answered && starts.is_empty() {
            return unresolved;
        }
        let from = |start: &Start| start.position.map_or(StartPosition::Beginning, StartPosition::Offset);
        let mut list: Vec<_> = starts.iter().map(|(at, start)| (at.clone(), from(start))).collect();
        let added: Vec<_> = starts.iter().map(|(at, _)| at.clone()).collect();
        if !self.consumer.incremental() {
            // An eager assignment names all partitions, those that are ours already too.
            list.extend(self.slots.iter().map(|slot| (slot.lease.at.clone(), slot.from())));
        }
        // A partition that was ours before keeps its pause in librdkafka. Lifted afterwards, the start might be passed over.
        if let Err(error) = self.consumer.resume(&added).and_then(|()| self.consumer.assign(&list)) {
            return Some((error, partitions.clone()));
        }
        for (at, start) in starts {
            let worker = self.slots.least_loaded(self.intake.workers());
            self.slots.add(&at, worker, start);
            if self.intake.is_paused(worker) {
                self.set_worker_paused(worker, true);
            }
        }
        self.gather_probe_again();
        if self.end.is_some() {
            self.set_all_paused(Pause::ChainOutput, true);
        }
        if unresolved.is_none() || !added.is_empty() {
            tracing::info!(
                target: "source", pipeline = %self.plan.name, partitions = self.slots.len(), added = %list_of(&added), "assigned"
            );
        }
        if unresolved.is_none() {
            self.shared.assigned.store(true, Ordering::Release);
        }
        self.read_on_after_rebalance(|slot| !added.contains(&slot.lease.at));
        unresolved
    }

    /// Where to start in each partition, and which cannot be told yet.
    fn starts(&self, partitions: &[TopicPartition], timeout: Duration) -> Result<Starts, KafkaError> {
        let (mut starts, mut unresolved) = (Vec::with_capacity(partitions.len()), None::<(KafkaError, Vec<_>)>);
        if partitions.is_empty() {
            return Ok((starts, unresolved));
        }
        let mut topics = HashMap::new();
        for (at, committed) in self.consumer.committed(partitions, timeout)? {
            let start = match committed {
                Ok(Some(Committed { offset, note })) => {
                    Ok(Start { position: Some(offset), committed: Some(offset), note })
                }
                // One that does not answer is enough to wait for.
                Ok(None) if unresolved.is_none() => self.first_start(&at, &mut topics),
                Ok(None) => Err(KafkaError::later()),
                Err(error) => Err(error),
            };
            match start {
                Ok(start) => starts.push((at, start)),
                Err(error) => unresolved.get_or_insert_with(|| (error, Vec::new())).1.push(at),
            }
        }
        Ok((starts, unresolved))
    }

    /// Where to start in a partition that the group has no offset of. Under `start: latest` the group notes, beside
    /// each commit, how many partitions the topic had when it began: a partition beyond those was added later, and
    /// nothing of it was ever read.
    fn first_start(&self, at: &TopicPartition, topics: &mut HashMap<Arc<str>, Topic>) -> Result<Start, KafkaError> {
        let first = |position, note| Start { position, committed: None, note };
        if self.plan.input.start == FirstStart::Earliest {
            return Ok(first(None, String::new()));
        }
        if !topics.contains_key(&at.topic) {
            topics.insert(at.topic.clone(), self.ask_topic(at)?);
        }
        let at_start = topics[&at.topic].partitions_at_start;
        let note = format!("{NOTE}{at_start}");
        if at.partition.0 >= at_start {
            return Ok(first(None, note));
        }
        // Fixed now, and committed: what comes while we are away is not skipped.
        Ok(first(Some(self.consumer.watermarks(at, ASK)?.1), note))
    }

    fn ask_topic(&self, at: &TopicPartition) -> Result<Topic, KafkaError> {
        let count = self.consumer.partition_count(&at.topic, ASK)?;
        let all: Vec<_> =
            (0..count).map(|number| TopicPartition { partition: Partition(number), ..at.clone() }).collect();
        let committed = self.consumer.committed(&all, ASK)?;
        let committed: Vec<_> =
            committed.into_iter().map(|(at, committed)| Ok((at, committed?))).collect::<Result<_, KafkaError>>()?;
        let notes =
            committed.iter().filter_map(|(_, committed)| committed.as_ref()?.note.strip_prefix(NOTE)?.parse().ok());
        // A group that began under other hands has no notes: what it has offsets of is what there was.
        let known = committed.iter().filter(|(_, committed)| committed.is_some()).map(|(at, _)| at.partition.0 + 1);
        Ok(Topic { partitions_at_start: notes.min().or(known.max()).unwrap_or(count) })
    }

    pub(super) fn on_revoked(&mut self, partitions: Vec<TopicPartition>, lost: bool) {
        self.last = None;
        if let Some(pending) = &mut self.pending {
            pending.partitions.retain(|at| !partitions.contains(at));
        }
        self.pending.take_if(|pending| pending.partitions.is_empty());
        self.gather_probe_again();
        // What was assigned and never begun with is not librdkafka's to give up either.
        let partitions: Vec<_> = partitions.into_iter().filter(|at| self.slots.place(at).is_some()).collect();
        if lost {
            tracing::warn!(
                target: "source", pipeline = %self.plan.name, partitions = %list_of(&partitions),
                "the assignment was lost: what was not committed is discarded, and read again by whoever has it now"
            );
            return self.discard(&partitions);
        }
        let now = Instant::now();
        // What is gathered of them goes on its way: it is drained like the rest.
        self.intake.dispatch(true, now, super::dispatched(&mut self.slots));
        let leaving = |at: &TopicPartition| partitions.contains(at);
        let leases: Vec<_> =
            self.slots.iter().map(|slot| slot.lease.clone()).filter(|lease| leaving(&lease.at)).collect();
        for lease in leases {
            self.set_paused(lease.index, lease.generation, Pause::ChainOutput, true);
        }
        self.abandon_retries(|slot| leaving(&slot.lease.at));
        self.revokes.push_back(Revoke { partitions, deadline: now + self.plan.drain, last_commit: None });
    }

    /// The partitions are others' already: nothing of them is written or committed any more.
    fn discard(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            self.slots.remove(at);
        }
        // What is enqueued of partitions that stay is not to be thrown away. An abort throws away what it has to.
        if self.slots.len() == 0 && self.transactions.is_none() {
            self.shared.sink.purge();
        }
        self.unassign(partitions);
        // Those of a topic that is gone may be lost alone.
        self.read_on_after_rebalance(|_| true);
        self.abort("the assignment was lost");
    }

    pub(super) fn go_on_revoking(&mut self, now: Instant) {
        let Some(mut revoke) = self.revokes.pop_front() else { return };
        let is_its = |at: &TopicPartition| revoke.partitions.contains(at);
        let drained = || {
            let mut its = self.slots.iter().filter(|slot| is_its(&slot.lease.at));
            its.all(|slot| slot.tracker.is_drained() && !self.intake.gathers(&slot.lease))
        };
        // Then nothing of them is in the transaction, whatever waits at the latch.
        let is_going_back = self.transactions.as_ref().is_some_and(Transactions::is_going_back);
        // What is written and not acknowledged yet is in the transaction too.
        let is_empty = self.transactions.as_ref().is_none_or(Transactions::is_empty);
        let is_done = self.is_committed(is_its) && (is_empty || drained());
        match &mut revoke.last_commit {
            None if now >= revoke.deadline || drained() || is_going_back => {
                // What is in the middle of being written is written to its end, or the transaction could not be kept.
                match &mut self.transactions {
                    Some(transactions) if !drained() && transactions.may_be_written() => transactions.force(),
                    Some(_) | None => end_leases(&self.slots, is_its),
                }
                self.commit(is_its);
                revoke.last_commit = Some(LastCommit { deadline: now + COMMIT_WAIT, again: now + ASK_AGAIN });
            }
            Some(last) if now >= last.deadline || is_done => {
                if !is_done {
                    // Nothing of a transaction is kept whose offsets are not.
                    self.abort("partitions had to be given up before it was committed");
                }
                let partitions = revoke.partitions;
                partitions.iter().for_each(|at| self.slots.remove(at));
                self.unassign(&partitions);
                tracing::info!(target: "source", pipeline = %self.plan.name, partitions = %list_of(&partitions), "revoked");
                return self.read_on_after_rebalance(|_| true);
            }
            Some(last) if now >= last.again => {
                last.again = now + ASK_AGAIN;
                self.commit(is_its);
            }
            _ => {}
        }
        self.revokes.push_front(revoke);
    }

    /// Ends the leases of partitions that could not be drained in time.
    pub(super) fn end_leases_of_overdue(&mut self) {
        for revoke in self.revokes.iter().filter(|revoke| revoke.last_commit.is_some()) {
            end_leases(&self.slots, |at| revoke.partitions.contains(at));
        }
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) {
        self.last = None;
        if let Err(error) = self.consumer.unassign(partitions) {
            tracing::warn!(target: "source", pipeline = %self.plan.name, "giving partitions up: {error}");
        }
    }
}

fn end_leases(slots: &Slots, which: impl Fn(&TopicPartition) -> bool) {
    slots.iter().filter(|slot| which(&slot.lease.at)).for_each(|slot| slot.lease.revoke());
}

fn list_of(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(TopicPartition::to_string).collect::<Vec<_>>().join(" ")
}
