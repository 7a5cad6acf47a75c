//! The program under test: the real pipeline, with simulated clients and plugins.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use sluicebox::config::Beside;
use sluicebox::config::plan::{self, Delivery, OnBreak, OnLostOffset, Plan, Start, Target};
use sluicebox::error::PipelineError;
use sluicebox::kafka::ErrorKind;
use sluicebox::pipeline::Pipeline;
use sluicebox::rt::{self, RecvTimeoutError};
use sluicebox::view::{Phase, PipelineView, ViewCell};

use crate::check::Then;
use crate::client::Simulated;
use crate::cluster::group::Protocol;
use crate::instance::{Failure, FailureKind, Program, Running};
use crate::plugin::Scripted;
use crate::scenario::{DLQ, GROUP, OnLost, Setup, input};

/// What the pipeline is called.
const NAME: &str = "pipeline";
/// How often it is asked for its view.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);

/// The pipeline of this repository.
#[derive(Clone, Copy, Debug, Default)]
pub struct Real;

impl Program for Real {
    fn start(&self, setup: &Setup, name: Option<String>) -> Running {
        let plan = Arc::new(plan(setup, name));
        let script = Arc::new(setup.script.clone());
        let plugins = (0..script.stages).map(|stage| Scripted { script: script.clone(), stage }).collect();
        let (counters, view) = (Arc::default(), Arc::<ViewCell>::default());
        let seen = view.clone();
        let is_at_rest = Rc::new(move || is_at_rest(&seen.get()));
        let (ended, end) = rt::channel();
        let on_end = move || _ = ended.send(());
        let started = Pipeline::start(Arc::new(Simulated), plan, plugins, counters, view, on_end);
        match started {
            Ok(pipeline) => {
                let pipeline = Rc::new(RefCell::new(Some(pipeline)));
                let stopped = pipeline.clone();
                let stop = Rc::new(move || {
                    if let Some(pipeline) = &*stopped.borrow() {
                        pipeline.stop();
                    }
                });
                let join = move || {
                    // It says so in any case, and can be told to stop until then. As the daemon does, for its status.
                    while end.recv_timeout(STATUS_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                        if let Some(pipeline) = &*pipeline.borrow() {
                            pipeline.handle().refresh(|| {});
                        }
                    }
                    let pipeline = pipeline.take();
                    pipeline.map_or(Ok(()), |pipeline| pipeline.join().map_err(|error| failure(&error)))
                };
                Running { stop, is_at_rest, join: Box::new(join) }
            }
            Err(error) => {
                let failure = Failure { text: format!("{error:#}"), kind: FailureKind::Other };
                Running { stop: Rc::new(|| {}), is_at_rest, join: Box::new(|| Err(failure)) }
            }
        }
    }
}

/// Whether nothing is under way, as an operator sees it.
fn is_at_rest(view: &PipelineView) -> bool {
    let is_open = view.transaction.as_ref().is_none_or(|transaction| transaction.phase == "open");
    matches!(view.phase, Phase::Running | Phase::Paused) && !view.is_rebalancing && view.is_idle && is_open
}

fn failure(error: &PipelineError) -> Failure {
    let kind = match error {
        PipelineError::Drain(_) => FailureKind::Drain,
        PipelineError::Aborted(_) => FailureKind::Aborted,
        PipelineError::OffsetLost { .. } => FailureKind::OffsetLost,
        PipelineError::Panic(_) => FailureKind::Panic,
        PipelineError::Undeliverable { .. } => FailureKind::Undeliverable,
        PipelineError::Record { .. } => FailureKind::Record,
        PipelineError::Breaker(_) => FailureKind::Breaker,
        PipelineError::Topic(_) => FailureKind::Topic,
        PipelineError::Fenced(_) => FailureKind::Fenced,
        PipelineError::Kafka(error) | PipelineError::Transactions(error) if error.kind == ErrorKind::Authorization => {
            FailureKind::Rights
        }
        PipelineError::Unauthorized { .. } => FailureKind::Rights,
        PipelineError::Kafka(_)
        | PipelineError::Transactions(_)
        | PipelineError::Fatal { .. }
        | PipelineError::Plugin(_)
        | PipelineError::Unreadable(_)
        | PipelineError::Other(_) => FailureKind::Other,
    };
    Failure { text: error.to_string(), kind }
}

