//! The pipelines of a process: which run, which are being replaced, which wait to be started again, and which have
//! failed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

use super::restart::Restarts;
use super::status::Standstill;
use super::{OnFailure, Reloaded, status};
use crate::admin::Entry;
use crate::counters::PipelineCounters;
use crate::error::PipelineError;
use crate::kafka::librdkafka::Librdkafka;
use crate::pipeline::Pipeline;
use crate::ready::Ready;
use crate::view::{Phase, PipelineView, ViewCell};

/// A loop that has not turned for so long, although it was asked to, hangs.
const TURN_LIMIT: Duration = Duration::from_secs(30);

/// All pipelines of a process.
pub(super) struct Fleet {
    on_failure: OnFailure,
    members: BTreeMap<Arc<str>, Member>,
    ended: UnboundedSender<Arc<str>>,
    changed: Arc<Notify>,
    // Something has failed that is no pipeline.
    is_broken: bool,
    // All pipelines are being stopped.
    is_stopping: bool,
}

/// A pipeline, whatever becomes of it. What it counts and shows outlives its restarts and reloads.
struct Member {
    counters: Arc<PipelineCounters>,
    view: Arc<ViewCell>,
    state: State,
    restarts: Restarts,
    // What it runs, or is to run.
    ready: Ready,
    standstill: Standstill,
}

enum State {
    /// The pipeline has run since then.
    Running(Pipeline, Instant),
    /// It was told to drain by a reload; what is to be started in its place, if anything is.
    Draining(Pipeline, Option<Box<Ready>>),
    /// The pipeline has failed, and is started again at that moment.
    Waiting(Instant),
    /// The pipeline has failed.
    Failed,
}

impl Member {
    /// Returns whether its loop turned lately, or does not run. At its end a loop waits for the workers, which may be
    /// in a call of a plugin.
    fn turns(&self, now: Instant) -> bool {
        let longest_call = self.ready.plan.stages.iter().map(|stage| stage.limits.time).max().unwrap_or_default();
        self.pipeline().is_none() || turned_lately(self.view.last_turn(), longest_call, now)
    }

    fn pipeline(&self) -> Option<&Pipeline> {
        match &self.state {
            State::Running(pipeline, _) | State::Draining(pipeline, _) => Some(pipeline),
            State::Waiting(_) | State::Failed => None,
        }
    }
}

impl Fleet {
    /// No pipelines. `ended` is sent the name of each that ends, and `changed` is notified when one changes its phase.
    pub(super) fn new(on_failure: OnFailure, ended: UnboundedSender<Arc<str>>, changed: Arc<Notify>) -> Fleet {
        Fleet { on_failure, members: BTreeMap::new(), ended, changed, is_broken: false, is_stopping: false }
    }

    /// Starts a pipeline.
    ///
    /// # Errors
    /// A thread cannot be made.
    pub(super) fn start(&mut self, ready: Ready) -> anyhow::Result<()> {
        let name = ready.plan.name.clone();
        let (counters, view, restarts) = match self.members.remove(&name) {
            Some(member) => (member.counters, member.view, member.restarts),
            None => {
                let changed = self.changed.clone();
                let view = ViewCell::new(Box::new(move || changed.notify_one()));
                (Arc::default(), Arc::new(view), Restarts::default())
            }
        };
        // What was counted before goes on.
        view.publish(PipelineView { counts: counters.snapshot(), ..PipelineView::default() });
        let (ended, told) = (self.ended.clone(), name.clone());
        let (clients, plan, plugins) = (Arc::new(Librdkafka), ready.plan.clone(), ready.plugins.clone());
        let on_end = move || {
            // The daemon has ended where nobody listens.
            let _ = ended.send(told);
        };
        let pipeline = Pipeline::start(clients, plan, plugins, counters.clone(), view.clone(), on_end)?;
        let state = State::Running(pipeline, Instant::now());
        self.members.insert(name, Member { counters, view, state, restarts, ready, standstill: Standstill::default() });
        Ok(())
    }

