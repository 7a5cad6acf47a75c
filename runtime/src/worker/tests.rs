//! Whole workers over simulated plugins and a simulated producer: what comes out, what is committed and what is
//! counted.

mod formats;
mod timeouts;
mod traces;

use std::sync::atomic::AtomicUsize;

use super::testing::{TestPipeline, add_source, batch_of, lease, on_error, pipeline, stage};
use super::*;
use crate::batch::{Field, HeaderList, Offset, Record};
use crate::config::plan::{Hold, OnError, Then};
use crate::counters::Totals;
use crate::failure::Class;
use crate::kafka::TopicLimits;
use crate::plugin::CallError;
use crate::sink::event::SinkEvent;
use crate::source::Event;
use crate::stage::simulated::{Act, SimulatedPlugin};

fn one_stage(decide: impl FnMut(&str) -> Act + Send + 'static) -> Vec<Stage> {
    vec![stage("first", SimulatedPlugin::by_value(decide), on_error())]
}

fn job(partition: i32, first: i64, values: &[&str]) -> (Job, Arc<Lease>) {
    let records: Vec<(Option<&str>, &str)> = values.iter().map(|value| (None, *value)).collect();
    let (batch, lease) = (batch_of(partition, first, &records), lease(partition));
    let end = Offset(first + values.len() as i64);
    let span = Span { lease: lease.clone(), first: Offset(first), end };
    (Job { batch, spans: vec![span], probe: None, ahead: false }, lease)
}

/// What the source loop is told.
#[derive(Default)]
struct Told {
    delivered: Vec<(i64, i64)>,
    abandoned: Vec<(i64, bool)>,
    failed: Vec<String>,
    breaker: Option<String>,
    probe: Option<ProbeResult>,
    left: Vec<usize>,
}

impl TestPipeline {
    fn listen(&self) -> Told {
        let mut told = Told::default();
        for event in self.events.drain() {
            match event {
                Event::Sink(SinkEvent::Delivered(delivered)) => {
                    self.context.counters.acknowledge(delivered.tally());
                    let span = delivered.into_span();
                    told.delivered.push((span.first.0, span.end.0));
                }
                Event::Sink(SinkEvent::Abandoned { span, written }) => told.abandoned.push((span.first.0, written)),
                Event::Worker(WorkerEvent::Failed(error)) => told.failed.push(error.to_string()),
                Event::Worker(WorkerEvent::BreakerOpened(trip)) => {
                    told.breaker = Some(format!("{} {}", trip.record.1, trip.reason));
                }
                Event::Worker(WorkerEvent::ProbeEnded(result)) => told.probe = Some(result),
                Event::Worker(WorkerEvent::Left { records, .. }) => told.left.push(records),
                _ => {}
            }
        }
        told
    }

    /// Works jobs off, one after the other.
    fn work(&self, stages: Vec<Stage>, jobs: Vec<Job>) -> Told {
        let (sender, receiver) = rt::channel();
        for job in jobs {
            sender.send(WorkerMessage::job(job, &self.context.sink_events)).unwrap();
        }
        drop(sender);
        work(&mut Worker::new(0, stages, self.context.clone()), &receiver);
        self.listen()
    }
}

/// Lets a worker work until nobody sends any more and nothing waits.
fn work(worker: &mut Worker, receiver: &rt::Receiver<WorkerMessage>) {
    loop {
        match worker.turn(receiver) {
            rt::Turn::Again => {}
            rt::Turn::WaitUntil(due) => rt::sleep(due.saturating_duration_since(rt::now())),
            rt::Turn::Wait | rt::Turn::Ended(()) => return,
        }
    }
}

fn default_pipeline() -> TestPipeline {
    pipeline("at_least_once", &["first"], TopicLimits::default())
}

