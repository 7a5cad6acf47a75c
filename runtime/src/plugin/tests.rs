//! Plugins at work: real components through load, start and calls.

mod address_space;
mod loading;
mod sandbox;
mod typed;
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::testing::{Core, component};
use super::*;
use crate::batch::{Batch, Field, NO_TIMESTAMP, Offset, Partition, Record, Source};
use crate::config::plan::{Grants, Limits};

/// A started instance and what it works on.
struct Bench {
    instance: Instance,
    batch: Batch,
    answer: Answer,
    cancel: Arc<AtomicBool>,
}

fn load(bytes: &[u8], grants: &Grants) -> Result<Plugin, LoadError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.wasm");
    std::fs::write(&path, bytes).unwrap();
    Engine::new(&CacheDirs::default()).unwrap().load(&path, grants)
}

fn setup() -> StageSetup {
    StageSetup {
        pipeline: "orders".into(),
        stage: "redact".into(),
        config: "null".to_owned(),
        outputs: vec!["default".into(), "audit".into()],
        limits: Limits { time: Duration::from_secs(60), memory: 64 << 20 },
        env: Vec::new(),
        show: Default::default(),
    }
}

impl Bench {
    fn new(core: &Core) -> Bench {
        Bench::with_limits(core, setup().limits)
    }

    fn with_limits(core: &Core, limits: Limits) -> Bench {
        Bench::of(&component(core), limits)
    }

    fn of(component: &[u8], limits: Limits) -> Bench {
        let cancel = Arc::new(AtomicBool::new(false));
        let plugin = load(component, &Grants::default()).unwrap();
        let instance = plugin.instantiate(&StageSetup { limits, ..setup() }, Arc::clone(&cancel)).unwrap();
        let mut batch = Batch::default();
        let topic_field = batch.arena.push(b"orders");
        let partition = Partition(3);
        batch.sources.push(Source { topic: "orders".into(), topic_field, partition, replay: None });
        Bench { instance, batch, answer: Answer::default(), cancel }
    }

    fn value(mut self, value: Option<&str>) -> Bench {
        let record = Record {
            key: self.batch.arena.push(b"key"),
            value: self.batch.arena.push_option(value.map(str::as_bytes)),
            headers: self.batch.arena.push_headers([(&b"h"[..], Some(&b"1"[..]))].into_iter()),
            timestamp: NO_TIMESTAMP,
            offset: Offset(self.batch.records.len() as i64),
            source: 0,
        };
        self.batch.records.push(record);
        self
    }

    fn values(self, values: &[&str]) -> Bench {
        values.iter().fold(self, |bench, value| bench.value(Some(value)))
    }

    fn process(&mut self) -> Result<(), CallError> {
        let Batch { arena, records, sources } = &mut self.batch;
        self.instance.process(arena, sources, records, &mut self.answer)
    }

    fn texts(&self) -> Vec<Option<&str>> {
        let text = |field| self.batch.arena.get(field).map(|bytes| std::str::from_utf8(bytes).unwrap());
        self.answer
            .produced
            .iter()
            .map(|produced| match produced.value {
                Change::Set(field) => text(field),
                Change::Inherit => panic!("the value is set"),
            })
            .collect()
    }
}

#[test]
fn an_instance_can_move_to_its_worker() {
    fn moves<T: Send + 'static>() {}
    moves::<Instance>();
    moves::<Plugin>();
}

#[test]
fn a_plugin_keeps_what_it_is_given() {
    let mut bench = Bench::new(&Core::keep_all()).values(&["a", "b", "c"]);
    let before = bench.batch.arena.len();
    bench.process().unwrap();
    assert_eq!(bench.answer, Answer { verdicts: vec![Verdict::Keep; 3], produced: Vec::new() });
    assert_eq!(bench.batch.arena.len(), before, "nothing came back");
    let manifest = Manifest { name: "test-plugin".into(), version: "1.2.3".into(), needs: Fields::ALL };
    assert_eq!(bench.instance.manifest(), &manifest);
    assert_eq!(bench.instance.plugin().interface(), Interface::Packed);
}

