//! The source: the thread that polls the consumer, and the one loop that decides for a pipeline.
//!
//! Everything that happens, in Kafka or in a worker, comes here as an event; what follows from it is done here.
//! The parts of that have files of their own: who has which partition (`assign`), what is committed (`commit`), what
//! an open breaker does (`gate`, `probe`, `ahead`) and how it all ends (`end`).

mod ahead;
mod assign;
mod commit;
mod end;
mod gate;
mod intake;
mod lost;
mod probe;
mod slot;
mod transact;

use std::collections::VecDeque;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode;

use self::assign::{Pending, Revoke};
use self::commit::Commits;
use self::end::End;
pub use self::end::time_to_leave;
use self::gate::{Gate, Phase as GatePhase};
use self::intake::Intake;
use self::slot::{Pause, Slot, Slots};
pub use self::transact::Transactions;
use crate::batch::{Offset, Partition};
use crate::config::plan::Plan;
use crate::error::PipelineError;
use crate::event::Event;
use crate::kafka::consumer::{Consumer, StartPosition};
use crate::kafka::polled::{FetchedRecord, ConsumerEvent};
use crate::kafka::{KafkaError, TopicPartition};
use crate::lease::Lease;
use crate::sink::receipt::OversizeRecord;
use crate::status::{Phase, State};
use crate::worker::{PipelineContext, WorkerMessage};

/// How long a poll waits where nothing is on its way: also how late a stop is noticed then.
const IDLE_POLL: Duration = Duration::from_millis(100);
/// How long a poll waits while events of workers and the producer may come.
const BUSY_POLL: Duration = Duration::from_millis(10);
/// Records that are taken before the loop looks at anything else.
const BURST: usize = 1024;
/// How long a worker may be behind before its partitions are paused, so that the consumer is polled again and the
/// other workers get theirs. A pause throws away what is fetched, so this is long beside a batch.
const STALL: Duration = Duration::from_millis(500);
/// How often the state is written for the status line.
const STATE_INTERVAL: Duration = Duration::from_millis(250);
/// How often one and the same complaint of a client is logged.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(30);

/// The loop of one pipeline.
pub struct Source<'a> {
    plan: &'a Plan,
    consumer: &'a Consumer,
    shared: Arc<PipelineContext>,
    events: Receiver<Event>,
    slots: Slots,
    intake: Intake,
    commits: Commits,
    /// Under exactly_once.
    transactions: Option<Transactions>,
    pending: Option<Pending>,
    revokes: VecDeque<Revoke>,
    /// When to ask again about an offset that is gone.
    lost_again: Instant,
    gate: Option<Gate>,
    end: Option<End>,
    oversize: Vec<OversizeRecord>,
    /// The handle and partition that the last record came from, and its slot.
    last: Option<(usize, Partition, usize)>,
    complaint: Option<(RDKafkaErrorCode, Instant)>,
    state_due: Instant,
}

