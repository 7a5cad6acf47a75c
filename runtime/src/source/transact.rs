//! Transactions: when they end, what goes into them, and what follows where one cannot be committed.
//!
//! A transaction is open while the latch is. To end it the latch is shut, the last writer leaves, what was written is
//! acknowledged, and only then is it known what can be committed. Anything that was written and is not covered by
//! those offsets makes it an abort: every partition then goes back to what is committed, in a new generation.

mod abort;

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode;

use super::Source;
use super::slot::Slot;
use crate::batch::Offset;
use crate::error::PipelineError;
use crate::failpoint::{self, Failpoint};
use crate::kafka::consumer::Committed;
use crate::kafka::transactions::is_fenced;
use crate::kafka::{KafkaError, TopicPartition};
use crate::sink::committer::{TransactionCommand, TransactionOutcome};

/// The longest wait before partitions go back after one abort upon another.
const BACKOFF_MOST: Duration = Duration::from_secs(5);
/// And the first.
const BACKOFF: Duration = Duration::from_millis(100);
/// A producer that is fenced twice within this time has a rival of the same name.
const RIVAL: Duration = Duration::from_secs(60);

/// How far the transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The first is about to begin.
    Beginning,
    /// Workers write.
    Open,
    /// The latch is shut, and the last writers are leaving.
    Closing,
    /// What was written is being acknowledged.
    Flushing,
    /// It is being committed.
    Committing,
    /// It is being aborted.
    Aborting,
    /// The next has begun, and partitions are still to go back.
    GoingBack,
}

/// The transactions of one pipeline.
pub struct Transactions {
    commands: Sender<TransactionCommand>,
    phase: Phase,
    interval: Duration,
    // After this time the broker aborts one.
    timeout: Duration,
    begun: Instant,
    // When it is to be committed if it holds anything.
    due: Instant,
    // To be committed as soon as it holds anything.
    urgent: bool,
    // To be ended now, whatever it holds.
    forced: bool,
    // It must not be committed.
    void: bool,
    fenced: Option<Instant>,
    // Since the last commit.
    aborts: u32,
    back_again: Instant,
}

impl Transactions {
    /// Transactions that last about `interval`, made by a committer that obeys `commands`.
    pub fn new(commands: Sender<TransactionCommand>, interval: Duration, timeout: Duration) -> Transactions {
        let begun = Instant::now();
        let transactions = Transactions {
            commands,
            phase: Phase::Beginning,
            interval,
            timeout,
            begun,
            due: begun + interval,
            urgent: false,
            forced: false,
            void: false,
            fenced: None,
            aborts: 0,
            back_again: begun,
        };
        transactions.ask(TransactionCommand::Begin);
        transactions
    }

    /// Whether a worker may be in the middle of writing.
    pub fn may_be_written(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Closing)
    }

    /// Whether nothing of it is on its way: it is open and empty, or there never was one.
    pub fn is_at_rest(&self) -> bool {
        match self.phase {
            Phase::Beginning => true,
            Phase::Open => !self.forced,
            Phase::Closing | Phase::Flushing | Phase::Committing | Phase::Aborting | Phase::GoingBack => false,
        }
    }

    /// Whether nothing is in it that could still be committed: it is at rest, or partitions are still to go back.
    pub fn is_empty(&self) -> bool {
        self.is_at_rest() || self.is_going_back()
    }

    /// Whether it is void, and partitions are still to go back.
    pub fn is_going_back(&self) -> bool {
        self.phase == Phase::GoingBack
    }

    /// Whether offsets are on their way to be committed.
    pub fn is_committing(&self) -> bool {
        self.phase == Phase::Committing
    }

    /// It is to be committed as soon as it holds anything.
    pub fn hurry(&mut self) {
        self.urgent = true;
    }

    /// It is to be ended now, whatever it holds.
    pub fn force(&mut self) {
        self.forced = true;
    }

    fn ask(&self, command: TransactionCommand) {
        // A committer that has ended has said why, and the pipeline is ending.
        let _ = self.commands.send(command);
    }

    fn go_on(&mut self, phase: Phase, command: TransactionCommand) {
        self.phase = phase;
        self.ask(command);
    }
}

/// Whether something of a partition is delivered and not committed.
fn is_ahead(slot: &Slot) -> bool {
    slot.tracker.position().is_some_and(|position| slot.committed.is_none_or(|committed| committed < position))
}

/// Whether an error says that a right is missing, which no repetition mends.
fn is_refusal(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{ClusterAuthorizationFailed, GroupAuthorizationFailed};
    use RDKafkaErrorCode::{TopicAuthorizationFailed, TransactionalIdAuthorizationFailed};
    matches!(
        error.code,
        ClusterAuthorizationFailed
            | GroupAuthorizationFailed
            | TopicAuthorizationFailed
            | TransactionalIdAuthorizationFailed
    )
}

