//! A stage over real components: what fails is found and its neighbours go on.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::batch::{Batch, HeaderList, NO_TIMESTAMP, Offset, Partition};
use crate::config::plan::{Grants, Hold, Limits, Then};
use crate::plugin::Engine;
use crate::plugin::testing::{Core, component};

/// What a record's value makes the plugin do, by its first byte.
const ORDERS: &str = r#"
  (func $obey (param $value i32) (result i32)
    (local $order i32)
    (local.set $order (i32.load8_u (local.get $value)))
    (if (i32.eq (local.get $order) (i32.const 33 (; ! ;))) (then unreachable))
    (if (i32.eq (local.get $order) (i32.const 76 (; L ;))) (then (loop $forever (br $forever))))
    (if (i32.eq (local.get $order) (i32.const 77 (; M ;))) (then
      (if (i32.eq (memory.grow (i32.const 4096)) (i32.const -1)) (then unreachable))))
    (if (i32.eq (local.get $order) (i32.const 68 (; D ;))) (then (return (i32.const 1))))
    (i32.const 0))"#;

/// Obeys each record; a value `R` anywhere in the batch fails the whole batch with a retry.
fn obedient() -> Core {
    Core::packed(
        r#"(local.set $verdicts (call $alloc (i32.const 1) (local.get $count)))
           (loop $next
             (local.set $in (i32.add (local.get $index) (i32.mul (local.get $i) (i32.const 56))))
             (local.set $out (i32.add (local.get $data) (i32.load offset=8 (local.get $in))))
             (if (i32.eq (i32.load8_u (local.get $out)) (i32.const 82 (; R ;)))
               (then (return (call $failure (i32.const 0) (i32.const 256) (i32.const 11)))))
             (i32.store8 (i32.add (local.get $verdicts) (local.get $i)) (call $obey (local.get $out)))
             (local.set $i (i32.add (local.get $i) (i32.const 1)))
             (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
           (call $answer (local.get $verdicts) (local.get $count) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))"#,
    )
    .with(ORDERS)
}

struct Bench {
    stage: Stage,
    batch: Batch,
    progress: Progress,
}

impl Bench {
    fn new(values: &[&str]) -> Bench {
        Bench::with(&obedient(), 16 << 20, values)
    }

    fn with(core: &Core, memory: usize, values: &[&str]) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.wasm");
        std::fs::write(&path, component(core)).unwrap();
        let plugin = Engine::new(None).unwrap().load(&path, &Grants::default()).unwrap();
        let setup = StageSetup {
            pipeline: "orders".into(),
            stage: "test".into(),
            config: "null".to_owned(),
            outputs: vec!["default".into()],
            limits: Limits { time: Duration::from_millis(50), memory },
            env: Vec::new(),
        };
        let (backoff, max_backoff) = (Duration::from_millis(100), Duration::from_secs(1));
        let on_error = OnError { retries: 2, backoff, max_backoff, hold: Hold::Partition, then: Then::Dlq };
        let stage = Stage::start(&plugin, &setup, on_error, Arc::default()).unwrap();
        let mut batch = Batch::default();
        let topic_field = batch.arena.push(b"in");
        let partition = Partition(0);
        batch.sources.push(Source { topic: "in".into(), topic_field, partition, replay: None });
        for (offset, value) in values.iter().enumerate() {
            let value = batch.arena.push(value.as_bytes());
            let (headers, offset) = (HeaderList::EMPTY, Offset(offset as i64));
            batch.records.push(Record { key: Field::NULL, value, headers, timestamp: NO_TIMESTAMP, offset, source: 0 });
        }
        let mut progress = Progress::default();
        progress.reset(values.len());
        Bench { stage, batch, progress }
    }

    fn settle(&mut self) -> Round {
        let Batch { arena, records, sources } = &mut self.batch;
        let mut work = StageInput { arena, sources, records };
        self.stage.settle(&mut work, &mut self.progress).unwrap()
    }

    /// `k`ept, `d`ropped, `p`ending, or the class of the failure.
    fn settled(&self) -> Vec<&'static str> {
        let name = |settled: &RecordState| match settled {
            RecordState::Pending => "p",
            RecordState::Keep => "k",
            RecordState::Drop => "d",
            RecordState::Revoked => "g",
            RecordState::Emit { .. } => "e",
            RecordState::Failed(number) => self.progress.failed()[*number as usize].class.as_str(),
        };
        self.progress.settled().iter().map(name).collect()
    }
}

