//! Transactions: when they end, what goes into them, and what follows where one cannot be committed.
//!
//! A transaction is open while the write gate is. To end it the gate is closed, the last writer leaves, what was
//! written is acknowledged, and only then is it known what can be committed. Anything that was written and is not
//! covered by those offsets makes it an abort: every partition then goes back to what is committed, in a new generation
//! (`rewind`).

mod pace;
mod phase;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::pace::Pace;
pub use self::phase::Phase;
use super::action::{Action, Actions};
use super::authorization::Refused;
use super::partitions::{OwnedPartition, OwnedPartitions};
use super::rewind::Rewind;
use crate::batch::Offset;
use crate::error::PipelineError;
use crate::kafka::{CommittedOf, ErrorKind, KafkaError, TopicPartition};
use crate::sink::committer::{TransactionCommand, TransactionOutcome};

/// A producer that is fenced twice within this time has a rival of the same name.
const RIVAL: Duration = Duration::from_secs(60);
/// So many aborts without a commit between them are worth a warning.
const ABORTS: u32 = 3;

/// How transactions of a pipeline are to be.
#[derive(Clone, Debug)]
pub struct TransactionOptions {
    /// The pipeline.
    pub pipeline: Arc<str>,
    /// The name of the instance, where it has one.
    pub instance: Option<String>,
    /// How long one lasts at most, as far as that depends on when it is ended.
    pub interval: Duration,
    /// After this time the broker aborts one.
    pub timeout: Duration,
}

/// The transactions of one pipeline.
pub struct Transactions {
    options: TransactionOptions,
    phase: Phase,
    begun: Instant,
    // When it is to be committed if it holds anything.
    pace: Pace,
    // To be committed as soon as it holds anything.
    is_commit_requested: bool,
    // To be ended now, whatever it holds.
    is_close_requested: bool,
    // It must not be committed.
    is_void: bool,
    fenced: Option<Instant>,
    // Since the last commit.
    aborts: u32,
    // So many aborts follow from a record that is not written again.
    progress: u8,
    rewind: Rewind,
    // The pipeline has seen its last commit: the gate stays closed.
    is_last: bool,
}

impl Transactions {
    /// Asks for the first transaction.
    pub fn new(options: TransactionOptions, now: Instant, actions: &mut Actions) -> Transactions {
        actions.push(Action::Transaction(TransactionCommand::Begin));
        Transactions {
            phase: Phase::Beginning,
            begun: now,
            pace: Pace::new(options.interval, now),
            is_commit_requested: false,
            is_close_requested: false,
            is_void: false,
            fenced: None,
            aborts: 0,
            progress: 0,
            rewind: Rewind::new(options.pipeline.clone(), now),
            is_last: false,
            options,
        }
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// When it began.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// Returns whether a worker may be in the middle of writing.
    pub fn may_be_written(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Closing)
    }

    /// Returns whether nothing of it is on its way: it is open and empty, or there never was one.
    pub fn is_at_rest(&self) -> bool {
        match self.phase {
            Phase::Beginning => true,
            Phase::Open => !self.is_close_requested,
            Phase::Closing | Phase::Flushing | Phase::Committing | Phase::Aborting | Phase::Rewinding => false,
        }
    }

    /// Returns whether nothing is in it that could still be committed: it is at rest, or partitions are still to go
    /// back.
    pub fn is_empty(&self) -> bool {
        self.is_at_rest() || self.is_rewinding()
    }

    /// Returns whether partitions are still to go back after an abort.
    pub fn is_rewinding(&self) -> bool {
        self.phase == Phase::Rewinding
    }

    /// Returns whether it is being aborted.
    pub fn is_aborting(&self) -> bool {
        self.phase == Phase::Aborting
    }

    /// Returns whether offsets are on their way to be committed.
    pub fn is_committing(&self) -> bool {
        self.phase == Phase::Committing
    }

    /// It is to be committed as soon as it holds anything.
    pub fn request_commit(&mut self) {
        self.is_commit_requested = true;
    }

    /// It is to be ended now, whatever it holds.
    pub fn request_close(&mut self) {
        self.is_close_requested = true;
    }

    /// Says whether everything that was read is written, and nothing more is fetched: what is written then waits for
    /// nothing.
    pub fn set_idle(&mut self, is_idle: bool) {
        self.pace.set_idle(is_idle);
    }

    /// The pipeline has asked for its last commit: nothing is written after this transaction.
    pub fn set_last(&mut self) {
        self.is_last = true;
    }

    fn go_on(&mut self, phase: Phase, command: TransactionCommand, actions: &mut Actions) {
        self.phase = phase;
        actions.push(Action::Transaction(command));
    }

