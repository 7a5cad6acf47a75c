//! Traces: what a collector is told of sampled records, what their outputs carry on, and that a collector that is away
//! costs nothing but its spans.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluicebox_tests::{
    Collector, Feeder, Folder, Group, Kafka, LIMIT, Mood, Pipeline, Record, Sluice, Stored, audit, wait_for,
};

use crate::metrics::{Samples, address, scrape};
use crate::{by_timestamp, records, stop};

/// The deadline of a stop, as it is where a file does not set it.
const DRAIN: Duration = Duration::from_secs(20);

/// A pipeline with traces, and where they go.
struct Case {
    kafka: Kafka,
    pipeline: Pipeline,
    folder: Folder,
    group: Group,
    collector: Collector,
}

impl Case {
    fn new(test: &str, traces: Value) -> Case {
        let kafka = Kafka::shared();
        let mut pipeline = Pipeline::with_topics(&kafka, test, 1);
        let collector = Collector::start();
        pipeline.stage("misbehave", json!(null)).set("traces", traces);
        pipeline.set_in("traces", "endpoint", json!(collector.url())).set("workers", json!(2));
        pipeline.set("instance", json!("copy-1"));
        let group = Group::new(&kafka, &pipeline.name);
        Case { kafka, pipeline, folder: Folder::new(), group, collector }
    }

    fn feed(&self, records: &[Record]) {
        Feeder::new(&self.kafka, &[]).feed(&self.pipeline.input, records);
    }

    fn start(&self) -> Sluice {
        let file: PathBuf = self.pipeline.write(&self.folder);
        Sluice::run_with(&[&file], |command| _ = command.args(["--admin", "127.0.0.1:0"]))
    }

    fn catch_up(&self, sluice: &mut Sluice) {
        sluice.wait_until_caught_up(&self.group, &self.pipeline.input);
    }

    /// Runs it until everything is committed, and to its end.
    fn run_to_the_end(&self) {
        let mut sluice = self.start();
        self.catch_up(&mut sluice);
        stop(&mut sluice);
    }

    fn outputs(&self) -> Vec<Stored> {
        self.kafka.read(&self.pipeline.output).0
    }
}

/// The `traceparent` of the record with this number.
fn traceparent(number: usize, flags: u8) -> String {
    format!("00-{:032x}-{:016x}-{flags:02x}", number + 1, number + 0x1000)
}

fn with_context(record: Record, number: usize, flags: u8) -> Record {
    record.with_header("before", "x").with_header("traceparent", traceparent(number, flags)).with_header("behind", "y")
}

/// The trace, the span and the flags of a `traceparent`.
fn parts(text: &str) -> (String, String, String) {
    let parts: Vec<&str> = text.split('-').collect();
    assert_eq!((parts.len(), parts[0]), (4, "00"), "{text}");
    (parts[1].to_owned(), parts[2].to_owned(), parts[3].to_owned())
}

fn named<'s>(spans: &'s [Value], name: &str) -> Vec<&'s Value> {
    spans.iter().filter(|span| span["name"] == name).collect()
}

fn spans_of(samples: &Samples, pipeline: &Pipeline, result: &str) -> f64 {
    samples[&format!("sluice_trace_spans_total{{pipeline=\"{}\",result=\"{result}\"}}", pipeline.name)]
}

/// The trace and the span that something names.
fn place<'s>(of: &'s Value, span: &str) -> (&'s str, &'s str) {
    (of["trace_id"].as_str().unwrap(), of[span].as_str().unwrap())
}

/// Records in turns: sampled, not sampled, without a context. One that is sampled is refused, and one becomes three.
fn in_turns() -> Vec<Record> {
    let value = |n| match n {
        REFUSED => "!reject:no".to_owned(),
        6 => "!emit:3".to_owned(),
        n => n.to_string(),
    };
    let context = |(n, record): (usize, Record)| match n % 3 {
        0 => with_context(record, n, 1).with_header("tracestate", format!("a={n}")),
        1 => with_context(record, n, 0),
        _ => record,
    };
    records(0, 30, value).into_iter().enumerate().map(context).collect()
}

