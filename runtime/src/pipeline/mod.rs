//! A pipeline: puts source, workers and sink together, runs them, and takes them apart again.

pub(crate) mod formats;
pub(crate) mod topics;
pub(crate) mod workers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;

use self::formats::wait_for_formats;
pub(crate) use self::formats::{local_schemas, registry};
use self::topics::{subscribe, wait_for_topics};
use self::workers::{PanicGuard, breakers, default_output, origin, plan_counters, setup, start_workers, tracer};
use crate::config::plan::{self, Delivery, Plan};
use crate::config::{Flaw, check_config, init_flaw};
use crate::counters::PipelineCounters;
use crate::error::PipelineError;
use crate::formats::Formats;
use crate::kafka::{Kafka, Properties};
use crate::plugin::{Engine, Plugin, StartError, StartPlugin};
use crate::rt::{self, JoinHandle, Receiver, Sender, Turn, Wakeup};
use crate::sink::Sink;
use crate::sink::committer::{Committer, TransactionCommand};
use crate::sink::event::SinkEvents;
use crate::sink::receipt::Receipt;
use crate::source::{Command, Event, Events, Source, SourceParts, time_to_leave};
use crate::stage::timeouts::StageTimeouts;
use crate::traces::Tracer;
use crate::view::{Phase, ViewCell};
use crate::worker::event::WorkerEvents;
use crate::worker::retry_budget::RetryBudget;
use crate::worker::{GOES_BACK_AFTER, PipelineContext};

/// How long leaving the group may take at least.
const LEAVE_LEAST: Duration = Duration::from_millis(500);
/// How long the last transaction may take to be aborted when the group is left.
const ABORT_TIMEOUT: Duration = Duration::from_millis(500);

/// How long traces may still be sent when all else has ended.
const LAST_EXPORT: Duration = Duration::from_secs(3);

/// The clients that pipelines use.
pub type Clients = Arc<dyn Kafka<Receipt>>;

/// A pipeline that runs.
pub struct Pipeline {
    /// What it runs.
    pub plan: Arc<Plan>,
    /// What it counts.
    pub counters: Arc<PipelineCounters>,
    /// How it stands.
    pub view: Arc<ViewCell>,
    events: Events,
    thread: JoinHandle<Result<(), PipelineError>>,
}

/// The way to a pipeline's loop, for as many as want to ask something of it.
#[derive(Clone)]
pub struct PipelineHandle {
    events: Events,
}

impl PipelineHandle {
    /// Asks the pipeline to publish its view, which an idle one does not do by itself. `reply` is called when that is
    /// done; it is dropped where the pipeline ends before.
    pub fn refresh(&self, reply: impl FnOnce() + Send + 'static) {
        self.events.send_and_wake(Event::Command(Command::Publish(Box::new(reply))));
    }

    /// Asks the pipeline to pause and resume what the view's [`pauses`](ViewCell) say. `reply` is called when that is
    /// done and shows in the view.
    pub fn obey_operator(&self, reply: impl FnOnce() + Send + 'static) {
        self.events.send_and_wake(Event::Command(Command::ObeyOperator(Box::new(reply))));
    }
}

impl Pipeline {
    /// Returns the way to its loop.
    pub fn handle(&self) -> PipelineHandle {
        PipelineHandle { events: self.events.clone() }
    }

    /// Loads the plugins of a plan, validates each stage's configuration by its plugin's schema, tries its start, and
    /// reads the plan's schema files: what `check` does, and every start after it.
    ///
    /// # Errors
    /// The first schema file that cannot be used, or what is wrong with the stages; at least one finding.
    pub fn load(engine: &Engine, plan: &Plan) -> Result<Vec<Plugin>, Vec<Flaw>> {
        Formats::check_files(plan).map_err(|(at, message)| vec![Flaw::new(at, message)])?;
        let (mut plugins, mut flaws) = (Vec::new(), Vec::new());
        for stage in &plan.stages {
            match load_stage(engine, plan, stage) {
                Ok(plugin) => plugins.push(plugin),
                Err(found) => flaws.extend(found),
            }
        }
        if flaws.is_empty() { Ok(plugins) } else { Err(flaws) }
    }

    /// Starts a pipeline on threads of its own. `ended` is called, on one of them, when it has ended.
    ///
    /// # Errors
    /// A thread cannot be made.
    pub fn start<P: StartPlugin>(
        kafka: Clients,
        plan: Arc<Plan>,
        plugins: Vec<P>,
        counters: Arc<PipelineCounters>,
        view: Arc<ViewCell>,
        ended: impl FnOnce() + Send + 'static,
    ) -> anyhow::Result<Pipeline> {
        let (sender, receiver) = rt::channel();
        let wakeup = Wakeup::default();
        let events = Events::new(sender.clone(), wakeup.clone());
        let mut life = Life::Starting(Box::new(Starting {
            kafka,
            plan: plan.clone(),
            plugins,
            counters: counters.clone(),
            view: view.clone(),
            inbox: Inbox { sender, receiver, wakeup: wakeup.clone() },
        }));
        let (mut ended, told) = (OnDrop(Some(ended)), view.clone());
        let turn = move || {
            let mut failed = OnPanic(Some(told.clone()));
            let turn = life.turn();
            failed.0 = None;
            if let Turn::Ended(result) = &turn {
                told.set_phase(if result.is_ok() { Phase::Stopped } else { Phase::Failed });
                // Before the last turn is over: whoever is told waits for that.
                drop(OnDrop(ended.0.take()));
            }
            turn
        };
        let thread = rt::spawn_on_demand(&plan.name, wakeup, turn)?;
        Ok(Pipeline { plan, counters, view, events, thread })
    }

