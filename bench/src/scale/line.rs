//! A line of workers without Kafka: batches made beforehand go in, and what comes out counts as acknowledged.
//!
//! The workers, the chain, the plugins and the delivery up to the producer are those of `sluice run`. In place of the
//! source stands a loop that keeps each worker as busy as the source would: one batch in work and one waiting.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use sluicebox::batch::{Batch, Offset, Partition};
use sluicebox::config::plan::Plan;
use sluicebox::config::{PlanOptions, load_text};
use sluicebox::counters::{PlanCounters, Totals};
use sluicebox::kafka::librdkafka::Librdkafka;
use sluicebox::kafka::{TopicLimits, TopicPartition};
use sluicebox::lease::Lease;
use sluicebox::pipeline::Pipeline;
use sluicebox::plugin::{Engine, Plugin, StageSetup};
use sluicebox::rt::{self, Receiver, Sender, Turn, Wakeup};
use sluicebox::sink::dead_letter::DeadLetterOrigin;
use sluicebox::sink::event::{SinkEvent, SinkEvents};
use sluicebox::sink::receipt::Span;
use sluicebox::sink::{Known, Sink};
use sluicebox::source::Event;
use sluicebox::stage::Stage;
use sluicebox::stage::breaker::Breaker;
use sluicebox::stage::timeouts::StageTimeouts;
use sluicebox::worker::event::{WorkerEvent, WorkerEvents};
use sluicebox::worker::retry_budget::RetryBudget;
use sluicebox::worker::{Job, PipelineContext, Worker, WorkerMessage};

use super::case::Case;
use crate::boundary::batch::Template;
use crate::usage::time_of;

/// Batches that a worker has, as the source gives them out.
const QUEUED: usize = 2;
/// How long a batch may take.
const STANDSTILL: Duration = Duration::from_secs(60);

/// Workers, and what they are fed with.
pub struct Line {
    feeds: Vec<Feed>,
    threads: Vec<JoinHandle<()>>,
    events: Receiver<Event>,
    context: Arc<PipelineContext>,
    /// Of each batch's records, how many come out.
    kept: u64,
}

/// Lets a worker work until nobody sends any more.
fn work(mut worker: Worker, messages: &Receiver<WorkerMessage>, wakeup: &Wakeup) {
    loop {
        match worker.turn(messages) {
            Turn::Again => {}
            Turn::WaitUntil(deadline) => _ = wakeup.wait_until(Some(deadline)),
            Turn::Wait => _ = wakeup.wait_until(None),
            Turn::Ended(()) => return,
        }
    }
}

/// The way to one worker.
struct Feed {
    jobs: Sender<WorkerMessage>,
    events: SinkEvents,
    template: Template,
    spans: Vec<Span>,
    spare: Vec<Batch>,
}

/// What a while of work took.
pub struct Worked {
    /// Records that went through.
    pub records: u64,
    /// Processor time of the workers' threads.
    pub cpu: Duration,
    /// Time on the wall.
    pub took: Duration,
}

impl Line {
    /// Starts the workers of a case.
    ///
    /// # Errors
    /// A plugin is missing or does not start.
    pub fn start(engine: &Engine, case: &Case) -> Result<Line> {
        let env = |name: &str| std::env::var(name).ok();
        let (plan, _) = load_text(Path::new("scale.yaml"), &case.pipeline()?, &env, &PlanOptions::default())?;
        let plugins = Pipeline::load(engine, &plan).map_err(|flaws| anyhow!("{}", flaws[0]))?;
        let (sender, events) = rt::channel();
        let context = Arc::new(context(&plan, sender)?);
        let (mut feeds, mut threads) = (Vec::new(), Vec::new());
        for number in 0..case.workers {
            let wakeup = Wakeup::default();
            let (jobs, messages) = rt::channel_that_wakes(wakeup.clone());
            let stages = start_stages(&plan, &plugins, &context)?;
            let worker = Worker::new(number, stages, context.clone());
            let work = move || work(worker, &messages, &wakeup);
            threads.push(thread::Builder::new().name(format!("scale/{number}")).spawn(work)?);
            feeds.push(Feed::new(jobs, context.sink_events.clone(), case, number));
        }
        Ok(Line { feeds, threads, events, context, kept: case.kept() })
    }

    /// Works for so long, after a while to warm up, and checks how many records came out.
    ///
    /// # Errors
    /// A worker fails, or does not do with its records what it should.
    pub fn work(&mut self, warm_up: Duration, time: Duration) -> Result<Worked> {
        let (tally, mut sent) = (self.totals(), 0);
        for worker in 0..self.feeds.len() {
            for _ in 0..QUEUED {
                self.feeds[worker].send();
                sent += 1;
            }
        }
        self.keep_busy(warm_up, &mut sent)?;
        let cpu = self.cpu();
        let (records, took) = self.keep_busy(time, &mut sent)?;
        let cpu = self.cpu() - cpu;
        for _ in 0..QUEUED * self.feeds.len() {
            let (worker, batch) = self.processed()?;
            self.feeds[worker].spare.push(batch);
        }
        self.check(tally, sent)?;
        Ok(Worked { records, cpu, took })
    }

