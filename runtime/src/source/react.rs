//! What follows from each event: which state machine is told of it.

use std::time::Instant;

use super::Source;
use super::action::{Action, Actions};
use super::authorization::Refused;
use super::event::{Command, Event};
use super::partitions::OwnedPartition;
use super::pause::PauseReason;
use super::question::Answer;
use crate::error::PipelineError;
use crate::kafka::{ConsumerEvent, ErrorKind, KafkaError, TopicPartition};
use crate::lease::Lease;
use crate::sink::committer::TransactionOutcome;
use crate::sink::event::SinkEvent;
use crate::sink::receipt::{FinalRecord, SizeRefusal, Span};
use crate::worker::event::WorkerEvent;

/// How often one and the same complaint of a client is logged.
const COMPLAINT_INTERVAL: std::time::Duration = std::time::Duration::from_secs(30);

impl Source {
    pub(super) fn on_consumer_event(&mut self, event: ConsumerEvent, now: Instant) {
        let mut actions = Actions::new();
        self.count_consumer_event(&event, now);
        match event {
            ConsumerEvent::Assigned(partitions) => self.on_assigned(partitions, now, &mut actions),
            ConsumerEvent::Revoked { partitions, lost } => {
                self.partitions.forget_handles();
                self.assignment.on_revoked(&partitions);
                actions.push(Action::GatherProbeAgain);
                if lost {
                    let has_transactions = self.transactions.is_some();
                    self.revocations.on_lost(&partitions, has_transactions, &mut self.partitions, &mut actions);
                } else {
                    // What is gathered of them goes on its way: it is drained like the rest.
                    self.dispatch(true, now);
                    self.revocations.on_revoked(&partitions, now, &mut self.partitions, &mut actions);
                }
            }
            ConsumerEvent::Committed(results) => {
                self.commits.on_committed(results, &mut self.partitions, &mut actions);
            }
            ConsumerEvent::Failed(error) => self.on_failed(error, now),
            ConsumerEvent::Fatal(error) if error.kind == ErrorKind::FencedInstance => {
                let name = self.plan.instance.clone().unwrap_or_default();
                actions.push(Action::Fail(PipelineError::Fenced(name)));
            }
            ConsumerEvent::Fatal(error) => actions.push(Action::Fail(error.into())),
        }
        self.perform(actions, now);
    }

    pub(super) fn is_rewinding(&self) -> bool {
        self.transactions.as_ref().is_some_and(|(transactions, _)| transactions.is_rewinding())
    }

    /// Returns whether partitions may be given up and assigned again: no rebalance waits for an answer, which that
    /// would be, and no commit, which would be taken for one of the new generation.
    pub(super) fn may_reassign(&self) -> bool {
        let is_committing = self.transactions.as_ref().is_some_and(|(transactions, _)| transactions.is_committing());
        self.revocations.are_answered()
            && self.assignment.is_answered()
            && self.commits.are_answered()
            && !is_committing
    }

    /// Reads on from where each partition is, if the client took it for the answer to a rebalance that partitions were
    /// assigned again. It tells of a rebalance before it takes such an answer, so it has told by now. After an answer
    /// it lets all partitions go on from its own position, and what it had fetched of them and nobody has read would be
    /// passed over.
    pub(super) fn go_back_if_answered(&mut self, now: Instant) {
        if !std::mem::take(&mut self.has_reassigned) {
            return;
        }
        let mut is_answered = false;
        while let Some(event) = self.consumer.next_event() {
            is_answered |= matches!(event, ConsumerEvent::Assigned(_) | ConsumerEvent::Revoked { .. });
            self.on_consumer_event(event, now);
        }
        if is_answered {
            self.read_on_after_rebalance(&[], now);
        }
    }

    fn on_assigned(&mut self, mut partitions: Vec<TopicPartition>, now: Instant, actions: &mut Actions) {
        self.partitions.forget_handles();
        let incremental = self.consumer.is_incremental();
        let member_id = self.consumer.group_metadata().map(|member| member.member_id().clone());
        if self.assignment.on_member(member_id) && incremental {
            let is_kept = |partition: &&OwnedPartition| !partitions.contains(partition.at());
            let kept: Vec<_> = self.partitions.iter().filter(is_kept).map(|partition| partition.at().clone()).collect();
            if !kept.is_empty() {
                self.revocations.on_lost(&kept, self.transactions.is_some(), &mut self.partitions, actions);
            }
            partitions.extend(kept);
            // Where these begin may have been asked before others had them.
            partitions.extend(self.assignment.pending().cloned());
        }
        self.assignment.on_assigned(partitions, incremental, now, actions);
    }

