//! A pipeline: puts source, workers and sink together, runs them, and takes them apart again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::config::Position;
use crate::config::plan::{self, Delivery, Plan, Target};
use crate::error::PipelineError;
use crate::event::{Event, Events};
use crate::kafka::admin::{Admin, Create, DEFAULT_MAX_MESSAGE_BYTES, TopicError, TopicLimits};
use crate::kafka::consumer::Consumer;
use crate::kafka::waker::Waker;
use crate::plugin::{Engine, Plugin, StageSetup};
use crate::sink::committer::{Command, Committer};
use crate::sink::letter::Origin;
use crate::sink::{Known, Sink};
use crate::source::{Source, Transactions, time_to_leave};
use crate::stage::Stage;
use crate::stage::breaker::Breaker;
use crate::status::{Phase, Stats};
use crate::worker::{Message, Shared, Worker};

/// How long the brokers have to answer one question about topics.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before they are asked again; also how late a stop is noticed then.
const RETRY_WAIT: Duration = Duration::from_millis(500);
/// How often it is logged that no broker answers.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(30);
/// What a dead letter's own headers may take.
const DEAD_LETTER_HEADERS: usize = 64 << 10;
/// How long leaving the group may take at the least.
const LEAVE_LEAST: Duration = Duration::from_millis(500);
/// How long the last transaction may take to be aborted when the group is left.
const ABORT_TIMEOUT: Duration = Duration::from_millis(500);

/// A pipeline that runs.
pub struct Pipeline {
    /// What it runs.
    pub plan: Arc<Plan>,
    /// The digests of its plugins, in the order of its stages.
    pub digests: Vec<String>,
    /// What it has counted, and how it stands.
    pub stats: Arc<Stats>,
    events: Events,
    cut_off: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), PipelineError>>,
}

impl Pipeline {
    /// Loads the plugins of a plan and tries each stage's start: what `check` does, and every start after it.
    ///
    /// # Errors
    /// The first stage of which the plugin does not load or start: where it stands in the file, and why.
    pub fn load(engine: &Engine, plan: &Plan) -> Result<Vec<Plugin>, (Position, String)> {
        let load = |stage: &plan::Stage| {
            let plugin = engine
                .load(&stage.path, &stage.grants)
                .map_err(|error| (stage.plugin_at.0, format!("stage \"{}\": {error}", stage.name)))?;
            plugin
                .instantiate(&setup(plan, stage), Arc::default())
                .map_err(|error| (stage.config_at.0, error.to_string()))?;
            Ok(plugin)
        };
        plan.stages.iter().map(load).collect()
    }

    /// Starts a pipeline on threads of its own. `ended` is called, on one of them, when it has ended.
    ///
    /// # Errors
    /// A thread cannot be made.
    pub fn start(
        plan: Arc<Plan>,
        plugins: Vec<Plugin>,
        ended: impl FnOnce() + Send + 'static,
    ) -> anyhow::Result<Pipeline> {
        let (sender, receiver) = mpsc::channel();
        let waker = Waker::default();
        let events = Events::new(sender, waker.clone());
        let stats: Arc<Stats> = Arc::default();
        let cut_off: Arc<AtomicBool> = Arc::default();
        let digests = plugins.iter().map(|plugin| plugin.digest().to_owned()).collect();
        let thread = {
            let (plan, stats, cut_off, events) = (plan.clone(), stats.clone(), cut_off.clone(), events.clone());
            std::thread::Builder::new().name(plan.name.to_string()).spawn(move || {
                // Told in any case, a panic included.
                let _ended = OnDrop(Some(ended));
                let inbox = Inbox { events, receiver, waker };
                let result = run(&plan, &plugins, &stats, &cut_off, inbox);
                let phase = if result.is_ok() { Phase::Stopped } else { Phase::Failed };
                stats.set(|state| state.phase = phase);
                result
            })?
        };
        Ok(Pipeline { plan, digests, stats, events, cut_off, thread })
    }