    /// Gives each worker a new batch for each that it is done with. Answers how many records those had, and the time.
    fn keep_busy(&mut self, time: Duration, sent: &mut u64) -> Result<(u64, Duration)> {
        let (begin, mut records) = (Instant::now(), 0);
        while begin.elapsed() < time {
            let (worker, batch) = self.processed()?;
            let feed = &mut self.feeds[worker];
            records += feed.template.len() as u64;
            feed.spare.push(batch);
            feed.send();
            *sent += 1;
        }
        Ok((records, begin.elapsed()))
    }

    /// The next batch that comes back, and from which worker.
    fn processed(&self) -> Result<(usize, Batch)> {
        loop {
            match self.events.recv_timeout(STANDSTILL).map_err(|_| anyhow!("no worker is done with a batch"))? {
                Event::Worker(WorkerEvent::Processed { worker, batch }) => return Ok((worker, batch)),
                // A transaction would hold enough by now, but there is none.
                Event::Sink(SinkEvent::TransactionFull) => {}
                Event::Sink(SinkEvent::Delivered(delivered)) => self.context.counters.acknowledge(delivered.tally()),
                Event::Worker(WorkerEvent::Failed(error)) => return Err(error.into()),
                Event::Worker(WorkerEvent::BreakerOpened(trip)) => bail!("stage \"{}\": {}", trip.name, trip.reason),
                _ => bail!("a record failed"),
            }
        }
    }

    fn cpu(&self) -> Duration {
        self.threads.iter().map(time_of).sum()
    }

    fn totals(&self) -> Totals {
        self.context.counters.pipeline.totals()
    }

    fn check(&self, before: Totals, sent: u64) -> Result<()> {
        let now = self.totals();
        let (read, out) = (now.records - before.records, now.out - before.out);
        let wanted = (sent * self.feeds[0].template.len() as u64, sent * self.kept);
        ensure!((read, out) == wanted, "{read} records were read and {out} written in place of {wanted:?}");
        ensure!(now.dead_letters == 0, "{} records were dead-lettered", now.dead_letters);
        Ok(())
    }
}

impl Feed {
    /// The partitions go to the workers in turn.
    fn new(jobs: Sender<WorkerMessage>, events: SinkEvents, case: &Case, worker: usize) -> Feed {
        let partitions: Vec<Partition> =
            (0..case.partitions).filter(|partition| partition % case.workers == worker).map(partition).collect();
        let template = Template::spread(&partitions, case.batch(), |number| case.value(number));
        let span = |&partition: &Partition| {
            let at = TopicPartition { topic: "bench".into(), partition };
            Span { lease: Arc::new(Lease::new(at, 0, 0)), first: Offset(0), end: Offset(template.len() as i64) }
        };
        let spans = partitions.iter().map(span).collect();
        Feed { jobs, events, template, spans, spare: Vec::new() }
    }

    fn send(&mut self) {
        let mut batch = self.spare.pop().unwrap_or_default();
        self.template.fill(&mut batch);
        // A worker that has ended has said why.
        let job = Job { batch, spans: self.spans.clone(), probe: None, ahead: false };
        let _ = self.jobs.send(WorkerMessage::job(job, &self.events));
    }
}

fn partition(number: usize) -> Partition {
    Partition(number as i32)
}

/// What the workers of a plan share, as a pipeline has it, but with a sink that sends nothing.
fn context(plan: &Plan, sender: Sender<Event>) -> Result<PipelineContext> {
    let sink_events = SinkEvents::new(sender.clone(), Wakeup::default());
    let cut_off: Arc<AtomicBool> = Arc::default();
    let known = |name: &str| Some(Known { name: name.to_owned(), limits: TopicLimits::default() });
    let origin = DeadLetterOrigin { pipeline: plan.name.to_string(), stages: Vec::new(), connect_headers: false };
    let (outputs, dlq) = (vec![known("out")], known("dlq"));
    let sink = Sink::new(Arc::new(Librdkafka), plan, outputs, dlq, origin, cut_off.clone(), sink_events.clone())?.dry();
    let (stages, outputs) = (plan.stages.iter(), plan.outputs.iter());
    Ok(PipelineContext {
        pipeline: "bench".into(),
        sink: Arc::new(sink),
        breakers: plan.breaker.iter().flat_map(|breaker| plan.stages.iter().map(|_| Breaker::new(*breaker))).collect(),
        timeouts: StageTimeouts::default(),
        counters: PlanCounters::new(Arc::default(), stages.map(|stage| &stage.name), outputs.map(|it| &it.name)),
        view: Arc::default(),
        retry_budget: RetryBudget::of_process(),
        formats: None,
        stages: plan.stages.len(),
        default_output: 0,
        cut_off,
        events: WorkerEvents::new(sender, Wakeup::default()),
        sink_events,
        tripped: AtomicBool::new(false),
        stopping: AtomicBool::new(false),
        goes_back_after: None,
        tracer: None,
        outcomes: None,
        keeps_completed: false,
    })
}

fn start_stages(plan: &Plan, plugins: &[Plugin], context: &PipelineContext) -> Result<Vec<Stage>> {
    let start = |(stage, plugin): (&sluicebox::config::plan::Stage, &Plugin)| {
        let setup = StageSetup {
            pipeline: plan.name.clone(),
            stage: stage.name.clone(),
            config: stage.config.clone(),
            outputs: vec!["default".into()],
            limits: stage.limits,
            env: Vec::new(),
            show: Default::default(),
        };
        Ok(Stage::start(plugin, &setup, stage.on_error, context.cut_off.clone())?)
    };
    plan.stages.iter().zip(plugins).map(start).collect()
}
