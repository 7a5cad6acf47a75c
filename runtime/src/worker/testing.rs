//! Batches and whole pipelines for tests of the worker: real chains over simulated plugins, and a real sink over a
//! simulated producer.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::event::WorkerEvents;
use super::in_flight::InFlightBatch;
use super::retry_budget::RetryBudget;
use super::{GOES_BACK_AFTER, PipelineContext};
use crate::batch::{Batch, Field, Offset, Partition, Record, Source};
use crate::config::plan::{self, Hold, Limits, OnBreak, OnError, Then};
use crate::config::{PlanOptions, load_text};
use crate::counters::PlanCounters;
use crate::kafka::{TopicLimits, TopicPartition};
use crate::lease::Lease;
use crate::plugin::{PluginInstance, StageSetup};
use crate::rt::{self, Receiver, Wakeup};
use crate::sink::dead_letter::DeadLetterOrigin;
use crate::sink::event::SinkEvents;
use crate::sink::receipt::{OpenSpan, Span};
use crate::sink::simulated::SimulatedKafka;
use crate::sink::{Known, Sink};
use crate::source::Event;
use crate::stage::Stage;
use crate::stage::breaker::Breaker;
use crate::stage::timeouts::StageTimeouts;

/// Six records, in turn of partition 0 and 1, with offsets 0 to 5.
pub(super) fn two_partitions() -> (InFlightBatch, Receiver<Event>) {
    let (sender, receiver) = rt::channel();
    let events = SinkEvents::new(sender, Wakeup::default());
    let mut batch = Batch::default();
    for partition in 0..2 {
        add_source(&mut batch, partition);
    }
    for number in 0..6_u32 {
        let value = batch.arena.push(format!("value {number}").as_bytes());
        let headers = batch.arena.push_headers([(&b"h"[..], Some(&[number as u8][..]))].into_iter());
        let offset = Offset(i64::from(number));
        batch.records.push(Record { key: Field::NULL, value, headers, timestamp: 9, offset, source: number % 2 });
    }
    let spans = [0, 1].map(|partition| {
        let (first, end) = (Offset(i64::from(partition)), Offset(6));
        OpenSpan::new(Span { lease: lease(partition), first, end }, events.clone())
    });
    let mut in_flight = InFlightBatch::default();
    in_flight.begin(batch, spans, None);
    (in_flight, receiver)
}

/// Adds a partition of the topic `in` to a batch.
pub(super) fn add_source(batch: &mut Batch, partition: i32) {
    let topic_field = batch.arena.push(b"in");
    batch.sources.push(Source { topic: "in".into(), topic_field, partition: Partition(partition), replay: None });
}

/// Returns a lease on a partition of the topic `in`.
pub(super) fn lease(partition: i32) -> Arc<Lease> {
    Arc::new(Lease::new(TopicPartition::new("in", partition), partition as usize, 1))
}

/// What a stage does with what fails, unless a test says otherwise.
pub(super) fn on_error() -> OnError {
    let (backoff, max_backoff) = (Duration::from_millis(1), Duration::from_millis(1));
    OnError { retries: 2, backoff, max_backoff, hold: Hold::Partition, then: Then::Dlq }
}

/// Returns a stage over a simulated plugin.
pub(super) fn stage(name: &str, plugin: impl PluginInstance + 'static, on_error: OnError) -> Stage {
    let setup = StageSetup {
        pipeline: "p".into(),
        stage: name.into(),
        config: "null".to_owned(),
        outputs: vec!["default".into(), "audit".into()],
        limits: Limits { time: Duration::from_secs(1), memory: 1 << 20 },
        env: Vec::new(),
        show: Default::default(),
    };
    Stage::new(Box::new(plugin), &setup, on_error)
}

/// What the workers of a test share, and what they tell.
pub(super) struct TestPipeline {
    pub(super) kafka: SimulatedKafka,
    pub(super) context: Arc<PipelineContext>,
    pub(super) events: Receiver<Event>,
}

/// A pipeline with the outputs `default` (topic `out`) and `audit`, and the dead-letter topic `dlq`.
pub(super) fn pipeline(delivery: &str, stages: &[&str], limits: TopicLimits) -> TestPipeline {
    let text = format!(
        "name: p\nkafka: {{ bootstrap.servers: nowhere:1 }}\ninput: {{ topics: [in] }}\ndelivery: {delivery}\n\
         outputs: {{ default: {{ topic: out }}, audit: {{ topic: audit }} }}\ndlq: {{ topic: dlq }}\n"
    );
    let (plan, _) = load_text("p.yaml".as_ref(), &text, &|_| None, &PlanOptions::default()).expect("a pipeline");
    let (sender, events) = rt::channel();
    let sink_events = SinkEvents::new::<Event>(sender.clone(), Wakeup::default());
    let worker_events = WorkerEvents::new::<Event>(sender, Wakeup::default());
    let kafka = SimulatedKafka::default();
    let known = |name: &str| Some(Known { name: name.to_owned(), limits });
    let origin = DeadLetterOrigin {
        pipeline: "p".to_owned(),
        stages: stages.iter().map(|name| ((*name).to_owned(), String::new(), String::new())).collect(),
        connect_headers: false,
    };
    let outputs = vec![known("out"), known("audit")];
    let cut_off: Arc<AtomicBool> = Arc::default();
    let sink =
        Sink::new(Arc::new(kafka.clone()), &plan, outputs, known("dlq"), origin, cut_off.clone(), sink_events.clone());
    let names: Vec<Arc<str>> = stages.iter().map(|name| (*name).into()).collect();
    let outputs: [Arc<str>; 2] = ["default".into(), "audit".into()];
    let breaker =
        plan::Breaker { share: 0.5, window: Duration::from_secs(30), min_records: 100, on_break: OnBreak::Pause };
    let context = PipelineContext {
        pipeline: "test".into(),
        sink: Arc::new(sink.expect("a simulated producer")),
        breakers: stages.iter().map(|_| Breaker::new(breaker)).collect(),
        timeouts: StageTimeouts::default(),
        view: Arc::default(),
        counters: PlanCounters::new(Arc::default(), names.iter(), outputs.iter()),
        retry_budget: Arc::new(RetryBudget::default()),
        formats: None,
        stages: stages.len(),
        default_output: 0,
        cut_off,
        events: worker_events,
        sink_events,
        tripped: AtomicBool::new(false),
        stopping: AtomicBool::new(false),
        goes_back_after: Some(GOES_BACK_AFTER),
        tracer: None,
        outcomes: None,
        keeps_completed: false,
    };
    TestPipeline { kafka, context: Arc::new(context), events }
}

/// A batch of records of one partition: each has a key and a value; offsets count from `first`.
pub(super) fn batch_of(partition: i32, first: i64, records: &[(Option<&str>, &str)]) -> Batch {
    let mut batch = Batch::default();
    add_source(&mut batch, partition);
    for (number, (key, value)) in records.iter().enumerate() {
        let key = batch.arena.push_option(key.map(str::as_bytes));
        let value = batch.arena.push(value.as_bytes());
        let headers = batch.arena.push_headers([(&b"h"[..], Some(&b"1"[..]))].into_iter());
        let offset = Offset(first + number as i64);
        batch.records.push(Record { key, value, headers, timestamp: 7, offset, source: 0 });
    }
    batch
}