    /// Asks it to drain, commit and end.
    pub fn stop(&self) {
        self.events.tell_now(Event::Stop(Instant::now()));
    }

    /// Asks it to end without waiting for anything.
    pub fn cut_off(&self) {
        self.cut_off.store(true, Ordering::Release);
        self.stop();
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// Why it could not go on.
    pub fn join(self) -> Result<(), PipelineError> {
        self.thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the pipeline's thread panicked").into()))
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

/// What an instance of a stage is started with.
pub(crate) fn setup(plan: &Plan, stage: &plan::Stage) -> StageSetup {
    StageSetup {
        pipeline: plan.name.clone(),
        stage: stage.name.clone(),
        config: stage.config.clone(),
        outputs: plan.outputs.iter().map(|output| output.name.clone()).collect(),
        limits: stage.limits,
        env: stage.grants.env.iter().filter_map(|name| Some((name.clone(), std::env::var(name).ok()?))).collect(),
    }
}

/// What happens in a pipeline, at both ends of the way to its loop.
struct Inbox {
    events: Events,
    receiver: Receiver<Event>,
    waker: Waker,
}

fn run(
    plan: &Arc<Plan>,
    plugins: &[Plugin],
    stats: &Arc<Stats>,
    cut_off: &Arc<AtomicBool>,
    inbox: Inbox,
) -> Result<(), PipelineError> {
    let begun = Instant::now();
    let Some((outputs, dlq)) = wait_for_topics(plan, &inbox.receiver)? else { return Ok(()) };
    let origin = origin(plan, plugins);
    let shared = Arc::new(Shared {
        sink: Arc::new(Sink::new(plan, outputs, dlq, origin, cut_off.clone(), inbox.events.clone())?),
        breakers: plan.breaker.iter().flat_map(|breaker| plan.stages.iter().map(|_| Breaker::new(*breaker))).collect(),
        stats: stats.clone(),
        stages: plan.stages.len(),
        default_output: default_output(plan)?,
        cut_off: cut_off.clone(),
        events: inbox.events.clone(),
        tripped: AtomicBool::new(false),
        assigned: AtomicBool::new(false),
        outcomes: None,
    });
    let committing = match plan.delivery {
        Delivery::AtLeastOnce => None,
        Delivery::ExactlyOnce => Some(Committing::start(plan, &shared)?),
    };
    let (jobs, workers) = start_workers(plan, plugins, &shared)?;
    let result = consume(plan, &shared, inbox, jobs, committing, begun);
    cut_off.store(true, Ordering::Release);
    for worker in workers {
        // A worker that panicked has said so by its hook, and its spans stayed uncommitted.
        let _ = worker.join();
    }
    result
}

/// What dead letters of a pipeline say alike.
pub(crate) fn origin(plan: &Plan, plugins: &[Plugin]) -> Origin {
    Origin {
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

/// The thread that makes the calls for transactions.
struct Committing {
    commands: Sender<Command>,
    ended: Arc<AtomicBool>,
    over: Receiver<()>,
}

impl Committing {
    fn start(plan: &Plan, shared: &Arc<Shared>) -> anyhow::Result<Committing> {
        let (commands, receiver) = mpsc::channel();
        let (over_sender, over) = mpsc::channel();
        let ended: Arc<AtomicBool> = Arc::default();
        let (sink, events) = (shared.sink.clone(), shared.events.clone());
        let committer = Committer::new(plan.name.clone(), sink, events, plan.transaction_timeout, ended.clone());
        std::thread::Builder::new().name(format!("{}/transactions", plan.name)).spawn(move || {
            committer.work(&receiver);
            drop(over_sender);
        })?;
        Ok(Committing { commands, ended, over })
    }
}

fn consume(
    plan: &Arc<Plan>,
    shared: &Arc<Shared>,
    inbox: Inbox,
    jobs: Vec<Sender<Message>>,
    committing: Option<Committing>,
    begun: Instant,
) -> Result<(), PipelineError> {
    let consumer = Consumer::new(&plan.name, &plan.consumer, inbox.waker)?;
    let transactions = committing.as_ref().map(|committing| {
        Transactions::new(committing.commands.clone(), plan.commit_interval, plan.transaction_timeout)
    });
    let result = consumer.subscribe(&plan.input.topics).map_err(PipelineError::from).and_then(|()| {
        let ms = begun.elapsed().as_millis() as u64;
        tracing::info!(target: "pipeline", pipeline = %plan.name, group = plan.input.group, started_in_ms = ms, "started");
        Source::new(plan, &consumer, shared.clone(), inbox.receiver, jobs, transactions).run()
    });
    // From here on nothing is waited for without a bound; the last abort goes on while the group is left.
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
    result
}

/// Asks the brokers what can be known before start: every topic that is named exists, or will be made. Changes nothing.
///
/// # Errors
/// The first topic that does not, in words; no broker answers.
pub fn check_topics(plan: &Plan) -> anyhow::Result<()> {
    let admin = Admin::new(&plan.name, &plan.producer, ANSWER_TIMEOUT)?;
    for (role, topic) in written_topics(plan).iter().flatten().filter(|(_, topic)| topic.create.is_none()) {
        admin.ensure_topic(role, topic, None)?;
    }
    for name in plan.input.topics.iter().filter(|topic| !topic.starts_with('^')) {
        admin.ensure_topic("input", &plan::Topic { name: name.clone(), create: None }, None)?;
    }
    Ok(())
}

/// What is written to, by role: the outputs in the plan's order, none where one is dropped, then the DLQ if there is
/// one.
fn written_topics(plan: &Plan) -> Vec<Option<(String, &plan::Topic)>> {
    let outputs = plan.outputs.iter().map(|output| match &output.target {
        Target::Topic(topic) => Some((format!("output \"{}\"", output.name), topic)),
        Target::Drop => None,
    });
    outputs.chain(plan.dlq.iter().map(|dlq| Some(("dlq".to_owned(), &dlq.topic)))).collect()
}

/// Asks until a broker answers; none where the pipeline is told to stop meanwhile.
fn wait_for_topics(plan: &Plan, events: &Receiver<Event>) -> Result<Option<Topics>, PipelineError> {
    let mut said: Option<Instant> = None;
    loop {
        match topics(plan) {
            Ok(topics) => return Ok(Some(topics)),
            Err(error @ TopicError::Topic(_)) => return Err(PipelineError::Topic(error.to_string())),
            Err(error @ TopicError::NoBroker { .. }) => {
                if said.is_none_or(|at| at.elapsed() > COMPLAINT_INTERVAL) {
                    tracing::warn!(target: "pipeline", pipeline = %plan.name, "{error}: trying on");
                    said = Some(Instant::now());
                }
            }
        }
        // Nothing but a stop can come before anything has started.
        if events.recv_timeout(RETRY_WAIT).is_ok() {
            return Ok(None);
        }
    }
}

/// What is known of the outputs, in the plan's order, and of the DLQ.
pub(crate) type Topics = (Vec<Option<Known>>, Option<Known>);

/// Makes sure that every topic exists that is written to, and asks what each takes.
pub(crate) fn topics(plan: &Plan) -> Result<Topics, TopicError> {
    let all = written_topics(plan);
    let written: Vec<_> = all.iter().flatten().collect();
    let limits = if plan.embedded || written.is_empty() {
        // The embedded broker's topics are made by whoever embeds it, and it answers no such questions.
        vec![TopicLimits::default(); written.len()]
    } else {
        let admin = Admin::new(&plan.name, &plan.producer, ANSWER_TIMEOUT)
            .map_err(|error| TopicError::Topic(format!("{error:#}")))?;
        for (role, topic) in &written {
            // A DLQ of our own making takes whatever an input topic with the brokers' defaults does.
            let is_dlq = plan.dlq.as_ref().is_some_and(|dlq| std::ptr::eq(&raw const dlq.topic, *topic));
            let max_message_bytes = is_dlq.then_some(DEFAULT_MAX_MESSAGE_BYTES + DEAD_LETTER_HEADERS);
            let create = topic.create.map(|topic| Create { topic, max_message_bytes, compacted: false });
            admin.ensure_topic(role, topic, create.as_ref())?;
        }
        let mut names: Vec<&str> = written.iter().map(|(_, topic)| topic.name.as_str()).collect();
        names.extend(plan.input.topics.iter().map(String::as_str).filter(|topic| !topic.starts_with('^')));
        let mut limits = admin.limits(&names);
        let inputs = limits.split_off(written.len());
        warn_of_tight_dlq(plan, limits.last(), &inputs);
        admin.leave();
        limits
    };
    let mut limits = limits.into_iter();
    let mut known: Vec<_> = all
        .into_iter()
        .map(|topic| {
            let (_, topic) = topic?;
            Some(Known { name: topic.name.clone(), limits: limits.next()? })
        })
        .collect();
    let dlq = plan.dlq.as_ref().and_then(|_| known.pop().flatten());
    Ok((known, dlq))
}

/// A dead letter is its input record and our headers: a DLQ that takes no more than the input may not take it.
fn warn_of_tight_dlq(plan: &Plan, last: Option<&TopicLimits>, inputs: &[TopicLimits]) {
    let (Some(dlq), Some(limits)) = (&plan.dlq, last) else { return };
    let largest = inputs.iter().map(|input| input.max_message_bytes).max().unwrap_or_default();
    let (has, needs) = (limits.max_message_bytes, largest + DEAD_LETTER_HEADERS);
    if has < needs {
        tracing::warn!(
            target: "pipeline", pipeline = %plan.name, topic = dlq.topic.name, max_message_bytes = has,
            "the dead-letter topic may not take every record: raise its max.message.bytes to {needs} (the input's and 64 KiB)"
        );
    }
}

/// The ways to the workers, and their threads.
pub(crate) type Workers = (Vec<Sender<Message>>, Vec<JoinHandle<()>>);

/// Starts the workers of a plan, each with its stages.
///
/// # Errors
/// A stage does not start; a thread cannot be made.
pub(crate) fn start_workers(
    plan: &Arc<Plan>,
    plugins: &[Plugin],
    shared: &Arc<Shared>,
) -> Result<Workers, PipelineError> {
    let (ready, started) = mpsc::channel();
    let (mut jobs, mut workers) = (Vec::new(), Vec::new());
    for number in 0..plan.workers.get() {
        let (sender, receiver) = mpsc::channel();
        let name = format!("{}/{number}", plan.name);
        let (plan, plugins, shared, ready) = (plan.clone(), plugins.to_vec(), shared.clone(), ready.clone());
        let work = move || match start_stages(&plan, &plugins, &shared) {
            Ok(stages) => {
                let _ = ready.send(Ok(()));
                drop(ready);
                let _guard = PanicGuard(shared.clone());
                Worker::new(number, stages, shared).work(&receiver);
            }
            Err(error) => {
                let _ = ready.send(Err(error));
            }
        };
        workers.push(std::thread::Builder::new().name(name).spawn(work).context("starting a worker")?);
        jobs.push(sender);
    }
    drop(ready);
    for result in started {
        result?;
    }
    Ok((jobs, workers))
}

/// A worker that panics takes its pipeline down in order: what it held is abandoned, and read again by the next run.
struct PanicGuard(Arc<Shared>);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = anyhow::anyhow!("a worker panicked; what it was at stays uncommitted: please report this");
            self.0.events.tell_now(Event::Broken(error.into()));
        }
    }
}

fn start_stages(plan: &Plan, plugins: &[Plugin], shared: &Shared) -> Result<Vec<Stage>, PipelineError> {
    std::iter::zip(&plan.stages, plugins)
        .map(|(stage, plugin)| {
            Stage::start(plugin, &setup(plan, stage), stage.on_error, shared.cut_off.clone())
                .map_err(|error| PipelineError::Plugin(error.to_string()))
        })
        .collect()
}
