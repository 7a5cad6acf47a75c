//! A stage over real components and over simulated plugins: what fails is found and its neighbours go on.

use std::sync::Arc;
use std::time::Duration;

use super::simulated::{Act, Calls, SimulatedPlugin};
use super::*;
use crate::batch::{Batch, Field, HeaderList, NO_TIMESTAMP, Offset, Partition};
use crate::config::plan::{Grants, Hold, Limits, Then};
use crate::failure::Class;
use crate::plugin::testing::{Core, component};
use crate::plugin::{CacheDirs, CallError, Engine, Verdict};

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
    noted: Noted,
}

/// What a stage tells its observer.
#[derive(Default)]
struct Noted {
    settled: SettledCount,
    timeouts: Vec<TimedOut>,
    recovered: usize,
    // Where so many have failed nothing more is called.
    stop_at: Option<u64>,
}

impl Observer for Noted {
    fn before_call(&mut self, progress: &mut Progress) -> Result<(), StageError> {
        if self.stop_at.is_some_and(|failures| self.settled.failed >= failures) {
            (0..progress.states().len())
                .filter(|i| progress.is_pending(*i))
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(|index| progress.discard(index));
        }
        Ok(())
    }

    fn settled(&mut self, _progress: &Progress, settled: SettledCount) {
        self.settled.total += settled.total;
        self.settled.failed += settled.failed;
    }

    fn timed_out(&mut self, call: TimedOut) {
        self.timeouts.push(call);
    }

    fn recovered(&mut self) {
        self.recovered += 1;
    }
}

fn setup(memory: usize) -> StageSetup {
    StageSetup {
        pipeline: "orders".into(),
        stage: "test".into(),
        config: "null".to_owned(),
        outputs: vec!["default".into()],
        limits: Limits { time: Duration::from_millis(50), memory },
        env: Vec::new(),
        show: Default::default(),
    }
}

fn on_error() -> OnError {
    let (backoff, max_backoff) = (Duration::from_millis(100), Duration::from_secs(1));
    OnError { retries: 2, backoff, max_backoff, hold: Hold::Partition, then: Then::Dlq }
}

impl Bench {
    fn new(values: &[&str]) -> Bench {
        Bench::with(&obedient(), 16 << 20, values)
    }

    fn with(core: &Core, memory: usize, values: &[&str]) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.wasm");
        std::fs::write(&path, component(core)).unwrap();
        let plugin = Engine::new(&CacheDirs::default()).unwrap().load(&path, &Grants::default()).unwrap();
        let stage = Stage::start(&plugin, &setup(memory), on_error(), Arc::default()).unwrap();
        Bench::of(stage, values)
    }

    fn simulated(decide: impl FnMut(&str) -> Act + Send + 'static, values: &[&str]) -> (Bench, Calls) {
        let plugin = SimulatedPlugin::by_value(decide);
        let calls = plugin.calls();
        (Bench::of(Stage::new(Box::new(plugin), &setup(1 << 20), on_error()), values), calls)
    }

    fn of(stage: Stage, values: &[&str]) -> Bench {
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
        Bench { stage, batch, progress, noted: Noted::default() }
    }

    fn settle(&mut self) -> Round {
        let Batch { arena, records, sources } = &mut self.batch;
        let mut input = StageInput { arena, sources, records };
        self.stage.settle(&mut input, &mut self.progress, &mut self.noted).unwrap()
    }

    /// The class of each failure; `k`ept, `d`ropped, `p`ending, `r`evoked and `e`mitted.
    fn settled(&self) -> Vec<&'static str> {
        let name = |state: &RecordState| match state {
            RecordState::Pending => "p",
            RecordState::Keep => "k",
            RecordState::Drop => "d",
            RecordState::Revoked => "r",
            RecordState::Emit { .. } => "e",
            RecordState::Failed(number) => self.progress.failed()[*number as usize].class.as_str(),
        };
        self.progress.states().iter().map(name).collect()
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
    bench.batch.records.truncate(4);
    let settle = |bench: &mut Bench| {
        bench.progress.reset(4);
        bench.settle();
    };
    settle(&mut bench);
    assert_eq!(bench.stage.chunk, chunk, "a few good calls say little");
    (0..16).for_each(|_| settle(&mut bench));
    assert!(bench.stage.chunk > chunk, "larger when it goes well for a while");
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

#[test]
fn the_breaker_hears_of_each_failure_as_it_settles() {
    let (mut bench, calls) = Bench::simulated(|_| Act::Fail(CallError::Trap("no".into())), &["a"; 64]);
    bench.noted.stop_at = Some(3);
    assert_eq!(bench.settle(), Round::Done);
    assert_eq!(bench.noted.settled, SettledCount { total: 3, failed: 3 });
    assert_eq!(bench.settled().iter().filter(|state| **state == "r").count(), 61, "the rest is left where it is");
    assert!(calls.sizes().len() < 16, "{:?}", calls.sizes());
}

