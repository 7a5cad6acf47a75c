//! From a batch to what a collector is told.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use prost::Message as _;

use super::otlp::message::{PartialSuccess, Response, Value};
use super::testing::{LIMIT, TestCollector, attribute, close, close_within, quick, tracer, wait_until};
use super::*;
use crate::batch::{Field, NO_TIMESTAMP, Offset, Partition, Record, Source};
use crate::http::testing::Authority;

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// A batch of records of two partitions in turns, each with these headers.
fn batch(headers: &[&[(&str, &str)]]) -> Batch {
    let mut batch = Batch::default();
    for partition in [3, 4] {
        let topic_field = batch.arena.push(b"in");
        batch.sources.push(Source { topic: "in".into(), topic_field, partition: Partition(partition), replay: None });
    }
    for (number, headers) in headers.iter().enumerate() {
        let headers = headers.iter().map(|(name, value)| (name.as_bytes(), Some(value.as_bytes())));
        let headers = batch.arena.push_headers(headers);
        let (offset, source) = (Offset(100 + number as i64), number as u32 % 2);
        batch.records.push(Record {
            key: Field::NULL,
            value: Field::NULL,
            headers,
            timestamp: NO_TIMESTAMP,
            offset,
            source,
        });
    }
    batch
}

const WRITTEN: Written = Written { outputs: 1, dead_letters: 0 };

/// Traces batches of one record each.
fn trace_batches(tracer: &Arc<Tracer>, count: usize) {
    for _ in 0..count {
        tracer.begin(&batch(&[&[("traceparent", SAMPLED)]])).unwrap().written(WRITTEN);
    }
}

#[test]
fn a_batch_is_traced_where_a_record_of_it_is_sampled() {
    let (none, _) = tracer("http://127.0.0.1:1/v1/traces", "sample: 0", quick());
    assert!(none.begin(&batch(&[&[], &[("traceparent", UNSAMPLED)], &[("traceparent", "nonsense")]])).is_none());
    assert!(none.begin(&batch(&[&[], &[("traceparent", SAMPLED)]])).is_some());
    let (all, _) = tracer("http://127.0.0.1:1/v1/traces", "sample: 1", quick());
    assert!(all.begin(&batch(&[&[("traceparent", UNSAMPLED)]])).is_none(), "who began the trace has decided");
    let trace = all.begin(&batch(&[&[], &[("traceparent", UNSAMPLED)], &[("traceparent", "nonsense")]])).unwrap();
    let inputs: Vec<_> = trace.span.as_ref().unwrap().sampled.iter().map(|sampled| sampled.input).collect();
    assert_eq!(inputs, [0, 2]);
}

#[test]
fn a_batch_becomes_a_span_with_links_and_children() {
    let collector = TestCollector::well();
    let (tracer, counters) = tracer(&collector.url, "headers: { x-key: abc }", quick());
    let mut trace = tracer.begin(&batch(&[&[], &[("traceparent", SAMPLED), ("tracestate", "a=b")]])).unwrap();
    trace.enter(Step::Stage(0), 2);
    trace.called(3, 1);
    trace.waits(1);
    trace.enter(Step::Stage(0), 1);
    trace.failed(0, "reject");
    trace.failed(1, "trap");
    trace.leave(StepCounts { failed: 2, ..StepCounts::default() });
    trace.written(Written { outputs: 0, dead_letters: 2 });
    close(&tracer);
    let (head, _) = collector.requests.lock().unwrap()[0].clone();
    assert!(head.starts_with("POST /v1/traces ") && head.contains("x-key: abc"), "{head}");
    assert!(head.contains("content-type: application/x-protobuf"), "{head}");
    let [batch, stage] = &collector.spans()[..] else { panic!("{:?}", collector.spans()) };
    assert_eq!((&*batch.name, batch.kind, batch.parent_span_id.len()), ("process in", 5, 0));
    let [link] = &batch.links[..] else { panic!("{batch:?}") };
    assert_eq!((link.trace_id[0], link.span_id[1], &*link.trace_state), (0x4b, 0xf0, "a=b"));
    assert_eq!(attribute(&batch.attributes, "messaging.batch.message_count"), Some(Value::Int(2)));
    assert_eq!(attribute(&batch.attributes, "messaging.consumer.group.name"), Some(Value::Text("g".to_owned())));
    assert_eq!(attribute(&batch.attributes, "messaging.destination.partition.id"), None, "there are two");
    assert_eq!(attribute(&batch.attributes, "sluicebox.outcome"), Some(Value::Text("written".to_owned())));
    assert_eq!((&stage.parent_span_id, &stage.trace_id), (&batch.span_id, &batch.trace_id));
    assert!(stage.start_time_unix_nano >= batch.start_time_unix_nano);
    assert!(stage.end_time_unix_nano >= stage.start_time_unix_nano);
    assert!(batch.end_time_unix_nano >= stage.end_time_unix_nano);
    let events: Vec<&str> = stage.events.iter().map(|event| &*event.name).collect();
    assert_eq!(events, ["calls failed", "wait", "record failed"], "of sampled records alone");
    assert_eq!((counters.exported.get(), counters.dropped.get()), (2, 0));
}

