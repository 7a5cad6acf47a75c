//! An open circuit breaker: nothing is taken in but probes, until one of them passes. What is not delivered is read
//! again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::action::{Action, Actions};
use super::intake::{Intake, OpenBatch};
use super::partitions::{OwnedPartition, OwnedPartitions};
use super::pause::PauseReason;
use crate::batch::{Batch, Offset};
use crate::config::plan::OnBreak;
use crate::error::PipelineError;
use crate::kafka::{FetchedRecord, KafkaError, TopicPartition};
use crate::lease::Lease;
use crate::stage::breaker::ProbeDelay;
use crate::worker::Job;
use crate::worker::event::{BreakerTrip, ProbeResult};

/// Records in a probe, at most.
pub const PROBE: usize = 16;
/// How long a probe waits for more records once it has one.
pub const PROBE_WAIT: Duration = Duration::from_millis(500);

/// The circuit breaker of a pipeline: closed, or open because of one stage.
pub struct CircuitBreaker {
    pipeline: Arc<str>,
    on_break: Option<OnBreak>,
    open: Option<Open>,
}

struct Open {
    trip: BreakerTrip,
    // How long until the next probe.
    delay: ProbeDelay,
    phase: Phase,
    probe: OpenBatch,
    // Behind these offsets lies what is to be looked at once the probe has failed.
    lookahead_from: Vec<(TopicPartition, Offset)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// What was in flight comes to its end; then every partition goes back to what is delivered.
    Draining { probe_at: Instant },
    /// Nothing happens until the next probe.
    Waiting { probe_at: Instant },
    /// Records are read for a probe.
    Collecting,
    /// A probe is on its way.
    Probing,
    /// A probe has failed: what lies behind it is looked at, so that a burst of bad records that has ended holds nobody
    /// up.
    LookingAhead { probe_at: Instant },
}

impl CircuitBreaker {
    /// A closed circuit breaker; `on_break` says what is to happen when it opens (none: it is off).
    pub fn new(pipeline: Arc<str>, on_break: Option<OnBreak>) -> CircuitBreaker {
        CircuitBreaker { pipeline, on_break, open: None }
    }

    /// Returns whether it is open.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Which record, why, and how to go on, where it is open.
    pub fn describe(&self) -> Option<String> {
        self.open.as_ref().map(|open| open.describe(&open.trip.reason))
    }

    /// Returns the same without a plugin's words, which may quote what it got, for those who may not see records.
    pub fn describe_unquoted(&self) -> Option<String> {
        let open = self.open.as_ref()?;
        let class = open.trip.reason.split(':').next().unwrap_or_default();
        Some(open.describe(&format!("{class}: the log and the dead letters say why")))
    }

    /// A stage fails on too much.
    pub fn on_trip(
        &mut self,
        trip: BreakerTrip,
        now: Instant,
        partitions: &mut OwnedPartitions,
        actions: &mut Actions,
    ) {
        let delay = ProbeDelay::first();
        let phase = Phase::Draining { probe_at: now + delay.get() };
        let open = Open { trip, delay, phase, probe: OpenBatch::default(), lookahead_from: Vec::new() };
        if self.on_break == Some(OnBreak::Stop) {
            return actions.push(Action::Fail(PipelineError::Breaker(open.describe(&open.trip.reason))));
        }
        let said = open.describe(&open.trip.reason);
        tracing::error!(target: "breaker", pipeline = %self.pipeline, stage = %open.trip.name, "{said}");
        self.open = Some(open);
        actions.push(Action::ClearIntake);
        // What waits for a retry would fill the dead-letter topic: it is read again like all that is not delivered.
        for partition in partitions.iter().filter(|partition| partition.is_retrying()) {
            actions.push(Action::AbandonRetries { worker: partition.worker(), lease: partition.lease().clone() });
        }
        pause(true, partitions, actions);
    }