const REFUSED: usize = 3;

/// Batches have the attributes of Kafka, and links to all that is sampled.
fn assert_batches(case: &Case, batches: &[&Value]) {
    let mut linked = BTreeMap::new();
    for batch in batches {
        assert_eq!((&batch["parent"], &batch["kind"]), (&json!(""), &json!("SPAN_KIND_CONSUMER")));
        for (name, value) in [
            ("messaging.system", "kafka"),
            ("messaging.operation.type", "process"),
            ("messaging.operation.name", "process"),
            ("messaging.destination.name", &case.pipeline.input),
            ("messaging.destination.partition.id", "0"),
            ("messaging.consumer.group.name", &case.pipeline.name),
            ("sluicebox.outcome", "written"),
        ] {
            assert_eq!(batch["attributes"][name], value, "{name}");
        }
        for link in batch["links"].as_array().unwrap() {
            let offset = usize::try_from(link["attributes"]["messaging.kafka.offset"].as_u64().unwrap()).unwrap();
            assert_eq!(link["trace_state"], format!("a={offset}"));
            let (trace, span) = place(link, "span_id");
            linked.insert(offset, format!("00-{trace}-{span}-01"));
        }
    }
    let sampled: BTreeMap<_, _> = (0..30).step_by(3).map(|n| (n, traceparent(n, 1))).collect();
    assert_eq!(linked, sampled);
    let sum = |name: &str| batches.iter().map(|batch| batch["attributes"][name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("sluicebox.sampled_records"), sum("sluicebox.dead_letters")), (10, 1));
    assert_eq!(sum("sluicebox.outputs"), sum("messaging.batch.message_count") - 1 + 2);
}

/// Stages are children of their batches, and name the sampled record that failed.
fn assert_stages(stages: &[&Value], batches: &BTreeSet<(&str, &str)>) {
    assert_eq!(stages.len(), batches.len());
    let mut failed = Vec::new();
    for stage in stages {
        assert!(batches.contains(&place(stage, "parent")), "{stage}");
        assert_eq!(stage["attributes"]["sluicebox.stage.name"], "stage");
        assert_eq!(stage["kind"], "SPAN_KIND_INTERNAL");
        failed.extend(stage["events"].as_array().unwrap());
    }
    let [failed] = &failed[..] else { panic!("{failed:?}") };
    assert_eq!((&failed["name"], &failed["attributes"]["error.type"]), (&json!("record failed"), &json!("reject")));
    assert_eq!(failed["attributes"]["messaging.kafka.offset"], REFUSED);
}

/// Each output of a sampled record names a span of its own, which goes on with the record's trace.
fn assert_outputs(case: &Case, input: &[Record], sends: &[&Value], batches: &BTreeSet<(&str, &str)>) {
    let mut sends: BTreeMap<&str, &Value> =
        sends.iter().map(|span| (span["span_id"].as_str().unwrap(), *span)).collect();
    let outputs = case.outputs();
    assert_eq!((outputs.len(), sends.len()), (31, 11));
    for Stored { record, .. } in &outputs {
        let n = usize::try_from(record.timestamp - input[0].timestamp).unwrap();
        if n % 3 != 0 {
            assert_eq!(record.headers, input[n].headers, "what is not sampled stays as it is");
            continue;
        }
        let (trace, own, flags) = parts(record.header("traceparent").unwrap());
        let (came_trace, came_span, _) = parts(&traceparent(n, 1));
        assert_eq!((&trace, &*flags), (&came_trace, "01"));
        let (send, state) = (sends.remove(&*own).expect("its span, and its alone"), format!("a={n}"));
        assert_eq!(place(send, "parent"), (&*trace, &*came_span));
        assert_eq!((&send["kind"], &send["trace_state"]), (&json!("SPAN_KIND_PRODUCER"), &json!(state)));
        assert_eq!(send["attributes"]["messaging.destination.name"], case.pipeline.output);
        assert!(batches.contains(&place(&send["links"][0], "span_id")), "a link to the batch");
        let rest = ["before", "behind", "tracestate"].map(|name| record.header(name));
        assert_eq!((record.headers.len(), rest), (4, [Some("x"), Some("y"), Some(&*state)]));
    }
    assert!(sends.is_empty(), "{sends:?}");
}