#[test]
fn a_batch_that_is_given_back_and_a_part_that_goes_on_are_told_apart() {
    let collector = TestCollector::well();
    let (tracer, _) = tracer(&collector.url, "sample: 1", quick());
    let whole = batch(&[&[], &[], &[], &[]]);
    let trace = tracer.begin(&whole).unwrap();
    let part = batch(&[&[]]);
    assert!(trace.fork(&part, |_| None).is_none());
    let part = trace.fork(&part, |input| (input == 2).then_some(0)).unwrap();
    assert_eq!(part.span.as_ref().unwrap().sampled_number(0), Some(0));
    drop(trace);
    part.written(WRITTEN);
    close(&tracer);
    let [whole, part] = &collector.spans()[..] else { panic!("{:?}", collector.spans()) };
    assert_eq!(attribute(&whole.attributes, "sluicebox.outcome"), Some(Value::Text("given_back".to_owned())));
    assert_eq!((&part.parent_span_id, &part.trace_id), (&whole.span_id, &whole.trace_id));
    assert_eq!((whole.events.len(), part.events.len()), (4, 1), "records without a context are named");
}

#[test]
fn an_output_carries_the_context_of_a_span_of_its_own() {
    let collector = TestCollector::well();
    let (tracer, _) = tracer(&collector.url, "propagate: true, sample: 1", quick());
    let known = [("a", "1"), ("traceparent", SAMPLED), ("tracestate", "a=b"), ("z", "2")];
    let mut records = batch(&[&known, &[("traceparent", "old"), ("tracestate", "old")], &[("traceparent", UNSAMPLED)]]);
    let mut trace = tracer.begin(&records).unwrap();
    let lists: Vec<HeaderList> = records.records.iter().map(|record| record.headers).collect();
    let first = trace.propagate(0, 0, &mut records.arena, lists[0]).unwrap();
    let second = trace.propagate(1, 0, &mut records.arena, lists[1]).unwrap();
    // A stage may have taken the headers off.
    let bare = trace.propagate(0, 0, &mut records.arena, HeaderList::EMPTY).unwrap();
    assert!(trace.propagate(2, 0, &mut records.arena, lists[2]).is_none());
    let text = |list: HeaderList| -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        records.arena.headers(list).map(|(name, value)| (text(name), text(value.unwrap()))).collect()
    };
    let names = |list| text(list).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(first), ["a", "tracestate", "z", "traceparent"]);
    assert_eq!(names(second), ["traceparent"], "a state without a valid context belongs to nothing");
    assert_eq!(names(bare), ["traceparent", "tracestate"]);
    let written = |list| text(list).into_iter().find(|(name, _)| name == "traceparent").unwrap().1;
    trace.sent(first);
    trace.sent(second);
    trace.written(WRITTEN);
    close(&tracer);
    let [batch, one, other] = &collector.spans()[..] else { panic!("what was not sent is no output") };
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(written(first), format!("{}-{}-01", &SAMPLED[..35], hex(&one.span_id)));
    assert_eq!((hex(&one.parent_span_id), &*one.trace_state), (SAMPLED[36..52].to_owned(), "a=b"));
    assert_eq!(one.links[0].span_id, batch.span_id);
    assert_eq!(written(second), format!("00-{}-{}-03", hex(&batch.trace_id), hex(&other.span_id)));
    assert_eq!((&other.parent_span_id, other.links.len(), &*other.name), (&batch.span_id, 0, "send out"));
}

#[test]
fn links_are_bounded_and_the_others_counted() {
    let collector = TestCollector::well();
    let (tracer, _) = tracer(&collector.url, "sample: 0", quick());
    let header: &[(&str, &str)] = &[("traceparent", SAMPLED)];
    tracer.begin(&batch(&vec![header; 1_000])).unwrap().written(WRITTEN);
    close(&tracer);
    let spans = collector.spans();
    assert_eq!((spans[0].links.len(), spans[0].dropped_links_count), (128, 872));
    assert_eq!(attribute(&spans[0].attributes, "sluicebox.sampled_records"), Some(Value::Int(1_000)));
}

