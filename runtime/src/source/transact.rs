//! Transactions: when they end, what goes into them, and what follows where one cannot be committed.
//!
//! A transaction is open while the latch is. To end it the latch is shut, the last writer leaves, what was written is
//! acknowledged, and only then is it known what can be committed. Anything that was written and is not covered by
//! those offsets makes it an abort: every partition then goes back to what is committed, in a new generation.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode;

use super::Source;
use super::assign::ASK_AGAIN;
use super::slot::{Pause, Slot};
use crate::batch::Offset;
use crate::error::PipelineError;
use crate::failpoint::{self, Failpoint};
use crate::kafka::consumer::Committed;
use crate::kafka::transactions::is_fenced;
use crate::kafka::{KafkaError, TopicPartition};
use crate::sink::committer::{Command, Outcome};
use crate::sink::receipt::Span;

/// How long a question about committed offsets may keep the loop from everything else.
const ASK: Duration = Duration::from_secs(1);
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
    commands: Sender<Command>,
    phase: Phase,
    interval: Duration,
    // After this time the broker aborts one.
    timeout: Duration,
    begun: Instant,
    // To be committed as soon as it holds anything.
    urgent: bool,
    // To be ended now, whatever it holds.
    forced: bool,
    // It must not be committed.
    void: bool,
    fenced: Option<Instant>,
    back_again: Instant,
}

impl Transactions {
    /// Transactions that last about `interval`, made by a committer that obeys `commands`.
    pub fn new(commands: Sender<Command>, interval: Duration, timeout: Duration) -> Transactions {
        let begun = Instant::now();
        let transactions = Transactions {
            commands,
            phase: Phase::Beginning,
            interval,
            timeout,
            begun,
            urgent: false,
            forced: false,
            void: false,
            fenced: None,
            back_again: begun,
        };
        transactions.ask(Command::Begin);
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

    /// Whether offsets are on their way to be committed.
    pub fn is_committing(&self) -> bool {
        self.phase == Phase::Committing
    }

    /// When it is to be committed if it holds anything.
    pub fn due(&self) -> Instant {
        self.begun + self.interval
    }

    /// It is to be committed as soon as it holds anything.
    pub fn hurry(&mut self) {
        self.urgent = true;
    }

    /// It is to be ended now, whatever it holds.
    pub fn force(&mut self) {
        self.forced = true;
    }

    fn ask(&self, command: Command) {
        // A committer that has ended has said why, and the pipeline is ending.
        let _ = self.commands.send(command);
    }

    fn go_on(&mut self, phase: Phase, command: Command) {
        self.phase = phase;
        self.ask(command);
    }
}

/// Whether something of a partition is delivered and not committed.
fn is_ahead(slot: &Slot) -> bool {
    slot.tracker.position().is_some_and(|position| slot.committed.is_none_or(|committed| committed < position))
}

impl Source<'_> {
    /// How long the loop may wait before a transaction is due; none where nothing is to be committed.
    pub(super) fn until_transaction_due(&self, now: Instant) -> Option<Duration> {
        let transactions = self.transactions.as_ref().filter(|transactions| transactions.phase == Phase::Open)?;
        self.slots.iter().any(is_ahead).then(|| transactions.due().saturating_duration_since(now))
    }

    pub(super) fn go_on_with_transaction(&mut self, now: Instant) {
        let Some(transactions) = &mut self.transactions else { return };
        match transactions.phase {
            Phase::Open => {
                let is_due = transactions.urgent || now >= transactions.due();
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
        self.shared.sink.latch().shut();
    }

    /// The last writer has left.
    pub(super) fn on_quiet(&mut self) {
        let Some(transactions) = &mut self.transactions else { return };
        if transactions.phase != Phase::Closing {
            return;
        }
        match transactions.void {
            true => transactions.go_on(Phase::Aborting, Command::Abort),
            false => transactions.go_on(Phase::Flushing, Command::Flush),
        }
        // Their time is over; nothing of them is in the middle of being written any more.
        self.end_leases_of_overdue();
    }

    pub(super) fn on_transaction(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Begun(renewed) => self.on_begun(renewed),
            Outcome::Flushed => self.on_flushed(),
            Outcome::Committed(offsets) => self.on_transaction_committed(offsets),
            Outcome::Failed(cause) => {
                self.abort(&cause.to_string());
                if let Some(transactions) = &mut self.transactions {
                    transactions.go_on(Phase::Aborting, Command::Abort);
                }
            }
            Outcome::Broken(cause) => {
                self.void_all();
                if let Some(transactions) = &mut self.transactions {
                    transactions.phase = Phase::Beginning;
                }
                self.begin_end(Some(PipelineError::Transactions(cause)));
            }
        }
    }

    fn on_begun(&mut self, renewed: Option<KafkaError>) {
        if let Some(cause) = renewed
            && self.has_rival(&cause)
        {
            let name = self.plan.instance.clone().unwrap_or_default();
            self.begin_end(Some(PipelineError::Fenced(name)));
        }
        let Some(transactions) = &mut self.transactions else { return };
        transactions.begun = Instant::now();
        transactions.phase = Phase::GoingBack;
        if !std::mem::take(&mut transactions.void) {
            self.open_latch();
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
            return transactions.go_on(Phase::Aborting, Command::Abort);
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
            transactions.go_on(Phase::Committing, Command::Commit { offsets, group });
        }
    }

    fn abort_flushed(&mut self, why: &str) {
        self.abort(why);
        if let Some(transactions) = &mut self.transactions {
            transactions.go_on(Phase::Aborting, Command::Abort);
        }
    }

    fn on_transaction_committed(&mut self, offsets: Vec<(TopicPartition, Offset)>) {
        for (at, offset) in offsets {
            if let Some(slot) = self.slots.of(&at) {
                slot.committed = slot.committed.max(Some(offset));
            }
        }
        let Some(transactions) = &mut self.transactions else { return };
        transactions.begun = Instant::now();
        transactions.phase = Phase::GoingBack;
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
            self.shared.sink.latch().open();
        }
    }