impl<'a> Source<'a> {
    /// A source over a consumer that has subscribed.
    pub fn new(
        plan: &'a Plan,
        consumer: &'a Consumer,
        shared: Arc<PipelineContext>,
        events: Receiver<Event>,
        workers: Vec<Sender<WorkerMessage>>,
        transactions: Option<Transactions>,
    ) -> Source<'a> {
        let now = Instant::now();
        Source {
            plan,
            consumer,
            shared,
            events,
            slots: Slots::default(),
            intake: Intake::new(plan.batch, workers),
            commits: Commits::new(plan.commit_interval, now),
            transactions,
            pending: None,
            revokes: VecDeque::new(),
            lost_again: now,
            gate: None,
            end: None,
            oversize: Vec::new(),
            last: None,
            complaint: None,
            state_due: now,
        }
    }

    /// Runs until the pipeline is told to stop or cannot go on. Everything delivered is then committed.
    ///
    /// # Errors
    /// Why it could not go on.
    pub fn run(mut self) -> Result<(), PipelineError> {
        loop {
            while let Ok(event) = self.events.try_recv() {
                self.on_event(event);
            }
            let now = Instant::now();
            self.keep_house(now);
            if let Some(result) = self.is_over(now) {
                self.set_state(now, true);
                return result;
            }
            self.intake.dispatch(false, now, dispatched(&mut self.slots));
            match self.intake.stalled(now) {
                Some((worker, since)) if since > STALL => self.pause_worker(worker),
                Some(_) => self.wait_for_event(),
                None => self.poll(now),
            }
        }
    }

    /// A worker is behind: there is nothing to read for it, so the next event is waited for.
    fn wait_for_event(&mut self) {
        match self.events.recv_timeout(BUSY_POLL) {
            Ok(event) => self.on_event(event),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }

    fn poll(&mut self, now: Instant) {
        let consumer = self.consumer;
        let mut timeout = self.poll_timeout(now);
        let mut quiet = false;
        for _ in 0..BURST {
            match consumer.poll(timeout) {
                ConsumerEvent::Record(record) => {
                    let full = self.take(&record, now);
                    timeout = Duration::ZERO;
                    if full {
                        break;
                    }
                }
                ConsumerEvent::Nothing => {
                    quiet = true;
                    break;
                }
                happening => {
                    self.on_polled(happening);
                    break;
                }
            }
        }
        self.intake.dispatch(quiet, Instant::now(), dispatched(&mut self.slots));
    }

    fn poll_timeout(&self, now: Instant) -> Duration {
        let nothing_on_its_way = self.end.is_none()
            && self.revokes.is_empty()
            && self.gate.is_none()
            && self.oversize.is_empty()
            && self.slots.iter().all(|slot| slot.tracker.is_idle());
        let usual = if nothing_on_its_way { IDLE_POLL } else { BUSY_POLL };
        let waits = [self.intake.wait(now), self.until_transaction_due(now)];
        waits.into_iter().flatten().fold(usual, Duration::min)
    }

    /// Takes a record in. Answers whether something is to be done before the next one.
    fn take(&mut self, record: &FetchedRecord<'_>, now: Instant) -> bool {
        let Some(place) = self.place_of(record) else { return false };
        let Some(slot) = self.slots.get(place) else { return false };
        let offset = record.offset();
        // Taken already: a fetch may come twice around a pause. Or it is to be read again, from further back or after a pause
        // that librdkafka has not heard of yet.
        if slot.next.is_some_and(|next| offset < next) || slot.lease.is_revoked() || slot.any_pause() {
            return false;
        }
        slot.first.get_or_insert(offset);
        slot.next = Some(Offset(offset.0 + 1));
        slot.end = None;
        match &mut self.gate {
            Some(gate) => {
                if gate.phase == GatePhase::Collecting {
                    gate.probe.push(&slot.lease, record, now);
                }
                gate.probe_is_ready(now)
            }
            None => self.intake.push(slot, record, now),
        }
    }

    fn place_of(&mut self, record: &FetchedRecord<'_>) -> Option<usize> {
        let (handle, partition) = (record.topic_handle(), record.partition());
        match self.last {
            Some((last, at, place)) if last == handle && at == partition => Some(place),
            _ => {
                let place = self.slots.place(&TopicPartition { topic: record.topic().into(), partition })?;
                self.last = Some((handle, partition, place));
                Some(place)
            }
        }
    }

    fn on_polled(&mut self, happening: ConsumerEvent<'_>) {
        match happening {
            ConsumerEvent::Nothing | ConsumerEvent::Record(_) => {}
            ConsumerEvent::End(at, end) => {
                // Of a lease that has ended, and of what is paused, nothing is taken in, so the end says nothing of what is
                // delivered.
                if let Some(slot) = self.slots.of(&at).filter(|slot| !slot.lease.is_revoked() && !slot.any_pause()) {
                    slot.end = Some(end);
                    // What is gathered and not handed on is not known to the tracker yet.
                    if slot.is_delivered() {
                        slot.settle_end();
                    }
                }
            }
            ConsumerEvent::Assigned(partitions) => self.on_assigned(partitions),
            ConsumerEvent::Revoked { partitions, lost } => self.on_revoked(partitions, lost),
            ConsumerEvent::Committed(results) => self.on_committed(results),
            ConsumerEvent::OffsetGone(at, why) => self.on_offset_gone(&at, why),
            ConsumerEvent::Failed(error) => self.on_failed(error),
            ConsumerEvent::Fatal(error) if error.code == RDKafkaErrorCode::FencedInstanceId => {
                let name = self.plan.instance.clone().unwrap_or_default();
                self.begin_end(Some(PipelineError::Fenced(name)));
            }
            ConsumerEvent::Fatal(error) => self.begin_end(Some(error.into())),
        }
    }

    /// What a client complains of and mends by itself is logged; what it cannot mend ends the pipeline.
    fn on_failed(&mut self, error: KafkaError) {
        use RDKafkaErrorCode::{BadCompression, BadMessage, NotImplemented};
        use RDKafkaErrorCode::{ClusterAuthorizationFailed, GroupAuthorizationFailed, TopicAuthorizationFailed};
        match error.code {
            GroupAuthorizationFailed | TopicAuthorizationFailed | ClusterAuthorizationFailed => {
                return self.begin_end(Some(error.into()));
            }
            // librdkafka would skip what it cannot read, and later offsets would be committed over it.
            BadMessage | BadCompression | NotImplemented => {
                return self.begin_end(Some(PipelineError::Unreadable(error)));
            }
            _ => {}
        }
        let now = Instant::now();
        let said = self.complaint.is_some_and(|(code, at)| code == error.code && now - at < COMPLAINT_INTERVAL);
        if !said {
            tracing::warn!(target: "source", pipeline = %self.plan.name, "{error}; it goes on by itself when that is over");
            self.complaint = Some((error.code, now));
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Processed { worker, batch } => {
                self.intake.processed(worker, batch);
                if self.intake.unpause_idle(worker) {
                    self.set_worker_paused(worker, false);
                }
            }
            Event::Delivered(delivered) => {
                let span = delivered.into_span();
                if let Some(slot) = self.slots.of_lease(&span.lease) {
                    slot.tracker.delivered(span.first, span.end);
                    // The end counts once everything that was read before it is delivered.
                    if slot.tracker.position() == slot.next {
                        slot.settle_end();
                    }
                } else {
                    // It is in the transaction, and its offset will not be.
                    self.abort("records of a partition that is no longer ours were written");
                }
            }
            Event::Abandoned { span, written } => {
                if let Some(slot) = self.slots.of_lease(&span.lease) {
                    slot.tracker.abandoned(span.first);
                }
                if written {
                    self.abort("a batch was written in part");
                }
            }
            Event::NotDelivered { span, error } => {
                if let Some(slot) = self.slots.of_lease(&span.lease) {
                    slot.tracker.abandoned(span.first);
                }
                self.on_not_delivered(&span, error);
            }
            Event::TooLarge(oversize) if self.transactions.is_some() => {
                self.shared.sink.remember_refused(&oversize);
                self.abort("a broker refused a record as too large, which becomes a dead letter");
            }
            Event::TooLarge(oversize) => {
                self.shared.stats.refused();
                self.oversize.push(oversize);
            }
            Event::RetryPending { lease, full } => self.on_held(&lease, true, full),
            Event::RetriesDone(lease) => self.on_held(&lease, false, false),
            Event::BreakerOpened(tripped) => self.on_breaker_opened(tripped),
            Event::LookaheadReady(job) => self.on_ahead(job),
            Event::ProbeEnded(probe) => self.on_probed(probe),
            Event::Failed(error) => {
                if matches!(error, PipelineError::Undeliverable { .. }) {
                    // Some of what came of the record may be written.
                    self.abort("a record cannot be delivered");
                }
                self.begin_end(Some(error));
            }
            Event::Stop(asked) => self.begin_end_at(asked, None),
            Event::WritersLeft => self.on_quiet(),
            Event::TransactionFull => {
                if let Some(transactions) = &mut self.transactions {
                    transactions.force();
                }
            }
            Event::Transaction(outcome) => self.on_transaction(outcome),
        }
    }

    fn keep_house(&mut self, now: Instant) {
        self.resend_oversize();
        self.go_on_assigning(now);
        self.go_on_revoking(now);
        self.go_on_with_lost(now);
        self.go_on_probing(now);
        self.commit_when_due(now);
        self.go_on_with_transaction(now);
        self.set_state(now, false);
    }

    fn resend_oversize(&mut self) {
        for oversize in std::mem::take(&mut self.oversize) {
            if oversize.is_void() {
                continue;
            }
            match self.shared.sink.resend(oversize) {
                Ok(None) => {}
                Ok(Some(full)) => self.oversize.push(full),
                Err((span, cause)) => {
                    span.lease.truncate_at(span.first);
                    self.on_event(Event::Abandoned { span: span.clone(), written: true });
                    let (from, offset) = (span.lease.at.clone(), span.first.0);
                    self.begin_end(Some(PipelineError::Undeliverable { from, offset, cause }));
                }
            }
        }
    }

    fn set_paused(&mut self, place: usize, generation: u64, why: Pause, on: bool) {
        let Some(slot) = self.slots.get(place).filter(|slot| slot.lease.generation == generation) else { return };
        let (at, next) = (slot.lease.at.clone(), slot.from());
        match slot.pause(why, on) {
            Some(true) => {
                if let Err(error) = self.consumer.pause(slice::from_ref(&at)) {
                    tracing::warn!(target: "source", pipeline = %self.plan.name, partition = %at, "pausing: {error}");
                }
            }
            Some(false) => self.read_on(at, next),
            None => {}
        }
    }

    /// Fetches a partition again that was paused.
    fn read_on(&mut self, at: TopicPartition, next: StartPosition) {
        let found = self.seek(&[(at.clone(), next)]);
        match found.and_then(|stopped| self.consumer.resume(slice::from_ref(&at)).map(|()| stopped)) {
            Ok(stopped) => self.on_stopped(&stopped),
            Err(error) => self.begin_end(Some(error.about(&format!("reading on in {at}")).into())),
        }
    }

    fn set_all_paused(&mut self, why: Pause, on: bool) {
        let all: Vec<_> = self.slots.iter().map(|slot| (slot.lease.index, slot.lease.generation)).collect();
        for (place, generation) in all {
            self.set_paused(place, generation, why, on);
        }
    }

    fn set_worker_paused(&mut self, worker: usize, on: bool) {
        let its: Vec<_> = self
            .slots
            .iter()
            .filter(|slot| slot.worker == worker && slot.is_paused(Pause::Behind) != on)
            .map(|slot| (slot.lease.index, slot.lease.generation))
            .collect();
        for (place, generation) in its {
            self.set_paused(place, generation, Pause::Behind, on);
        }
    }

    /// Its partitions are not fetched until it has worked its batches off, so that the others get theirs.
    fn pause_worker(&mut self, worker: usize) {
        self.intake.pause(worker);
        self.set_worker_paused(worker, true);
    }

    /// Records of a partition wait for a retry, or no longer do. `full`: no more of it may come.
    fn on_held(&mut self, lease: &Lease, held: bool, full: bool) {
        if let Some(slot) = self.slots.of_lease(lease) {
            slot.held = held;
        }
        self.set_paused(lease.index, lease.generation, Pause::Held, full);
        let tripped = self.gate.is_some();
        self.abandon_retries(|slot| tripped || slot.is_paused(Pause::ChainOutput));
    }

    /// Retries of these partitions are not waited for: whoever reads them next begins with them.
    fn abandon_retries(&self, which: impl Fn(&Slot) -> bool) {
        for slot in self.slots.iter().filter(|slot| slot.held && which(slot)) {
            self.intake.abandon(slot.worker, &slot.lease);
        }
    }

    fn set_state(&mut self, now: Instant, last: bool) {
        if now < self.state_due && !last {
            return;
        }
        self.state_due = now + STATE_INTERVAL;
        let lags = self.slots.iter().map(|slot| slot.lag(self.consumer.known_end(&slot.lease.at)?));
        let idle = self.intake.is_idle() && self.slots.iter().all(|slot| slot.tracker.is_idle());
        let state = State {
            phase: match (&self.end, &self.gate) {
                (Some(_), _) => Phase::Draining,
                (None, Some(_)) => Phase::Paused,
                (None, None) if self.shared.assigned.load(Ordering::Acquire) => Phase::Running,
                (None, None) => Phase::Starting,
            },
            partitions: self.slots.len(),
            lag: lags.collect::<Option<Vec<u64>>>().filter(|lags| !lags.is_empty()).map(|lags| lags.iter().sum()),
            breaker: self.gate.as_ref().map(Gate::describe),
            held: self.slots.iter().filter(|slot| slot.held).count(),
            idle,
        };
        self.shared.stats.set(|old| *old = state);
    }

    fn cut_off(&self) {
        self.shared.cut_off.store(true, Ordering::Release);
    }
}

/// Tells the tracker of a span that is on its way.
fn dispatched(slots: &mut Slots) -> impl FnMut(&crate::sink::receipt::Span) {
    |span| {
        if let Some(slot) = slots.of_lease(&span.lease) {
            slot.tracker.dispatched(span.first, span.end);
        }
    }
}
