//! The workers of a pipeline: their threads, each with a plugin instance of every stage.

use std::sync::Arc;

use anyhow::Context as _;

use crate::config::plan::{self, Plan};
use crate::counters::{PipelineCounters, PlanCounters};
use crate::error::PipelineError;
use crate::plugin::{StageSetup, StartPlugin};
use crate::rt::{self, JoinHandle, Sender, Turn, Wakeup};
use crate::sink::dead_letter::DeadLetterOrigin;
use crate::stage::Stage;
use crate::stage::breaker::Breaker;
use crate::traces::Tracer;
use crate::worker::event::{WorkerEvent, WorkerEvents};
use crate::worker::{FORMAT_BREAKERS, PipelineContext, Worker, WorkerMessage};

/// What an instance of a stage is started with.
pub(crate) fn setup(plan: &Plan, stage: &plan::Stage) -> StageSetup {
    StageSetup {
        pipeline: plan.name.clone(),
        stage: stage.name.clone(),
        config: stage.config.clone(),
        outputs: plan.outputs.iter().map(|output| output.name.clone()).collect(),
        limits: stage.limits,
        env: stage.grants.env.iter().filter_map(|name| Some((name.clone(), std::env::var(name).ok()?))).collect(),
        show: plan.show.clone(),
    }
}

/// What dead letters of a pipeline say alike.
pub(crate) fn origin<P: StartPlugin>(plan: &Plan, plugins: &[P]) -> DeadLetterOrigin {
    DeadLetterOrigin {
        pipeline: plan.name.to_string(),
        stages: std::iter::zip(&plan.stages, plugins)
            .map(|(stage, plugin)| (stage.name.to_string(), stage.plugin.clone(), plugin.digest().to_owned()))
            .collect(),
        connect_headers: plan.dlq.as_ref().is_some_and(|dlq| dlq.connect_headers),
    }
}

/// The number of the output `default`.
pub(crate) fn default_output(plan: &Plan) -> anyhow::Result<u32> {
    let default = plan.outputs.iter().position(|output| &*output.name == "default");
    Ok(default.context("a plan has an output `default`")? as u32)
}

/// The circuit breakers of a plan's stages and formats.
pub(crate) fn breakers(plan: &Plan, rules: Option<plan::Breaker>) -> Vec<Breaker> {
    let count = plan.stages.len() + if plan.has_formats() { FORMAT_BREAKERS } else { 0 };
    rules.map(|rules| (0..count).map(|_| Breaker::new(rules)).collect()).unwrap_or_default()
}

/// The counters of a pipeline that runs this plan.
pub(crate) fn plan_counters(plan: &Plan, counters: Arc<PipelineCounters>) -> PlanCounters {
    for topic in plan.input.topics.iter().filter(|topic| !topic.starts_with('^')) {
        // It is counted from the start, from zero.
        counters.input(&topic.as_str().into());
    }
    let (stages, outputs) = (plan.stages.iter(), plan.outputs.iter());
    PlanCounters::new(counters, stages.map(|stage| &stage.name), outputs.map(|output| &output.name))
}

/// Starts what traces sampled records, where a plan asks for that. What is fed by hand to an embedded broker is not
/// traced.
pub(crate) fn tracer(plan: &Plan, counters: &PipelineCounters) -> anyhow::Result<Option<Arc<Tracer>>> {
    let traces = plan.traces.as_ref().filter(|_| !plan.embedded);
    traces.map(|traces| Tracer::start(plan, traces, counters.traces.clone())).transpose()
}

/// The ways to the workers, and their threads.
pub(crate) type Workers = (Vec<Sender<WorkerMessage>>, Vec<JoinHandle<()>>);

/// Starts the workers of a plan, each with its stages.
///
/// # Errors
/// A stage does not start; a thread cannot be made.
pub(crate) fn start_workers<P: StartPlugin>(
    plan: &Arc<Plan>,
    plugins: &[P],
    shared: &Arc<PipelineContext>,
) -> Result<Workers, PipelineError> {
    let (ready, started) = rt::channel();
    let (mut jobs, mut workers) = (Vec::new(), Vec::new());
    for number in 0..plan.workers.get() {
        let wakeup = Wakeup::default();
        let (sender, messages) = rt::channel_that_wakes(wakeup.clone());
        let name = format!("{}/{number}", plan.name);
        let (plan, plugins, shared) = (plan.clone(), plugins.to_vec(), shared.clone());
        let (mut ready, mut worker) = (Some(ready.clone()), None);
        let turn = move || {
            let guard = PanicGuard::new("a worker", shared.events.clone());
            let worker = match &mut worker {
                Some(worker) => worker,
                None => {
                    let stages = start_stages(&plan, &plugins, &shared);
                    let Some(ready) = ready.take() else { return Turn::Ended(()) };
                    match stages {
                        Ok(stages) => {
                            let _ = ready.send(Ok(()));
                            worker.insert(Worker::new(number, stages, shared.clone()))
                        }
                        Err(error) => {
                            let _ = ready.send(Err(error));
                            return Turn::Ended(());
                        }
                    }
                }
            };
            let turn = worker.turn(&messages);
            drop(guard);
            turn
        };
        workers.push(rt::spawn_on_demand(&name, wakeup, turn).context("starting a worker")?);
        jobs.push(sender);
    }
    drop(ready);
    while let Ok(result) = started.recv_until(None) {
        result?;
        shared.view.turn();
    }
    Ok((jobs, workers))
}

/// A thread that panics ends its pipeline in order: what it held is abandoned, and read again by the next run.
pub(super) struct PanicGuard {
    thread: &'static str,
    events: WorkerEvents,
}

impl PanicGuard {
    /// Guards the thread that it is dropped by.
    pub(super) fn new(thread: &'static str, events: WorkerEvents) -> PanicGuard {
        PanicGuard { thread, events }
    }
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.events.send_and_wake(WorkerEvent::Failed(PipelineError::Panic(self.thread.to_owned())));
        }
    }
}

fn start_stages<P: StartPlugin>(
    plan: &Plan,
    plugins: &[P],
    shared: &PipelineContext,
) -> Result<Vec<Stage>, PipelineError> {
    std::iter::zip(&plan.stages, plugins)
        .zip(&shared.counters.stages)
        .map(|((stage, plugin), counters)| {
            Stage::start(plugin, &setup(plan, stage), stage.on_error, shared.cut_off.clone())
                .map(|stage| stage.with_counters(counters.clone()))
                .map_err(|error| PipelineError::Plugin(error.to_string()))
        })
        .collect()
}
