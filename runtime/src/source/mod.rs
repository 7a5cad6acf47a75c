//! The source: the one loop that decides for a pipeline.
//!
//! Everything that happens, in Kafka or in a worker, comes here as an event. State machines decide what follows from
//! it, each in a file of its own (who has which partition, what is committed, transactions, the circuit breaker, how it
//! all ends), and answer with actions, which the loop carries out.

mod action;
mod assignment;
mod authorization;
mod circuit_breaker;
mod commits;
mod count;
mod ends;
pub mod event;
mod fetch;
mod flights;
mod going_back;
mod intake;
mod ledger;
mod limits;
mod lookahead;
mod lost_offset;
mod missing_inputs;
mod note;
mod open_transactions;
mod overdue;
mod partition;
mod partitions;
mod pause;
mod perform;
mod placement;
mod question;
mod react;
mod revocation;
mod rewind;
mod shutdown;
mod snapshot;
mod start_position;
#[cfg(test)]
mod testing;
mod topic_ids;
mod transactions;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use self::action::{Action, Actions};
use self::assignment::Assignment;
use self::authorization::{Authorization, AuthorizationOptions};
use self::circuit_breaker::CircuitBreaker;
use self::commits::Commits;
use self::ends::Ends;
pub use self::event::{Command, Event, Events, Reply};
use self::going_back::GoingBack;
use self::intake::Intake;
use self::ledger::Ledger;
use self::limits::{LimitReader, Limits};
use self::lost_offset::LostOffsets;
use self::missing_inputs::MissingInputs;
use self::open_transactions::OpenTransactions;
use self::overdue::{Outstanding, Overdue};
use self::partitions::OwnedPartitions;
use self::placement::Placement;
use self::question::{Asker, Question};
use self::revocation::Revocations;
use self::shutdown::Shutdown;
pub use self::shutdown::time_to_leave;
use self::snapshot::Kind;
use self::topic_ids::TopicIdWatch;
use self::transactions::{TransactionOptions, Transactions};
use crate::config::plan::{Delivery, Plan};
use crate::error::PipelineError;
use crate::kafka::{GroupConsumer, Kafka};
use crate::rt::{self, Receiver, Sender, Turn};
use crate::sink::LITTLE;
use crate::sink::committer::TransactionCommand;
use crate::sink::receipt::{OversizeRecord, Receipt};
use crate::worker::{PipelineContext, WorkerMessage};

/// How long events that do not wake the loop may wait while anything is on its way.
const BUSY_WAIT: Duration = Duration::from_millis(10);
/// Events of the client that are taken before the loop looks at anything else.
const EVENTS: usize = 64;

/// What a source is made of.
pub struct SourceParts {
    /// What to run.
    pub plan: Arc<Plan>,
    /// Makes the client that looks ahead.
    pub kafka: Arc<dyn Kafka<Receipt>>,
    /// A consumer that has subscribed, with a queue for each worker.
    pub consumer: Box<dyn GroupConsumer>,
    /// The topics that were there when it subscribed, where that is known.
    pub existing: Option<BTreeSet<Arc<str>>>,
    /// What the workers share.
    pub context: Arc<PipelineContext>,
    /// Everything that happens elsewhere.
    pub events: Receiver<Event>,
    /// The way to it, for threads of the source itself.
    pub sender: Events,
    /// The ways to the workers.
    pub workers: Vec<Sender<WorkerMessage>>,
    /// The way to whoever makes the calls for transactions, under exactly_once.
    pub transactions: Option<Sender<TransactionCommand>>,
}

/// The loop of one pipeline.
pub struct Source {
    plan: Arc<Plan>,
    kafka: Arc<dyn Kafka<Receipt>>,
    consumer: Box<dyn GroupConsumer>,
    context: Arc<PipelineContext>,
    events: Receiver<Event>,
    sender: Events,
    partitions: OwnedPartitions,
    intake: Intake,
    asker: Asker,
    assignment: Assignment,
    revocations: Revocations,
    lost_offsets: LostOffsets,
    topic_ids: TopicIdWatch,
    ends: Ends,
    missing_inputs: MissingInputs,
    open_transactions: OpenTransactions,
    going_back: GoingBack,
    limits: Limits,
    commits: Commits,
    // Under exactly_once, with the way to whoever makes the calls.
    transactions: Option<(Transactions, Sender<TransactionCommand>)>,
    breaker: CircuitBreaker,
    authorization: Authorization,
    placement: Placement,
    overdue: Overdue,
    shutdown: Shutdown,
    // Refused by a broker as too large: a dead letter is still to be written in their place.
    oversize: Vec<OversizeRecord>,
    complaint: Option<(i32, Instant)>,
    snapshot_due: Instant,
    // What was last published.
    published: Option<Kind>,
    // When the commit that is not answered was asked for.
    commit_asked: Option<Instant>,
    // To be told when a view has been published.
    asked_for_view: Vec<Reply>,
    // In this turn.
    has_reassigned: bool,
}

