//! Replaying: takes dead letters through the chain once more, in a process of its own, and writes their results to
//! the outputs, never to the input.
//!
//! A batch of dead letters is one transaction: what comes of them, the dead letters of those that fail again, and the
//! marks that say that they are done. So whatever ends a replay, the next one repeats nothing and leaves nothing out.

mod attempt;
mod letters;
mod start;
mod summary;
mod transaction;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;

use self::attempt::Trouble;
use self::letters::{Pending, prepare};
pub use self::start::{Control, runs_elsewhere};
pub use self::summary::{Left, Summary};
use super::marks::Marks;
use super::scan::{Flow, Found, Scan};
use super::select::Selection;
use crate::config::plan::Plan;
use crate::kafka::librdkafka::Presence;
use crate::rt::{JoinHandle, Receiver, RecvTimeoutError, Sender};
use crate::source::{Command, Event};
use crate::worker::{PipelineContext, WorkerMessage};

/// Dead letters in one transaction, at the most.
const MOST_LETTERS: usize = 500;
/// How many transactions a second a bounded rate is spread over.
const PARTS: u32 = 4;
/// How often one batch is tried, where its transaction had to be aborted.
const TRIES: u32 = 3;

/// Where in the chain a replay takes a record up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum From {
    /// At the stage that it failed in. The stages before are computed again, and only the results of the emitted
    /// record that failed are delivered: its siblings were delivered before.
    FailedStage,
    /// At the first stage, as if it were read for the first time: everything is delivered, what was delivered before
    /// included.
    Start,
}

impl From {
    /// The word for it in marks and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            From::FailedStage => "failed-stage",
            From::Start => "start",
        }
    }
}

/// How to replay.
#[derive(Clone, Debug)]
pub struct Options {
    /// The dead-letter topic to read.
    pub topic: String,
    /// Where in the chain.
    pub from: From,
    /// Replays that a record may have had before; one with so many is left where it is.
    pub max_replays: u32,
    /// Dead letters a second, at the most.
    pub rate: u32,
    /// Write nothing, and tell what would come of it.
    pub dry_run: bool,
    /// What is marked as replayed is replayed all the same.
    pub again: bool,
}

/// A replay under way.
pub struct Replay {
    plan: Arc<Plan>,
    options: Options,
    selection: Selection,
    shared: Arc<PipelineContext>,
    digests: Vec<String>,
    // The output that takes the marks: the one behind the plan's.
    marks_output: usize,
    marks: Marks,
    jobs: Sender<WorkerMessage>,
    workers: Vec<JoinHandle<()>>,
    events: Receiver<Event>,
    // Tells events of one try from those of the one before.
    generation: u64,
    pending: Vec<Pending>,
    bytes: usize,
    taken: u64,
    // When the rate allows for the next batch.
    due: Instant,
    stopping: bool,
    summary: Summary,
    // Others see that it runs; none: it writes nothing.
    _presence: Option<Presence>,
    // Told of the summary after each transaction.
    on_progress: Box<dyn FnMut(&Summary) + Send>,
}

impl Replay {
    /// Replays everything that is meant, or up to where it has to stop.
    ///
    /// # Errors
    /// Never what a single dead letter is at fault for. What was committed before stays so, and is in the summary.
    pub fn run(&mut self, scan: Scan) -> anyhow::Result<()> {
        let selection = self.selection.clone();
        scan.run(&selection, &mut |found| match found {
            Some(found) => self.take(&found),
            // Nothing comes at this moment.
            None => self.flush(),
        })?;
        self.flush()?;
        Ok(())
    }

    /// Has `told` called with what came of it so far after each transaction.
    pub fn on_progress(&mut self, told: impl FnMut(&Summary) + Send + 'static) {
        self.on_progress = Box::new(told);
    }

    /// What came of it.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Whether it was told to stop before it was through.
    pub fn was_stopped(&self) -> bool {
        self.stopping
    }

    /// Ends the worker.
    pub fn close(self) {
        drop(self.jobs);
        for worker in self.workers {
            // One that panicked has said so by its hook.
            let _ = worker.join();
        }
    }

    fn take(&mut self, found: &Found<'_>) -> anyhow::Result<Flow> {
        let at = found.at;
        // Most of what comes may not be meant.
        self.stopping |= self.events.drain().iter().any(|event| matches!(event, Event::Command(Command::Stop { .. })));
        if self.stopping {
            return Ok(Flow::Enough);
        }
        let letter = match &found.letter {
            Ok(letter) if self.selection.takes(letter) => letter,
            Ok(_) => return Ok(Flow::On),
            Err(_) => {
                self.summary.foreign += 1;
                return Ok(Flow::On);
            }
        };
        if *letter.pipeline != *self.plan.name {
            self.summary.other_pipelines += 1;
            return Ok(Flow::On);
        }
        if !self.options.again && self.marks.contain(at, letter) {
            self.summary.already += 1;
            return Ok(Flow::On);
        }
        match prepare(&self.options, &self.digests, found, letter) {
            Ok(pending) => {
                self.bytes += pending.record.size();
                self.pending.push(pending);
            }
            Err((left, detail)) => self.summary.leave(left, at, detail),
        }
        self.taken += 1;
        let is_last = self.selection.limit.is_some_and(|limit| self.taken >= limit);
        let most = MOST_LETTERS.min(self.plan.batch.max_records).min((self.options.rate / PARTS).max(1) as usize);
        if is_last || self.pending.len() >= most || self.bytes >= self.plan.batch.max_bytes {
            let flow = self.flush()?;
            return Ok(if is_last { Flow::Enough } else { flow });
        }
        Ok(Flow::On)
    }

    /// Replays what is pending. Whether there may be more.
    fn flush(&mut self) -> anyhow::Result<Flow> {
        self.bytes = 0;
        let mut batch = std::mem::take(&mut self.pending);
        self.wait_until_due();
        let mut tries = 0;
        while !batch.is_empty() && !self.stopping {
            match self.attempt(&batch) {
                Ok(outcomes) => {
                    self.due = Instant::now().max(self.due) + self.time_for(batch.len());
                    self.summary.add(&self.plan, &batch, outcomes);
                    (self.on_progress)(&self.summary);
                    break;
                }
                Err(Trouble::TooLarge(slot)) => {
                    let left = batch.remove(slot);
                    self.summary.leave(Left::TooLarge, left.at, "its result is over its topic's limit".to_owned());
                }
                Err(Trouble::Aborted(why)) if tries + 1 < TRIES => {
                    tries += 1;
                    tracing::warn!(target: "dlq", pipeline = %self.plan.name, "a transaction was aborted, and is tried again: {why}");
                }
                Err(Trouble::Aborted(why) | Trouble::Over(why)) => bail!("{why}"),
            }
        }
        Ok(if self.stopping { Flow::Enough } else { Flow::On })
    }

    fn time_for(&self, count: usize) -> Duration {
        Duration::from_secs_f64(count as f64 / f64::from(self.options.rate))
    }

    fn wait_until_due(&mut self) {
        while !self.stopping {
            match self.events.recv_timeout(self.due.saturating_duration_since(Instant::now())) {
                Ok(Event::Command(Command::Stop { .. })) => self.stopping = true,
                // This is about a try that is over.
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}