    /// Asks it to drain, commit and end.
    pub fn stop(&self) {
        self.events.send_and_wake(Event::Command(Command::Stop { asked: rt::now() }));
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// Why it could not go on.
    pub fn join(self) -> Result<(), PipelineError> {
        self.thread.join().unwrap_or_else(|panic| Err(PipelineError::Panic(panic)))
    }
}

/// Loads a stage's plugin, and tries whether it takes its configuration and starts.
fn load_stage(engine: &Engine, plan: &Plan, stage: &plan::Stage) -> Result<Plugin, Vec<Flaw>> {
    let of_plugin = |why: String| vec![Flaw::new(stage.plugin_at.0, format!("stage \"{}\": {why}", stage.name))];
    let plugin = engine.load(&stage.path, &stage.grants).map_err(|error| of_plugin(error.to_string()))?;
    if let Some(schema) = plugin.config_schema() {
        let unusable = |why| format!("{}: the schema of its configuration is unusable: {why}", plugin.path().display());
        let flaws = check_config(stage, schema).map_err(|why| of_plugin(unusable(why)))?;
        if !flaws.is_empty() {
            return Err(flaws);
        }
    }
    plugin.instantiate(&setup(plan, stage), Arc::default()).map_err(|error| {
        let whole = error.to_string();
        vec![match &error {
            StartError::Init { message, .. } => init_flaw(stage, message, whole),
            StartError::Memory { .. } | StartError::Time { .. } => Flaw::new(stage.plugin_at.0, whole),
            _ => Flaw::new(stage.config_places.0.start(), whole),
        }]
    })?;
    Ok(plugin)
}

struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            call();
        }
    }
}

/// Whoever looks sees that the pipeline has failed.
struct OnPanic(Option<Arc<ViewCell>>);

impl Drop for OnPanic {
    fn drop(&mut self) {
        if let Some(view) = self.0.take() {
            view.set_phase(Phase::Failed);
        }
    }
}

/// What happens in a pipeline, at both ends of the way to its loop.
struct Inbox {
    sender: Sender<Event>,
    receiver: Receiver<Event>,
    wakeup: Wakeup,
}

/// Sets a flag in any case, a panic included: nothing is waited for any more.
struct CutOff(Arc<AtomicBool>);

impl Drop for CutOff {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A pipeline from its start to its end.
enum Life<P> {
    Starting(Box<Starting<P>>),
    Running(Box<Running>),
    Over,
}

struct Starting<P> {
    kafka: Clients,
    plan: Arc<Plan>,
    plugins: Vec<P>,
    counters: Arc<PipelineCounters>,
    view: Arc<ViewCell>,
    inbox: Inbox,
}

struct Running {
    plan: Arc<Plan>,
    source: Source,
    workers: Vec<JoinHandle<()>>,
    committing: Option<Committing>,
    cut_off: CutOff,
    tracer: Option<Arc<Tracer>>,
}

impl<P: StartPlugin> Life<P> {
    fn turn(&mut self) -> Turn<Result<(), PipelineError>> {
        match self {
            Life::Running(running) => match running.source.turn() {
                Turn::Ended(result) => self.end(result),
                turn => turn,
            },
            Life::Starting(_) => {
                let Life::Starting(starting) = std::mem::replace(self, Life::Over) else { return Turn::Again };
                match (*starting).start() {
                    Ok(Some(running)) => *self = Life::Running(Box::new(running)),
                    Ok(None) => return Turn::Ended(Ok(())),
                    Err(error) => return Turn::Ended(Err(error)),
                }
                Turn::Again
            }
            Life::Over => Turn::Ended(Ok(())),
        }
    }

