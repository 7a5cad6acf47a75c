//! A worker: a thread that owns partitions and one plugin instance of each stage, and takes batches through the chain.

mod chain;
mod deliver;
pub mod event;
mod format_steps;
mod in_flight;
mod observer;
pub mod outcome;
mod recorded;
mod relocation;
pub mod retry_budget;
mod retry_queue;
mod split;
mod tap;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod trace;
pub mod trial;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use self::chain::{Chain, Step};
use self::deliver::deliver;
use self::event::{ProbeResult, WorkerEvent, WorkerEvents};
use self::in_flight::InFlightBatch;
use self::outcome::{ReplayOutcome, ReplayOutcomes};
use self::retry_budget::RetryBudget;
use self::retry_queue::{Advanced, RetryQueue};
use self::trace::StageTrace;
use crate::batch::Batch;
use crate::counters::{Activity, PlanCounters, WorkerClock};
use crate::formats::Formats;
use crate::lease::Lease;
use crate::rt::{self, Receiver, Turn};
use crate::sink::Sink;
use crate::sink::event::SinkEvents;
use crate::sink::receipt::{OpenSpan, Span};
use crate::stage::Stage;
use crate::stage::breaker::Breaker;
use crate::stage::timeouts::StageTimeouts;
use crate::traces::Tracer;
use crate::view::ViewCell;

/// How long a stage that does not answer in time works on a batch until what it has settled goes on, so that it is
/// delivered and committed: thousands of records at one a second would otherwise go on all at once, an hour later.
pub const GOES_BACK_AFTER: Duration = Duration::from_secs(5);

/// Circuit breakers behind those of the stages: for decoding, and for encoding.
pub const FORMAT_BREAKERS: usize = 2;

/// A batch for a worker.
pub struct Job {
    /// The records.
    pub batch: Batch,
    /// One for each of the batch's sources.
    pub spans: Vec<Span>,
    /// The stage that a probe is meant for.
    pub probe: Option<usize>,
    /// Whether the probe looks ahead: it ends with that stage, and nothing of it is written.
    pub ahead: bool,
}

/// A job in a worker's queue. Where it is dropped and never worked on, its spans are abandoned.
pub struct QueuedJob {
    batch: Batch,
    spans: Vec<OpenSpan>,
    probe: Option<usize>,
    ahead: bool,
}

/// What the source tells a worker.
pub enum WorkerMessage {
    /// Work on this.
    Job(QueuedJob),
    /// Deliver what was kept: see [`PipelineContext::keeps_completed`]. Of a lease that is revoked by then, nothing is
    /// written. [`WorkerEvent::Processed`] follows once more.
    Deliver,
    /// Do not wait for retries of this partition any more: it is being given up.
    AbandonRetries(Arc<Lease>),
}

impl WorkerMessage {
    /// Returns the message that hands a job to a worker. `events` is told what becomes of its spans, also where no
    /// worker receives it.
    pub fn job(job: Job, events: &SinkEvents) -> WorkerMessage {
        let Job { batch, spans, probe, ahead } = job;
        let spans = spans.into_iter().map(|span| OpenSpan::new(span, events.clone())).collect();
        WorkerMessage::Job(QueuedJob { batch, spans, probe, ahead })
    }
}

/// What the workers of one pipeline share.
pub struct PipelineContext {
    /// The pipeline's name.
    pub pipeline: Arc<str>,
    /// Where results go.
    pub sink: Arc<Sink>,
    /// One circuit breaker for each stage, and behind these, where there are formats, one for decoding and one for
    /// encoding; empty where they are off.
    pub breakers: Vec<Breaker>,
    /// Stages that do not answer in time just now.
    pub timeouts: StageTimeouts,
    /// Where the source publishes how the pipeline stands.
    pub view: Arc<ViewCell>,
    /// What is counted. Workers count calls; the source adds a span's tally once it is acknowledged.
    pub counters: PlanCounters,
    /// What may wait for retries.
    pub retry_budget: Arc<RetryBudget>,
    /// How records are decoded and encoded, where they are.
    pub formats: Option<Arc<Formats>>,
    /// How many stages there are.
    pub stages: usize,
    /// The number of the output `default`.
    pub default_output: u32,
    /// Set when the pipeline is cut off: nothing is waited for any more.
    pub cut_off: Arc<AtomicBool>,
    /// Set when the pipeline begins to end: a stage that does not answer in time is not waited for any more.
    pub stopping: AtomicBool,
    /// To the source loop.
    pub events: WorkerEvents,
    /// To the source loop, for what becomes of spans.
    pub sink_events: SinkEvents,
    /// Set while a circuit breaker is open: only probes are worked on.
    pub tripped: AtomicBool,
    /// What traces sampled records, where the plan asks for that.
    pub tracer: Option<Arc<Tracer>>,
    /// How long a stage that does not answer in time works on a batch until it leaves the rest, to which the source
    /// brings its partitions back: see [`WorkerEvent::Left`]. None: it leaves nothing.
    pub goes_back_after: Option<Duration>,
    /// What became of each record, where a replay wants to know.
    pub outcomes: Option<ReplayOutcomes>,
    /// Whether what has come through the chain is kept until [`WorkerMessage::Deliver`]: so no transaction is open
    /// while something waits for a retry.
    pub keeps_completed: bool,
}