#[test]
fn each_input_has_one_outcome_and_everything_comes_out_in_the_order_of_the_input() {
    let pipeline = default_pipeline();
    let decide = |value: &str| match value {
        "drop" => Act::Drop,
        "none" => Act::Emit(vec![]),
        "reject" => Act::Reject("no".into()),
        "both" => Act::Emit(vec![(Some(1), b"audited".to_vec()), (None, b"x".to_vec()), (None, b"y".to_vec())]),
        _ => Act::Keep,
    };
    let (job, _) = job(0, 10, &["a", "drop", "both", "reject", "none", "b"]);
    let told = pipeline.work(one_stage(decide), vec![job]);
    assert_eq!(pipeline.kafka.texts("out"), ["a", "x", "y", "b"]);
    assert_eq!(pipeline.kafka.texts("audit"), ["audited"]);
    assert_eq!(told.delivered, [(10, 16)]);
    let script = pipeline.kafka.script();
    let letter = script.written.iter().find(|record| record.topic == "dlq").unwrap();
    assert_eq!((letter.text().as_str(), letter.header("sluice.error.reason")), ("reject", Some("no")));
    assert_eq!(letter.header("sluice.error.offset"), Some("13"));
    let counters = &pipeline.context.counters.pipeline;
    assert_eq!(counters.totals(), Totals { records: 6, out: 5, dead_letters: 1, dropped: 2 });
    assert_eq!((counters.outcomes.delivered.get(), counters.outcomes.dead_lettered.get()), (3, 1));
    assert_eq!(counters.stage(&"first".into()).dead_letters(Class::Reject), 1);
}

#[test]
fn nothing_is_counted_before_it_is_acknowledged_and_bytes_are_those_of_the_record() {
    let pipeline = default_pipeline();
    pipeline.kafka.script().holds_back = true;
    let (job, _) = job(0, 0, &["12345"]);
    let told = pipeline.work(one_stage(|_| Act::Keep), vec![job]);
    assert!(told.delivered.is_empty());
    assert_eq!(pipeline.context.counters.pipeline.totals(), Totals::default());
    pipeline.kafka.acknowledge();
    assert_eq!(pipeline.listen().delivered, [(0, 1)]);
    let output = pipeline.context.counters.pipeline.output(&"default".into());
    // The value, and a header of one byte each for name and value.
    assert_eq!((output.records.get(), output.bytes.get()), (1, 5 + 2 + 10));
}

#[test]
fn then_stop_delivers_what_came_before_and_nothing_behind() {
    let pipeline = default_pipeline();
    let plugin = SimulatedPlugin::by_value(|value| if value == "bad" { Act::Reject("no".into()) } else { Act::Keep });
    let stop = OnError { then: Then::Stop, ..on_error() };
    let (job, _) = job(0, 0, &["a", "b", "bad", "c"]);
    let told = pipeline.work(vec![stage("first", plugin, stop)], vec![job]);
    assert_eq!(pipeline.kafka.texts("out"), ["a", "b"]);
    assert_eq!(told.delivered, [(0, 2)]);
    assert!(told.failed[0].contains("at offset 2"), "{:?}", told.failed);
}

#[test]
fn a_fatal_plugin_abandons_the_batch() {
    let pipeline = default_pipeline();
    let (job, _) = job(0, 0, &["a", "b"]);
    let told = pipeline.work(one_stage(|_| Act::Fail(CallError::Fatal("broken".into()))), vec![job]);
    assert_eq!((told.abandoned, told.failed.len()), (vec![(0, false)], 1));
    assert!(pipeline.kafka.script().written.is_empty());
}

#[test]
fn what_a_stage_has_settled_goes_on_when_the_breaker_opens() {
    let pipeline = pipeline("at_least_once", &["first", "second"], TopicLimits::default());
    let plugin = SimulatedPlugin::by_value(|value| if value == "!" { Act::Fail(CallError::Time) } else { Act::Keep });
    let mut values = vec!["!"; 200];
    values[0] = "good";
    let second = SimulatedPlugin::by_value(|_| Act::Keep);
    let stages = vec![stage("first", plugin, on_error()), stage("second", second, on_error())];
    let (job, _) = job(0, 0, &values);
    let told = pipeline.work(stages, vec![job]);
    assert!(told.breaker.is_some());
    assert_eq!(pipeline.kafka.texts("out"), ["good"]);
    assert_eq!(told.delivered, [(0, 100)]);
}

#[test]
fn nothing_more_is_called_once_the_lease_has_ended() {
    let pipeline = default_pipeline();
    let (job, lease) = job(0, 0, &["a"; 64]);
    let (calls, revoked) = (Arc::new(AtomicUsize::new(0)), lease.clone());
    let counted = calls.clone();
    let stages = one_stage(move |_| {
        if counted.fetch_add(1, Ordering::Relaxed) == 1 {
            revoked.revoke();
        }
        Act::Fail(CallError::Trap("no".into()))
    });
    let told = pipeline.work(stages, vec![job]);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    assert!(told.delivered.is_empty() && pipeline.kafka.script().written.is_empty());
}