    /// A pipeline has ended.
    ///
    /// # Errors
    /// A thread for what comes in its place cannot be made.
    pub(super) fn on_ended(&mut self, name: &Arc<str>) -> anyhow::Result<()> {
        let Some(mut member) = self.members.remove(name) else { return Ok(()) };
        let (pipeline, started, next) = match std::mem::replace(&mut member.state, State::Failed) {
            State::Running(pipeline, started) => (pipeline, Some(started), None),
            State::Draining(pipeline, next) => (pipeline, None, next),
            state @ (State::Waiting(_) | State::Failed) => {
                member.state = state;
                self.members.insert(name.clone(), member);
                return Ok(());
            }
        };
        let result = pipeline.join();
        status::log(name, &member.view.get(), &member.counters.totals());
        let failed = match result {
            Ok(()) => {
                tracing::info!(target: "daemon", pipeline = %name, "ended: everything delivered is committed");
                None
            }
            Err(error) => {
                tracing::error!(target: "daemon", pipeline = %name, "{error}");
                Some(error)
            }
        };
        match (failed, next) {
            (_, Some(next)) if !self.is_stopping => {
                member.restarts = Restarts::default();
                self.members.insert(name.clone(), member);
                self.start(*next)?;
            }
            (Some(error), _) => self.on_failed(name, member, &error, started),
            // The pipeline was told to end, and has.
            (None, _) => {}
        }
        Ok(())
    }

    fn on_failed(&mut self, name: &Arc<str>, mut member: Member, error: &PipelineError, started: Option<Instant>) {
        let now = Instant::now();
        if self.on_failure == OnFailure::Restart && error.may_pass() && !self.is_stopping {
            let wait = member.restarts.after_failure(started.unwrap_or(now), now);
            tracing::warn!(
                target: "daemon", pipeline = %name, "it is started again in {}", in_words(wait)
            );
            member.counters.restarts(error.kind()).add(1);
            member.state = State::Waiting(now + wait);
            member.view.set_phase(Phase::Restarting);
        }
        self.members.insert(name.clone(), member);
        if self.on_failure == OnFailure::Exit {
            self.stop();
        }
    }

    /// The moment of the next restart.
    pub(super) fn next_restart(&self) -> Option<Instant> {
        let due = |member: &Member| if let State::Waiting(due) = member.state { Some(due) } else { None };
        self.members.values().filter_map(due).min()
    }

    /// Starts what is due again.
    ///
    /// # Errors
    /// A thread cannot be made.
    pub(super) fn restart_due(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        let is_due = |member: &&Member| matches!(member.state, State::Waiting(due) if due <= now);
        let due: Vec<Ready> = self.members.values().filter(is_due).map(|member| member.ready.clone()).collect();
        for ready in due {
            tracing::info!(target: "daemon", pipeline = %ready.plan.name, "starting again");
            self.start(ready)?;
        }
        Ok(())
    }

