//! The start of a replay: its topics, its transactional id, what was replayed before, and its worker.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};

use super::attempt::Trouble;
use super::transaction::register;
use super::{Options, Replay, Summary};
use crate::config::plan::{Delivery, KeyValue, Plan, Target};
use crate::dlq::marks::{Marks, topic_of};
use crate::dlq::scan::Scan;
use crate::dlq::select::Selection;
use crate::formats::Formats;
use crate::kafka::librdkafka::{Librdkafka, Presence};
use crate::kafka::reader::Ends;
use crate::kafka::{Create, Kafka, TopicLimits};
use crate::pipeline::topics::topics;
use crate::pipeline::workers::{breakers, default_output, origin, plan_counters, start_workers};
use crate::pipeline::{Clients, registry};
use crate::plugin::Plugin;
use crate::ready::Ready;
use crate::rt::{self, Wakeup};
use crate::sink::event::SinkEvents;
use crate::sink::receipt::Receipt;
use crate::sink::{Known, Sink};
use crate::source::{Event, Events};
use crate::stage::timeouts::StageTimeouts;
use crate::worker::PipelineContext;
use crate::worker::event::WorkerEvents;
use crate::worker::outcome::ReplayOutcomes;
use crate::worker::retry_budget::RetryBudget;

/// How long the brokers have to answer one question about topics.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a transaction may take, unless the pipeline file says otherwise.
const TRANSACTION_TIMEOUT_MS: &str = "60000";

/// The way to stop a replay from outside.
pub struct Control {
    /// Takes [`Stop`](crate::source::Command::Stop): ends after the transaction that is open.
    pub events: Events,
    /// Set: ends without waiting for anything.
    pub cut_off: Arc<AtomicBool>,
}

impl Replay {
    /// Makes everything ready, and asks what the dead-letter topic holds.
    ///
    /// # Errors
    /// A topic is missing or cannot be used; no broker answers; a stage does not start.
    pub fn start(ready: Ready, options: Options, selection: Selection) -> anyhow::Result<(Replay, Scan, Control)> {
        if ready.plan.embedded {
            bail!("a replay needs transactions, which the embedded broker does not honour: use a real cluster");
        }
        let plan = Arc::new(for_replay(&ready.plan, options.dry_run));
        let (sender, receiver) = rt::channel();
        // Nobody waits in a poll of the consumer's for what happens here.
        let events = Events::new(sender.clone(), Wakeup::default());
        let cut_off: Arc<AtomicBool> = Arc::default();
        let shared = Arc::new(shared(&plan, &ready.plugins, &options, &sender, &cut_off)?);
        if !options.dry_run {
            // Before anything is read: whoever replayed before is done with after this.
            register(&shared.sink).map_err(|trouble| match trouble {
                Trouble::Aborted(why) | Trouble::Over(why) => anyhow!("{why}"),
                Trouble::TooLarge(_) => anyhow!("nothing was sent"),
            })?;
        }
        let scan = Scan::new(&plan, &options.topic)?;
        let presence = if options.dry_run {
            None
        } else {
            Some(Presence::announce(&plan.name, &plan.consumer, &group(&plan), &options.topic)?)
        };
        let marks = Marks::read(&plan, &options.topic, scan.extents(), Ends::All)?;
        let (jobs, workers) = start_workers(&plan, &ready.plugins, &shared)?;
        let Some(jobs) = jobs.into_iter().next() else { bail!("there is no worker") };
        let replay = Replay {
            marks_output: plan.outputs.len(),
            digests: ready.plugins.iter().map(|plugin| plugin.digest().to_owned()).collect(),
            plan,
            options,
            selection,
            shared,
            marks,
            jobs,
            workers,
            events: receiver,
            generation: 0,
            pending: Vec::new(),
            bytes: 0,
            taken: 0,
            due: Instant::now(),
            stopping: false,
            summary: Summary::default(),
            _presence: presence,
            on_progress: Box::new(|_| {}),
        };
        Ok((replay, scan, Control { events, cut_off }))
    }
}

/// Returns whether a replay of a pipeline runs in any process; also for some seconds after one was killed. Where that
/// cannot be asked, or is not allowed, there is none as far as anybody can see.
pub fn runs_elsewhere(plan: &Plan) -> bool {
    !plan.embedded
        && Presence::count(&plan.name, &plan.consumer, &group(plan), ANSWER_TIMEOUT).is_ok_and(|members| members > 0)
}

/// The group that replays are members of while they run, so that others see them. No pipeline's group has that name
/// unless somebody means it to: it is that of the transactional id.
fn group(plan: &Plan) -> String {
    format!("sluice-{}/replay", plan.name)
}

/// The plan of a replay: one worker, and a producer with a transactional id of its own. No instance can have that: a
/// name holds no slash.
fn for_replay(plan: &Plan, dry_run: bool) -> Plan {
    let mut plan = Plan { workers: NonZeroUsize::MIN, delivery: Delivery::AtLeastOnce, ..plan.clone() };
    if dry_run {
        for topic in plan.outputs.iter_mut().filter_map(|output| match &mut output.target {
            Target::Topic(topic) => Some(topic),
            Target::Drop => None,
        }) {
            topic.create = None;
        }
        if let Some(dlq) = &mut plan.dlq {
            dlq.topic.create = None;
        }
        for output in &mut plan.outputs {
            let KeyValue { key, value } = &mut output.formats;
            [key, value].into_iter().flatten().for_each(|format| format.register = false);
        }
        return plan;
    }
    plan.producer.insert("transactional.id".to_owned(), format!("sluice-{}/replay", plan.name));
    plan.producer.entry("transaction.timeout.ms".to_owned()).or_insert_with(|| TRANSACTION_TIMEOUT_MS.to_owned());
    // The transaction's time bounds it.
    plan.producer.remove("message.timeout.ms");
    plan
}