#[test]
fn nothing_more_is_called_once_the_pipeline_is_cut_off() {
    let pipeline = default_pipeline();
    let (job, _) = job(0, 0, &["a"; 64]);
    let (calls, cut_off) = (Arc::new(AtomicUsize::new(0)), pipeline.context.cut_off.clone());
    let counted = calls.clone();
    let stages = one_stage(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        cut_off.store(true, Ordering::Release);
        Act::Fail(CallError::Trap("no".into()))
    });
    let told = pipeline.work(stages, vec![job]);
    assert_eq!((calls.load(Ordering::Relaxed), told.abandoned), (1, vec![(0, false)]));
}

#[test]
fn what_is_kept_is_written_when_it_is_asked_for_after_all_retries_and_not_under_a_lease_that_has_ended() {
    let mut pipeline = default_pipeline();
    Arc::get_mut(&mut pipeline.context).unwrap().keeps_completed = true;
    let mut failed = 0;
    let stages = one_stage(move |value| match value {
        "later" if failed < 2 => {
            failed += 1;
            Act::Retry("not yet".into())
        }
        _ => Act::Keep,
    });
    let (sender, receiver) = rt::channel();
    let mut worker = Worker::new(0, stages, pipeline.context.clone());
    let mut settle = |message| {
        sender.send(message).unwrap();
        work(&mut worker, &receiver);
    };
    let ((first, _), (second, lease)) = (job(0, 0, &["a", "later", "b"]), job(1, 0, &["c"]));
    settle(WorkerMessage::job(first, &pipeline.context.sink_events));
    settle(WorkerMessage::job(second, &pipeline.context.sink_events));
    let told = pipeline.listen();
    assert_eq!((told.delivered, pipeline.kafka.script().written.len()), (vec![], 0));
    lease.revoke();
    settle(WorkerMessage::Deliver);
    assert_eq!(pipeline.kafka.texts("out"), ["a", "later", "b"]);
    let told = pipeline.listen();
    assert_eq!((told.delivered, told.abandoned), (vec![(0, 3)], vec![(0, false)]));
}

#[test]
fn a_probe_ends_as_soon_as_it_is_certain_and_writes_nothing() {
    let pipeline = default_pipeline();
    pipeline.context.tripped.store(true, Ordering::Release);
    let (probe, _) = job(0, 0, &["a"; 16]);
    let plugin = SimulatedPlugin::by_value(|_| Act::Fail(CallError::Time));
    let calls = plugin.calls();
    let stages = vec![stage("first", plugin, on_error())];
    let told = pipeline.work(stages, vec![Job { probe: Some(0), ..probe }]);
    assert_eq!(told.probe, Some(ProbeResult::Failed));
    assert_eq!((told.abandoned, pipeline.kafka.script().written.len()), (vec![(0, false)], 0));
    assert_eq!(calls.sizes().len(), 3 + 8 * 2, "half of its records are enough");
    let (probe, _) = job(0, 0, &["a"; 16]);
    let told = pipeline.work(one_stage(|_| Act::Keep), vec![Job { probe: Some(0), ..probe }]);
    assert_eq!((told.probe, told.delivered), (Some(ProbeResult::Passed), vec![(0, 16)]));
}

#[test]
fn jobs_in_the_queue_of_a_worker_that_panics_are_abandoned() {
    let pipeline = default_pipeline();
    let (sender, receiver) = rt::channel();
    let message = |first| WorkerMessage::job(job(0, first, &["a"; 2]).0, &pipeline.context.sink_events);
    sender.send(message(0)).unwrap();
    sender.send(message(2)).unwrap();
    let stages = one_stage(|_| panic!("a test's panic"));
    let context = pipeline.context.clone();
    let thread = std::thread::spawn(move || work(&mut Worker::new(0, stages, context), &receiver));
    assert!(thread.join().is_err());
    assert_eq!(pipeline.listen().abandoned, [(0, false), (2, false)]);
    assert!(sender.send(message(4)).is_err());
    assert_eq!(pipeline.listen().abandoned, [(4, false)], "one that comes too late, too");
}