    /// What a client complains of and gets over by itself is logged; what it cannot get over ends the pipeline.
    pub(super) fn on_failed(&mut self, error: KafkaError, now: Instant) {
        self.count_error(&error);
        match error.kind {
            ErrorKind::Authorization => {
                self.perform(vec![Action::Refused(Refused::Input, error)], now);
                return;
            }
            // librdkafka would skip what it cannot read, and later offsets would be committed over it.
            ErrorKind::Unreadable => return self.fail(PipelineError::Unreadable(error), now),
            // Which topic it is, and what to do, follows at once.
            ErrorKind::UnknownTopic => {
                self.missing_inputs.suspect();
                if self.partitions.is_empty() {
                    return;
                }
            }
            _ => {}
        }
        let is_known = self.complaint.is_some_and(|(code, at)| code == error.code && now - at < COMPLAINT_INTERVAL);
        if !is_known {
            tracing::warn!(target: "source", pipeline = %self.plan.name, "{error}; it goes on by itself when that is over");
            self.complaint = Some((error.code, now));
        }
    }

    pub(super) fn on_event(&mut self, event: Event, now: Instant) {
        let mut actions = Actions::new();
        match event {
            Event::Worker(event) => self.on_worker_event(event, now, &mut actions),
            Event::Sink(event) => self.on_sink_event(event, now, &mut actions),
            Event::LookaheadReady(job) => self.breaker.on_lookahead(job, now, &mut self.partitions, &mut actions),
            Event::Command(Command::Stop { asked }) => {
                self.shutdown.begin(None, asked, &mut self.partitions, &mut actions);
            }
            Event::Command(Command::Publish(reply)) => self.asked_for_view.push(reply),
            Event::Command(Command::ObeyOperator(reply)) => {
                self.obey_operator(now);
                self.asked_for_view.push(reply);
            }
            Event::Answer(answer) => self.on_answer(answer, now),
        }
        self.perform(actions, now);
    }

    fn on_worker_event(&mut self, event: WorkerEvent, now: Instant, actions: &mut Actions) {
        match event {
            WorkerEvent::Processed { worker, batch } => self.intake.processed(worker, batch),
            WorkerEvent::RetryPending { lease, records, full } => {
                self.on_retries(&lease, Some(records), full, actions);
            }
            WorkerEvent::RetriesDone(lease) => self.on_retries(&lease, None, false, actions),
            WorkerEvent::Left { lease, stage, records } => {
                let TopicPartition { topic, partition } = &lease.at;
                tracing::info!(
                    target: "source", pipeline = %self.plan.name, %stage, %topic, partition = partition.0, records,
                    "a stage does not answer in time: what it has settled goes on, and the rest of the batch is read \
                     again"
                );
                self.going_back.on_left(lease, &mut self.partitions, actions);
            }
            WorkerEvent::BreakerOpened(_) if self.shutdown.has_begun() => {}
            WorkerEvent::BreakerOpened(trip) => {
                let trip = if self.plan.show.hides() { trip.without_words() } else { trip };
                self.breaker.on_trip(trip, now, &mut self.partitions, actions);
            }
            WorkerEvent::ProbeEnded(probe) => self.breaker.on_probe(probe, now, &mut self.partitions, actions),
            WorkerEvent::Failed(error) => {
                if matches!(error, PipelineError::Undeliverable { .. }) {
                    // Some of what came of the record may be written.
                    actions.push(Action::Abort("a record cannot be delivered".to_owned()));
                }
                actions.push(Action::Fail(if self.plan.show.hides() { error.without_words() } else { error }));
            }
        }
    }

    fn on_sink_event(&mut self, event: SinkEvent, now: Instant, actions: &mut Actions) {
        match event {
            SinkEvent::Delivered(delivered) => {
                self.overdue.on_report();
                let (span, tally) = delivered.into_parts();
                if !self.partitions.delivered(&span, tally, self.transactions.is_some(), now) {
                    // It is in the transaction, and its offset will not be.
                    let why = "records of a partition that is no longer ours were written";
                    actions.push(Action::Abort(why.to_owned()));
                }
            }
            SinkEvent::Abandoned { span, written } => {
                self.abandon(&span);
                if written {
                    actions.push(Action::Abort("a batch was written in part".to_owned()));
                }
            }
            SinkEvent::NotDelivered { span, error } => {
                self.overdue.on_report();
                self.count_error(&error);
                self.abandon(&span);
                self.on_refused(&span, error, None, now, actions);
            }
            SinkEvent::TooLarge(oversize) if self.transactions.is_some() => {
                if self.context.sink.remember_refused(&oversize)
                    && let Some((transactions, _)) = &mut self.transactions
                {
                    transactions.on_record_refused();
                }
                let why = "a broker refused a record as too large, which becomes a dead letter";
                actions.push(Action::Abort(why.to_owned()));
            }
            SinkEvent::TooLarge(oversize) => self.oversize.push(oversize),
            SinkEvent::SizeRefused(refusal) => {
                self.overdue.on_report();
                self.count_error(&refusal.error);
                let SizeRefusal { span, record, error } = refusal;
                self.on_refused(&span, error, Some(record), now, actions);
            }
            SinkEvent::WritersLeft => {
                if let Some((transactions, _)) = &mut self.transactions
                    && transactions.on_writers_left(actions)
                {
                    self.revocations.revoke_overdue_leases(&self.partitions);
                }
            }
            SinkEvent::TransactionFull => {
                if let Some((transactions, _)) = &mut self.transactions {
                    transactions.request_close();
                }
            }
            SinkEvent::Transaction(outcome) => self.on_transaction(outcome, now, actions),
        }
    }