    /// Ends the transaction where that is due, and brings partitions back after an abort. `may_reassign`: partitions
    /// may be given up and assigned again now. `is_ending`: nothing is read any more.
    pub fn step(
        &mut self,
        now: Instant,
        may_reassign: bool,
        is_ending: bool,
        partitions: &mut OwnedPartitions,
        actions: &mut Actions,
    ) {
        match self.phase {
            Phase::Open => {
                let is_due = self.is_commit_requested && partitions.iter().any(OwnedPartition::has_uncommitted);
                if self.is_close_requested || is_due || self.due(partitions).is_some_and(|due| now >= due) {
                    self.close(now, actions);
                }
            }
            Phase::Rewinding if self.rewind.step(now, may_reassign, is_ending, partitions, actions) => {
                self.open(now, actions);
            }
            Phase::Rewinding
            | Phase::Beginning
            | Phase::Closing
            | Phase::Flushing
            | Phase::Committing
            | Phase::Aborting => {}
        }
    }

    /// When there is something to do next, whatever happens. `may_reassign` as for [`Transactions::step`], which waits
    /// for it where partitions are to go back.
    pub fn deadline(&self, may_reassign: bool, partitions: &OwnedPartitions) -> Option<Instant> {
        match self.phase {
            Phase::Open => self.due(partitions),
            Phase::Rewinding if may_reassign => self.rewind.deadline(),
            Phase::Rewinding => None,
            Phase::Beginning | Phase::Closing | Phase::Flushing | Phase::Committing | Phase::Aborting => None,
        }
    }

    /// When the open transaction is to end; none where there is nothing to commit.
    fn due(&self, partitions: &OwnedPartitions) -> Option<Instant> {
        if partitions.iter().any(OwnedPartition::has_uncommitted) {
            return Some(self.pace.due());
        }
        // Nothing is acknowledged yet, and nothing has to be: it is flushed before it is known what is committed.
        let is_written = |partition: &OwnedPartition| !partition.is_idle() && !partition.is_retrying();
        self.pace.due_idle().filter(|_| partitions.iter().any(is_written))
    }

    fn close(&mut self, now: Instant, actions: &mut Actions) {
        (self.is_commit_requested, self.is_close_requested, self.phase) = (false, false, Phase::Closing);
        self.pace.close(now);
        actions.push(Action::CloseWriteGate);
    }

    /// The last writer has left. Returns whether that is what was waited for: nothing of the partitions whose time to
    /// be given up is over is in the middle of being written any more.
    pub fn on_writers_left(&mut self, actions: &mut Actions) -> bool {
        if self.phase != Phase::Closing {
            return false;
        }
        match self.is_void {
            true => self.go_on(Phase::Aborting, TransactionCommand::Abort, actions),
            false => self.go_on(Phase::Flushing, TransactionCommand::Flush, actions),
        }
        true
    }

    /// A call has ended.
    pub fn on_outcome(
        &mut self,
        outcome: TransactionOutcome,
        now: Instant,
        partitions: &mut OwnedPartitions,
        actions: &mut Actions,
    ) {
        match outcome {
            TransactionOutcome::Begun { cause, renewed } => self.on_begun(cause, renewed, now, actions),
            TransactionOutcome::Flushed => self.on_flushed(now, partitions, actions),
            TransactionOutcome::Committed(offsets) => self.on_committed(offsets, now, partitions, actions),
            TransactionOutcome::Failed(cause) => self.abort_now(&cause.to_string(), now, actions),
            TransactionOutcome::Broken(cause) => {
                actions.push(Action::InvalidateInFlight);
                self.phase = Phase::Beginning;
                actions.push(Action::Fail(PipelineError::Transactions(cause)));
            }
        }
    }

    fn on_begun(
        &mut self,
        cause: Option<KafkaError>,
        renewed: Option<KafkaError>,
        now: Instant,
        actions: &mut Actions,
    ) {
        if let Some(cause) = cause.filter(|error| error.kind == ErrorKind::Authorization) {
            actions.push(Action::Refused(Refused::Output, cause));
        }
        if renewed.is_some_and(|cause| self.has_rival(&cause, now)) {
            let name = self.options.instance.clone().unwrap_or_default();
            actions.push(Action::Fail(PipelineError::Fenced(name)));
        }
        (self.begun, self.phase) = (now, Phase::Rewinding);
        self.pace.close(now);
        if !std::mem::take(&mut self.is_void) {
            return self.open(now, actions);
        }
        self.aborts += 1;
        // What is known now brings no other abort, so nothing is to be waited for.
        let waits_for = if self.progress > 0 { 0 } else { self.aborts };
        self.progress = self.progress.saturating_sub(1);
        self.rewind.begin(waits_for, now);
    }

