//! A worker: a thread that owns partitions and one instance of each stage, and takes batches through the chain.

mod chain;
mod deliver;
mod hold;
pub mod outcome;
mod run;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use self::chain::{Chain, Step};
use self::deliver::deliver;
use self::hold::{Hold, Holds};
use self::outcome::{Outcome, Outcomes};
use self::run::Run;
use crate::batch::Batch;
use crate::event::{Event, Events, Probe};
use crate::lease::Lease;
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
}

/// What the source tells a worker.
pub enum Message {
    /// Work on this.
    Job(Job),
    /// Retries of this partition are not waited for any more: it is being given up.
    Abandon(Arc<Lease>),
}

/// What the workers of one pipeline share.
pub struct Shared {
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
    pub events: Events,
    /// A breaker is open: only probes are worked on.
    pub tripped: AtomicBool,
    /// The first assignment is there.
    pub assigned: AtomicBool,
    /// What became of each record, where a replay wants to know.
    pub outcomes: Option<Outcomes>,
}

impl Shared {
    /// Notes what became of a record, where somebody wants to know. Only then is `outcome` called.
    fn note(&self, lease: &Lease, outcome: impl FnOnce() -> Outcome) {
        if let Some(outcomes) = &self.outcomes {
            outcomes.note(lease.slot, outcome());
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
    shared: Arc<Shared>,
    holds: Holds,
    spare: Run,
}

impl Worker {
    /// A worker with its stages started.
    pub fn new(number: usize, stages: Vec<Stage>, shared: Arc<Shared>) -> Worker {
        Worker { number, chain: Chain::new(stages), shared, holds: Holds::default(), spare: Run::default() }
    }

    /// Works until nobody sends any more. What still waits for a retry then is abandoned.
    pub fn work(mut self, messages: &Receiver<Message>) {
        loop {
            let due = self.holds.next_wake().map_or(IDLE, |wake| wake.saturating_duration_since(Instant::now()));
            match messages.recv_timeout(due) {
                Ok(Message::Job(job)) => self.take(job),
                // Its spans are abandoned as they are dropped.
                Ok(Message::Abandon(lease)) => drop(self.holds.take(&lease)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while let Some(hold) = self.holds.take_due(Instant::now()) {
                self.resume(hold);
            }
        }
    }

    fn take(&mut self, job: Job) {
        let mut run = std::mem::take(&mut self.spare);
        let spans = job.spans.into_iter().map(|span| OpenSpan::new(span, self.shared.events.clone()));
        run.begin(job.batch, spans, job.probe);
        if job.probe.is_some() || !self.shared.tripped.load(Ordering::Acquire) {
            self.queue_behind_holds(&mut run);
            self.go(&mut run);
        }
        // Where a breaker is open the spans are abandoned here, and read again later.
        let batch = run.finish();
        self.spare = run;
        self.shared.events.tell(Event::Processed { worker: self.number, batch });
    }

    /// Records of a partition that waits wait behind it.
    fn queue_behind_holds(&mut self, run: &mut Run) {
        for source in 0..run.spans.len() {
            let Some(lease) = run.spans[source].as_ref().map(|span| span.lease().clone()) else { continue };
            if let Some(hold) = self.holds.of(&lease) {
                hold.runs.push_back(run.split_off(source as u32));
            }
        }
    }

    fn go(&mut self, run: &mut Run) {
        loop {
            match self.chain.advance(run, &self.shared) {
                Step::Through => return deliver(run, &self.shared),
                Step::Waits => self.hold(run),
                Step::ProbeFailed => return self.shared.events.tell(Event::Probed(Probe::Failed)),
                Step::GivenUp => return,
            }
        }
    }

    /// The partitions with records to be called again leave the run and wait; the others go on.
    fn hold(&mut self, run: &mut Run) {
        let wake = Instant::now() + self.chain.stage(run.stage).backoff(run.progress.rounds());
        for source in 0..run.spans.len() as u32 {
            let waits = run.records.iter().enumerate().any(|(i, r)| r.source == source && run.progress.is_pending(i));
            if !waits {
                continue;
            }
            let own = run.split_off(source);
            if let Some(lease) = own.spans[0].as_ref().map(|span| span.lease().clone()) {
                self.shared.events.tell(Event::Held(lease.clone()));
                self.holds.begin(lease, own, wake);
            }
        }
    }

    fn resume(&mut self, mut hold: Hold) {
        while let Some(mut run) = hold.runs.pop_front() {
            if hold.lease.ended() {
                return;
            }
            match self.chain.advance(&mut run, &self.shared) {
                Step::Through => deliver(&mut run, &self.shared),
                Step::Waits => {
                    hold.wake = Instant::now() + self.chain.stage(run.stage).backoff(run.progress.rounds());
                    hold.runs.push_front(run);
                    return self.holds.put_back(hold);
                }
                Step::ProbeFailed | Step::GivenUp => return,
            }
        }
        self.shared.events.tell(Event::Released(hold.lease));
    }
}
