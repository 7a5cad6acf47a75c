//! What a record may cost, counted and not timed: who adds an allocation, a copy or a call for each record fails here.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::env;
use std::path::Path;
use std::sync::Arc;

use sluicebox::batch::{Batch, Offset, Partition, Record, Source};
use sluicebox::config::{PlanOptions, load_text};
use sluicebox::plugin::{Answer, CacheDirs, Change, Engine, Instance, StageSetup, Verdict};
use sluicebox::traces::Tracer;

/// Counts what the calling thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: it hands everything on to the system's allocator, and counts without allocating.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PIPELINE: &str = "
name: budget
kafka: { bootstrap.servers: nowhere }
input: { topics: [in] }
stages:
  - { name: identity, plugin: identity }
  - { name: filter, plugin: filter-json, config: { field: status, one_of: [shipped] } }
  - { name: mask, plugin: mask-json, config: { fields: [customer.email], style: email } }
  - { name: jq, plugin: jq, config: { program: '.total_cents = .quantity * .price_cents | del(.internal_note)' } }
  - { name: route, plugin: route, config: { field: status, routes: { shipped: shipped } } }
outputs:
  default: { drop: true }
  shipped: { topic: shipped }
dlq: { topic: dlq }
";

/// A plugin of the pipeline, and the memory that a worker would keep for it.
struct Stage {
    instance: Instance,
    batch: Batch,
    answer: Answer,
}

/// What one call took.
struct Cost {
    allocations: usize,
    /// Bytes that came back from the plugin into the arena.
    returned: usize,
}

impl Stage {
    fn new(name: &str) -> Stage {
        let variable = |name: &str| env::var(name).ok();
        let (plan, _) = load_text(Path::new("budget.yaml"), PIPELINE, &variable, &PlanOptions::default())
            .expect("the pipeline is right; its plugins are built by `cargo xtask test`");
        let stage = plan.stages.iter().find(|stage| &*stage.name == name).expect("the pipeline has this stage");
        let setup = StageSetup {
            pipeline: "budget".into(),
            stage: stage.name.clone(),
            config: stage.config.clone(),
            outputs: plan.outputs.iter().map(|output| output.name.clone()).collect(),
            limits: stage.limits,
            env: Vec::new(),
            show: Default::default(),
        };
        let engine = Engine::new(&CacheDirs::from_env()).expect("an engine can be made");
        let plugin = engine.load(&stage.path, &stage.grants).expect("the plugin can be loaded");
        let instance = plugin.instantiate(&setup, Arc::default()).expect("the plugin starts");
        Stage { instance, batch: Batch::default(), answer: Answer::default() }
    }

    /// Calls the plugin once on so many orders.
    fn call(&mut self, records: usize) -> Cost {
        gather(&mut self.batch, records);
        let gathered = self.batch.arena.len();
        let Batch { arena, records, sources } = &mut self.batch;
        let before = ALLOCATIONS.get();
        self.instance.process(arena, sources, records, &mut self.answer).expect("the plugin answers");
        Cost { allocations: ALLOCATIONS.get() - before, returned: self.batch.arena.len() - gathered }
    }

    /// What a call takes once the memory for batches of this size is there.
    fn warm(&mut self, records: usize) -> Cost {
        self.call(records);
        self.call(records);
        self.call(records)
    }
}

/// Fills a batch with shipped orders, each with a key and a header.
fn gather(batch: &mut Batch, records: usize) {
    batch.clear();
    let topic_field = batch.arena.push(b"in");
    batch.sources.push(Source { topic: "in".into(), topic_field, partition: Partition(0), replay: None });
    for number in 0..records {
        let value = format!(
            r#"{{"order_id":"o-{number}","status":"shipped","quantity":3,"price_cents":{number},"customer":{{"name":"ada","email":"ada{number}@example.org"}},"internal_note":"none"}}"#
        );
        let record = Record {
            key: batch.arena.push(number.to_string().as_bytes()),
            value: batch.arena.push(value.as_bytes()),
            headers: batch.arena.push_headers([(&b"source"[..], Some(&b"shop"[..]))].into_iter()),
            timestamp: number as i64,
            offset: Offset(number as i64),
            source: 0,
        };
        batch.records.push(record);
    }
}

const STAGES: [&str; 5] = ["identity", "filter", "mask", "jq", "route"];

#[test]
fn the_host_allocates_nothing_for_a_call_or_a_record() {
    for name in STAGES {
        let mut stage = Stage::new(name);
        for records in [1, 1_000, 4_000] {
            assert_eq!(stage.warm(records).allocations, 0, "{name}, {records} records");
        }
    }
}

#[test]
fn records_that_are_not_sampled_cost_no_allocation() {
    let text = format!("{PIPELINE}traces: {{ endpoint: http://nowhere/v1/traces, sample: 0, propagate: true }}\n");
    let variable = |name: &str| env::var(name).ok();
    let (plan, _) = load_text(Path::new("budget.yaml"), &text, &variable, &PlanOptions::default())
        .expect("the pipeline is right; its plugins are built by `cargo xtask test`");
    let traces = plan.traces.as_ref().expect("it has traces");
    let tracer = Tracer::start(&plan, traces, Arc::default()).expect("it can be started");
    let mut batch = Batch::default();
    gather(&mut batch, 1_000);
    let other = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let headers = [(&b"traceparent"[..], Some(other.as_bytes()))];
    batch.records[7].headers = batch.arena.push_headers(headers.into_iter());
    let before = ALLOCATIONS.get();
    assert!(tracer.begin(&batch).is_none());
    assert_eq!(ALLOCATIONS.get() - before, 0);
    let sampled = format!("{}01", &other[..53]);
    let headers = [(&b"traceparent"[..], Some(sampled.as_bytes()))];
    batch.records[7].headers = batch.arena.push_headers(headers.into_iter());
    assert!(tracer.begin(&batch).is_some());
}

#[test]
fn a_plugin_needs_no_more_memory_for_more_batches() {
    for name in STAGES {
        let mut stage = Stage::new(name);
        stage.warm(1_000);
        let memory = stage.instance.memory();
        for _ in 0..200 {
            stage.call(1_000);
        }
        assert_eq!(stage.instance.memory(), memory, "{name}");
    }
}

#[test]
fn only_what_a_plugin_has_changed_comes_back() {
    for name in ["identity", "filter"] {
        assert_eq!(Stage::new(name).warm(1_000).returned, 0, "{name} changes nothing");
    }
    assert_eq!(Stage::new("route").warm(1_000).returned, 1_000 * "shipped".len(), "route names an output");
    for name in ["mask", "jq"] {
        let mut stage = Stage::new(name);
        let returned = stage.warm(1_000).returned;
        assert!(stage.answer.verdicts.iter().all(|verdict| *verdict == Verdict::Emit), "{name}");
        let values = stage.answer.produced.iter().map(|produced| match produced.value {
            Change::Set(value) => stage.batch.arena.get(value).map_or(0, <[u8]>::len),
            _ => panic!("{name} sets every value"),
        });
        assert_eq!(returned, values.sum::<usize>(), "{name} sends back its new values, once");
    }
}
