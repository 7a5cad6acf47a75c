//! A worker: a thread that owns partitions and one instance of each stage, and takes batches through the chain.

mod chain;
mod deliver;
mod retry_queue;
pub mod outcome;
mod in_flight;
pub mod trial;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use self::chain::{Chain, Step};
use self::deliver::deliver;
use self::retry_queue::{Advanced, RetryQueue};
use self::outcome::{ReplayOutcome, ReplayOutcomes};
use self::in_flight::InFlightBatch;
use crate::batch::Batch;
use crate::event::{Event, EventSender, ProbeResult};
use crate::lease::Lease;
use crate::rt::{self, Receiver, RecvTimeoutError};
use crate::sink::Sink;
use crate::sink::receipt::{OpenSpan, Span};
use crate::stage::Stage;
use crate::stage::breaker::Breaker;
use crate::status::Stats;

/// How long a worker with nothing to do and nothing waiting sleeps at a time.
const IDLE: Duration = Duration::from_secs(60);

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

/// What the source tells a worker.
pub enum WorkerMessage {
    /// Work on this.
    Job(Job),
    /// Retries of this partition are not waited for any more: it is being given up.
    AbandonRetries(Arc<Lease>),
}

/// What the workers of one pipeline share.
pub struct PipelineContext {
    /// Where results go.
    pub sink: Arc<Sink>,
    /// One for each stage; empty where they are off.
    pub breakers: Vec<Breaker>,
    /// What was counted.
    pub stats: Arc<Stats>,
    /// How many stages there are.
    pub stages: usize,
    /// The number of the output `default`.
    pub default_output: u32,
    /// Set when the pipeline is cut off: nothing is waited for any more.
    pub cut_off: Arc<AtomicBool>,
    /// To the source loop.
    pub events: EventSender,
    /// A breaker is open: only probes are worked on.
    pub tripped: AtomicBool,
    /// What became of each record, where a replay wants to know.
    pub outcomes: Option<ReplayOutcomes>,
}

impl PipelineContext {
    /// What a chain needs of it.
    fn chain_context(&self) -> ChainContext<'_> {
        ChainContext {
            breakers: &self.breakers,
            stats: &self.stats,
            default_output: self.default_output,
            events: &self.events,
            tripped: &self.tripped,
            outcomes: self.outcomes.as_ref(),
        }
    }

    /// Notes what became of a record, where somebody wants to know. Only then is `outcome` called.
    fn note(&self, lease: &Lease, outcome: impl FnOnce() -> ReplayOutcome) {
        self.chain_context().note(lease, outcome);
    }
}

/// What a chain needs of its pipeline: everything but the way out.
pub struct ChainContext<'a> {
    breakers: &'a [Breaker],
    stats: &'a Stats,
    default_output: u32,
    events: &'a EventSender,
    tripped: &'a AtomicBool,
    outcomes: Option<&'a ReplayOutcomes>,
}

impl ChainContext<'_> {
    fn note(&self, lease: &Lease, outcome: impl FnOnce() -> ReplayOutcome) {
        if let Some(outcomes) = self.outcomes {
            outcomes.note(lease.index, outcome());
        }
    }

    /// Opens the breaker; whether it was closed.
    fn trip(&self) -> bool {
        !self.tripped.swap(true, Ordering::AcqRel)
    }
}

/// One worker.
pub struct Worker {
    number: usize,
    chain: Chain,
    shared: Arc<PipelineContext>,
    holds: RetryQueue,
    spare: InFlightBatch,
}

impl Worker {
    /// A worker with its stages started.
    pub fn new(number: usize, stages: Vec<Stage>, shared: Arc<PipelineContext>) -> Worker {
        Worker { number, chain: Chain::new(stages), shared, holds: RetryQueue::default(), spare: InFlightBatch::default() }
    }

    /// Works until nobody sends any more. What still waits for a retry then is abandoned.
    pub fn work(mut self, messages: &Receiver<WorkerMessage>) {
        loop {
            let due = self.holds.next_wake().map_or(IDLE, |wake| wake.saturating_duration_since(rt::now()));
            match messages.recv_timeout(due) {
                Ok(WorkerMessage::Job(job)) => self.take(job),
                // Its spans are abandoned as they are dropped.
                Ok(WorkerMessage::AbandonRetries(lease)) => self.holds.abandon(&lease),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.resume();
            self.holds.tell(|event| self.shared.events.send(event));
        }
    }

    /// Goes on with what is due by now. What begins to wait again meanwhile is due later, so that batches get their turn.
    fn resume(&mut self) {
        let now = rt::now();
        loop {
            if self.shared.tripped.load(Ordering::Acquire) {
                // What waits would fail and be dead-lettered: it is read again once the breaker has closed.
                return self.holds.clear();
            }
            if !self.holds.resume_due(now, &mut |run| advance(&mut self.chain, run, &self.shared)) {
                return;
            }
        }
    }

    fn take(&mut self, job: Job) {
        let mut run = std::mem::take(&mut self.spare);
        let spans = job.spans.into_iter().map(|span| OpenSpan::new(span, self.shared.events.clone()));
        run.begin(job.batch, spans, job.probe);
        run.ahead = job.ahead;
        self.holds.take(&mut run, &mut |run| advance(&mut self.chain, run, &self.shared));
        let batch = run.finish();
        self.spare = run;
        // Before the batch comes back and makes room for another.
        self.holds.tell(|event| self.shared.events.send(event));
        self.shared.events.send_and_wake(Event::Processed { worker: self.number, batch });
    }
}

/// Takes a run as far as it goes now, and delivers it if that is through.
fn advance(chain: &mut Chain, run: &mut InFlightBatch, shared: &PipelineContext) -> Advanced {
    if run.probe.is_none() && !run.has_begun() && shared.tripped.load(Ordering::Acquire) {
        // A breaker is open: the spans are abandoned, and read again later.
        return Advanced::Done;
    }
    match chain.advance(run, &shared.chain_context()) {
        Step::Completed if run.ahead => shared.events.send(Event::ProbeEnded(ProbeResult::Unclear)),
        Step::Completed => deliver(run, shared),
        Step::RetryLater => {
            let stage = chain.stage(run.stage);
            let wake = rt::now() + stage.backoff(run.progress.rounds());
            return Advanced::RetryAt { hold: stage.on_error().hold, wake };
        }
        Step::LookaheadDone => shared.events.send(Event::ProbeEnded(if run.probed { ProbeResult::Passed } else { ProbeResult::Unclear })),
        Step::ProbeFailed => shared.events.send(Event::ProbeEnded(ProbeResult::Failed)),
        Step::Abandoned => {}
    }
    Advanced::Done
}