    /// A record was read. Returns none where it is the intake's; where the circuit breaker is open, the bytes that a
    /// probe has taken of it, or none of them.
    ///
    /// # Errors
    /// The record cannot be read in full.
    pub fn take(
        &mut self,
        lease: &Arc<Lease>,
        record: &FetchedRecord<'_>,
        now: Instant,
    ) -> Result<Option<Option<usize>>, KafkaError> {
        let Some(open) = &mut self.open else { return Ok(None) };
        Ok(Some(match open.phase {
            Phase::Collecting => Some(open.probe.push(lease, record, now)?),
            _ => None,
        }))
    }

    /// Returns whether a probe has all the records that it will get.
    pub fn is_probe_ready(&self, now: Instant) -> bool {
        self.open.as_ref().is_some_and(|open| open.is_probe_ready(now))
    }

    /// A probe has come to its end.
    pub fn on_probe(
        &mut self,
        probe: ProbeResult,
        now: Instant,
        partitions: &mut OwnedPartitions,
        actions: &mut Actions,
    ) {
        let Some(open) = &mut self.open else { return };
        let ahead = if let Phase::LookingAhead { probe_at } = open.phase { Some(probe_at) } else { None };
        match (probe, ahead) {
            (ProbeResult::Passed, None) => self.close("a probe passed: going on", partitions, actions),
            (ProbeResult::Passed, Some(_)) => {
                let why = "a probe of newer records passed: going on, through those that fail as well";
                self.close(why, partitions, actions);
            }
            (ProbeResult::Failed, None) => {
                open.delay = open.delay.doubled();
                open.phase = Phase::Draining { probe_at: now + open.delay.get() };
                tracing::warn!(
                    target: "breaker", pipeline = %self.pipeline, stage = %open.trip.name,
                    "a probe failed, nothing was written: {}", open.describe(&open.trip.reason)
                );
            }
            // Its records are delivered; the next ones may tell more.
            (ProbeResult::Unclear, None) => {
                open.lookahead_from.clear();
                open.phase = Phase::Waiting { probe_at: now };
            }
            (ProbeResult::Failed | ProbeResult::Unclear, Some(probe_at)) => open.phase = Phase::Waiting { probe_at },
        }
    }

    fn close(&mut self, why: &str, partitions: &mut OwnedPartitions, actions: &mut Actions) {
        let Some(open) = self.open.take() else { return };
        tracing::info!(target: "breaker", pipeline = %self.pipeline, stage = %open.trip.name, "{why}");
        actions.push(Action::ResetBreakers);
        pause(false, partitions, actions);
    }

    /// What was found ahead goes to a worker, whose verdict comes as that of a probe.
    pub fn on_lookahead(&mut self, job: Job, now: Instant, partitions: &mut OwnedPartitions, actions: &mut Actions) {
        let is_looking = self.open.as_ref().is_some_and(|open| matches!(open.phase, Phase::LookingAhead { .. }));
        match (is_looking, job.spans.is_empty()) {
            (true, false) => actions.push(Action::Dispatch { worker: 0, job }),
            (true, true) => self.on_probe(ProbeResult::Unclear, now, partitions, actions),
            (false, _) => {}
        }
    }

