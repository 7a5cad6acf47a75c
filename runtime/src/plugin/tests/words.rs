//! What a plugin says is bounded: names, reasons, counters and log messages. CONTRIBUTING.md names these tests.

use std::io::Write;
use std::sync::Mutex;
use std::time::Instant;

use tracing_subscriber::fmt::MakeWriter;

use super::sandbox::{process_core, start_core};
use super::*;

#[test]
fn what_a_plugin_says_of_itself_at_the_start_is_cut() {
    // Each says 900 KB.
    let long =
        |body: &str| Core::keep_all().init(&format!("(drop (call $alloc (i32.const 1) (i32.const 900000))) {body}"));
    let fill = "(memory.fill (i32.const 4096) (i32.const 97) (i32.const 900000))";
    let refusing = long(&format!("{fill} (call $refuse (i32.const 4096) (i32.const 900000))"));
    let Err(StartError::Init { message, .. }) = start_core(&refusing) else { panic!("it refuses") };
    assert_eq!(message, "a".repeat(16 * 1024));
    for at in [8, 16] {
        let pointer = at - 4;
        let naming = long(&format!(
            "{fill} (drop (call $manifest (i32.const 0))) (i32.store (i32.const {pointer}) (i32.const 4096))
             (i32.store (i32.const {at}) (i32.const 900000)) (i32.const 0)"
        ));
        let Err(StartError::Manifest { reason, .. }) = start_core(&naming) else { panic!("it is too long") };
        assert!(reason.ends_with("has 900000 bytes, more than 256"), "{reason}");
    }
}

#[test]
fn a_trap_in_a_function_with_an_endless_name_is_told_in_few_words() {
    let name = "n".repeat(90_000);
    let core = Core::packed(&format!("(call ${name}) unreachable"))
        .with(&format!("(func ${name} (memory.fill (i32.const 8192) (i32.const 97) (i32.const 50000)) (call $log (i32.const 0) (i32.const 8192) (i32.const 50000)) unreachable)"))
        .talking();
    let Err(CallError::Trap(reason)) = process_core(&core) else { panic!("it traps") };
    assert!(reason.len() < 16 * 1024, "{} bytes", reason.len());
    assert!(reason.contains(" in nnnn") && reason.starts_with("aaaa"), "{reason}");
}

/// Typed outcomes that all have the same 900 KB reason: far more than the plugin's memory, were they copied.
#[test]
fn an_answer_that_says_the_same_bytes_again_and_again_is_refused() {
    let core = Core::records(
        r#"(func (export "sluicebox:plugin/records@0.1.0#process") (param i32 i32) (result i32)
             (local $at i32)
             (drop (call $alloc (i32.const 1) (i32.const 900000)))
             (local.set $at (i32.const 65536))
             (loop $next
               (i32.store (local.get $at) (i32.const 3))
               (i32.store offset=4 (local.get $at) (i32.const 200000))
               (i32.store offset=8 (local.get $at) (i32.const 700000))
               (local.set $at (i32.add (local.get $at) (i32.const 12)))
               (br_if $next (i32.lt_u (local.get $at) (i32.const 185536))))
             (i32.store8 (i32.const 64) (i32.const 0))
             (i32.store (i32.const 68) (i32.const 65536))
             (i32.store (i32.const 72) (i32.const 10000))
             (i32.const 64))"#,
    );
    let Err(CallError::Answer(reason)) = process_core(&core) else { panic!("it is refused") };
    assert!(reason.contains("fuel"), "{reason}");
}

#[test]
fn names_of_counters_without_end_are_not_kept() {
    // Counts under 100,000 names: the number, in four bytes of text.
    let core = Core::all(
        "0",
        r#"(loop $next
             (i32.store (i32.const 300) (i32.or (i32.const 0x20202020) (i32.and (i32.const 0x1f1f1f1f)
               (i32.mul (local.get $i) (i32.const 0x00204081)))))
             (call $metric (i32.const 300) (i32.const 4) (i64.const 1))
             (local.set $i (i32.add (local.get $i) (i32.const 1)))
             (br_if $next (i32.lt_u (local.get $i) (i32.const 100000))))"#,
    )
    .talking();
    let mut bench = Bench::new(&core).values(&["a"]);
    bench.process().unwrap();
    let counters = bench.instance.counters();
    assert_eq!(counters.iter().count(), 256);
    assert_eq!(counters.iter().map(|(_, count)| count).sum::<u64>() + counters.ignored(), 100_000);
    assert!(counters.ignored() > 0);
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Written {
    type Writer = Written;

    fn make_writer(&self) -> Written {
        self.clone()
    }
}

#[test]
fn a_flood_of_log_messages_is_cut_in_number_and_in_length() {
    let core = Core::all(
        "0",
        r#"(drop (call $alloc (i32.const 1) (i32.const 100000)))
           (memory.fill (i32.const 8192) (i32.const 97) (i32.const 80000))
           (loop $next
             (call $log (i32.const 2) (i32.const 8192) (i32.const 80000))
             (local.set $i (i32.add (local.get $i) (i32.const 1)))
             (br_if $next (i32.lt_u (local.get $i) (i32.const 10000))))"#,
    )
    .talking();
    let mut bench = Bench::new(&core).values(&["a"]);
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt().with_writer(written.clone()).finish();
    let started = Instant::now();
    tracing::subscriber::with_default(subscriber, || {
        bench.process().unwrap();
        drop(bench);
    });
    let windows = 1 + started.elapsed().as_secs() as usize;
    let written = String::from_utf8(std::mem::take(&mut *written.0.lock().unwrap())).unwrap();
    let messages = written.lines().filter(|line| line.contains("aaaa")).count();
    assert!((100..=100 * windows).contains(&messages), "{messages} in {windows} s");
    assert!(written.lines().all(|line| line.len() < 5000));
    assert!(written.contains("suppressed: more than 100 messages a second"), "{}", &written[written.len() - 500..]);
}

#[test]
fn control_characters_of_a_plugin_do_not_reach_the_terminal() {
    let core = Core::all("0", "(call $log (i32.const 0) (i32.const 300) (i32.const 9))")
        .with(r#"(data (i32.const 300) "\1b[31mred\07")"#)
        .talking();
    let mut bench = Bench::new(&core).values(&["a"]);
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(written.clone()).finish();
    tracing::subscriber::with_default(subscriber, || bench.process().unwrap());
    let written = written.0.lock().unwrap().clone();
    assert!(written.windows(3).any(|word| word == b"red"));
    assert!(!written.contains(&0x1b) && !written.contains(&7), "{:?}", String::from_utf8_lossy(&written));
}
