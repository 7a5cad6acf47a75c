//! One try to replay a batch: it goes through the chain, with all its retries, and what came of it is then written in a
//! transaction, from its begin to its commit, or to its abort.

use crate::rt::JoinHandle;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Replay;
use super::letters::{Pending, job};
use super::transaction::{abort, begin, commit};
use crate::batch::{Arena, HeaderList, NO_TIMESTAMP, Offset, Partition, Record};
use crate::dlq::marks::{Mark, topic_of};
use crate::error::PipelineError;
use crate::kafka::TopicPartition;
use crate::lease::Lease;
use crate::rt::{self, RecvTimeoutError};
use crate::sink::dead_letter::DeadLetter;
use crate::sink::event::SinkEvent;
use crate::sink::receipt::{OpenSpan, Span};
use crate::sink::{Destined, WriteError};
use crate::source::{Command, Event};
use crate::worker::WorkerMessage;
use crate::worker::event::WorkerEvent;
use crate::worker::outcome::{ReplayOutcome, ReplayOutcomes};

/// How often it is looked whether the worker is still there.
const LOOK: Duration = Duration::from_millis(100);

/// Why a batch was not replayed: nothing of it is committed.
#[derive(Debug)]
pub enum Trouble {
    /// A broker refused what came of the dead letter in this slot as too large.
    TooLarge(usize),
    /// Another try may do.
    Aborted(String),
    /// No other try will do.
    Over(String),
}

/// What is done with a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The batch goes through the chain, and nothing is written.
    Chain,
    /// What came of it is written.
    Delivery,
}

/// Where the dead letters of a batch are.
struct Course {
    generation: u64,
    leases: Vec<Arc<Lease>>,
    phase: Phase,
    // The worker has nothing more to do with it in this phase, but for what is held.
    processed: bool,
    held: BTreeSet<usize>,
    // Neither acknowledged nor given up.
    open: BTreeSet<usize>,
    given_up: BTreeSet<usize>,
    // Where the path ends nothing is written, and that is meant.
    strays: BTreeSet<usize>,
    outcomes: Vec<(usize, ReplayOutcome)>,
    trouble: Option<Trouble>,
}

impl Replay {
    /// Takes a batch through the chain, and writes what came of it in a transaction, which is not open while something
    /// waits for a retry: that may take longer than a transaction may. Answers what came of each, by its slot.
    pub(super) fn attempt(&mut self, batch: &[Pending]) -> Result<Vec<(usize, ReplayOutcome)>, Trouble> {
        self.generation += 1;
        let mut course = self.take_through(batch);
        let mut has_begun = false;
        if !self.options.dry_run && course.trouble.is_none() {
            match begin(&self.shared.sink) {
                Ok(()) => has_begun = true,
                Err(trouble) => self.give_up(&mut course, trouble),
            }
        }
        let result = self.deliver(course);
        if !has_begun {
            return result;
        }
        let result = result.and_then(|outcomes| {
            let span = self.mark(batch, &outcomes)?;
            // Whatever is sent is acknowledged before.
            commit(&self.shared.sink).inspect_err(|_| span.lease.revoke())?;
            Ok(outcomes)
        });
        if let Err(trouble) = result {
            return Err(match (abort(&self.shared.sink), trouble) {
                // The first cause says the most, unless it turns out that there is nothing more to try.
                (Ok(()), trouble) | (Err(_), trouble @ Trouble::Over(_)) => trouble,
                (Err(end), Trouble::TooLarge(_) | Trouble::Aborted(_)) => end,
            });
        }
        result
    }

    /// Takes a batch through the chain. The worker keeps what came of it.
    fn take_through(&mut self, batch: &[Pending]) -> Course {
        let job = job(batch, self.generation);
        let mut course = Course {
            generation: self.generation,
            leases: job.spans.iter().map(|span| span.lease.clone()).collect(),
            phase: Phase::Chain,
            processed: false,
            held: BTreeSet::new(),
            open: (0..batch.len()).collect(),
            given_up: BTreeSet::new(),
            strays: BTreeSet::new(),
            outcomes: Vec::new(),
            trouble: None,
        };
        // A worker that has ended is noticed below.
        let _ = self.jobs.send(WorkerMessage::job(job, &self.shared.sink_events));
        self.wait_for_end(&mut course);
        course
    }