    /// The files were read again: what changed is drained and restarted, what is new is started, what is gone is
    /// drained, and what is broken goes on as it was.
    ///
    /// # Errors
    /// A thread cannot be made.
    pub(super) fn on_reloaded(&mut self, loaded: Reloaded) -> anyhow::Result<()> {
        if self.is_stopping {
            return Ok(());
        }
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::error!(target: "daemon", "the paths cannot be read, everything goes on as it was: {error}");
                return Ok(());
            }
        };
        for (file, error) in &loaded.broken {
            let its = self.members.values().filter(|member| member.ready.plan.file == *file);
            its.for_each(|member| member.counters.reloads("failed").add(1));
            tracing::error!(
                target: "daemon", file = %file.display(),
                "this file is broken, its pipeline goes on as it was if it runs:\n{error}"
            );
        }
        let is_gone = |member: &&Member| !loaded.keeps(&member.ready.plan);
        let gone: Vec<Arc<str>> =
            self.members.values().filter(is_gone).map(|member| member.ready.plan.name.clone()).collect();
        for name in gone {
            tracing::info!(target: "daemon", pipeline = %name, "its file is gone: draining");
            self.drain(&name, None);
        }
        for ready in loaded.ready {
            self.apply(ready)?;
        }
        Ok(())
    }

    fn apply(&mut self, ready: Ready) -> anyhow::Result<()> {
        let name = ready.plan.name.clone();
        match self.members.get_mut(&name) {
            None => {
                tracing::info!(target: "daemon", pipeline = %name, "new: starting");
                self.start(ready)
            }
            Some(member) => match &member.state {
                State::Running(..) if ready.means_the_same_as(&member.ready) => {
                    tracing::info!(target: "daemon", pipeline = %name, "unchanged");
                    member.counters.reloads("unchanged").add(1);
                    // The file may be called otherwise, and have other places.
                    member.ready.plan = ready.plan;
                    Ok(())
                }
                State::Running(..) | State::Draining(..) => {
                    tracing::info!(target: "daemon", pipeline = %name, "changed: draining, then restarting");
                    member.counters.reloads("changed").add(1);
                    self.drain(&name, Some(ready));
                    Ok(())
                }
                State::Waiting(_) | State::Failed => {
                    tracing::info!(target: "daemon", pipeline = %name, "it had failed: starting");
                    member.counters.reloads("changed").add(1);
                    self.start(ready)
                }
            },
        }
    }

    /// Drains a pipeline, and starts `next` in its place when it has ended.
    fn drain(&mut self, name: &Arc<str>, next: Option<Ready>) {
        let Some(mut member) = self.members.remove(name) else { return };
        member.state = match member.state {
            State::Running(pipeline, _) | State::Draining(pipeline, _) => {
                pipeline.stop();
                State::Draining(pipeline, next.map(Box::new))
            }
            // The pipeline does not run, and is not to any more.
            State::Waiting(_) | State::Failed => return,
        };
        self.members.insert(name.clone(), member);
    }

    /// Drains everything.
    pub(super) fn stop(&mut self) {
        self.is_stopping = true;
        for member in self.members.values_mut() {
            match &mut member.state {
                State::Running(pipeline, _) => pipeline.stop(),
                State::Draining(pipeline, next) => {
                    *next = None;
                    pipeline.stop();
                }
                State::Waiting(_) => {
                    member.state = State::Failed;
                    member.view.set_phase(Phase::Failed);
                }
                State::Failed => {}
            }
        }
    }

    /// Something that is no pipeline has failed: everything is drained.
    pub(super) fn fail(&mut self, why: &str) {
        if !self.is_broken {
            tracing::error!(target: "daemon", "{why}");
            self.is_broken = true;
            self.stop();
        }
    }

    /// Returns whether anything runs, or is to be started.
    pub(super) fn is_alive(&self) -> bool {
        self.members.values().any(|member| !matches!(member.state, State::Failed))
    }

    /// Returns whether something has failed, and is not running again.
    pub(super) fn has_failed(&self) -> bool {
        self.is_broken || self.members.values().any(|member| matches!(member.state, State::Failed))
    }

    /// Returns all pipelines for the admin endpoint.
    pub(super) fn entries(&self) -> BTreeMap<Arc<str>, Entry> {
        let entry = |member: &Member| Entry {
            file: member.ready.plan.file.clone(),
            plan: member.ready.plan.clone(),
            plugins: member.ready.plugins.clone(),
            counters: member.counters.clone(),
            view: member.view.clone(),
            handle: member.pipeline().map(Pipeline::handle),
            is_ending: self.is_stopping || !matches!(member.state, State::Running(..)),
        };
        self.members.iter().map(|(name, member)| (name.clone(), entry(member))).collect()
    }

    /// The file of one pipeline was read again: what changed is drained and restarted.
    ///
    /// # Errors
    /// A thread cannot be made.
    pub(super) fn on_reloaded_one(&mut self, ready: Ready) -> anyhow::Result<()> {
        if self.is_stopping { Ok(()) } else { self.apply(ready) }
    }

    /// Returns whether it was told to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    /// Returns whether the loop of every pipeline turned lately, and asks those that are idle to turn for the next
    /// time.
    pub(super) fn turns(&self) -> bool {
        self.members.values().filter_map(Member::pipeline).for_each(|pipeline| pipeline.handle().refresh(|| {}));
        let now = Instant::now();
        self.members.values().all(|member| member.turns(now))
    }

    /// Returns one line on all pipelines: how many are in which phase, what they have and how far behind they are.
    pub(super) fn summary(&self) -> String {
        status::summary(self.members.values().map(|member| member.view.get()))
    }

    /// Logs a status line for each pipeline, and asks each to publish how it stands for the next time.
    pub(super) fn log_status(&mut self) {
        let now = Instant::now();
        for (name, member) in &mut self.members {
            if let Some(pipeline) = member.pipeline() {
                pipeline.handle().refresh(|| {});
            }
            if member.pipeline().is_some() || matches!(member.state, State::Waiting(_)) {
                let (view, totals) = (member.view.get(), member.counters.totals());
                status::log(name, &view, &totals);
                member.standstill.look(name, &view, &totals, now);
            }
        }
    }
}

fn turned_lately(last_turn: Option<Instant>, longest_call: Duration, now: Instant) -> bool {
    last_turn.is_none_or(|turned| now.saturating_duration_since(turned) <= TURN_LIMIT + longest_call)
}

fn in_words(wait: Duration) -> String {
    format!("{} s", wait.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_hangs_when_it_has_not_turned_for_longer_than_any_call_of_a_plugin_takes() {
        let (turned, call) = (Instant::now(), Duration::from_secs(5));
        let later = |seconds| turned + Duration::from_secs(seconds);
        assert!(turned_lately(None, call, later(60)));
        assert!(turned_lately(Some(turned), call, later(35)));
        assert!(!turned_lately(Some(turned), call, later(36)));
    }
}