impl PipelineContext {
    /// Returns what a worker's chain needs of it.
    fn chain_context(&self, worker: usize) -> ChainContext<'_> {
        let taps = self.view.taps();
        ChainContext {
            worker,
            breakers: &self.breakers,
            timeouts: &self.timeouts,
            default_output: self.default_output,
            events: &self.events,
            tripped: &self.tripped,
            cut_off: &self.cut_off,
            stopping: &self.stopping,
            goes_back_after: self.goes_back_after,
            outcomes: self.outcomes.as_ref(),
            trace: taps.any().then_some(taps as &dyn StageTrace),
        }
    }

    /// Notes what became of a record, where somebody wants to know. Only then is `outcome` called.
    fn note(&self, lease: &Lease, outcome: impl FnOnce() -> ReplayOutcome) {
        note(self.outcomes.as_ref(), lease, outcome);
    }
}

fn note(outcomes: Option<&ReplayOutcomes>, lease: &Lease, outcome: impl FnOnce() -> ReplayOutcome) {
    if let Some(outcomes) = outcomes {
        outcomes.note(lease.index, outcome());
    }
}

/// What a chain needs of its pipeline: everything but the sink.
struct ChainContext<'a> {
    worker: usize,
    breakers: &'a [Breaker],
    timeouts: &'a StageTimeouts,
    default_output: u32,
    events: &'a WorkerEvents,
    tripped: &'a AtomicBool,
    cut_off: &'a AtomicBool,
    stopping: &'a AtomicBool,
    goes_back_after: Option<Duration>,
    outcomes: Option<&'a ReplayOutcomes>,
    // Whoever wants to see what each stage does.
    trace: Option<&'a dyn StageTrace>,
}

impl ChainContext<'_> {
    fn note(&self, lease: &Lease, outcome: impl FnOnce() -> ReplayOutcome) {
        note(self.outcomes, lease, outcome);
    }

    fn is_tripped(&self) -> bool {
        self.tripped.load(Ordering::Acquire)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Opens the circuit breaker; returns whether it was closed.
    fn trip(&self) -> bool {
        !self.tripped.swap(true, Ordering::AcqRel)
    }
}

/// One worker.
pub struct Worker {
    number: usize,
    chain: Chain,
    context: Arc<PipelineContext>,
    retries: RetryQueue,
    // What has come through the chain and is to be delivered later.
    completed: Vec<InFlightBatch>,
    spare: InFlightBatch,
    // Whether something may have been written since the worker last had nothing to do.
    has_worked: bool,
    clock: Arc<WorkerClock>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.clock.stop();
    }
}

impl Worker {
    /// Returns a worker with its stages started.
    pub fn new(number: usize, stages: Vec<Stage>, context: Arc<PipelineContext>) -> Worker {
        let retries = RetryQueue::new(context.pipeline.clone(), context.retry_budget.clone());
        let chain = Chain::new(stages).with_formats(&context.pipeline, context.formats.clone());
        let clock = context.counters.pipeline.worker(number);
        let (completed, spare) = (Vec::new(), InFlightBatch::default());
        Worker { number, chain, context, retries, completed, spare, has_worked: false, clock }
    }

    /// Works on the next message and on the retries that are due. Ends when nobody sends any more; what still waits for
    /// a retry then is abandoned when the worker is dropped.
    pub fn turn(&mut self, messages: &Receiver<WorkerMessage>) -> Turn<()> {
        self.clock.begin(rt::now());
        let turn = self.work(messages);
        self.clock.spend(Activity::Plugin, self.chain.take_spent());
        let coded = self.chain.take_coded();
        if !coded.is_zero() {
            self.clock.spend(Activity::Codec, coded);
        }
        self.clock.end(rt::now());
        if matches!(turn, Turn::Wait | Turn::WaitUntil(_)) && std::mem::take(&mut self.has_worked) {
            self.context.sink.send_at_once();
        }
        turn
    }