impl Source {
    /// Makes the loop.
    pub fn new(parts: SourceParts) -> Source {
        let SourceParts { plan, kafka, consumer, existing, context, events, sender, workers, transactions } = parts;
        let now = rt::now();
        let name = plan.name.clone();
        let limits = LimitReader::new(kafka.clone(), &plan, context.sink.clone());
        let asker = Asker::new(consumer.queries(), context.sink.clone(), limits, &plan, existing, sender.clone());
        let mut actions = Actions::new();
        let options = TransactionOptions {
            pipeline: name.clone(),
            instance: plan.instance.clone(),
            interval: plan.commit_interval,
            timeout: plan.transaction_timeout,
        };
        let transactions = transactions.map(|commands| (Transactions::new(options, now, &mut actions), commands));
        let intake = Intake::new(plan.batch, workers, context.sink_events.clone());
        let mut source = Source {
            kafka,
            consumer,
            events,
            sender,
            partitions: OwnedPartitions::new(Ledger::new(context.counters.clone())),
            context,
            intake,
            asker,
            assignment: Assignment::new(name.clone()),
            revocations: Revocations::new(name.clone(), plan.drain),
            lost_offsets: LostOffsets::new(name.clone(), plan.input.on_lost_offset),
            topic_ids: TopicIdWatch::new(name.clone(), plan.input.topics.clone(), now),
            ends: Ends::new(now),
            missing_inputs: MissingInputs::new(name.clone(), now),
            open_transactions: OpenTransactions::new(name.clone(), plan.reads_committed(), now),
            going_back: GoingBack::default(),
            limits: Limits::new(name.clone(), transactions.is_some(), now),
            commits: Commits::new(name.clone(), plan.commit_interval, now),
            transactions,
            breaker: CircuitBreaker::new(name.clone(), plan.breaker.map(|breaker| breaker.on_break)),
            authorization: Authorization::new(AuthorizationOptions {
                pipeline: name.clone(),
                patience: plan.kafka_patience,
                topics: plan.input.topics.clone(),
                has_transactions: plan.delivery == Delivery::ExactlyOnce,
            }),
            placement: Placement::default(),
            overdue: Overdue::new(name.clone()),
            shutdown: Shutdown::new(name, plan.drain),
            oversize: Vec::new(),
            complaint: None,
            snapshot_due: now,
            published: None,
            commit_asked: None,
            asked_for_view: Vec::new(),
            has_reassigned: false,
            plan,
        };
        source.perform(actions, now);
        source
    }

    /// Does what there is to do at this moment. Never waits for a broker. When the pipeline has ended everything
    /// delivered is committed.
    pub fn turn(&mut self) -> Turn<Result<(), PipelineError>> {
        let now = rt::now();
        let mut any = false;
        for event in self.events.drain() {
            any = true;
            self.on_event(event, now);
        }
        // First: what is due may give partitions up and take them again, which the client would take for the answer to
        // a rebalance of which it has told in an event that is not read yet.
        any |= self.take_client_events(now);
        any |= self.run_due_tasks(now);
        self.go_back_if_answered(now);
        if let Some(result) = self.step_shutdown(now) {
            self.partitions.give_back();
            self.publish(now, true);
            return Turn::Ended(result);
        }
        self.dispatch(false, now);
        any |= self.read_records(now);
        self.dispatch(false, rt::now());
        if let Some((transactions, _)) = &mut self.transactions {
            transactions.set_idle(!any && self.intake.is_idle());
        }
        self.publish(now, false);
        if any { Turn::Again } else { self.deadline(now).map_or(Turn::Wait, Turn::WaitUntil) }
    }

    /// Returns when everything has to be over.
    pub fn drain_deadline(&self) -> Instant {
        self.shutdown.end().unwrap_or_else(|| rt::now() + self.plan.drain)
    }

    /// Gives the consumer back, to be closed.
    pub fn into_consumer(self) -> Box<dyn GroupConsumer> {
        self.consumer
    }

    /// When there is something to do next, whatever happens.
    fn deadline(&self, now: Instant) -> Option<Instant> {
        let is_busy = self.shutdown.has_begun()
            || !self.revocations.are_answered()
            || self.breaker.is_open()
            || self.placement.is_moving()
            || !self.oversize.is_empty()
            || !self.intake.is_idle()
            || !self.partitions.iter().all(|partition| partition.is_idle());
        // Those that have nothing to do any more once the pipeline ends.
        let while_running = [
            self.lost_offsets.deadline(),
            self.topic_ids.deadline(&self.partitions),
            self.ends.deadline(&self.partitions),
            self.missing_inputs.deadline(!self.partitions.is_empty()),
            self.open_transactions.deadline(&self.partitions),
            self.limits.deadline(),
            self.authorization.deadline(),
        ];
        let while_running = while_running.into_iter().flatten().min().filter(|_| !self.shutdown.has_begun());
        let machines = [
            while_running,
            self.intake.deadline(),
            self.assignment.deadline(),
            self.revocations.deadline(),
            self.breaker.deadline(),
            self.shutdown.deadline(),
            self.transactions
                .as_ref()
                .and_then(|(transactions, _)| transactions.deadline(self.may_reassign(), &self.partitions)),
            self.commit_deadline(),
            self.snapshot_deadline(),
            self.overdue.deadline(),
            is_busy.then(|| now + BUSY_WAIT),
        ];
        machines.into_iter().flatten().min()
    }