#[test]
fn what_a_plugin_emits_lies_in_the_arena_call_after_call() {
    for core in [Core::echo_values(), Core::echo_values().freeing_its_answer()] {
        let mut bench = Bench::new(&core).values(&["a", ""]).value(None);
        for _ in 0..3 {
            bench.process().unwrap();
            assert_eq!(bench.texts(), [Some("a"), Some(""), None]);
            assert_eq!(bench.answer.verdicts, [Verdict::Emit; 3]);
            let produced = bench.answer.produced[1];
            assert_eq!((produced.record, produced.output), (1, OutputName::Next));
            assert_eq!((produced.key, produced.headers), (Change::Inherit, HeadersChange::Inherit));
            assert_eq!(produced.timestamp, None);
        }
    }
}

#[test]
fn part_of_a_batch_is_numbered_from_its_own_start() {
    let mut bench = Bench::new(&Core::echo_values()).values(&["a", "b", "c"]);
    let Batch { arena, records, sources } = &mut bench.batch;
    bench.instance.process(arena, sources, &records[1..], &mut bench.answer).unwrap();
    assert_eq!(bench.texts(), [Some("b"), Some("c")]);
    assert_eq!(bench.answer.produced[0].record, 0);
}

#[test]
fn no_records_are_no_call() {
    let mut bench = Bench::new(&Core::packed("unreachable"));
    bench.process().unwrap();
    assert_eq!(bench.answer, Answer::default());
}

/// Traps where a record's value begins with `!`, and says so before.
fn poisoned_by_a_record() -> Core {
    Core::all(
        "0",
        r#"(loop $next
             (local.set $in (i32.add (local.get $index) (i32.mul (local.get $i) (i32.const 56))))
             (call $check_record (i32.add (local.get $data) (i32.load offset=8 (local.get $in))))
             (local.set $i (i32.add (local.get $i) (i32.const 1)))
             (br_if $next (i32.lt_u (local.get $i) (local.get $count))))"#,
    )
    .talking()
    .with(
        r#"(data (i32.const 300) "value begins with !")
           (func $check_record (param $value i32)
             (if (i32.eq (i32.load8_u (local.get $value)) (i32.const 33)) (then
               (call $log (i32.const 0) (i32.const 300) (i32.const 19))
               unreachable)))"#,
    )
}

#[test]
fn a_trap_tells_where_and_what_the_plugin_said_last() {
    let mut bench = Bench::new(&poisoned_by_a_record()).values(&["a", "!"]);
    let Err(CallError::Trap(text)) = bench.process() else { panic!("it traps") };
    assert_eq!(
        text,
        "value begins with !; wasm trap: wasm `unreachable` instruction executed in check_record < process"
    );
    assert!(bench.instance.has_failed());
}

#[test]
fn after_a_trap_a_restart_lets_the_neighbours_go_on() {
    let mut bench = Bench::new(&poisoned_by_a_record()).values(&["a", "!"]);
    bench.process().unwrap_err();
    assert_eq!(bench.answer, Answer::default());
    bench.instance.restart().unwrap();
    bench.batch.records.truncate(1);
    bench.process().unwrap();
    assert_eq!(bench.answer.verdicts, [Verdict::Keep]);
}

#[test]
#[should_panic(expected = "restarted before it is called again")]
fn a_failed_instance_cannot_be_called() {
    let mut bench = Bench::new(&Core::packed("unreachable")).values(&["a"]);
    bench.process().unwrap_err();
    _ = bench.process();
}

#[test]
fn an_endless_loop_runs_out_of_time() {
    let limits = Limits { time: Duration::from_millis(20), memory: 1 << 20 };
    let mut bench = Bench::with_limits(&Core::packed("(loop $ever (br $ever)) unreachable"), limits).values(&["a"]);
    assert_eq!(bench.process(), Err(CallError::Time));
}

