//! Rights that are taken away while the pipeline runs. It is waited for them as for brokers that are away, but no
//! longer than `kafka_patience`.
//!
//! What an error says is not relied on: the brokers are asked what may be done with each topic and the group, until
//! nothing is missing. While an output may not be written to, intake is paused, and partitions go back to what is
//! delivered (under exactly_once the abort of the transaction takes them there).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::action::{Action, Actions};
use super::circuit_breaker::undelivered;
use super::intake::Intake;
use super::partitions::{OwnedPartition, OwnedPartitions};
use super::pause::PauseReason;
use super::question::Question;
use crate::error::PipelineError;
use crate::kafka::KafkaError;

/// How long to wait before the brokers are asked again.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// A refusal within this time after a wait belongs to that wait: the brokers did not say what is missing.
const SAME_WAIT: Duration = Duration::from_secs(10);
/// How often it is logged what is waited for.
const SAY_EVERY: Duration = Duration::from_secs(10);
/// How often a topic that is passed over is named.
const NAME_EVERY: Duration = Duration::from_secs(300);
/// How long the brokers' answer may take before the refusal is logged without it.
const SAY_WITHIN: Duration = Duration::from_secs(3);

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// To read, or to be a member of the group.
    Input,
    /// To write, or to commit a transaction: what was written is not delivered.
    Output,
}

/// A right that the brokers say is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissingRight {
    /// To read a topic.
    Read(Arc<str>),
    /// To write to a topic.
    Write(Arc<str>),
    /// To be a member of the group.
    Group,
}

impl fmt::Display for MissingRight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MissingRight::Read(topic) => write!(f, "Read on topic \"{topic}\""),
            MissingRight::Write(topic) => write!(f, "Write on topic \"{topic}\""),
            MissingRight::Group => f.write_str("Read on the consumer group"),
        }
    }
}

/// What is to be known of a pipeline.
pub struct AuthorizationOptions {
    /// The pipeline.
    pub pipeline: Arc<str>,
    /// How long to wait.
    pub patience: Duration,
    /// The topics and patterns of its input.
    pub topics: Vec<String>,
    /// Whether an abort takes partitions back to what is committed.
    pub has_transactions: bool,
}

/// Waits for rights.
pub struct Authorization {
    options: AuthorizationOptions,
    wait: Option<Wait>,
    // The last wait: since when, and when it was over.
    last: Option<(Instant, Instant)>,
    // Topics of patterns that may not be read, and when that was last logged.
    passed_over: BTreeMap<Arc<str>, Instant>,
}

struct Wait {
    since: Instant,
    // What a broker or the client has said.
    cause: String,
    missing: Vec<MissingRight>,
    // What was refused is not a topic of a pattern, which would be passed over.
    is_sure: bool,
    is_said: bool,
    say_at: Instant,
    // None: asked, and not answered.
    ask_at: Option<Instant>,
    has_paused: bool,
    // What was in flight comes to its end; then partitions go back to what is delivered.
    is_draining: bool,
    // The brokers say that nothing is missing.
    is_over: bool,
}

impl Authorization {
    /// Nothing is refused.
    pub fn new(options: AuthorizationOptions) -> Authorization {
        Authorization { options, wait: None, last: None, passed_over: BTreeMap::new() }
    }

    /// Returns whether records that were written are expected to fail: it is waited for the right to write.
    pub fn is_writing_refused(&self) -> bool {
        self.wait.as_ref().is_some_and(|wait| wait.has_paused)
    }

    /// A broker has refused something for want of a right.
    pub fn on_refused(&mut self, refused: Refused, error: &KafkaError, now: Instant, actions: &mut Actions) {
        let is_sure = refused == Refused::Output || !self.options.topics.iter().any(|topic| topic.starts_with('^'));
        let same = self.last.filter(|(_, over)| now - *over < SAME_WAIT).map(|(since, _)| since);
        let is_new = self.wait.is_none();
        let wait = self.wait.get_or_insert_with(|| Wait {
            since: same.unwrap_or(now),
            cause: String::new(),
            missing: Vec::new(),
            is_sure: false,
            is_said: same.is_some(),
            say_at: now + SAY_WITHIN,
            // What the brokers did not call missing is tried again a little later.
            ask_at: Some(same.map_or(now, |_| now + ASK_EVERY)),
            has_paused: false,
            is_draining: false,
            is_over: false,
        });
        wait.cause.clone_from(&error.text);
        wait.is_over = false;
        wait.is_sure |= is_sure;
        if is_sure && (self.options.patience.is_zero() || (is_new && wait.since + self.options.patience <= now)) {
            return actions.push(Action::Fail(wait.error(now)));
        }
        if refused == Refused::Output && !wait.has_paused {
            wait.has_paused = true;
            // An abort throws away what it has to, and nothing of partitions that came while it was under way: those do
            // not go back.
            if !self.options.has_transactions {
                // What is enqueued would be refused as well.
                wait.is_draining = true;
                actions.extend([Action::ClearIntake, Action::PurgeProducer]);
            }
        }
    }