    fn commit_deadline(&self) -> Option<Instant> {
        let is_wanted = self.transactions.is_none() && self.partitions.iter().any(|p| p.has_uncommitted());
        is_wanted.then(|| self.commits.deadline())
    }

    /// Hands records on that are due, and tells the trackers.
    fn dispatch(&mut self, all: bool, now: Instant) {
        self.intake.set_loaded(self.context.sink.queued_bytes() > LITTLE);
        let partitions = &mut self.partitions;
        self.intake.dispatch(all, now, |span| {
            partitions.dispatched(span, now);
        });
    }

    fn take_client_events(&mut self, now: Instant) -> bool {
        for count in 0..EVENTS {
            let Some(event) = self.consumer.next_event() else { return count > 0 };
            self.on_consumer_event(event, now);
        }
        true
    }

    /// Runs what the state machines have to do at this moment. Returns whether they did anything.
    fn run_due_tasks(&mut self, now: Instant) -> bool {
        let mut any = self.resend_oversize(now);
        let mut actions = Actions::new();
        self.assignment.step(now, &mut actions);
        any |= self.perform(std::mem::take(&mut actions), now);
        let transactions = self.transactions.as_mut().map(|(transactions, _)| transactions);
        self.revocations.step(now, &mut self.partitions, &self.intake, transactions, &mut actions);
        any |= self.perform(std::mem::take(&mut actions), now);
        let (is_ending, may_reassign) = (self.shutdown.has_begun(), self.may_reassign());
        if !is_ending {
            self.open_transactions.step(now, &self.partitions, |at| self.consumer.cached_high_watermark(at));
            self.topic_ids.step(now, &self.partitions, &mut actions);
            self.ends.step(now, &self.partitions, &mut actions);
            self.missing_inputs.step(now, !self.partitions.is_empty(), || self.topic_ids.unknown(), &mut actions);
            self.lost_offsets.step(now, may_reassign, &mut self.partitions, &self.intake, &mut actions);
            any |= self.perform(std::mem::take(&mut actions), now);
            let may_reassign = self.may_reassign();
            self.going_back.step(may_reassign, &mut self.partitions, &self.intake, &mut actions);
            any |= self.perform(std::mem::take(&mut actions), now);
            let may_reassign = self.may_reassign();
            self.limits.step(now, may_reassign, &mut self.partitions, &self.intake, &mut actions);
            any |= self.perform(std::mem::take(&mut actions), now);
        }
        let may_reassign = self.may_reassign();
        self.breaker.step(now, may_reassign, is_ending, &mut self.partitions, &self.intake, &mut actions);
        any |= self.perform(std::mem::take(&mut actions), now);
        if !is_ending {
            let (may_reassign, topics) = (self.may_reassign(), &self.plan.input.topics);
            let ask = |partitions: &OwnedPartitions| Question::missing_rights(topics, partitions);
            self.authorization.step(now, may_reassign, &mut self.partitions, &self.intake, ask, &mut actions);
            any |= self.perform(std::mem::take(&mut actions), now);
        }
        let may_move = !is_ending && self.may_reassign() && !self.breaker.is_open() && !self.is_rewinding();
        self.placement.step(may_move, &mut self.partitions, &self.intake, &mut actions);
        any |= self.perform(std::mem::take(&mut actions), now);
        let may_reassign = self.may_reassign();
        match &mut self.transactions {
            Some((transactions, _)) => {
                transactions.step(now, may_reassign, is_ending, &mut self.partitions, &mut actions);
            }
            None => self.commits.step(now, &mut self.partitions, &mut actions),
        }
        any |= self.perform(actions, now);
        self.overdue.step(now, &self.outstanding());
        any
    }

    fn outstanding(&self) -> Outstanding {
        Outstanding {
            queued_bytes: self.context.sink.queued_bytes(),
            commit: !self.commits.are_answered(),
            phase: self.transactions.as_ref().map(|(transactions, _)| transactions.phase()),
            start: !self.assignment.is_complete(),
            revoke: !self.revocations.are_answered(),
        }
    }

    fn step_shutdown(&mut self, now: Instant) -> Option<Result<(), PipelineError>> {
        if self.shutdown.has_begun() {
            self.context.stopping.store(true, Ordering::Release);
        }
        loop {
            let mut actions = Actions::new();
            let transactions = self.transactions.as_mut().map(|(transactions, _)| transactions);
            let is_resending = !self.oversize.is_empty();
            let result = self.shutdown.step(now, is_resending, &self.partitions, transactions, &mut actions);
            if let Some((transactions, _)) = self.transactions.as_mut().filter(|_| self.shutdown.is_last_commit_asked())
            {
                transactions.set_last();
            }
            let any = self.perform(actions, now);
            if result.is_some() || !any {
                return result;
            }
        }
    }

    /// Begins to end, because of an error; the first reason counts.
    fn fail(&mut self, error: PipelineError, now: Instant) {
        self.perform(vec![Action::Fail(error)], now);
    }
}
