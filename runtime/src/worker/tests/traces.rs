//! What a worker records of batches with sampled records: what waits, what is refused, and what is given back.

use super::*;
use crate::traces::testing::{KeyValue, Span as TraceSpan, TestCollector, Value, attribute, close, quick_tracer};

fn traced(collector: &TestCollector, more: &str) -> TestPipeline {
    let mut pipeline = default_pipeline();
    let context = Arc::get_mut(&mut pipeline.context).unwrap();
    context.tracer = Some(quick_tracer(collector, more));
    pipeline
}

fn spans(pipeline: &TestPipeline, collector: &TestCollector) -> Vec<TraceSpan> {
    close(pipeline.context.tracer.as_ref().unwrap());
    collector.spans()
}

fn named<'s>(spans: &'s [TraceSpan], name: &str) -> Vec<&'s TraceSpan> {
    spans.iter().filter(|span| span.name == name).collect()
}

fn int(attributes: &[KeyValue], name: &str) -> i64 {
    match attribute(attributes, name) {
        Some(Value::Int(value)) => value,
        other => panic!("{name}: {other:?}"),
    }
}

/// The partitions and offsets of the sampled records that a span names.
fn records_of(span: &TraceSpan) -> Vec<(String, i64)> {
    let place = |attributes: &[KeyValue]| {
        let Some(Value::Text(partition)) = attribute(attributes, "messaging.destination.partition.id") else {
            panic!("{attributes:?}")
        };
        (partition, int(attributes, "messaging.kafka.offset"))
    };
    span.events.iter().map(|event| place(&event.attributes)).collect()
}

#[test]
fn a_partition_that_waits_goes_on_in_a_span_below_its_batch() {
    let collector = TestCollector::well();
    let pipeline = traced(&collector, "sample: 1");
    let (first, mut job) = (lease(0), job(1, 0, &["a", "later", "b"]).0);
    // The same records once more, of another partition.
    let source = job.batch.sources.len() as u32;
    add_source(&mut job.batch, 0);
    let others: Vec<Record> = job.batch.records.iter().map(|record| Record { source, ..*record }).collect();
    job.batch.records.extend(others);
    job.spans.push(Span { lease: first, first: Offset(0), end: Offset(3) });
    let mut asked = 0;
    let decide = move |value: &str| {
        asked += usize::from(value == "later");
        if value == "later" && asked == 1 { Act::Retry("not yet".into()) } else { Act::Keep }
    };
    // As long as somebody may send, what waits is waited for.
    let (sender, receiver) = rt::channel();
    sender.send(WorkerMessage::job(job, &pipeline.context.sink_events)).unwrap();
    let mut worker = Worker::new(0, one_stage(decide), pipeline.context.clone());
    work(&mut worker, &receiver);
    assert_eq!(pipeline.kafka.texts("out").len(), 6);
    let spans = spans(&pipeline, &collector);
    let [whole, part] = named(&spans, "process in")[..] else { panic!("{spans:?}") };
    assert_eq!((&part.parent_span_id, &part.trace_id), (&whole.span_id, &whole.trace_id));
    let of = |partition: &str| [0, 1, 2].map(|offset| (partition.to_owned(), offset));
    assert_eq!(records_of(whole), [of("1"), of("0")].concat());
    assert_eq!(records_of(part), of("1"));
    let count = |span: &TraceSpan, name: &str| int(&span.attributes, name);
    assert_eq!((count(whole, "messaging.batch.message_count"), count(whole, "sluicebox.outputs")), (6, 3));
    assert_eq!((count(part, "messaging.batch.message_count"), count(part, "sluicebox.outputs")), (3, 3));
    let stages: Vec<_> = spans.iter().filter(|span| span.name.starts_with("stage ")).collect();
    assert_eq!(stages.len(), 2);
    assert!(stages.iter().any(|stage| stage.parent_span_id == part.span_id));
}

#[test]
fn an_output_that_is_refused_has_no_span_and_its_dead_letter_no_context() {
    let collector = TestCollector::well();
    let pipeline = traced(&collector, "sample: 1, propagate: true");
    pipeline.kafka.script().refuse_to_send = Some(Box::new(|record| {
        let error = crate::kafka::KafkaError::new(crate::kafka::ErrorKind::TooLarge, "too large");
        (record.topic == "out" && record.text() == "large").then_some(error)
    }));
    let (job, _) = job(0, 0, &["a", "large", "b"]);
    pipeline.work(one_stage(|_| Act::Keep), vec![job]);
    assert_eq!((pipeline.kafka.texts("out"), pipeline.kafka.texts("dlq").len()), (vec!["a".into(), "b".into()], 1));
    let spans = spans(&pipeline, &collector);
    assert_eq!((named(&spans, "send out").len(), named(&spans, "process in").len()), (2, 1));
}

#[test]
fn what_is_revoked_on_the_way_is_given_back_and_named_so() {
    let collector = TestCollector::well();
    let pipeline = traced(&collector, "sample: 1, propagate: true");
    let (job, lease) = job(0, 0, &["a", "b"]);
    let decide = move |_: &str| {
        lease.revoke();
        Act::Fail(CallError::Fatal("the pipeline ends".into()))
    };
    pipeline.work(one_stage(decide), vec![job]);
    let spans = spans(&pipeline, &collector);
    let [batch] = named(&spans, "process in")[..] else { panic!("{spans:?}") };
    assert_eq!(attribute(&batch.attributes, "sluicebox.outcome"), Some(Value::Text("given_back".to_owned())));
    assert!(named(&spans, "send out").is_empty());
}
