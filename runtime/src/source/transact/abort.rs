//! What follows where a transaction cannot be committed: everything on its way is void, and every partition goes back to
//! what the group has committed.

use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode;

use super::Phase;
use crate::batch::Offset;
use crate::error::PipelineError;
use crate::kafka::transactions::is_fenced;
use crate::kafka::{KafkaError, TopicPartition};
use crate::sink::receipt::Span;
use crate::source::Source;
use crate::source::assign::ASK_AGAIN;
use crate::source::slot::{Pause, Slot};

/// How long a question about committed offsets may keep the loop from everything else.
const ASK: Duration = Duration::from_secs(1);
/// So many aborts without a commit between them are worth a warning.
const ABORTS: u32 = 3;

/// Whether a report says that a transaction or its producer has failed, and nothing of the record.
fn is_of_transaction(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{Fatal, MessageTimedOut, PurgeInflight, PurgeQueue, State};
    use RDKafkaErrorCode::{
        InvalidProducerIdMapping, InvalidTransactionalState, OutOfOrderSequenceNumber, UnknownProducerId,
    };
    let is_sequence = matches!(
        error.code,
        InvalidProducerIdMapping | InvalidTransactionalState | OutOfOrderSequenceNumber | UnknownProducerId
    );
    is_sequence
        || is_fenced(error)
        || matches!(error.code, Fatal | MessageTimedOut | PurgeInflight | PurgeQueue | State)
}

impl Source<'_> {
    /// The transaction must not be committed: why. Whatever is on its way is void, and read again.
    pub(in crate::source) fn abort(&mut self, why: &str) {
        let Some(transactions) = self.transactions.as_mut().filter(|transactions| !transactions.void) else { return };
        let aborts = transactions.aborts + 1;
        if aborts < ABORTS {
            tracing::info!(
                target: "transactions", pipeline = %self.plan.name,
                "a transaction is aborted, and its records are read again: {why}"
            );
        } else {
            tracing::warn!(
                target: "transactions", pipeline = %self.plan.name, aborts,
                "one transaction after another is aborted, and its records are read again: {why}"
            );
        }
        // While partitions go back nothing is in it yet.
        transactions.void = transactions.phase != Phase::GoingBack;
        let (is_open, is_void) = (transactions.phase == Phase::Open, transactions.void);
        self.void_all();
        if is_open {
            self.close_transaction();
        }
        if let Some(end) = self.end.as_mut().filter(|_| is_void) {
            end.fail(PipelineError::Aborted(why.to_owned()));
        }
    }

    /// Nothing that is on its way may be written or committed; each partition waits to go back to what is committed.
    pub(super) fn void_all(&mut self) {
        self.last = None;
        self.intake.clear();
        self.oversize.clear();
        let places: Vec<_> = self.slots.iter().map(|slot| slot.lease.index).collect();
        for place in places {
            self.slots.void(place);
        }
        // What would come is not wanted.
        let stopped =
            self.slots.iter_mut().filter_map(|slot| slot.pause(Pause::Void, true).map(|_| slot.lease.at.clone()));
        let stopped: Vec<_> = stopped.collect();
        if let Err(error) = self.consumer.pause(&stopped) {
            tracing::warn!(target: "transactions", pipeline = %self.plan.name, "pausing: {error}");
        }
        self.gather_probe_again();
    }

    /// Every partition whose lease has ended goes back to what the group has committed, which is asked of the broker:
    /// whether the last transaction was committed may not be known.
    pub(super) fn go_back_to_committed(&mut self, now: Instant) {
        if self.end.is_some() {
            // Nothing is read any more.
            let void: Vec<_> =
                self.slots.iter().filter(|slot| slot.lease.is_revoked()).map(|slot| slot.lease.index).collect();
            void.into_iter().for_each(|place| self.slots.void(place));
            return self.open_latch();
        }
        let Some(transactions) = &self.transactions else { return };
        if now < transactions.back_again || !self.may_reassign() {
            return;
        }
        let is_void = |slot: &&Slot| slot.lease.is_revoked() && !slot.is_paused(Pause::ChainOutput);
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
            back.push((slot.lease.index, slot.committed.or(slot.start)));
        }
        Ok(back)
    }

    /// Something of a transaction was not delivered. That the transaction or its producer has failed says nothing of the
    /// record; anything else would come again, so the pipeline stops.
    pub(in crate::source) fn on_not_delivered(&mut self, span: &Span, error: KafkaError) {
        if self.transactions.is_some() {
            self.abort(&error.text);
            if is_of_transaction(&error) {
                return;
            }
        }
        let (from, offset) = (span.lease.at.clone(), span.first.0);
        self.begin_end(Some(PipelineError::Undeliverable { from, offset, cause: error.text }));
    }
}