#[test]
fn a_stage_that_times_out_on_everything_goes_record_by_record_and_soon_needs_no_second_call() {
    let (mut bench, calls) = Bench::simulated(|_| Act::Fail(CallError::Time), &["a"; 1024]);
    bench.noted.stop_at = Some(100);
    bench.settle();
    let sizes = calls.sizes();
    assert_eq!(sizes[..4], [1024, 512, 256, 1]);
    // Two calls for each of the first ten records, one for each of the others.
    assert_eq!(sizes.len(), 3 + 10 * 2 + 90);
    assert_eq!(bench.noted.settled, SettledCount { total: 100, failed: 100 });
    let last = bench.noted.timeouts.last().unwrap();
    assert_eq!((last.in_a_row as usize, last.first, last.records), (sizes.len(), 99, 1));
}

#[test]
fn records_that_answer_in_time_end_the_distrust() {
    let slow = |value: &str| if value == "L" { Act::Fail(CallError::Time) } else { Act::Keep };
    let values = [["L"; 12].as_slice(), &["a"], &["L"], &["a"; 40], &["L"]].concat();
    let (mut bench, _calls) = Bench::simulated(slow, &values);
    assert_eq!(bench.settle(), Round::Done);
    assert_eq!(bench.settled(), values.iter().map(|v| if *v == "L" { "time" } else { "k" }).collect::<Vec<_>>());
    let attempts: Vec<u32> = bench.progress.failed().iter().map(|failed| failed.attempts).collect();
    // With three, three, three, two calls with others, and with one.
    assert_eq!(attempts[9..], [3 + 2, 3 + 1, 3 + 1, 2 + 1, 1 + 3], "the last one once more with a fresh instance");
    assert!(bench.noted.recovered >= 2);
}

#[test]
fn reasons_that_share_bytes_are_cut_and_count_against_the_bound() {
    let reject = |_: &str| Act::RejectShared(1 << 20);
    let (mut bench, _calls) = Bench::simulated(reject, &["a"; 8000]);
    assert_eq!(bench.settle(), Round::Done);
    let bytes: usize = bench.progress.failed().iter().map(|failed| failed.reason.len()).sum();
    assert!(bytes < 4 << 20, "{bytes} bytes of reasons");
    assert_eq!(bench.progress.failed()[0].reason.len(), 1024);
    assert!(bench.progress.failed()[7999].reason.starts_with("the reason is left out"));
}

#[test]
fn calls_verdicts_restarts_retries_and_the_plugins_own_counts_reach_the_counters() {
    let decide = |value: &str| match value {
        "count" => Act::Count("seen"),
        "trap" => Act::Fail(CallError::Trap("no".into())),
        "retry" => Act::Retry("later".into()),
        _ => Act::Drop,
    };
    let (mut bench, _calls) = Bench::simulated(decide, &["count", "drop", "retry", "trap"]);
    let counters: Arc<crate::counters::StageCounters> = Arc::default();
    bench.stage = bench.stage.with_counters(counters.clone());
    assert_eq!(bench.settle(), Round::Again);
    assert_eq!((counters.verdicts(Verdict::Keep), counters.verdicts(Verdict::Drop)), (1, 1));
    assert_eq!((counters.verdicts(Verdict::Retry), counters.restarts(Class::Trap)), (1, 4));
    assert_eq!((counters.calls.get(), counters.retries.get()), (6, 0));
    let seen = bench.stage.counters().get("seen").unwrap();
    assert_eq!(counters.plugin(), [("seen".to_owned(), seen)]);
    bench.settle();
    assert_eq!(counters.retries.get(), 1);
    assert_eq!(counters.plugin(), [("seen".to_owned(), seen)], "nothing is counted twice");
}

/// Were any of it quadratic, this would take minutes.
#[test]
fn a_million_records_that_are_to_be_retried_are_gone_through_once_a_round() {
    let values = vec!["a"; 1_000_000];
    let (mut bench, _calls) = Bench::simulated(|_| Act::Retry("later".into()), &values);
    bench.stage.room = usize::MAX;
    let all: Vec<usize> = (0..values.len()).collect();
    while bench.settle() == Round::Again {
        bench.progress = bench.progress.select(&all, |produced| produced);
    }
    assert_eq!(bench.progress.failed().len(), values.len());
    assert_eq!(bench.progress.failed()[999_999].reason, "later");
}
