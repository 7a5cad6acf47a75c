//! What an open breaker does: nothing is taken in but probes, and what is not delivered is read again.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Source;
use super::gate::{Gate, Phase};
use super::slot::Pause;
use crate::batch::Batch;
use crate::config::plan::OnBreak;
use crate::error::PipelineError;
use crate::event::{Probe, Tripped};

impl Source<'_> {
    pub(super) fn on_breaker_opened(&mut self, tripped: Tripped) {
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
        self.set_all_paused(Pause::Breaker, true);
    }

    pub(super) fn on_probed(&mut self, probe: Probe) {
        let Some(gate) = &mut self.gate else { return };
        match probe {
            Probe::Passed => {
                tracing::info!(target: "breaker", pipeline = %self.plan.name, stage = %gate.tripped.name, "a probe passed: going on");
                self.shared.breakers.iter().for_each(crate::stage::breaker::Breaker::reset);
                self.shared.tripped.store(false, Ordering::Release);
                self.gate = None;
                self.set_all_paused(Pause::Breaker, false);
            }
            Probe::Failed => {
                gate.probe_failed(Instant::now());
                tracing::warn!(target: "breaker", pipeline = %self.plan.name, "a probe failed, nothing was written: {}", gate.describe());
            }
            // Its records are delivered; the next ones may tell more.
            Probe::Unclear => gate.phase = Phase::Waiting { probe_at: Instant::now() },
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
            Phase::Probing => {}
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
            .filter(|slot| slot.next != slot.tracker.position())
            .filter_map(|slot| Some((slot.lease.slot, Some(slot.resume_at()?))))
            .collect();
        self.go_on_from(&back);
    }

    fn send_probe(&mut self) {
        self.set_all_paused(Pause::Breaker, true);
        let Some(gate) = &mut self.gate else { return };
        gate.phase = Phase::Probing;
        let job = gate.probe.take(Some(gate.tripped.stage), Batch::default());
        job.spans.iter().for_each(super::dispatched(&mut self.slots));
        let worker = job.spans.first().and_then(|span| self.slots.of_lease(&span.lease)).map_or(0, |slot| slot.worker);
        self.intake.send(worker, job);
    }
}