    /// The transaction must not be committed: why. Whatever is on its way is void, and read again.
    pub(super) fn abort(&mut self, why: &str) {
        let Some(transactions) = self.transactions.as_mut().filter(|transactions| !transactions.void) else { return };
        tracing::info!(
            target: "transactions", pipeline = %self.plan.name,
            "a transaction is aborted, and its records are read again: {why}"
        );
        // While partitions go back nothing is in it yet.
        transactions.void = transactions.phase != Phase::GoingBack;
        let is_open = transactions.phase == Phase::Open;
        self.void_all();
        if is_open {
            self.close_transaction();
        }
    }

    /// Nothing that is on its way may be written or committed; each partition waits to go back to what is committed.
    fn void_all(&mut self) {
        self.last = None;
        self.intake.clear();
        self.oversize.clear();
        let all: Vec<_> = self.slots.iter().map(|slot| (slot.lease.slot, slot.committed.or(slot.start))).collect();
        for (place, to) in all {
            self.slots.renew(place, to);
            if let Some(slot) = self.slots.get(place) {
                slot.lease.end();
            }
        }
        self.gather_probe_again();
    }

    /// Every partition whose lease has ended goes back to what the group has committed, which is asked of the broker:
    /// whether the last transaction was committed may not be known.
    fn go_back_to_committed(&mut self, now: Instant) {
        if self.end.is_some() {
            return self.open_latch();
        }
        let Some(transactions) = &self.transactions else { return };
        if now < transactions.back_again || !self.may_reassign() {
            return;
        }
        let is_void = |slot: &&Slot| slot.lease.ended() && !slot.is_paused(Pause::Leaving);
        let void: Vec<_> = self.slots.iter().filter(is_void).map(|slot| slot.lease.at.clone()).collect();
        match self.committed_of(&void) {
            Ok(back) => {
                self.go_on_from(&back);
                self.open_latch();
            }
            Err(error) => {
                tracing::warn!(
                    target: "transactions", pipeline = %self.plan.name, "asking for committed offsets: {error}; asking again"
                );
                if let Some(transactions) = &mut self.transactions {
                    transactions.back_again = now + ASK_AGAIN;
                }
            }
        }
    }

    /// Where each partition goes on, by its place.
    fn committed_of(&mut self, partitions: &[TopicPartition]) -> Result<Vec<(usize, Option<Offset>)>, KafkaError> {
        let mut back = Vec::with_capacity(partitions.len());
        if partitions.is_empty() {
            return Ok(back);
        }
        for (at, committed) in self.consumer.committed(partitions, ASK)? {
            let committed = committed?;
            let Some(slot) = self.slots.of(&at) else { continue };
            slot.committed = committed.map(|committed| committed.offset);
            back.push((slot.lease.slot, slot.committed.or(slot.start)));
        }
        Ok(back)
    }

    /// Something of a transaction was not delivered. That the transaction or its producer has failed says nothing of the
    /// record; anything else would come again, so the pipeline stops.
    pub(super) fn on_not_delivered(&mut self, span: &Span, error: KafkaError) {
        use RDKafkaErrorCode::{Fatal, MessageTimedOut, PurgeInflight, PurgeQueue, State};
        if self.transactions.is_some() {
            self.abort(&error.text);
            let is_of_transaction =
                is_fenced(&error) || matches!(error.code, Fatal | MessageTimedOut | PurgeInflight | PurgeQueue | State);
            if is_of_transaction {
                return;
            }
        }
        let (from, offset) = (span.lease.at.clone(), span.first.0);
        self.begin_end(Some(PipelineError::Undeliverable { from, offset, cause: error.text }));
    }
}