    fn work(&mut self, messages: &Receiver<WorkerMessage>) -> Turn<()> {
        let message = messages.try_recv();
        let is_first = message.is_some();
        match message {
            Some(WorkerMessage::Job(job)) => self.take(job),
            Some(WorkerMessage::Deliver) => self.deliver_completed(),
            // Its spans are abandoned as they are dropped.
            Some(WorkerMessage::AbandonRetries(lease)) => self.retries.abandon(&lease),
            None if messages.is_closed() => return Turn::Ended(()),
            None => {}
        }
        self.resume();
        self.retries.report(|event| self.context.events.send(event));
        match self.retries.next_wake() {
            _ if is_first => Turn::Again,
            Some(due) => Turn::WaitUntil(due),
            None => Turn::Wait,
        }
    }

    /// Goes on with what is due by now. What begins to wait again meanwhile is due later, so that batches get their
    /// turn.
    fn resume(&mut self) {
        let now = rt::now();
        loop {
            if self.context.tripped.load(Ordering::Acquire) {
                // What waits would fail and be dead-lettered: it is read again once the circuit breaker has closed.
                return self.retries.clear();
            }
            let (retries, mut advancer) = self.advancer();
            if !retries.resume_due(now, &mut |batch| advancer.advance(batch)) {
                return;
            }
            self.has_worked = true;
        }
    }

    fn advancer(&mut self) -> (&mut RetryQueue, Advancer<'_>) {
        let Worker { number, chain, completed, context, retries, .. } = self;
        (retries, Advancer::new(*number, chain, completed, context))
    }

    /// Delivers what was kept.
    fn deliver_completed(&mut self) {
        for mut batch in std::mem::take(&mut self.completed) {
            deliver(self.number, &mut batch, &self.context);
        }
        let batch = Batch::default();
        self.context.events.send_and_wake(WorkerEvent::Processed { worker: self.number, batch });
    }

    fn take(&mut self, job: QueuedJob) {
        self.has_worked = true;
        let mut batch = std::mem::take(&mut self.spare);
        batch.begin(job.batch, job.spans, job.probe);
        batch.ahead = job.ahead;
        if let (Some(tracer), false) = (&self.context.tracer, job.ahead) {
            batch.recorded = tracer.begin(&batch.batch);
        }
        let (retries, mut advancer) = self.advancer();
        retries.take(&mut batch, &mut |batch| advancer.advance(batch));
        let memory = batch.finish();
        self.spare = batch;
        // Before the batch's memory comes back and makes room for another.
        self.retries.report(|event| self.context.events.send(event));
        self.context.events.send_and_wake(WorkerEvent::Processed { worker: self.number, batch: memory });
    }
}

/// What takes a worker's batches on.
struct Advancer<'a> {
    number: usize,
    chain: &'a mut Chain,
    completed: &'a mut Vec<InFlightBatch>,
    context: &'a PipelineContext,
}

impl<'a> Advancer<'a> {
    fn new(
        number: usize,
        chain: &'a mut Chain,
        completed: &'a mut Vec<InFlightBatch>,
        context: &'a PipelineContext,
    ) -> Advancer<'a> {
        Advancer { number, chain, completed, context }
    }

    /// Takes a batch as far as it goes now, and delivers it if it has come through.
    fn advance(&mut self, batch: &mut InFlightBatch) -> Advanced {
        let context = self.context;
        if batch.probe.is_none() && !batch.has_begun() && context.tripped.load(Ordering::Acquire) {
            // A circuit breaker is open: the spans are abandoned, and read again later.
            return Advanced::Done;
        }
        let probe_ended = |result| context.events.send(WorkerEvent::ProbeEnded(result));
        let seen = |batch: &InFlightBatch| if batch.probed { ProbeResult::Passed } else { ProbeResult::Unclear };
        match self.chain.advance(batch, &context.chain_context(self.number)) {
            Step::Completed if batch.ahead => probe_ended(ProbeResult::Unclear),
            Step::Completed if context.keeps_completed => self.completed.push(std::mem::take(batch)),
            Step::Completed => deliver(self.number, batch, context),
            Step::RetryLater { hold, backoff } => return Advanced::RetryAt { hold, wake: rt::now() + backoff },
            Step::LookaheadDone => probe_ended(seen(batch)),
            Step::ProbeFailed => probe_ended(ProbeResult::Failed),
            Step::Abandoned => {}
        }
        Advanced::Done
    }
}