#[test]
fn only_the_poison_record_fails_and_its_neighbours_are_settled() {
    let mut bench = Bench::new(&["a", "b", "D", "!", "c", "d", "D", "e"]);
    assert_eq!(bench.settle(), Round::Done);
    assert_eq!(bench.settled(), ["k", "k", "d", "trap", "k", "k", "d", "k"]);
}

#[test]
fn each_of_several_poison_records_fails_with_its_own_class() {
    let mut bench = Bench::new(&["!", "a", "L", "M", "b", "!"]);
    assert_eq!(bench.settle(), Round::Done);
    assert_eq!(bench.settled(), ["trap", "k", "time", "memory", "k", "trap"]);
    assert!(bench.progress.failed().iter().all(|failed| failed.attempts >= 2), "each failed alone in a fresh Store");
}

#[test]
fn a_record_times_out_twice_alone_before_it_fails() {
    let mut bench = Bench::new(&["L"]);
    assert_eq!(bench.settle(), Round::Done);
    assert_eq!(bench.progress.failed()[0].attempts, 2);
}

#[test]
fn after_a_time_out_calls_get_fewer_records_and_then_more_again() {
    let mut bench = Bench::new(&["a", "b", "c", "d", "L", "e", "f", "g"]);
    bench.settle();
    let chunk = bench.stage.chunk;
    assert!(chunk < 8, "smaller after a time-out: {chunk}");
    bench.progress.reset(4);
    bench.batch.records.truncate(4);
    bench.settle();
    assert!(bench.stage.chunk > chunk, "larger when it goes well");
}

#[test]
fn a_batch_retry_is_tried_again_as_often_as_it_says_and_then_record_by_record() {
    let mut bench = Bench::new(&["a", "R", "b"]);
    assert_eq!(bench.settle(), Round::Again);
    assert_eq!(bench.settled(), ["p", "p", "p"]);
    assert_eq!(bench.settle(), Round::Again);
    assert_eq!(bench.settle(), Round::Done);
    assert_eq!(bench.settled(), ["k", "retries", "k"]);
    assert_eq!(bench.progress.failed()[0].reason, "test-plugin");
}

#[test]
fn the_backoff_doubles_up_to_its_limit() {
    let stage = Bench::new(&[]).stage;
    let waits: Vec<u128> = (1..=6).map(|round| stage.backoff(round).as_millis()).collect();
    assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
}

#[test]
fn answers_that_swell_a_batch_beyond_its_bound_fail_their_records_and_leave_nothing_behind() {
    // Fails on batches; to each single record it says an empty emit that carries half of its memory along.
    let swelling = Core::packed(
        r#"(if (i32.gt_u (local.get $count) (i32.const 1)) (then unreachable))
           (local.set $out (call $alloc (i32.const 8) (i32.const 524288)))
           (i32.store8 (local.get $out) (i32.const 2))
           (memory.fill (i32.add (local.get $out) (i32.const 1)) (i32.const 0) (i32.const 63))
           (i32.store offset=16 (local.get $out) (i32.const -1))
           (i32.store offset=24 (local.get $out) (i32.const -2))
           (i32.store offset=32 (local.get $out) (i32.const -2))
           (i32.store offset=40 (local.get $out) (i32.const -2))
           (call $answer (local.get $out) (i32.const 1)
             (i32.add (local.get $out) (i32.const 8)) (i32.const 48) (local.get $out) (i32.const 524288))"#,
    );
    let values: Vec<String> = (0..16).map(|number| number.to_string()).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let mut bench = Bench::with(&swelling, 1 << 20, &values);
    let before = bench.batch.arena.len();
    assert_eq!(bench.settle(), Round::Done);
    let emitted = bench.settled().iter().filter(|settled| **settled == "e").count();
    assert_eq!(bench.settled()[emitted..], vec!["answer"; 16 - emitted], "{:?}", bench.progress.failed());
    assert_eq!(emitted, 7, "seven halves and their entries fit into four times the memory");
    assert_eq!(bench.batch.arena.len() - before, 7 * 524_288);
    let reason = &bench.progress.failed()[0].reason;
    assert!(reason.ends_with("more than 4194304 bytes, 4 times `limits.memory`"), "{reason}");
}