#[test]
fn a_cancel_cuts_off_an_endless_loop() {
    let mut bench = Bench::new(&Core::packed("(loop $ever (br $ever)) unreachable")).values(&["a"]);
    bench.cancel.store(true, Ordering::Relaxed);
    assert_eq!(bench.process(), Err(CallError::Cancelled));
}

#[test]
fn a_plugin_that_takes_too_much_memory_is_told_from_one_that_traps() {
    let limits = Limits { memory: 1 << 20, ..setup().limits };
    let eater =
        Core::packed("(loop $more (drop (call $alloc (i32.const 1) (i32.const 65536))) (br $more)) unreachable");
    let mut bench = Bench::with_limits(&eater, limits).values(&["a"]);
    assert_eq!(bench.process(), Err(CallError::Memory));
    bench.instance.restart().unwrap();
    let too_large = "x".repeat(2 << 20);
    let mut bench = Bench::with_limits(&Core::keep_all(), limits).values(&[&too_large]);
    assert_eq!(bench.process(), Err(CallError::Memory), "a batch that does not fit in is the same");
}

#[test]
fn answers_that_break_the_interface_are_errors() {
    let answer = |parts: &str| Core::packed(&format!("(call $answer {parts})"));
    let zeros = "(i32.const 0) (i32.const 0)";
    let cases = [
        (answer(&format!("{zeros} {zeros} {zeros}")), "0 verdicts on 1 records"),
        (
            answer(&format!("(i32.const 512) (i32.const 1) (i32.const 512) (i32.const 47) {zeros}")),
            "the index has 47 bytes, which is no multiple of 48",
        ),
        (
            answer(&format!("{zeros} {zeros} (i32.const 65536) (i32.const 1)")),
            "list pointer/length out of bounds of memory",
        ),
        (
            answer(&format!("{zeros} {zeros} (i32.const 1) (i32.const -1)")),
            "list pointer/length out of bounds of memory",
        ),
    ];
    for (core, reason) in cases {
        let mut bench = Bench::new(&core).values(&["a"]);
        assert_eq!(bench.process(), Err(CallError::Answer(reason.to_owned())));
        assert!(bench.instance.has_failed());
    }
}

#[test]
fn a_large_answer_comes_through_whole() {
    let values: Vec<_> = std::iter::repeat_n("x".repeat(48 << 10), 200).collect();
    let values: Vec<_> = values.iter().map(String::as_str).collect();
    let mut bench = Bench::new(&Core::echo_values()).values(&values);
    bench.process().unwrap();
    assert_eq!(bench.texts(), values.iter().map(|value| Some(*value)).collect::<Vec<_>>());
}

#[test]
fn a_failure_of_the_whole_batch_needs_no_restart() {
    for (kind, error) in [(0, CallError::Retry("test-plugin".into())), (1, CallError::Fatal("test-plugin".into()))] {
        let core = Core::packed(&format!("(call $failure (i32.const {kind}) (i32.const 256) (i32.const 11))"));
        let mut bench = Bench::new(&core).values(&["a"]);
        assert_eq!(bench.process(), Err(error.clone()));
        assert!(!bench.instance.has_failed());
        assert_eq!(bench.process(), Err(error));
    }
}

#[test]
fn counters_go_on_over_a_restart() {
    let core =
        Core::packed("(call $metric (i32.const 256) (i32.const 4) (i64.extend_i32_u (local.get $count))) unreachable")
            .talking();
    let mut bench = Bench::new(&core).values(&["a", "b"]);
    for _ in 0..3 {
        bench.process().unwrap_err();
        bench.instance.restart().unwrap();
    }
    assert_eq!(bench.instance.counters().iter().collect::<Vec<_>>(), [("test", 6)]);
}