#[test]
fn sampled_records_become_spans_with_links_and_their_outputs_carry_the_trace_on() {
    let case = Case::new("traces", json!({ "sample": 0, "propagate": true, "headers": { "x-team": "abc" } }));
    let input = in_turns();
    case.feed(&input);
    case.run_to_the_end();
    let spans = case.collector.spans();
    let resource = &spans[0]["resource"];
    assert_eq!((&resource["service.name"], &resource["service.instance.id"]), (&json!("sluicebox"), &json!("copy-1")));
    assert_eq!(resource["sluicebox.pipeline.name"], case.pipeline.name);
    let heads = case.collector.requests();
    assert!(heads.iter().all(|head| head.contains("x-team: abc")), "{heads:?}");

    let batches = named(&spans, &format!("process {}", case.pipeline.input));
    let ids: BTreeSet<_> = batches.iter().map(|batch| place(batch, "span_id")).collect();
    assert_batches(&case, &batches);
    assert_stages(&named(&spans, "stage stage"), &ids);
    assert_outputs(&case, &input, &named(&spans, &format!("send {}", case.pipeline.output)), &ids);
    let letters = case.kafka.read(&case.pipeline.dlq).records();
    assert_eq!(letters.len(), 1);
    let letter = letters[0].without_headers("sluice.");
    assert_eq!(letter.headers, input[REFUSED].headers, "dead letters stay as they came");
}

#[test]
fn a_sample_of_the_records_without_a_context_is_the_same_whenever_they_are_read() {
    let first = Case::new("traces-sample", json!({ "sample": 0.2, "propagate": true }));
    let input = records(0, 500, |n| n.to_string());
    first.feed(&input);
    let mut second = Case::new("traces-sample-again", json!({ "sample": 0.2, "propagate": true }));
    second.pipeline.set("input", json!({ "topics": [first.pipeline.input] }));
    second.pipeline.input.clone_from(&first.pipeline.input);
    let sampled = [first, second].map(|case| {
        case.run_to_the_end();
        let spans = case.collector.spans();
        let sends = named(&spans, &format!("send {}", case.pipeline.output));
        let mut traced = BTreeSet::new();
        for Stored { record, .. } in case.outputs() {
            let Some(context) = record.header("traceparent") else { continue };
            let (trace, own, _) = parts(context);
            let send = sends.iter().find(|span| span["span_id"] == own).expect("its span");
            let batch = spans.iter().find(|span| span["span_id"] == send["parent"]).expect("the batch is its parent");
            assert_eq!((&batch["trace_id"], &send["trace_id"]), (&json!(trace), &json!(trace)));
            let offset = record.timestamp - input[0].timestamp;
            let is_it = |event: &&Value| event["attributes"]["messaging.kafka.offset"] == offset;
            let named = batch["events"].as_array().unwrap().iter().filter(is_it).count();
            assert_eq!(named, 1, "the batch's span names the record");
            traced.insert(offset);
        }
        assert_eq!(sends.len(), traced.len());
        traced
    });
    assert_eq!(sampled[0], sampled[1]);
    assert!((50..150).contains(&sampled[0].len()), "{}", sampled[0].len());
}