    fn end(&mut self, result: Result<(), PipelineError>) -> Turn<Result<(), PipelineError>> {
        if let Life::Running(running) = std::mem::replace(self, Life::Over) {
            running.end();
        }
        Turn::Ended(result)
    }
}

impl<P: StartPlugin> Starting<P> {
    /// Starts everything; none where it was told to stop before that.
    fn start(self) -> Result<Option<Running>, PipelineError> {
        let Starting { kafka, plan, plugins, counters, view, inbox } = self;
        let begun = rt::now();
        let registry = registry(&plan, &counters)?;
        let tracer = tracer(&plan, &counters)?;
        let Some((outputs, dlq)) = wait_for_topics(&*kafka, &plan, &inbox.receiver, &view)? else { return Ok(None) };
        let Some(formats) = wait_for_formats(&plan, registry, &inbox.receiver, &view)? else { return Ok(None) };
        let cut_off = CutOff(Arc::default());
        let Inbox { sender, receiver, wakeup } = inbox;
        let origin = origin(&plan, &plugins);
        let sink_events = SinkEvents::new(sender.clone(), wakeup.clone());
        let sink = Sink::new(kafka.clone(), &plan, outputs, dlq, origin, cut_off.0.clone(), sink_events.clone())?;
        let context = Arc::new(PipelineContext {
            pipeline: plan.name.clone(),
            sink: Arc::new(sink),
            breakers: breakers(&plan, plan.breaker),
            timeouts: StageTimeouts::default(),
            counters: plan_counters(&plan, counters),
            view,
            retry_budget: RetryBudget::of_process(),
            formats,
            stages: plan.stages.len(),
            default_output: default_output(&plan)?,
            cut_off: cut_off.0.clone(),
            events: WorkerEvents::new(sender.clone(), wakeup.clone()),
            sink_events,
            tripped: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            goes_back_after: Some(GOES_BACK_AFTER),
            tracer,
            outcomes: None,
            keeps_completed: false,
        });
        let tracer = context.tracer.clone();
        let committing = match plan.delivery {
            Delivery::AtLeastOnce => None,
            Delivery::ExactlyOnce => Some(Committing::start(&plan, &context)?),
        };
        let (jobs, workers) = start_workers(&plan, &plugins, &context)?;
        let properties = for_queues(&plan.consumer, jobs.len());
        let mut consumer = kafka.consumer(&plan.name, &properties, jobs.len(), wakeup.clone())?;
        let existing = subscribe(&plan, &mut *consumer)?;
        let ms = (rt::now() - begun).as_millis() as u64;
        tracing::info!(target: "pipeline", pipeline = %plan.name, group = plan.input.group, started_in_ms = ms, "started");
        let source = Source::new(SourceParts {
            plan: plan.clone(),
            kafka,
            consumer,
            existing,
            context,
            events: receiver,
            sender: Events::new(sender, wakeup),
            workers: jobs,
            transactions: committing.as_ref().map(|committing| committing.commands.clone()),
        });
        Ok(Some(Running { plan, source, workers, committing, cut_off, tracer }))
    }
}

impl Running {
    /// Leaves the group and ends the threads. From here on nothing is waited for without a bound; the last abort goes
    /// on while the group is left.
    fn end(self: Box<Self>) {
        let Running { plan, source, workers, committing, cut_off, tracer } = *self;
        let export_deadline = source.drain_deadline();
        // With the source go the ways to the workers.
        let consumer = source.into_consumer();
        let over = committing.map(|Committing { commands, ended, over }| {
            ended.store(true, Ordering::Release);
            drop(commands);
            over
        });
        if !consumer.close((time_to_leave(plan.drain) / 2).max(LEAVE_LEAST)) {
            tracing::warn!(target: "pipeline", pipeline = %plan.name, "the group did not confirm the leave in time");
        }
        // A call that does not come back is left to the end of the process, and its transaction to its time-out.
        let _ = over.map(|over| over.recv_timeout(ABORT_TIMEOUT));
        drop(cut_off);
        for worker in workers {
            // A worker that panicked has said so, and its spans stayed uncommitted.
            let _ = worker.join();
        }
        if let Some(tracer) = tracer {
            // Nobody waits for it here, so that what is started in place of this pipeline is not held up.
            tracer.close(export_deadline.min(rt::now() + LAST_EXPORT));
        }
    }
}

/// The thread that makes the calls for transactions.
struct Committing {
    commands: Sender<TransactionCommand>,
    ended: Arc<AtomicBool>,
    over: Receiver<()>,
}

impl Committing {
    fn start(plan: &Plan, context: &Arc<PipelineContext>) -> anyhow::Result<Committing> {
        let wakeup = Wakeup::default();
        let (commands, receiver) = rt::channel_that_wakes(wakeup.clone());
        let (over_sender, over) = rt::channel::<()>();
        let ended: Arc<AtomicBool> = Arc::default();
        let (sink, events) = (context.sink.clone(), context.events.clone());
        let sink_events = context.sink_events.clone();
        let (timeout, patience) = (plan.transaction_timeout, plan.kafka_patience);
        let committer = Committer::new(plan.name.clone(), sink, sink_events, timeout, patience, ended.clone());
        let turn = move || {
            // Dropped with this loop.
            let _over = &over_sender;
            let _guard = PanicGuard::new("the thread that makes the calls for transactions", events.clone());
            committer.turn(&receiver)
        };
        let name = format!("{}/transactions", plan.name);
        rt::spawn_on_demand(&name, wakeup, turn).context("starting a thread for transactions")?;
        Ok(Committing { commands, ended, over })
    }
}

/// The consumer's properties for so many queues: what bounds one queue is the share of each, so that all together hold
/// as much as the plan says.
fn for_queues(properties: &Properties, queues: usize) -> Properties {
    let mut properties = properties.clone();
    for name in ["queued.min.messages", "queued.max.messages.kbytes"] {
        if let Some(value) = properties.get_mut(name)
            && let Ok(all) = value.parse::<usize>()
        {
            *value = (all / queues.max(1)).max(1).to_string();
        }
    }
    properties
}