/// A job of records of many partitions, all with these values.
fn job_of_partitions(partitions: i32, values: &[&str]) -> Job {
    let (mut batch, mut spans) = (Batch::default(), Vec::new());
    for partition in 0..partitions {
        add_source(&mut batch, partition);
        let end = Offset(values.len() as i64);
        spans.push(Span { lease: lease(partition), first: Offset(0), end });
        for (offset, value) in values.iter().enumerate() {
            let (value, offset) = (batch.arena.push(value.as_bytes()), Offset(offset as i64));
            let (headers, source) = (HeaderList::EMPTY, partition as u32);
            batch.records.push(Record { key: Field::NULL, value, headers, timestamp: 7, offset, source });
        }
    }
    Job { batch, spans, probe: None, ahead: false }
}

fn sharing(records: usize) -> SimulatedPlugin {
    SimulatedPlugin::by_value(move |value| match value {
        "share" => Act::EmitShared(records, 1 << 20),
        _ => Act::Retry("later".into()),
    })
}

#[test]
fn records_that_share_bytes_wait_for_a_neighbours_retry_in_little_memory() {
    let pipeline = pipeline("at_least_once", &["first", "second"], TopicLimits::default());
    // Together they claim to have 20 GiB.
    let dropping = stage("second", SimulatedPlugin::by_value(|_| Act::Drop), on_error());
    let mut worker =
        Worker::new(0, vec![stage("first", sharing(20_000), on_error()), dropping], pipeline.context.clone());
    let (job, _) = job(0, 0, &["share", "retry"]);
    let WorkerMessage::Job(job) = WorkerMessage::job(job, &pipeline.context.sink_events) else { unreachable!() };
    worker.take(job);
    let waiting = pipeline.context.retry_budget.waiting();
    assert_eq!(waiting.records, 2);
    assert!(waiting.bytes < 2 << 20, "{} bytes", waiting.bytes);
    while let Some(wake) = worker.retries.next_wake() {
        let (retries, mut advancer) = worker.advancer();
        retries.resume_due(wake, &mut |batch| advancer.advance(batch));
    }
    let told = pipeline.listen();
    assert_eq!((told.delivered, pipeline.kafka.texts("dlq")), (vec![(0, 2)], vec!["retry".to_owned()]));
}

#[test]
fn bytes_that_many_partitions_share_are_not_copied_for_each() {
    let pipeline = pipeline("at_least_once", &["first", "second"], TopicLimits::default());
    let dropping = stage("second", SimulatedPlugin::by_value(|_| Act::Drop), on_error());
    let waiting = OnError { hold: Hold::Partition, ..on_error() };
    let stages = vec![stage("first", sharing(10), waiting), dropping];
    let told = pipeline.work(stages, vec![job_of_partitions(64, &["share", "retry"])]);
    assert_eq!(told.delivered.len(), 64);
    let script = pipeline.kafka.script();
    assert_eq!(script.written.len(), 64);
    for letter in &script.written {
        assert_eq!((letter.text().as_str(), letter.header("sluice.error.class")), ("retry", Some("answer")));
    }
    assert_eq!(pipeline.context.retry_budget.waiting().bytes, 0);
}

/// Were any of it quadratic in partitions, this would take minutes.
#[test]
fn thousands_of_partitions_wait_in_one_pass_over_their_records() {
    let pipeline = default_pipeline();
    let is_better = Arc::new(AtomicBool::new(false));
    let seen = is_better.clone();
    let retrying = SimulatedPlugin::by_value(move |value| {
        if value == "a" || seen.load(Ordering::Relaxed) { Act::Keep } else { Act::Retry("later".into()) }
    });
    let mut worker = Worker::new(0, vec![stage("first", retrying, on_error())], pipeline.context.clone());
    let job = WorkerMessage::job(job_of_partitions(20_000, &["a", "retry", "a"]), &pipeline.context.sink_events);
    let WorkerMessage::Job(job) = job else { unreachable!() };
    worker.take(job);
    assert_eq!(pipeline.context.retry_budget.waiting().records, 60_000);
    is_better.store(true, Ordering::Relaxed);
    while let Some(wake) = worker.retries.next_wake() {
        let (retries, mut advancer) = worker.advancer();
        retries.resume_due(wake, &mut |batch| advancer.advance(batch));
    }
    assert_eq!(pipeline.kafka.texts("out").len(), 60_000);
}