    /// Has what the worker keeps written; nothing, where there is trouble already.
    fn deliver(&mut self, mut course: Course) -> Result<Vec<(usize, ReplayOutcome)>, Trouble> {
        (course.phase, course.processed) = (Phase::Delivery, false);
        let _ = self.jobs.send(WorkerMessage::Deliver);
        self.wait_for_end(&mut course);
        course.trouble.map_or(Ok(course.outcomes), Err)
    }

    /// Waits for the end of a phase.
    fn wait_for_end(&mut self, course: &mut Course) {
        while !course.is_over() {
            match self.events.recv_timeout(LOOK) {
                Ok(Event::Command(Command::Stop { .. })) => self.stopping = true,
                Ok(event) => self.follow(course, event),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => self.look(course),
            }
            let noted = self.shared.outcomes.as_ref().map(ReplayOutcomes::take).unwrap_or_default();
            course.strays.extend(strays(&noted));
            course.outcomes.extend(noted);
        }
    }

    fn follow(&self, course: &mut Course, event: Event) {
        let is_its = |lease: &Lease| lease.generation == course.generation && lease.index < course.leases.len();
        match event {
            Event::Worker(WorkerEvent::Processed { .. }) => course.processed = true,
            Event::Sink(SinkEvent::Delivered(delivered)) => {
                let lease = delivered.into_span().lease;
                if is_its(&lease) {
                    course.open.remove(&lease.index);
                }
            }
            Event::Sink(SinkEvent::Abandoned { span, .. }) if is_its(&span.lease) => {
                let slot = span.lease.index;
                course.held.remove(&slot);
                course.open.remove(&slot);
                course.given_up.insert(slot);
            }
            Event::Worker(WorkerEvent::RetryPending { lease, .. }) if is_its(&lease) => {
                _ = course.held.insert(lease.index);
            }
            Event::Worker(WorkerEvent::RetriesDone(lease)) if is_its(&lease) => _ = course.held.remove(&lease.index),
            Event::Sink(SinkEvent::TooLarge(oversize)) if is_its(oversize.lease()) => {
                self.give_up(course, Trouble::TooLarge(oversize.lease().index));
            }
            Event::Sink(SinkEvent::SizeRefused(refusal)) if is_its(&refusal.span.lease) => {
                self.give_up(course, Trouble::TooLarge(refusal.span.lease.index));
            }
            Event::Sink(SinkEvent::NotDelivered { span, error }) if is_its(&span.lease) => {
                self.give_up(course, Trouble::Aborted(error.text));
            }
            // This is about a try that is over.
            Event::Sink(SinkEvent::Abandoned { .. })
            | Event::Sink(SinkEvent::NotDelivered { .. })
            | Event::Worker(WorkerEvent::RetryPending { .. })
            | Event::Worker(WorkerEvent::RetriesDone(_) | WorkerEvent::Left { .. })
            | Event::Sink(SinkEvent::TooLarge(_) | SinkEvent::SizeRefused(_)) => {}
            Event::Worker(WorkerEvent::BreakerOpened(tripped)) => {
                let tripped = if self.plan.show.hides() { tripped.without_words() } else { tripped };
                let (name, failed, total) = (&tripped.name, tripped.failed, tripped.total);
                self.give_up(course, Trouble::Over(format!(
                    "stage \"{name}\" fails again on {failed} of {total} records ({}): that is too much (see `breaker`), \
                     so the rest is left as it is", tripped.reason
                )));
            }
            Event::Worker(WorkerEvent::Failed(error)) => {
                let error = if self.plan.show.hides() { error.without_words() } else { error };
                self.give_up(course, trouble(&error));
            }
            // No probes are sent, a stop is seen to by the loop, and the transactions are this replay's own.
            Event::Worker(WorkerEvent::ProbeEnded(_))
            | Event::LookaheadReady(_)
            | Event::Command(_)
            | Event::Answer(_)
            | Event::Sink(SinkEvent::WritersLeft)
            | Event::Sink(SinkEvent::TransactionFull)
            | Event::Sink(SinkEvent::Transaction(_)) => {}
        }
    }

    /// Nothing more of this batch may be written.
    fn give_up(&self, course: &mut Course, trouble: Trouble) {
        // A transaction that has failed fails what else is in it too.
        if course.trouble.as_ref().is_none_or(|first| matches!(first, Trouble::Aborted(_))) {
            course.trouble = Some(trouble);
        }
        for lease in &course.leases {
            lease.revoke();
            let _ = self.jobs.send(WorkerMessage::AbandonRetries(lease.clone()));
        }
    }