#[test]
fn a_start_that_fails_says_why() {
    let start = |init: &str, cancelled: bool| {
        let plugin = load(&component(&Core::keep_all().init(init)), &Grants::default()).unwrap();
        let limits = Limits { time: Duration::from_millis(20), memory: 1 << 20 };
        let error = plugin
            .instantiate(&StageSetup { limits, ..setup() }, Arc::new(AtomicBool::new(cancelled)))
            .map(|_| ())
            .unwrap_err()
            .to_string();
        let (path, error) =
            (format!("{}: ", plugin.path().display()), error.strip_prefix("stage \"redact\": ").unwrap());
        error.strip_prefix(&path).map_or_else(|| format!("without the file: {error}"), str::to_owned)
    };
    let name_of = |len: u32| format!("(call $manifest (i32.const 0)) (i32.store (i32.const 8) (i32.const {len}))");
    assert_eq!(start("(call $refuse (i32.const 256) (i32.const 11))", false), "without the file: test-plugin");
    assert_eq!(
        start("unreachable", false),
        "the plugin failed in its init: wasm trap: wasm `unreachable` instruction executed in init"
    );
    assert_eq!(
        start("(loop $ever (br $ever)) unreachable", false),
        "the plugin's init took longer than 20ms; raise `limits: { time: ... }`"
    );
    assert_eq!(start("(loop $ever (br $ever)) unreachable", true), "the start was cancelled");
    assert_eq!(
        start("(drop (call $alloc (i32.const 1) (i32.const 1048576))) unreachable", false),
        "the plugin's init needs more memory than 1048576 bytes; raise `limits: { memory: ... }`"
    );
    assert_eq!(start(&name_of(257), false), "the plugin's manifest: its name has 257 bytes, more than 256");
}

#[test]
fn the_configuration_reaches_the_plugin_as_it_is() {
    // Refuses with the JSON text that it was given.
    let core = Core::keep_all().init("(call $refuse (local.get 2) (local.get 3))");
    let plugin = load(&component(&core), &Grants::default()).unwrap();
    let config = r#"{"field": "ä"}"#.to_owned();
    let error = plugin.instantiate(&StageSetup { config, ..setup() }, Arc::default()).map(|_| ()).unwrap_err();
    let StartError::Init { stage, message, .. } = error else { panic!("{error}") };
    assert_eq!((&*stage, &*message), ("redact", r#"{"field": "ä"}"#));
}

/// A plugin that says something else of itself each time that it starts: randomness decides which fields it needs.
fn moody(needs: &str) -> Vec<u8> {
    let wit = testing::WIT.replace("world fast {", "world fast { import wasi:random/random@0.2.3;")
        + "package wasi:random@0.2.3 { interface random { get-random-u64: func() -> u64; } }";
    let core = Core::packed("unreachable")
        .importing(r#"(import "wasi:random/random@0.2.3" "get-random-u64" (func $random (result i64)))"#)
        .init(&format!("(call $manifest (i32.and {needs} (i32.const 31)))"));
    testing::encode(core.module(), &wit, "fast")
}

#[test]
fn a_plugin_that_needs_other_fields_after_a_restart_does_not_start() {
    let grants = Grants { random: true, ..Grants::default() };
    let plugin = load(&moody("(i32.wrap_i64 (call $random))"), &grants).unwrap();
    let mut instance = plugin.instantiate(&setup(), Arc::default()).unwrap();
    let first = instance.needs();
    // One start in 32 says the same.
    let error = loop {
        match instance.restart() {
            Ok(()) => assert_eq!(instance.needs(), first),
            Err(error) => break error,
        }
    };
    let StartError::Manifest { reason, .. } = error else { panic!("{error}") };
    assert!(reason.starts_with("after a restart it is \"test-plugin\" 1.2.3 (needs: "), "{reason}");
    assert_eq!(instance.needs(), first, "the first stays");
}