#[test]
fn a_request_is_tried_again_until_it_is_taken() {
    let (busy, gone) = (Some((503, "", Vec::new())), None);
    let later = Some((429, "retry-after: 0\r\n", Vec::new()));
    let collector = TestCollector::start(vec![busy, gone, later, Some((200, "", Vec::new()))]);
    let (tracer, counters) = tracer(&collector.url, "timeout: 10s", quick());
    trace_batches(&tracer, 1);
    wait_until("the span to be taken", || counters.exported.get() == 1);
    assert_eq!((collector.count(), counters.dropped.get()), (4, 0));
    let spans = collector.spans();
    assert!(spans.iter().all(|span| span.span_id == spans[0].span_id), "the same each time");
}

#[test]
fn what_a_collector_refuses_is_dropped_and_what_it_rejects_in_part_counted() {
    let partial = PartialSuccess { rejected_spans: 2, error_message: "too old".to_owned() };
    let partial = Response { partial_success: Some(partial) }.encode_to_vec();
    let collector = TestCollector::start(vec![Some((400, "", b"no".to_vec())), Some((200, "", partial))]);
    let (tracer, counters) = tracer(&collector.url, "timeout: 10s", quick());
    trace_batches(&tracer, 1);
    wait_until("the refusal", || counters.dropped.get() == 1);
    let mut trace = tracer.begin(&batch(&[&[("traceparent", SAMPLED)]])).unwrap();
    for stage in 0..4 {
        trace.enter(Step::Stage(stage), 1);
        trace.leave(StepCounts::default());
    }
    trace.written(WRITTEN);
    wait_until("the answer in part", || counters.exported.get() == 3 && counters.dropped.get() == 3);
    assert_eq!(collector.count(), 2);
}

#[test]
fn what_waits_is_bounded_and_the_rest_shed() {
    // Nobody takes it for the time being.
    let pace = Pace { delay: LIMIT, request: 1_000, most_waiting: 10, ..quick() };
    let collector = TestCollector::well();
    let (tracer, counters) = tracer(&collector.url, "propagate: true", pace);
    trace_batches(&tracer, 8);
    let mut records = batch(&[&[("traceparent", SAMPLED)]]);
    let mut trace = tracer.begin(&records).unwrap();
    for _ in 0..5 {
        let list = trace.propagate(0, 0, &mut records.arena, HeaderList::EMPTY).unwrap();
        trace.sent(list);
    }
    trace.written(WRITTEN);
    assert_eq!(counters.dropped.get(), 4, "one output has room beside its batch");
    trace_batches(&tracer, 3);
    assert_eq!((counters.dropped.get(), collector.count()), (7, 0));
    close(&tracer);
    assert_eq!((counters.exported.get(), collector.spans().len()), (10, 10), "the rest goes at the end");
    trace_batches(&tracer, 1);
    assert_eq!(counters.dropped.get(), 8, "nothing is taken behind the end");
}

#[test]
fn a_collector_that_is_away_costs_its_spans_and_no_wait_at_the_end() {
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let pace = Pace { backoff: (LIMIT, LIMIT), ..quick() };
    let (tracer, counters) = tracer(&format!("http://{away}/v1/traces"), "timeout: 10s", pace);
    trace_batches(&tracer, 3);
    let begun = Instant::now();
    close(&tracer);
    assert!(begun.elapsed() < LIMIT / 2, "each request is tried once more, and that is refused at once");
    assert_eq!((counters.exported.get(), counters.dropped.get()), (0, 3));
}

#[test]
fn a_collector_that_never_answers_is_left_at_the_deadline() {
    // It listens and accepts nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/traces", silent.local_addr().unwrap());
    let (tracer, counters) = tracer(&url, "timeout: 300s", quick());
    trace_batches(&tracer, 3);
    close_within(&tracer, Duration::from_millis(100));
    wait_until("everything to be counted", || counters.dropped.get() == 3);
}

#[test]
fn a_collector_is_trusted_by_the_authority_that_the_plan_names_and_may_ask_who_we_are() {
    let authority = Authority::new();
    let (ca, (certificate, key)) = (authority.ca(), authority.client());
    let url = format!("{}/v1/traces", authority.serve(true, ""));
    let ca = format!("ca: {}", ca.display());
    let own = format!("{ca}, certificate: {}, key: {}", certificate.display(), key.display());
    for (files, taken) in [(own, 1), (ca, 0), ("timeout: 10s".to_owned(), 0)] {
        let (tracer, counters) = tracer(&url, &files, quick());
        trace_batches(&tracer, 1);
        close(&tracer);
        assert_eq!((counters.exported.get(), counters.dropped.get()), (taken, 1 - taken), "{files}");
    }
}