#[test]
fn without_propagate_headers_stay_as_they_are_and_what_waits_goes_on_in_a_span_below_its_batch() {
    let mut case = Case::new("traces-retry", json!({}));
    case.pipeline.set_stage("on_error", json!({ "backoff": "50ms", "hold": "partition" }));
    let values = ["1", "!retry:2", "!trap", "4"];
    let input: Vec<Record> = records(0, values.len(), |n| values[n].to_owned());
    let input: Vec<Record> = input.into_iter().enumerate().map(|(n, record)| with_context(record, n, 1)).collect();
    case.feed(&input);
    case.run_to_the_end();
    let outputs = case.outputs();
    let headers: Vec<_> = outputs.iter().map(|stored| &stored.record.headers).collect();
    assert_eq!(headers, [&input[0].headers, &input[1].headers, &input[3].headers]);
    let spans = case.collector.spans();
    let all = named(&spans, &format!("process {}", case.pipeline.input));
    let waited: Vec<_> = all.iter().filter(|span| span["parent"] != "").collect();
    assert!(!waited.is_empty(), "{spans:#?}");
    for span in waited {
        let whole = all.iter().find(|whole| whole["span_id"] == span["parent"]).expect("the batch that it was part of");
        assert_eq!(whole["trace_id"], span["trace_id"]);
        assert!(span["begin"].as_u64() >= whole["begin"].as_u64() && !span["links"].as_array().unwrap().is_empty());
    }
    let happened: BTreeSet<&str> = named(&spans, "stage stage")
        .iter()
        .flat_map(|span| span["events"].as_array().unwrap())
        .map(|event| event["name"].as_str().unwrap())
        .collect();
    assert_eq!(happened, BTreeSet::from(["calls failed", "record failed", "wait"]));
    assert!(named(&spans, &format!("send {}", case.pipeline.output)).is_empty());
}

#[test]
fn decoding_and_encoding_are_steps_of_their_own() {
    let mut case = Case::new("traces-formats", json!({ "sample": 0 }));
    case.pipeline.set("stages", json!([{ "name": "stage", "plugin": "identity" }]));
    case.pipeline.set_in("input", "value", json!({ "format": "text" }));
    let topic = case.pipeline.output.clone();
    case.pipeline.set("outputs", json!({ "default": { "topic": topic, "value": { "format": "text" } } }));
    let input: Vec<Record> = records(0, 3, |n| n.to_string());
    let mut input: Vec<Record> = input.into_iter().enumerate().map(|(n, record)| with_context(record, n, 1)).collect();
    input[1].value = Some(vec![0xff]);
    case.feed(&input);
    case.run_to_the_end();
    assert_eq!(case.outputs().len(), 2);
    let spans = case.collector.spans();
    let sum = |name: &str, attribute: &str| {
        let count = |span: &&Value| span["attributes"][attribute].as_u64().unwrap();
        named(&spans, name).iter().map(count).sum::<u64>()
    };
    assert_eq!((sum("decode", "sluicebox.records"), sum("decode", "sluicebox.failed")), (3, 1));
    assert_eq!((sum("stage stage", "sluicebox.records"), sum("stage stage", "sluicebox.kept")), (2, 2));
    assert_eq!((sum("encode", "sluicebox.records"), sum("encode", "sluicebox.failed")), (2, 0));
    let failed: Vec<_> = named(&spans, "decode").iter().flat_map(|span| span["events"].as_array().unwrap()).collect();
    let [failed] = &failed[..] else { panic!("{failed:?}") };
    assert_eq!(failed["attributes"]["messaging.kafka.offset"], 1);
    assert_eq!(failed["attributes"]["error.type"], "decode");
}

