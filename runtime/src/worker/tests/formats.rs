//! Decoding and encoding around a chain: what waits, what becomes a dead letter, and what the circuit breaker counts.

use std::time::{Duration, Instant};

use super::*;
use crate::config::plan::{self, OnBreak};
use crate::config::{PlanOptions, load_text};
use crate::registry::testing::{TestRegistry, avro, error};
use crate::registry::{RegisteredSchema, Registry, RegistryErrorKind, SchemaId, SchemaKind};

/// A value that names its schema before its bytes.
fn framed(id: char, json: &str) -> String {
    format!("\0\0\0\0{id}{json}")
}

/// A pipeline that decodes and encodes by JSON Schema: 1 is any JSON, `out` takes numbers alone.
fn formatted(registry: &Arc<TestRegistry>) -> TestPipeline {
    let json = |text: &str| RegisteredSchema { kind: SchemaKind::Json, id: Some(9), ..avro(text) };
    registry.script(SchemaId::Number(1), vec![Ok(json("true"))]);
    registry.add_version("out-value", 1, json(r#"{"type":"number"}"#));
    let text = "name: p\nkafka: { bootstrap.servers: x }\nschema_registry: { url: http://x }\n\
                input: { topics: [in], value: { format: json_schema } }\ndlq: { topic: dlq }\n\
                outputs: { default: { topic: out, value: { format: json_schema } }, audit: { topic: audit } }\n";
    let (plan, _) = load_text("p.yaml".as_ref(), text, &|_| None, &PlanOptions::default()).unwrap();
    let shared: Arc<dyn Registry> = registry.clone();
    let mut pipeline = default_pipeline();
    let context = Arc::get_mut(&mut pipeline.context).unwrap();
    context.formats = Formats::new(&plan, Some(&shared)).unwrap();
    let rules =
        plan::Breaker { share: 0.5, window: Duration::from_secs(30), min_records: 100, on_break: OnBreak::Pause };
    context.breakers.extend((0..FORMAT_BREAKERS).map(|_| Breaker::new(rules)));
    pipeline
}

/// Lets a worker work until `is_done`.
fn work_until(worker: &mut Worker, receiver: &rt::Receiver<WorkerMessage>, is_done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_done() {
        assert!(Instant::now() < deadline, "it takes too long");
        if let rt::Turn::WaitUntil(due) = worker.turn(receiver) {
            rt::sleep(due.saturating_duration_since(rt::now()));
        }
    }
}

#[test]
fn a_partition_waits_for_a_schema_in_order_and_others_go_on() {
    let registry = Arc::new(TestRegistry::default());
    let pipeline = formatted(&registry);
    registry.script(SchemaId::Number(2), vec![Err(error(RegistryErrorKind::Absent))]);
    let (waits, lease) = job(0, 0, &[&framed('\u{1}', "1"), &framed('\u{2}', "2"), &framed('\u{1}', "3")]);
    let (mut later, _) = job(0, 3, &[&framed('\u{1}', "4")]);
    later.spans[0].lease = lease;
    let (other, _) = job(1, 0, &[&framed('\u{1}', "5")]);
    let (sender, receiver) = rt::channel();
    for job in [waits, later, other] {
        sender.send(WorkerMessage::job(job, &pipeline.context.sink_events)).unwrap();
    }
    let mut worker = Worker::new(0, one_stage(|_| Act::Keep), pipeline.context.clone());
    work_until(&mut worker, &receiver, || pipeline.kafka.texts("out").len() == 1);
    assert_eq!(pipeline.kafka.texts("out"), [framed('\u{9}', "5")]);
    assert!(pipeline.listen().failed.is_empty());
    registry.script(SchemaId::Number(2), vec![Ok(RegisteredSchema { kind: SchemaKind::Json, ..avro("true") })]);
    work_until(&mut worker, &receiver, || pipeline.kafka.texts("out").len() == 5);
    let texts = pipeline.kafka.texts("out");
    let expected: Vec<String> = ["5", "1", "2", "3", "4"].iter().map(|json| framed('\u{9}', json)).collect();
    assert_eq!(texts, expected);
    assert!(pipeline.kafka.texts("dlq").is_empty());
    drop(sender);
}

#[test]
fn what_does_not_fit_is_dead_lettered_as_it_came_and_names_no_stage() {
    let pipeline = formatted(&Arc::new(TestRegistry::default()));
    let decide = |value: &str| {
        if value == "2" { Act::Emit(vec![(None, b"20".to_vec()), (None, b"[]".to_vec())]) } else { Act::Keep }
    };
    let (job, _) = job(0, 0, &["no id", &framed('\u{1}', "2"), &framed('\u{1}', "{}"), &framed('\u{1}', "4")]);
    let (sender, receiver) = rt::channel();
    sender.send(WorkerMessage::job(job, &pipeline.context.sink_events)).unwrap();
    let mut worker = Worker::new(0, one_stage(decide), pipeline.context.clone());
    work_until(&mut worker, &receiver, || pipeline.kafka.texts("out").len() == 2);
    assert_eq!(pipeline.kafka.texts("out"), [framed('\u{9}', "20"), framed('\u{9}', "4")]);
    let script = pipeline.kafka.script();
    let letters: Vec<_> = script.written.iter().filter(|record| record.topic == "dlq").collect();
    let said: Vec<_> = letters
        .iter()
        .map(|letter| {
            let header = |name: &str| letter.header(&format!("sluice.error.{name}")).map(str::to_owned);
            (letter.text(), header("class"), header("output"), header("path"), header("stage"))
        })
        .collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        said,
        [
            ("no id".to_owned(), text("decode"), None, text(""), None),
            (framed('\u{1}', "2"), text("encode"), text("default"), text("1"), None),
            (framed('\u{1}', "{}"), text("encode"), text("default"), text("0"), None),
        ]
    );
    drop(script);
    pipeline.listen();
    let unnamed = pipeline.context.counters.pipeline.stage(&"".into());
    assert_eq!((unnamed.dead_letters(Class::Decode), unnamed.dead_letters(Class::Encode)), (1, 2));
}

#[test]
fn formats_that_fail_too_often_open_the_circuit_breaker() {
    let pipeline = formatted(&Arc::new(TestRegistry::default()));
    let (garbage, _) = job(0, 0, &["garbage"; 100]);
    let told = pipeline.work(one_stage(|_| Act::Keep), vec![garbage]);
    assert!(told.breaker.unwrap().contains("decode: value: it has no id"));
    let pipeline = formatted(&Arc::new(TestRegistry::default()));
    let misfit = framed('\u{1}', "[]");
    let (misfits, _) = job(0, 0, &[misfit.as_str(); 100]);
    let (sender, receiver) = rt::channel();
    sender.send(WorkerMessage::job(misfits, &pipeline.context.sink_events)).unwrap();
    let mut worker = Worker::new(0, one_stage(|_| Act::Keep), pipeline.context.clone());
    work_until(&mut worker, &receiver, || pipeline.kafka.texts("dlq").len() == 100);
    assert!(pipeline.listen().breaker.unwrap().contains("encode: value: "));
}