    /// A broker has refused a record that goes to the dead-letter topic at once from now on; an abort follows. Often
    /// another one does: librdkafka 2.12 has counted the record, and what it sends to that partition in the next
    /// transaction is out of sequence.
    pub fn on_record_refused(&mut self) {
        self.progress = 2;
    }

    /// Returns whether another instance with our name took the transactional id over, and not the broker, whose
    /// time-out says the same of a transaction that took too long.
    fn has_rival(&mut self, cause: &KafkaError, now: Instant) -> bool {
        let is_fenced = cause.kind == ErrorKind::FencedProducer;
        if !is_fenced || self.options.instance.is_none() || now - self.begun > self.options.timeout {
            return false;
        }
        self.fenced.replace(now).is_some_and(|before| now - before < RIVAL)
    }

    fn on_flushed(&mut self, now: Instant, partitions: &OwnedPartitions, actions: &mut Actions) {
        if self.is_void {
            return self.go_on(Phase::Aborting, TransactionCommand::Abort, actions);
        }
        // What is delivered behind something that is not would be committed without its offset.
        if partitions.iter().any(OwnedPartition::has_gap) {
            return self.abort_now("a later batch was delivered before an earlier one", self.begun, actions);
        }
        let offsets: Vec<_> = partitions
            .iter()
            .filter_map(|partition| Some((partition.at().clone(), partition.uncommitted()?)))
            .collect();
        if offsets.is_empty() {
            self.pace.end_empty();
            return self.open(now, actions);
        }
        self.phase = Phase::Committing;
        actions.push(Action::CommitTransaction(offsets));
    }

    /// The offsets cannot be sent: this consumer is not currently a group member.
    pub fn on_no_member(&mut self, now: Instant, actions: &mut Actions) {
        self.abort_now("this consumer is not currently a member of the group", now, actions);
    }

    fn on_committed(
        &mut self,
        offsets: Vec<(TopicPartition, Offset)>,
        now: Instant,
        partitions: &mut OwnedPartitions,
        actions: &mut Actions,
    ) {
        for (at, offset) in offsets {
            if let Some(partition) = partitions.of_mut(&at) {
                partition.committed(offset);
            }
        }
        (self.begun, self.phase, self.aborts, self.progress) = (now, Phase::Rewinding, 0, 0);
        self.rewind.begin(self.aborts, now);
        self.pace.commit(now);
        // What made it void came while it was being committed: the commit stands, and the next one is empty.
        if !std::mem::take(&mut self.is_void) {
            self.open(now, actions);
        }
    }

    /// Lets workers write again, but where the pipeline has seen its last commit.
    fn open(&mut self, now: Instant, actions: &mut Actions) {
        self.phase = Phase::Open;
        self.pace.open(now);
        if !self.is_last {
            actions.push(Action::OpenWriteGate);
        }
    }

    /// The transaction must not be committed: why. Whatever is on its way is void, and read again. Returns whether that
    /// makes the end of a pipeline that is ending a bad one.
    pub fn abort(&mut self, why: &str, now: Instant, actions: &mut Actions) -> bool {
        if self.is_void {
            return false;
        }
        let (pipeline, aborts) = (&*self.options.pipeline, self.aborts + 1);
        if aborts < ABORTS {
            tracing::info!(
                target: "transactions", pipeline, "a transaction is aborted, and its records are read again: {why}"
            );
        } else {
            tracing::warn!(
                target: "transactions", pipeline, aborts,
                "one transaction after another is aborted, and their records are read again: {why}"
            );
        }
        // While partitions go back nothing is in it yet.
        self.is_void = self.phase != Phase::Rewinding;
        let is_open = self.phase == Phase::Open;
        actions.push(Action::InvalidateInFlight);
        if is_open {
            self.close(now, actions);
        }
        self.is_void
    }

    /// The same, in a phase in which nobody writes: the abort follows at once.
    fn abort_now(&mut self, why: &str, now: Instant, actions: &mut Actions) {
        // Through the loop, because a pipeline that is ending has to know.
        let _ = now;
        actions.push(Action::Abort(why.to_owned()));
        self.go_on(Phase::Aborting, TransactionCommand::Abort, actions);
    }

    /// The answer to the question what the group has committed.
    pub fn on_rewind_answer(
        &mut self,
        committed: Result<Vec<(TopicPartition, CommittedOf)>, KafkaError>,
        ticket: u64,
        now: Instant,
    ) {
        self.rewind.on_committed(committed, ticket, now);
    }
}

#[cfg(test)]
mod tests;