    /// The answer to the question what is missing.
    pub fn on_missing(&mut self, missing: Result<Vec<MissingRight>, KafkaError>, now: Instant, actions: &mut Actions) {
        let Some(wait) = &mut self.wait else { return };
        wait.ask_at = Some(now + ASK_EVERY);
        let Ok(missing) = missing else { return };
        let is_by_name = |topic: &str| self.options.topics.iter().any(|named| named == topic);
        let (passed_over, missing): (Vec<_>, Vec<_>) =
            missing.into_iter().partition(|right| matches!(right, MissingRight::Read(topic) if !is_by_name(topic)));
        for right in passed_over {
            let MissingRight::Read(topic) = right else { continue };
            if self.passed_over.get(&topic).is_none_or(|said| now - *said >= NAME_EVERY) {
                tracing::warn!(
                    target: "source", pipeline = %self.options.pipeline, %topic,
                    "a pattern of `input.topics` matches a topic that may not be read: going on without it; grant Read on \
                     it, or exclude it from the pattern"
                );
                self.passed_over.insert(topic, now);
            }
        }
        wait.is_over = missing.is_empty();
        wait.is_sure |= !missing.is_empty();
        wait.missing = missing;
        if !wait.is_over && self.options.patience.is_zero() {
            actions.push(Action::Fail(wait.error(now)));
        }
    }

    /// Goes on. `may_reassign`: partitions may be given up and assigned again now. `ask` makes the question.
    pub fn step(
        &mut self,
        now: Instant,
        may_reassign: bool,
        partitions: &mut OwnedPartitions,
        intake: &Intake,
        ask: impl FnOnce(&OwnedPartitions) -> Question,
        actions: &mut Actions,
    ) {
        let Some(wait) = &mut self.wait else { return };
        if wait.has_paused {
            // Those too that came meanwhile.
            let (paused, _) = partitions.set_paused(PauseReason::Unauthorized, true, |_| true);
            // Something to do each time would let the loop turn without a wait.
            if !paused.is_empty() {
                actions.push(Action::Pause(paused));
            }
        }
        if wait.is_draining && may_reassign && intake.is_idle() && partitions.iter().all(OwnedPartition::is_settled) {
            wait.is_draining = false;
            actions.push(Action::RestartFrom(undelivered(partitions)));
        }
        if wait.is_over {
            return self.finish(now, partitions, actions);
        }
        if wait.is_sure && now >= wait.since + self.options.patience {
            let error = wait.error(now);
            return actions.push(Action::Fail(error));
        }
        if (!wait.missing.is_empty() && !wait.is_said) || now >= wait.say_at {
            (wait.is_said, wait.say_at) = (true, now + SAY_EVERY);
            let left = (wait.since + self.options.patience).saturating_duration_since(now).as_secs();
            tracing::warn!(
                target: "source", pipeline = %self.options.pipeline,
                "the brokers do not allow it: {}; waiting {left} s longer for the right (`kafka_patience`), then the pipeline \
                 ends",
                wait.what()
            );
        }
        if wait.ask_at.is_some_and(|at| now >= at) {
            wait.ask_at = None;
            actions.push(Action::Ask(ask(partitions)));
        }
    }

    /// The brokers miss nothing any more: fetching goes on once partitions have gone back.
    fn finish(&mut self, now: Instant, partitions: &mut OwnedPartitions, actions: &mut Actions) {
        let Some(wait) = self.wait.take_if(|wait| !wait.is_draining) else { return };
        self.last = Some((wait.since, now));
        if wait.is_said {
            let waited = (now - wait.since).as_secs();
            tracing::info!(target: "source", pipeline = %self.options.pipeline, "allowed again after {waited} s: going on");
        }
        if wait.has_paused {
            actions.push(Action::ReadOn(partitions.set_paused(PauseReason::Unauthorized, false, |_| true).1));
        }
    }

    /// When there is something to do next, whatever happens. Once the brokers miss nothing, only what is in flight is
    /// waited for.
    pub fn deadline(&self) -> Option<Instant> {
        let wait = self.wait.as_ref().filter(|wait| !wait.is_over)?;
        let end = wait.is_sure.then(|| wait.since + self.options.patience);
        [end, wait.ask_at, Some(wait.say_at)].into_iter().flatten().min()
    }
}

impl Wait {
    fn what(&self) -> String {
        if self.missing.is_empty() {
            return self.cause.clone();
        }
        let rights = self.missing.iter().map(MissingRight::to_string).collect::<Vec<_>>().join(", ");
        format!("{rights} ({})", self.cause)
    }

    fn error(&self, now: Instant) -> PipelineError {
        PipelineError::Unauthorized { what: self.what(), seconds: (now - self.since).as_secs() }
    }
}

#[cfg(test)]
mod tests;
