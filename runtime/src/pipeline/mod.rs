//! A pipeline: puts source, workers and sink together, runs them, and takes them apart again.

pub(crate) mod topics;
pub(crate) mod workers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use self::topics::wait_for_topics;
use self::workers::{default_output, origin, plan_counters, setup, start_workers};
use crate::config::Position;
use crate::config::plan::{self, Delivery, Plan};
use crate::counters::PipelineCounters;
use crate::error::PipelineError;
use crate::event::{Command, Event, EventSender};
use crate::kafka::{GroupConsumer, Kafka, Properties};
use crate::plugin::{Engine, Plugin, StartPlugin};
use crate::rt::{self, JoinHandle, Receiver, Sender, Wakeup};
use crate::sink::Sink;
use crate::sink::committer::{Committer, TransactionCommand};
use crate::sink::receipt::Receipt;
use crate::source::{Source, SourceParts, Turn, time_to_leave};
use crate::stage::breaker::Breaker;
use crate::stage::timeouts::StageTimeouts;
use crate::view::{Phase, ViewCell};
use crate::worker::retry_budget::RetryBudget;
use crate::worker::{PipelineContext, WorkerMessage};

/// How long leaving the group may take at least.
const LEAVE_LEAST: Duration = Duration::from_millis(500);
/// How long the last transaction may take to be aborted when the group is left.
const ABORT_TIMEOUT: Duration = Duration::from_millis(500);

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
    events: EventSender,
    thread: JoinHandle<Result<(), PipelineError>>,
}