    /// Goes on. `may_reassign`: partitions may be given up and assigned again now. `is_ending`: no probe begins any
    /// more.
    pub fn step(
        &mut self,
        now: Instant,
        may_reassign: bool,
        is_ending: bool,
        partitions: &mut OwnedPartitions,
        intake: &Intake,
        actions: &mut Actions,
    ) {
        let Some(open) = &mut self.open else { return };
        match open.phase {
            Phase::Draining { probe_at } => {
                let is_settled = intake.is_idle() && partitions.iter().all(OwnedPartition::is_settled);
                if is_settled && may_reassign {
                    open.phase = Phase::Waiting { probe_at };
                    actions.push(Action::RestartFrom(undelivered(partitions)));
                    // What comes next is bad. When the newest records are good, then the bad ones have an end, and the
                    // way to it leads through them.
                    if !open.lookahead_from.is_empty() {
                        open.phase = Phase::LookingAhead { probe_at };
                        actions.push(Action::LookAhead(std::mem::take(&mut open.lookahead_from)));
                    }
                }
            }
            Phase::Waiting { probe_at } if now >= probe_at && !is_ending => {
                open.phase = Phase::Collecting;
                pause(false, partitions, actions);
            }
            Phase::Collecting if open.is_probe_ready(now) => {
                pause(true, partitions, actions);
                open.phase = Phase::Probing;
                let job = open.probe.take(Some(open.trip.stage), Batch::default());
                open.lookahead_from = job.spans.iter().map(|span| (span.lease.at.clone(), span.end)).collect();
                let first = job.spans.first();
                let worker = first.and_then(|span| partitions.of_lease(&span.lease)).map_or(0, |p| p.worker());
                actions.push(Action::Dispatch { worker, job });
            }
            Phase::Waiting { .. } | Phase::Collecting | Phase::Probing | Phase::LookingAhead { .. } => {}
        }
    }

    /// What was gathered for a probe may no longer be ours, or not be all: it is gathered again.
    pub fn gather_again(&mut self, now: Instant, partitions: &mut OwnedPartitions, actions: &mut Actions) {
        let Some(open) = &mut self.open else { return };
        if open.phase == Phase::Collecting {
            open.probe.clear();
            // Back to what is delivered first.
            open.phase = Phase::Draining { probe_at: now };
        }
        pause(true, partitions, actions);
    }

    /// The stage that looking ahead is to try.
    pub fn tripped_stage(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.trip.stage)
    }

    /// When there is something to do next, whatever happens.
    pub fn deadline(&self) -> Option<Instant> {
        let open = self.open.as_ref()?;
        match open.phase {
            Phase::Waiting { probe_at } => Some(probe_at),
            Phase::Collecting => open.probe.since().map(|since| since + PROBE_WAIT),
            Phase::Draining { .. } | Phase::Probing | Phase::LookingAhead { .. } => None,
        }
    }
}

impl Open {
    fn is_probe_ready(&self, now: Instant) -> bool {
        let waited = self.probe.since().is_some_and(|since| now.duration_since(since) >= PROBE_WAIT);
        self.phase == Phase::Collecting && (waited || self.probe.len() >= PROBE)
    }

    fn describe(&self, reason: &str) -> String {
        let BreakerTrip { name, failed, total, record: (lease, offset), .. } = &self.trip;
        format!(
            "circuit breaker open: stage \"{name}\" failed on {failed} of the last {total} records, for example {} offset \
             {offset} ({reason}); intake is paused, what had failed by then went where `on_error` says, and nothing more goes \
             to the dead-letter topic; it closes by itself when a probe passes, of the next records or of the newest (every \
             {} s): fix what the plugin depends on, or fix the plugin and restart, or set `breaker: off` to have all that \
             fails dead-lettered",
            lease.at,
            self.delay.get().as_secs()
        )
    }
}

fn pause(on: bool, partitions: &mut OwnedPartitions, actions: &mut Actions) {
    let (pause, fetch) = partitions.set_paused(PauseReason::BreakerOpen, on, |_| true);
    actions.push(Action::Pause(pause));
    actions.push(Action::ReadOn(fetch));
}

/// Every partition of which something was read that is not delivered, and where that begins. One of which nothing more
/// may be written begins anew, even where all that was read is delivered by now.
pub(super) fn undelivered(partitions: &OwnedPartitions) -> Vec<(usize, Option<Offset>)> {
    let is_behind = |p: &OwnedPartition| p.next() != p.position() || !p.lease().is_full();
    let behind = partitions.iter().filter(|p| is_behind(p) && !p.is_void());
    behind.filter_map(|p| Some((p.index(), Some(p.undelivered()?)))).collect()
}

#[cfg(test)]
mod tests;
