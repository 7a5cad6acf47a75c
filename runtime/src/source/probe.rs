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
        let Some(gate) = &mut self.gate else { return };
        match gate.phase {
            Phase::Settling { probe_at } => {
                if self.intake.is_idle() && self.slots.iter().all(|slot| slot.tracker.is_settled()) {
                    gate.phase = Phase::Waiting { probe_at };
                    self.go_back();
                }
            }
            Phase::Waiting { probe_at } => {
                if now >= probe_at && self.end.is_none() {
                    gate.phase = Phase::Collecting;
                    self.set_all_paused(Pause::Breaker, false);
                }
            }
            Phase::Collecting => {
                if gate.probe_is_ready(now) {
                    self.send_probe();
                }
            }
            Phase::Probing => {}
        }
    }

    /// Every partition is read again from what is delivered on.
    fn go_back(&mut self) {
        let back: Vec<_> = self
            .slots
            .iter()
            .filter(|slot| slot.next != slot.tracker.position())
            .filter_map(|slot| Some((slot.lease.slot, slot.resume_at()?)))
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