    /// Nothing has happened for a while.
    fn look(&self, course: &mut Course) {
        if self.workers.iter().any(JoinHandle::is_finished) {
            (course.processed, course.held) = (true, BTreeSet::new());
            self.give_up(course, Trouble::Over("the worker has ended: please report this".to_owned()));
        }
        // Where something is given up and nobody has said why, it is cut off, too.
        if self.shared.cut_off.load(Ordering::Acquire) || course.is_still() && course.has_ended_unexplained() {
            self.give_up(course, Trouble::Over("it was cut off".to_owned()));
        }
    }

    /// Writes the marks of all that was replayed.
    fn mark(&self, batch: &[Pending], outcomes: &[(usize, ReplayOutcome)]) -> Result<Span, Trouble> {
        let at = TopicPartition { topic: topic_of(&self.options.topic).into(), partition: Partition(0) };
        let lease = Arc::new(Lease::new(at, usize::MAX, self.generation));
        let span = Span { lease, first: Offset(0), end: Offset(1) };
        let mut open = OpenSpan::new(span.clone(), self.shared.sink_events.clone());
        let cut_off = || Trouble::Over("it was cut off".to_owned());
        let mut session = self.shared.sink.begin(|| false).ok_or_else(cut_off)?;
        let strays: BTreeSet<usize> = strays(outcomes).collect();
        for (_, pending) in batch.iter().enumerate().filter(|(slot, _)| !strays.contains(slot)) {
            let mut arena = Arena::default();
            let mark = serde_json::to_vec(&Mark::new(&pending.letter, self.options.from.as_str()));
            let mark = mark.map_err(|error| Trouble::Over(error.to_string()))?;
            let record = Record {
                key: arena.push(pending.at.to_string().as_bytes()),
                value: arena.push(&mark),
                headers: HeaderList::EMPTY,
                timestamp: NO_TIMESTAMP,
                offset: Offset(0),
                source: 0,
            };
            let large = || Box::new(DeadLetter::new(&arena, &record, Vec::new()));
            let (output, now) = (self.marks_output, rt::unix_ms());
            let destined = Destined { output, stage: 0, arena: &arena, record: &record, now };
            session.write(&destined, &mut open, large).map_err(|not_written| match not_written {
                WriteError::Refused(_, why) | WriteError::Impossible(why) => Trouble::Over(why),
                WriteError::Abandoned if self.shared.cut_off.load(Ordering::Acquire) => cut_off(),
                WriteError::Abandoned => Trouble::Aborted("the transaction has failed".to_owned()),
            })?;
        }
        open.seal();
        Ok(span)
    }
}

impl Course {
    /// Whether the worker has nothing of it any more.
    fn is_still(&self) -> bool {
        self.processed && self.held.is_empty()
    }

    /// Whether nothing more is to be waited for. What was given up is explained by an event that follows.
    fn is_over(&self) -> bool {
        let is_done = self.given_up.is_subset(&self.strays) && self.has_ended();
        self.is_still() && (self.trouble.is_some() || is_done)
    }

    /// Whether everything has come to the end of the phase, or was given up.
    fn has_ended(&self) -> bool {
        match self.phase {
            Phase::Chain => true,
            Phase::Delivery => self.open.is_empty(),
        }
    }

    /// Whether something was given up that has no path that ends early.
    fn has_ended_unexplained(&self) -> bool {
        self.has_ended() && !self.given_up.is_subset(&self.strays)
    }
}

/// The slots of those whose path has ended early.
fn strays(outcomes: &[(usize, ReplayOutcome)]) -> impl Iterator<Item = usize> {
    outcomes.iter().filter(|(_, outcome)| matches!(outcome, ReplayOutcome::PathMismatch { .. })).map(|(slot, _)| *slot)
}

/// What an error of the pipeline means to a replay.
fn trouble(error: &PipelineError) -> Trouble {
    match error {
        PipelineError::Undeliverable { cause, .. } => Trouble::Aborted(cause.clone()),
        PipelineError::Record { stage, at, offset, class, reason } => Trouble::Over(format!(
            "stage \"{stage}\" failed again on {at}/{offset} ({class}: {reason}) and says `then: stop`"
        )),
        PipelineError::Fatal { stage, reason } => Trouble::Over(format!("stage \"{stage}\" failed for good: {reason}")),
        other => Trouble::Over(other.to_string()),
    }
}