fn shared(
    plan: &Plan,
    plugins: &[Plugin],
    options: &Options,
    sender: &rt::Sender<Event>,
    cut_off: &Arc<AtomicBool>,
) -> anyhow::Result<PipelineContext> {
    let registry = registry(plan, &Arc::default())?;
    let formats = Formats::new(plan, registry.as_ref()).map_err(anyhow::Error::msg)?;
    let clients: Clients = Arc::new(Librdkafka);
    let sink_events = SinkEvents::new(sender.clone(), Wakeup::default());
    let (mut outputs, dlq) = topics(&*clients, plan)?;
    let marks = topic_of(&options.topic);
    if !options.dry_run {
        ensure_marks(&*clients, plan, &options.topic, &marks)?;
    }
    outputs.push(Some(Known { name: marks, limits: TopicLimits::default() }));
    let sink = Sink::new(clients, plan, outputs, dlq, origin(plan, plugins), cut_off.clone(), sink_events.clone())?;
    // What writes nothing may fail as often as it likes: that is what is asked for.
    let breaker = plan.breaker.filter(|_| !options.dry_run);
    Ok(PipelineContext {
        pipeline: plan.name.clone(),
        sink: Arc::new(if options.dry_run { sink.dry() } else { sink }),
        breakers: breakers(plan, breaker),
        timeouts: StageTimeouts::default(),
        view: Arc::default(),
        counters: plan_counters(plan, Arc::default()),
        // A replay beside pipelines takes nothing from them.
        retry_budget: Arc::new(RetryBudget::default()),
        formats,
        stages: plan.stages.len(),
        default_output: default_output(plan)?,
        cut_off: cut_off.clone(),
        events: WorkerEvents::new(sender.clone(), Wakeup::default()),
        sink_events,
        tripped: AtomicBool::new(false),
        stopping: AtomicBool::new(false),
        goes_back_after: None,
        tracer: None,
        outcomes: Some(ReplayOutcomes::default()),
        keeps_completed: true,
    })
}

/// Makes sure that the topic of the marks exists: as many replicas as the dead-letter topic has, one partition, since
/// marks are small and read as a whole.
fn ensure_marks(clients: &dyn Kafka<Receipt>, plan: &Plan, dlq: &str, marks: &str) -> anyhow::Result<()> {
    let admin = clients.admin(&plan.name, &plan.producer, ANSWER_TIMEOUT)?;
    let Some(replication) = admin.replication(dlq)? else {
        bail!(
            "the dead-letter topic \"{dlq}\" does not exist on {}, or may not be read",
            plan.consumer["bootstrap.servers"]
        );
    };
    let create = Create { partitions: 1, replication, max_message_bytes: None, compacted: true };
    admin.ensure_topic("markers of what is replayed", marks, Some(&create))?;
    admin.close();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PlanOptions, load_text};
    use crate::dlq::replay::From;
    use crate::dlq::select::At;

    fn plan(embedded: bool) -> Plan {
        let text = "name: p\nkafka: { bootstrap.servers: nowhere:1 }\ninput: { topics: [in] }\n\
                    outputs: { default: { topic: out, create: { partitions: 1, replication: 1 } } }\n\
                    dlq: { topic: dlq, create: { partitions: 1, replication: 1 } }\n";
        let options = PlanOptions { embedded, ..PlanOptions::default() };
        load_text("p.yaml".as_ref(), text, &|_| None, &options).expect("a pipeline").0
    }

    #[test]
    fn on_the_embedded_broker_a_replay_is_refused_with_the_reason() {
        let ready = Ready { plan: Arc::new(plan(true)), plugins: Vec::new() };
        let options = Options {
            topic: "dlq".to_owned(),
            from: From::Start,
            max_replays: 3,
            rate: 1,
            dry_run: false,
            again: false,
        };
        let selection = Selection::one("0/0".parse::<At>().expect("a place"));
        let error = Replay::start(ready, options, selection).err().expect("it is refused").to_string();
        assert!(error.contains("needs transactions"), "{error}");
    }

    #[test]
    fn a_dry_run_creates_no_topic_and_registers_no_transactional_id() {
        let dry = for_replay(&plan(false), true);
        assert!(
            dry.outputs.iter().all(|output| !matches!(&output.target, Target::Topic(topic) if topic.create.is_some()))
        );
        assert!(dry.dlq.is_some_and(|dlq| dlq.topic.create.is_none()));
        assert!(!dry.producer.contains_key("transactional.id"));
        let real = for_replay(&plan(false), false);
        assert_eq!(real.producer["transactional.id"], "sluice-p/replay");
        assert!(!real.producer.contains_key("message.timeout.ms"), "librdkafka refuses it beside a transactional id");
    }
}
