//! What an open breaker does: nothing is taken in but probes, and what is not delivered is read again.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Source;
use super::ahead::Look;
use super::gate::{Gate, Phase};
use super::slot::Pause;
use crate::batch::Batch;
use crate::config::plan::OnBreak;
use crate::error::PipelineError;
use crate::event::{Probe, BreakerTrip};
use crate::worker::Job;

impl Source<'_> {
    pub(super) fn on_breaker_opened(&mut self, tripped: BreakerTrip) {
        if self.end.is_some() {
            return;
        }
        let gate = Gate::shut(tripped, Instant::now());
        if self.plan.breaker.is_some_and(|breaker| breaker.on_break == OnBreak::Stop) {
            return self.begin_end(Some(PipelineError::Breaker(gate.describe())));
        }
        tracing::error!(target: "breaker", pipeline = %self.plan.name, "{}", gate.describe());
        self.gate = Some(gate);
        self.intake.clear();
        // What waits for a retry would fill the dead-letter topic: it is read again like all that is not delivered.
        self.abandon_retries(|_| true);
        self.set_all_paused(Pause::Breaker, true);
    }

    pub(super) fn on_probed(&mut self, probe: Probe) {
        let Some(gate) = &mut self.gate else { return };
        let ahead = if let Phase::Looking { probe_at } = gate.phase { Some(probe_at) } else { None };
        match (probe, ahead) {
            (ProbeResult::Passed, None) => self.close_breaker("a probe passed: going on"),
            (ProbeResult::Passed, Some(_)) => {
                self.close_breaker("a probe passed of newer records: going on, through those that fail as well");
            }
            (ProbeResult::Failed, None) => {
                gate.probe_failed(Instant::now());
                tracing::warn!(target: "breaker", pipeline = %self.plan.name, "a probe failed, nothing was written: {}", gate.describe());
            }
            // Its records are delivered; the next ones may tell more.
            (ProbeResult::Unclear, None) => {
                gate.behind.clear();
                gate.phase = Phase::Waiting { probe_at: Instant::now() };
            }
            (ProbeResult::Failed | ProbeResult::Unclear, Some(probe_at)) => gate.phase = Phase::Waiting { probe_at },
        }
    }

    fn close_breaker(&mut self, why: &str) {
        let Some(gate) = self.gate.take() else { return };
        tracing::info!(target: "breaker", pipeline = %self.plan.name, stage = %gate.tripped.name, "{why}");
        self.shared.breakers.iter().for_each(crate::stage::breaker::Breaker::reset);
        self.shared.tripped.store(false, Ordering::Release);
        self.set_all_paused(Pause::Breaker, false);
    }

    /// What was found ahead goes to a worker, whose verdict comes as that of a probe.
    pub(super) fn on_ahead(&mut self, job: Job) {
        let is_looking = self.gate.as_ref().is_some_and(|gate| matches!(gate.phase, Phase::Looking { .. }));
        match (is_looking, job.spans.is_empty()) {
            (true, false) => self.intake.send(0, job),
            (true, true) => self.on_probed(ProbeResult::Unclear),
            (false, _) => {}
        }
    }

    pub(super) fn go_on_probing(&mut self, now: Instant) {
        let Some(phase) = self.gate.as_ref().map(|gate| gate.phase) else { return };
        match phase {
            Phase::Settling { probe_at } => {
                let settled = self.intake.is_idle() && self.slots.iter().all(|slot| slot.tracker.is_settled());
                if settled && self.may_reassign() {
                    self.set_gate(Phase::Waiting { probe_at });
                    self.go_back();
                    self.look_ahead(probe_at);
                }
            }
            Phase::Waiting { probe_at } => {
                if now >= probe_at && self.end.is_none() {
                    self.set_gate(Phase::Collecting);
                    self.set_all_paused(Pause::Breaker, false);
                }
            }
            Phase::Collecting => {
                if self.gate.as_ref().is_some_and(|gate| gate.probe_is_ready(now)) {
                    self.send_probe();
                }
            }
            Phase::Probing | Phase::Looking { .. } => {}
        }
    }

    fn set_gate(&mut self, phase: Phase) {
        if let Some(gate) = &mut self.gate {
            gate.phase = phase;
        }
    }

    /// What was gathered for a probe may no longer be ours, or not be all: it is gathered again.
    pub(super) fn gather_probe_again(&mut self) {
        let Some(gate) = &mut self.gate else { return };
        if gate.phase == Phase::Collecting {
            gate.probe.clear();
            // Back to what is delivered first.
            gate.phase = Phase::Settling { probe_at: Instant::now() };
        }
        self.set_all_paused(Pause::Breaker, true);
    }

    /// Every partition is read again from what is delivered on.
    fn go_back(&mut self) {
        let back: Vec<_> = self
            .slots
            .iter()
            .filter(|slot| slot.next != slot.tracker.position() && !slot.lease.is_revoked())
            .filter_map(|slot| Some((slot.lease.index, Some(slot.resume_at()?))))
            .collect();
        self.go_on_from(&back);
    }

    /// Looks at what lies behind a probe that has failed. What comes next is bad; when the newest records are good, then
    /// the bad ones have an end, and the way to it leads through them.
    fn look_ahead(&mut self, probe_at: Instant) {
        let Some(gate) = self.gate.as_mut().filter(|gate| !gate.behind.is_empty()) else { return };
        gate.phase = Phase::Looking { probe_at };
        let look = Look {
            pipeline: self.plan.name.clone(),
            properties: self.plan.consumer.clone(),
            behind: std::mem::take(&mut gate.behind),
            stage: gate.tripped.stage,
            cut_off: self.shared.cut_off.clone(),
            events: self.shared.events.clone(),
        };
        look.begin();
    }

    fn send_probe(&mut self) {
        self.set_all_paused(Pause::Breaker, true);
        let Some(gate) = &mut self.gate else { return };
        gate.phase = Phase::Probing;
        let job = gate.probe.take(Some(gate.tripped.stage), Batch::default());
        gate.behind = job.spans.iter().map(|span| (span.lease.at.clone(), span.end)).collect();
        job.spans.iter().for_each(super::dispatched(&mut self.slots));
        let worker = job.spans.first().and_then(|span| self.slots.of_lease(&span.lease)).map_or(0, |slot| slot.worker);
        self.intake.send(worker, job);
    }
}