impl Pipeline {
    /// Loads the plugins of a plan and tries each stage's start: what `check` does, and every start after it.
    ///
    /// # Errors
    /// The first stage of which the plugin does not load or start: where it stands in the file, and why.
    pub fn load(engine: &Engine, plan: &Plan) -> Result<Vec<Plugin>, (Position, String)> {
        let load = |stage: &plan::Stage| {
            let failed = |error: &dyn std::fmt::Display| (stage.plugin_at, error.to_string());
            let plugin = engine
                .load(&stage.path, &stage.grants)
                .map_err(|error| failed(&format_args!("stage \"{}\": {error}", stage.name)))?;
            plugin.instantiate(&setup(plan, stage), Arc::default()).map_err(|error| failed(&error))?;
            Ok(plugin)
        };
        plan.stages.iter().map(load).collect()
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
        let events = EventSender::new(sender, wakeup.clone());
        let run = {
            let (plan, counters, view, events) = (plan.clone(), counters.clone(), view.clone(), events.clone());
            move || {
                // Called in any case, a panic included.
                let _ended = OnDrop(Some(ended));
                let mut failed = OnPanic(Some(view.clone()));
                let inbox = Inbox { events, receiver, wakeup };
                let result = run(&kafka, &plan, &plugins, counters, view.clone(), inbox);
                view.set_phase(if result.is_ok() { Phase::Stopped } else { Phase::Failed });
                failed.0 = None;
                result
            }
        };
        let thread = rt::spawn(&plan.name, run)?;
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
    events: EventSender,
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

fn run<P: StartPlugin>(
    kafka: &Clients,
    plan: &Arc<Plan>,
    plugins: &[P],
    counters: Arc<PipelineCounters>,
    view: Arc<ViewCell>,
    inbox: Inbox,
) -> Result<(), PipelineError> {
    let begun = rt::now();
    let Some((outputs, dlq)) = wait_for_topics(&**kafka, plan, &inbox.receiver)? else { return Ok(()) };
    let cut_off = CutOff(Arc::default());
    let (origin, events) = (origin(plan, plugins), inbox.events.clone());
    let sink = Sink::new(kafka.clone(), plan, outputs, dlq, origin, cut_off.0.clone(), events.clone())?;
    let context = Arc::new(PipelineContext {
        sink: Arc::new(sink),
        breakers: plan.breaker.iter().flat_map(|breaker| plan.stages.iter().map(|_| Breaker::new(*breaker))).collect(),
        timeouts: StageTimeouts::default(),
        counters: plan_counters(plan, counters),
        view,
        retry_budget: RetryBudget::of_process(),
        stages: plan.stages.len(),
        default_output: default_output(plan)?,
        cut_off: cut_off.0.clone(),
        events,
        tripped: AtomicBool::new(false),
        outcomes: None,
    });
    let committing = match plan.delivery {
        Delivery::AtLeastOnce => None,
        Delivery::ExactlyOnce => Some(Committing::start(plan, &context)?),
    };
    let (jobs, workers) = start_workers(plan, plugins, &context)?;
    let result = consume(kafka, plan, &context, inbox, jobs, committing, begun);
    drop(cut_off);
    for worker in workers {
        // A worker that panicked has said so, and its spans stayed uncommitted.
        let _ = worker.join();
    }
    result
}

/// The thread that makes the calls for transactions.
struct Committing {
    commands: Sender<TransactionCommand>,
    ended: Arc<AtomicBool>,
    over: Receiver<()>,
}

impl Committing {
    fn start(plan: &Plan, context: &Arc<PipelineContext>) -> anyhow::Result<Committing> {
        let (commands, receiver) = rt::channel();
        let (over_sender, over) = rt::channel();
        let ended: Arc<AtomicBool> = Arc::default();
        let (sink, events) = (context.sink.clone(), context.events.clone());
        let committer = Committer::new(plan.name.clone(), sink, events.clone(), plan.transaction_timeout, ended.clone());
        let work = move || {
            let _guard = workers::PanicGuard::new("the thread that makes the calls for transactions", events);
            committer.work(&receiver);
            drop(over_sender);
        };
        rt::spawn(&format!("{}/transactions", plan.name), work).context("starting a thread for transactions")?;
        Ok(Committing { commands, ended, over })
    }
}

fn consume(
    kafka: &Clients,
    plan: &Arc<Plan>,
    context: &Arc<PipelineContext>,
    inbox: Inbox,
    workers: Vec<Sender<WorkerMessage>>,
    committing: Option<Committing>,
    begun: Instant,
) -> Result<(), PipelineError> {
    let wakeup = inbox.wakeup;
    let properties = for_queues(&plan.consumer, workers.len());
    let mut consumer = kafka.consumer(&plan.name, &properties, workers.len(), wakeup.clone())?;
    let subscribed = consumer.subscribe(&plan.input.topics);
    let (consumer, result) = match subscribed {
        Err(error) => (consumer, Err(error.into())),
        Ok(()) => {
            let ms = (rt::now() - begun).as_millis() as u64;
            tracing::info!(target: "pipeline", pipeline = %plan.name, group = plan.input.group, started_in_ms = ms, "started");
            let mut source = Source::new(SourceParts {
                plan: plan.clone(),
                kafka: kafka.clone(),
                consumer,
                context: context.clone(),
                events: inbox.receiver,
                workers,
                transactions: committing.as_ref().map(|committing| committing.commands.clone()),
            });
            let result = drive(&mut source, &wakeup);
            (source.into_consumer(), result)
        }
    };
    leave(plan, consumer, committing);
    result
}

/// The consumer's properties for so many queues: what bounds one queue is the share of each, so that all together hold as much as
/// the plan says.
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

/// Lets the loop turn until the pipeline has ended.
fn drive(source: &mut Source, wakeup: &Wakeup) -> Result<(), PipelineError> {
    loop {
        match source.turn() {
            Turn::Again => rt::yield_point(),
            Turn::WaitUntil(deadline) => wakeup.wait_until(Some(deadline)),
            Turn::Ended(result) => return result,
        }
    }
}

/// Leaves the group. From here on nothing is waited for without a bound; the last abort goes on while the group is left.
fn leave(plan: &Plan, consumer: Box<dyn GroupConsumer>, committing: Option<Committing>) {
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
}