#[test]
fn a_collector_that_hangs_or_is_away_loses_no_record_and_holds_none_up() {
    let case = Case::new("traces-away", json!({ "sample": 1, "propagate": true, "timeout": "5m" }));
    case.collector.set_mood(Mood::Silent);
    let (first, second) = (records(0, 10_000, |n| n.to_string()), records(10_000, 10_000, |n| n.to_string()));
    case.feed(&first);
    let mut sluice = case.start();
    let address = address(&mut sluice);
    case.catch_up(&mut sluice);
    wait_for("the first request", LIMIT, || {
        if case.collector.requests().is_empty() { Err("there is none".to_owned()) } else { Ok(()) }
    });
    // It hangs in its first request, for five minutes.
    case.feed(&second);
    case.catch_up(&mut sluice);
    assert_eq!(case.collector.requests().len(), 1, "everything was committed during one request");
    let samples = scrape(&address);
    assert_eq!(spans_of(&samples, &case.pipeline, "exported"), 0.0);
    assert!(spans_of(&samples, &case.pipeline, "dropped") > 10_000.0, "what has no room is shed and counted");
    let told = Instant::now();
    stop(&mut sluice);
    assert!(told.elapsed() < DRAIN, "the request is given up, though it has minutes left: {:?}", told.elapsed());
    let outputs = case.kafka.read(&case.pipeline.output).records();
    assert!(outputs.iter().all(|record| record.header("traceparent").is_some()));
    let plain: Vec<Record> = outputs.iter().map(|record| record.without_headers("traceparent")).collect();
    audit(&[first, second].concat(), &plain, by_timestamp).assert_nothing_lost();
}

#[test]
fn a_collector_that_comes_back_is_said_and_gets_what_is_new() {
    let case = Case::new("traces-back", json!({ "sample": 1 }));
    case.collector.set_mood(Mood::Trouble(503, 0));
    let mut sluice = case.start();
    let address = address(&mut sluice);
    case.feed(&records(0, 10, |n| n.to_string()));
    let said = |text: &'static str| move |line: &sluicebox_tests::LogLine| line.message().contains(text);
    let line = sluice.wait_for_line("the collector", said("does not take spans"));
    assert!(line.message().contains("it answers 503 (trouble)"), "{}", line.text);
    assert_eq!(line.field("pipeline"), case.pipeline.name);
    case.collector.set_mood(Mood::Well);
    sluice.wait_for_line("the collector's return", said("the collector takes spans"));
    case.feed(&records(10, 10, |n| n.to_string()));
    case.catch_up(&mut sluice);
    sluice.wait_for("all spans to be taken", LIMIT, || {
        let (samples, taken) = (scrape(&address), case.collector.spans());
        let counted = spans_of(&samples, &case.pipeline, "exported");
        let records = |span: &&Value| span["attributes"]["messaging.batch.message_count"].as_u64();
        let batches = named(&taken, &format!("process {}", case.pipeline.input));
        let records: u64 = batches.iter().filter_map(records).sum();
        if records == 20 && counted == taken.len() as f64 { Ok(()) } else { Err(format!("{records}, {counted}")) }
    });
    let warnings = sluice.lines().iter().filter(|line| line.message().contains("does not take spans")).count();
    assert_eq!(warnings, 1);
    assert_eq!(spans_of(&scrape(&address), &case.pipeline, "dropped"), 0.0);
    stop(&mut sluice);
}

#[test]
fn a_reload_takes_traces_to_another_collector() {
    let mut case = Case::new("traces-reload", json!({ "sample": 1 }));
    let mut sluice = case.start();
    case.feed(&records(0, 10, |n| n.to_string()));
    case.catch_up(&mut sluice);
    let other = Collector::start();
    case.pipeline.set_in("traces", "endpoint", json!(other.url()));
    case.pipeline.write(&case.folder);
    sluice.signal(libc::SIGHUP);
    sluice.wait_for_line("the end of what it was", |line| {
        line.is_status_of(&case.pipeline.name) && line.field("state") == "stopped"
    });
    case.feed(&records(10, 10, |n| n.to_string()));
    case.catch_up(&mut sluice);
    stop(&mut sluice);
    for (collector, from) in [(&case.collector, 0), (&other, 10)] {
        let spans = collector.spans();
        let offsets: BTreeSet<u64> = named(&spans, &format!("process {}", case.pipeline.input))
            .iter()
            .flat_map(|span| span["events"].as_array().unwrap())
            .map(|event| event["attributes"]["messaging.kafka.offset"].as_u64().unwrap())
            .collect();
        assert_eq!(offsets, (from..from + 10).collect());
    }
}