fn owned(properties: &[(&str, String)]) -> BTreeMap<String, String> {
    properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// The properties of the clients, as `config` fills them in.
fn consumer(setup: &Setup, name: Option<&String>) -> BTreeMap<String, String> {
    let mut properties = owned(&[
        ("auto.offset.reset", "error".to_owned()),
        ("enable.partition.eof", "true".to_owned()),
        ("group.id", GROUP.to_owned()),
        ("queued.min.messages", (setup.fetched_ahead * setup.workers).to_string()),
        ("topic.metadata.refresh.interval.ms", "3000".to_owned()),
        ("session.timeout.ms", setup.session.to_string()),
        ("heartbeat.interval.ms", (setup.session / 5).to_string()),
        ("max.poll.interval.ms", setup.poll_interval.to_string()),
    ]);
    let (name_of, value) = match setup.protocol {
        Protocol::Eager => ("partition.assignment.strategy", "range"),
        Protocol::Cooperative => ("partition.assignment.strategy", "cooperative-sticky"),
        Protocol::Consumer => ("group.protocol", "consumer"),
    };
    properties.insert(name_of.to_owned(), value.to_owned());
    properties.extend(name.map(|name| ("group.instance.id".to_owned(), format!("sluice-{NAME}-{name}"))));
    properties
}

fn producer(setup: &Setup) -> BTreeMap<String, String> {
    owned(&[
        ("linger.ms", setup.linger.to_string()),
        ("queue.buffering.max.messages", setup.producer_queue.to_string()),
        ("transaction.timeout.ms", setup.transaction_timeout.to_string()),
        ("message.timeout.ms", "0".to_owned()),
    ])
}

fn plan(setup: &Setup, name: Option<String>) -> Plan {
    let topics = match setup.by_pattern {
        true => vec!["^in-.*".to_owned()],
        false => (0..setup.topics.len()).map(|topic| input(topic).to_string()).collect(),
    };
    let topic = |name: &str| plan::Topic { name: name.to_owned(), create: None };
    let output = |(number, to): (usize, Option<Arc<str>>)| plan::Output {
        name: if number == 0 { "default".into() } else { format!("more-{number}").into() },
        target: to.map_or(Target::Drop, |to| Target::Topic(topic(&to))),
        formats: Default::default(),
    };
    let millis = Duration::from_millis;
    Plan {
        file: "simulated.yaml".into(),
        name: NAME.into(),
        schema_registry: None,
        consumer: consumer(setup, name.as_ref()),
        producer: producer(setup),
        sends_at_once: setup.linger.is_multiple_of(2),
        input: plan::Input {
            topics,
            group: GROUP.to_owned(),
            start: if setup.starts_at_end { Start::Latest } else { Start::Earliest },
            on_lost_offset: match setup.on_lost {
                OnLost::Stop => OnLostOffset::Stop,
                OnLost::Earliest => OnLostOffset::Earliest,
                OnLost::Latest => OnLostOffset::Latest,
            },
            formats: Default::default(),
        },
        delivery: if setup.exactly_once { Delivery::ExactlyOnce } else { Delivery::AtLeastOnce },
        instance: name,
        workers: NonZeroUsize::new(setup.workers).unwrap_or(NonZeroUsize::MIN),
        batch: plan::BatchLimits {
            max_records: setup.batch_records,
            max_bytes: 1 << 20,
            max_wait: millis(setup.batch_wait),
        },
        stages: (0..setup.script.stages).map(|number| stage(setup, number)).collect(),
        outputs: setup.outputs().into_iter().enumerate().map(output).collect(),
        dlq: setup.has_dlq.then(|| plan::Dlq {
            topic: topic(DLQ),
            oversize: plan::Oversize::Stop,
            connect_headers: false,
        }),
        breaker: setup.breaker.map(|(percent, min_records)| plan::Breaker {
            share: f64::from(percent) / 100.0,
            window: Duration::from_secs(30),
            min_records,
            on_break: OnBreak::Pause,
        }),
        commit_interval: millis(setup.commit_interval),
        transaction_timeout: millis(setup.transaction_timeout),
        drain: millis(setup.drain),
        kafka_patience: Duration::from_secs(60),
        traces: None,
        show: Default::default(),
        embedded: false,
        files: String::new(),
        as_written: Beside::default(),
    }
}

fn stage(setup: &Setup, number: usize) -> plan::Stage {
    plan::Stage {
        name: format!("stage-{number}").into(),
        plugin: "simulated".to_owned(),
        plugin_at: Beside::default(),
        config_places: Beside::default(),
        path: "simulated.wasm".into(),
        config: "null".to_owned(),
        limits: plan::Limits { time: Duration::from_millis(200), memory: 1 << 28 },
        grants: plan::Grants::default(),
        on_error: plan::OnError {
            retries: setup.retries,
            backoff: Duration::from_millis(setup.backoff),
            max_backoff: Duration::from_secs(2),
            hold: if setup.holds_key { plan::Hold::Key } else { plan::Hold::Partition },
            then: match setup.then[number] {
                Then::Letter => plan::Then::Dlq,
                Then::Drop => plan::Then::Drop,
                Then::Stop => plan::Then::Stop,
            },
        },
    }
}