    fn on_transaction(&mut self, outcome: TransactionOutcome, now: Instant, actions: &mut Actions) {
        self.count_transaction(&outcome, now);
        match &outcome {
            TransactionOutcome::Committed(_) => self.partitions.ledger_mut().commit(),
            TransactionOutcome::Begun { .. } | TransactionOutcome::Broken(_) => self.partitions.ledger_mut().abort(),
            TransactionOutcome::Flushed | TransactionOutcome::Failed(_) => {}
        }
        if let Some((transactions, _)) = &mut self.transactions {
            transactions.on_outcome(outcome, now, &mut self.partitions, actions);
        }
    }

    fn on_answer(&mut self, answer: Answer, now: Instant) {
        if let Some(refusal) = answer.refusal() {
            self.perform(vec![Action::Refused(Refused::Input, refusal.clone())], now);
        }
        match answer {
            Answer::Ends(ends) => self.ends.on_ends(ends),
            Answer::Topics(topics) => self.topic_ids.on_topics(&topics, now, &mut self.partitions),
            Answer::MissingInputs(missing) => self.missing_inputs.on_answer(missing, now),
            Answer::Missing(missing) => {
                let mut actions = Actions::new();
                self.authorization.on_missing(missing, now, &mut actions);
                self.perform(actions, now);
            }
            Answer::Starts { starts, ticket } => self.assignment.on_starts(starts, ticket, now),
            Answer::Committed { committed, ticket } => {
                if let Some((transactions, _)) = &mut self.transactions {
                    transactions.on_rewind_answer(committed, ticket, now);
                }
            }
            Answer::Watermarks { at, generation, watermarks } => {
                self.lost_offsets.on_watermarks(&at, generation, watermarks, now);
            }
            Answer::Limits(taken) => {
                let mut actions = Actions::new();
                let is_outdated = self.context.sink.is_producer_outdated();
                let for_good = |record: &FinalRecord| self.context.sink.too_large_for_good(record);
                self.limits.on_answer(taken, is_outdated, for_good, now, &mut actions);
                // While it ends nothing is tried again.
                if !self.shutdown.has_begun() {
                    self.perform(actions, now);
                }
            }
        }
    }

    pub(super) fn abandon(&mut self, span: &Span) {
        self.partitions.abandoned(span);
    }

    /// Something was not delivered. That the transaction or its producer has failed says nothing of the record, and
    /// what its topic refuses may have changed; anything else would come again, so the pipeline stops.
    fn on_refused(
        &mut self,
        span: &Span,
        error: KafkaError,
        record: Option<FinalRecord>,
        now: Instant,
        actions: &mut Actions,
    ) {
        if self.transactions.is_some() {
            actions.push(Action::Abort(error.text.clone()));
            if is_of_transaction(error.kind) {
                return;
            }
        }
        match error.kind {
            ErrorKind::Authorization => return actions.push(Action::Refused(Refused::Output, error)),
            // Because something before it was refused: it is read again with that.
            ErrorKind::Purged if self.authorization.is_writing_refused() => return,
            ErrorKind::TooLarge | ErrorKind::InvalidRecord | ErrorKind::InvalidBatch if !self.shutdown.has_begun() => {
                return self.limits.on_refused(span, error, record, now, &mut self.partitions, actions);
            }
            _ => {}
        }
        actions.push(Action::Fail(undeliverable(span, error)));
    }

    /// So many records of a partition wait for a retry, or none do any more. `full`: no more of it may come.
    fn on_retries(&mut self, lease: &Lease, waiting: Option<usize>, full: bool, actions: &mut Actions) {
        let Some(partition) = self.partitions.of_lease(lease) else { return };
        partition.set_retrying(waiting);
        let abandon = self.breaker.is_open() || partition.is_paused_for(PauseReason::Revoking);
        let (worker, lease, index) = (partition.worker(), partition.lease().clone(), partition.index());
        let (stop, fetch) =
            self.partitions.set_paused(PauseReason::RetryPending, full, |partition| partition.index() == index);
        actions.push(Action::Pause(stop));
        actions.push(Action::ReadOn(fetch));
        if waiting.is_some() && abandon {
            actions.push(Action::AbandonRetries { worker, lease });
        }
    }
}

/// Returns the error of a span of which something cannot be written.
pub(super) fn undeliverable(span: &Span, error: KafkaError) -> PipelineError {
    PipelineError::Undeliverable { from: span.lease.at.clone(), offset: span.first.0, cause: error.text }
}

/// Returns whether a report says that a transaction or its producer has failed, and nothing of the record.
fn is_of_transaction(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Fatal
            | ErrorKind::TimedOut
            | ErrorKind::Purged
            | ErrorKind::TransactionFailed
            | ErrorKind::FencedProducer
    )
}