impl Source<'_> {
    /// How long the loop may wait before a transaction is due; none where nothing is to be committed.
    pub(super) fn until_transaction_due(&self, now: Instant) -> Option<Duration> {
        let transactions = self.transactions.as_ref().filter(|transactions| transactions.phase == Phase::Open)?;
        self.slots.iter().any(is_ahead).then(|| transactions.due.saturating_duration_since(now))
    }

    pub(super) fn go_on_with_transaction(&mut self, now: Instant) {
        let Some(transactions) = &mut self.transactions else { return };
        match transactions.phase {
            Phase::Open => {
                let is_due = transactions.urgent || now >= transactions.due;
                if transactions.forced || (is_due && self.slots.iter().any(is_ahead)) {
                    self.close_transaction();
                }
            }
            Phase::GoingBack => self.go_back_to_committed(now),
            Phase::Beginning | Phase::Closing | Phase::Flushing | Phase::Committing | Phase::Aborting => {}
        }
    }

    fn close_transaction(&mut self) {
        let Some(transactions) = &mut self.transactions else { return };
        (transactions.urgent, transactions.forced, transactions.phase) = (false, false, Phase::Closing);
        // How long the commit takes is part of the interval, or records would wait for that too.
        transactions.due = Instant::now() + transactions.interval;
        self.shared.sink.write_gate().close();
    }

    /// The last writer has left.
    pub(super) fn on_quiet(&mut self) {
        let Some(transactions) = &mut self.transactions else { return };
        if transactions.phase != Phase::Closing {
            return;
        }
        match transactions.void {
            true => transactions.go_on(Phase::Aborting, TransactionCommand::Abort),
            false => transactions.go_on(Phase::Flushing, TransactionCommand::Flush),
        }
        // Their time is over; nothing of them is in the middle of being written any more.
        self.end_leases_of_overdue();
    }

    pub(super) fn on_transaction(&mut self, outcome: TransactionOutcome) {
        match outcome {
            TransactionOutcome::Begun { cause, renewed } => self.on_begun(cause, renewed),
            TransactionOutcome::Flushed => self.on_flushed(),
            TransactionOutcome::Committed(offsets) => self.on_transaction_committed(offsets),
            TransactionOutcome::Failed(cause) => {
                self.abort(&cause.to_string());
                if let Some(transactions) = &mut self.transactions {
                    transactions.go_on(Phase::Aborting, TransactionCommand::Abort);
                }
            }
            TransactionOutcome::Broken(cause) => {
                self.void_all();
                if let Some(transactions) = &mut self.transactions {
                    transactions.phase = Phase::Beginning;
                }
                self.begin_end(Some(PipelineError::Transactions(cause)));
            }
        }
    }

    fn on_begun(&mut self, cause: Option<KafkaError>, renewed: Option<KafkaError>) {
        if let Some(cause) = cause.into_iter().chain(renewed.clone()).find(is_refusal) {
            // It would be the same the next time.
            self.begin_end(Some(PipelineError::Transactions(cause)));
        }
        if let Some(cause) = renewed
            && self.has_rival(&cause)
        {
            let name = self.plan.instance.clone().unwrap_or_default();
            self.begin_end(Some(PipelineError::Fenced(name)));
        }
        let Some(transactions) = &mut self.transactions else { return };
        let now = Instant::now();
        (transactions.begun, transactions.due, transactions.phase) =
            (now, now + transactions.interval, Phase::GoingBack);
        if !std::mem::take(&mut transactions.void) {
            return self.open_latch();
        }
        transactions.aborts += 1;
        if transactions.aborts > 1 {
            let doublings = transactions.aborts.min(8) - 2;
            transactions.back_again = now + (BACKOFF * 2_u32.pow(doublings)).min(BACKOFF_MOST);
        }
    }

    /// Whether another copy with our name took the transactional id over, and not the broker, whose time-out says the
    /// same of a transaction that took too long.
    fn has_rival(&mut self, cause: &KafkaError) -> bool {
        let Some(transactions) = &mut self.transactions else { return false };
        let now = Instant::now();
        if !is_fenced(cause) || self.plan.instance.is_none() || now - transactions.begun > transactions.timeout {
            return false;
        }
        transactions.fenced.replace(now).is_some_and(|before| now - before < RIVAL)
    }

    fn on_flushed(&mut self) {
        let Some(transactions) = &mut self.transactions else { return };
        if transactions.void {
            return transactions.go_on(Phase::Aborting, TransactionCommand::Abort);
        }
        // What is delivered behind something that is not would be committed without its offset.
        if self.slots.iter().any(|slot| slot.tracker.has_gap()) {
            return self.abort_flushed("a later batch was delivered before an earlier one");
        }
        let ahead = self.slots.iter().filter(|slot| is_ahead(slot));
        let offsets: Vec<_> = ahead
            .filter_map(|slot| {
                let committed = Committed { offset: slot.tracker.position()?, note: slot.note.clone() };
                Some((slot.lease.at.clone(), committed))
            })
            .collect();
        if offsets.is_empty() {
            return self.open_latch();
        }
        let Some(group) = self.consumer.group_metadata() else {
            return self.abort_flushed("this copy is no member of the group just now");
        };
        failpoint::reach(Failpoint::Acknowledged);
        if let Some(transactions) = &mut self.transactions {
            transactions.go_on(Phase::Committing, TransactionCommand::Commit { offsets, group });
        }
    }

    fn abort_flushed(&mut self, why: &str) {
        self.abort(why);
        if let Some(transactions) = &mut self.transactions {
            transactions.go_on(Phase::Aborting, TransactionCommand::Abort);
        }
    }

    fn on_transaction_committed(&mut self, offsets: Vec<(TopicPartition, Offset)>) {
        for (at, offset) in offsets {
            if let Some(slot) = self.slots.of(&at) {
                slot.committed = slot.committed.max(Some(offset));
            }
        }
        let Some(transactions) = &mut self.transactions else { return };
        let now = Instant::now();
        (transactions.begun, transactions.phase, transactions.aborts) = (now, Phase::GoingBack, 0);
        // However long a commit takes, there is time to write.
        transactions.due = transactions.due.max(now + transactions.interval / 2);
        // What made it void came while it was being committed: the commit stands, and the next one is empty.
        if !std::mem::take(&mut transactions.void) {
            self.open_latch();
        }
    }

    /// Lets workers write again, but where the pipeline has seen its last commit.
    fn open_latch(&mut self) {
        let is_last = self.is_last_commit_asked();
        let Some(transactions) = &mut self.transactions else { return };
        transactions.phase = Phase::Open;
        if !is_last {
            self.shared.sink.write_gate().open();
        }
    }
}
