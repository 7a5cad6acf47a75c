//! What a plugin cannot do: see more than it is granted, hold the host up, or fill its memory. `docs/sandbox.md` names
//! these tests.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Instant;

use super::loading::{refusal, wat};
use super::*;
use crate::plugin::testing::{WIT, encode};

/// Everything that can be granted.
fn all_grants() -> Grants {
    Grants { clock: true, random: true, env: vec!["REGION".to_owned()] }
}

/// A plugin that imports one function of no parameters and results, from an interface of this name.
fn importing(interface: &str, function: &str) -> Vec<u8> {
    let (package, rest) = interface.split_once('/').unwrap();
    let (name, version) = rest.split_once('@').unwrap();
    let wit = WIT.replace("world fast {", &format!("world fast {{ import {interface};"));
    let wit = format!("{wit}\npackage {package}@{version} {{ interface {name} {{ {function}: func(); }} }}\n");
    let core = Core::keep_all().importing(&format!(r#"(import "{interface}" "{function}" (func))"#));
    encode(core.module(), &wit, "fast")
}

/// Limits that are soon reached.
fn tight() -> StageSetup {
    StageSetup { limits: Limits { time: Duration::from_millis(50), memory: 1 << 20 }, ..setup() }
}

fn start(bytes: &[u8]) -> Result<Instance, StartError> {
    load(bytes, &Grants::default()).unwrap().instantiate(&tight(), Arc::default())
}

pub(super) fn start_core(core: &Core) -> Result<Instance, StartError> {
    start(&component(core))
}

pub(super) fn process_core(core: &Core) -> Result<(), CallError> {
    Bench::with_limits(core, tight().limits).values(&["a"]).process()
}

const FOR_EVER: &str = "(loop $ever (br $ever))";

#[test]
fn files_network_processes_and_terminals_cannot_even_be_granted() {
    for (interface, function) in [
        ("wasi:filesystem/preopens@0.2.3", "get-directories"),
        ("wasi:filesystem/types@0.2.3", "filesystem-error-code"),
        ("wasi:sockets/instance-network@0.2.3", "instance-network"),
        ("wasi:sockets/tcp-create-socket@0.2.3", "create-tcp-socket"),
        ("wasi:sockets/udp-create-socket@0.2.3", "create-udp-socket"),
        ("wasi:sockets/ip-name-lookup@0.2.3", "resolve-addresses"),
        ("wasi:http/outgoing-handler@0.2.3", "handle"),
        ("wasi:cli/exit@0.2.3", "exit"),
        ("wasi:cli/stdin@0.2.3", "get-stdin"),
        ("wasi:cli/stdout@0.2.3", "get-stdout"),
        ("wasi:cli/stderr@0.2.3", "get-stderr"),
        ("wasi:cli/terminal-stdin@0.2.3", "get-terminal-stdin"),
        ("wasi:io/poll@0.2.3", "poll"),
        ("someone:elses/thing@1.0.0", "anything"),
    ] {
        let bytes = importing(interface, function);
        let expected = format!("the plugin imports what it is not granted: `{interface}` (nothing grants it); ");
        for grants in [Grants::default(), all_grants()] {
            let said = refusal(&bytes, &grants);
            assert!(said.starts_with(&expected), "{said}");
        }
    }
}

#[test]
fn each_grant_opens_its_own_interfaces_and_no_other() {
    let none = Grants::default;
    let grants = [
        ("clock", Grants { clock: true, ..none() }),
        ("random", Grants { random: true, ..none() }),
        ("env", Grants { env: vec!["REGION".to_owned()], ..none() }),
    ];
    for (interface, function, opened_by) in [
        ("wasi:clocks/wall-clock@0.2.3", "now", "clock"),
        ("wasi:clocks/monotonic-clock@0.2.3", "now", "clock"),
        ("wasi:random/random@0.2.3", "get-random-u64", "random"),
        ("wasi:random/insecure@0.2.3", "get-insecure-random-u64", "random"),
        ("wasi:random/insecure-seed@0.2.3", "insecure-seed", "random"),
        ("wasi:cli/environment@0.2.3", "get-environment", "env"),
    ] {
        let bytes = importing(interface, function);
        for (name, grants) in &grants {
            // The function has no result here, so that what is open is refused for its type, and by name.
            let said = refusal(&bytes, grants);
            let shut = said.starts_with("the plugin imports what it is not granted");
            assert_eq!(shut, *name != opened_by, "{interface} under {name}: {said}");
            assert!(said.contains("grants: {") || !shut, "{said}");
        }
    }
}

#[test]
fn a_grant_covers_neither_another_version_nor_another_function() {
    for (interface, function) in [
        ("wasi:clocks/wall-clock@0.3.0", "now"),
        ("wasi:clocks/wall-clock@0.2.3", "set"),
        ("wasi:clocks/monotonic-clock@0.2.3", "subscribe-instant"),
        ("wasi:random/random@0.2.3", "seed"),
        ("wasi:cli/environment@0.2.3", "set-environment"),
    ] {
        let said = refusal(&importing(interface, function), &all_grants());
        assert!(said.starts_with(&format!("the plugin imports what it is not granted: `{interface}")), "{said}");
        assert!(said.contains("(nothing grants it)"), "{said}");
    }
    let bare = r#"(component (import "now" (func)))"#;
    assert!(!refusal(&wat(bare), &all_grants()).is_empty());
}

#[test]
fn the_monotonic_clock_begins_with_the_instance() {
    let wit = WIT.replace("world fast {", "world fast { import wasi:clocks/monotonic-clock@0.2.3;")
        + "package wasi:clocks@0.2.3 { interface monotonic-clock { now: func() -> u64; } }";
    let core = Core::keep_all()
        .importing(r#"(import "wasi:clocks/monotonic-clock@0.2.3" "now" (func $now (result i64)))"#)
        // Traps where ten minutes are over.
        .init("(if (i64.gt_u (call $now) (i64.const 600000000000)) (then unreachable)) (call $manifest (i32.const 0))");
    let plugin = load(&encode(core.module(), &wit, "fast"), &all_grants()).unwrap();
    plugin.instantiate(&setup(), Arc::default()).unwrap();
}

#[test]
fn more_random_bytes_than_its_memory_holds_are_a_trap() {
    let wit = WIT.replace("world fast {", "world fast { import wasi:random/random@0.2.3;")
        + "package wasi:random@0.2.3 { interface random { get-random-bytes: func(len: u64) -> list<u8>; } }";
    for len in ["0x100000000", "-1", "2000000"] {
        let core = Core::keep_all()
            .importing(r#"(import "wasi:random/random@0.2.3" "get-random-bytes" (func $random (param i64 i32)))"#)
            .init(&format!("(call $random (i64.const {len}) (i32.const 512)) (call $manifest (i32.const 0))"));
        let plugin = load(&encode(core.module(), &wit, "fast"), &all_grants()).unwrap();
        let Err(StartError::Trap { reason, .. }) = plugin.instantiate(&tight(), Arc::default()) else {
            panic!("it is refused")
        };
        assert!(reason.starts_with("more random bytes asked for than the memory limit holds"), "{reason}");
    }
}

#[test]
fn no_way_to_run_for_ever_holds_up_a_start() {
    let post_of_init =
        format!(r#"(func (export "cabi_post_sluicebox:plugin/lifecycle@0.1.0#init") (param i32) {FOR_EVER})"#);
    let realloc = Core::keep_all();
    let realloc = encode(
        wat::parse_str(
            realloc.text().replace("(call $alloc (local.get 2) (local.get 3))", "(loop $ever (br $ever)) unreachable"),
        )
        .unwrap(),
        WIT,
        "fast",
    );
    for (what, bytes) in [
        ("a start function", component(&Core::keep_all().with(&format!("(func $start {FOR_EVER}) (start $start)")))),
        ("init", component(&Core::keep_all().init(&format!("{FOR_EVER} unreachable")))),
        ("post-return of init", component(&Core::keep_all().with(&post_of_init))),
        ("cabi_realloc", realloc),
        (
            "calls without end",
            component(&Core::keep_all().init("(call $again) unreachable").with(
                "(func $again (call $again2)) (func $again2 (loop $ever (call $nothing) (br $ever))) (func $nothing)",
            )),
        ),
    ] {
        let started = Instant::now();
        let Err(error) = start(&bytes) else { panic!("{what} never ends") };
        assert!(matches!(error, StartError::Time { .. }), "{what}: {error}");
        assert!(started.elapsed() < Duration::from_secs(30), "{what}");
    }
}

#[test]
fn no_way_to_run_for_ever_holds_up_a_call() {
    let freeing =
        format!(r#"(func (export "cabi_post_sluicebox:plugin/packed@0.1.0#process") (param i32) {FOR_EVER})"#);
    // Only once it has started: the batch comes through it too.
    let realloc = r#"(global $started (mut i32) (i32.const 0))"#;
    let realloc_text = Core::keep_all()
        .init("(global.set $started (i32.const 1)) (call $manifest (i32.const 31))")
        .with(realloc)
        .text()
        .replace(
            "(call $alloc (local.get 2) (local.get 3))",
            "(if (global.get $started) (then (loop $ever (br $ever)))) (call $alloc (local.get 2) (local.get 3))",
        );
    let realloc = encode(wat::parse_str(realloc_text).unwrap(), WIT, "fast");
    for (what, bytes) in [
        ("process", component(&Core::packed(&format!("{FOR_EVER} unreachable")))),
        ("post-return of process", component(&Core::keep_all().with(&freeing))),
        ("cabi_realloc", realloc),
    ] {
        let mut bench = Bench::of(&bytes, tight().limits).values(&["a"]);
        assert_eq!(bench.process(), Err(CallError::Time), "{what}");
    }
}

#[test]
fn memories_and_tables_beyond_the_limit_are_refused_at_the_start() {
    for (what, parts) in [
        ("a memory", r#"(memory $more 4096)"#),
        ("a memory of 64 bits", r#"(memory $more i64 4294967296)"#),
        ("a table", r#"(table 10000000 funcref)"#),
        ("memories that add up", &"(memory 8)".repeat(20)),
        ("tables that add up", &"(table 20000 funcref)".repeat(20)),
    ] {
        let Err(error) = start_core(&Core::keep_all().with(parts)) else { panic!("{what} is refused") };
        assert!(matches!(error, StartError::Memory { .. }), "{what}: {error}");
    }
}

#[test]
fn a_memory_or_table_cannot_grow_beyond_the_limit_in_a_call() {
    let grow = |what: &str, more: &str| {
        Core::packed(&format!("(if (i32.eq ({what}) (i32.const -1)) (then unreachable)) unreachable")).with(more)
    };
    assert_eq!(process_core(&grow("memory.grow (i32.const 60000)", "")), Err(CallError::Memory));
    let table = "(table $table 1 funcref)";
    assert_eq!(
        process_core(&grow("table.grow $table (ref.null func) (i32.const 9000000)", table)),
        Err(CallError::Memory)
    );
}

#[test]
fn a_stack_without_end_is_a_trap() {
    let deep = Core::packed("(call $deeper) unreachable").with("(func $deeper (call $deeper))");
    let Err(CallError::Trap(reason)) = process_core(&deep) else { panic!("the stack has an end") };
    assert!(reason.starts_with("wasm trap: call stack exhausted in deeper < deeper"), "{reason}");
}

#[test]
fn memory_that_threads_share_is_refused() {
    let shared = Core::keep_all().with("(memory $shared 1 1 shared)");
    let said = load(&component(&shared), &Grants::default())
        .map(|plugin| plugin.instantiate(&tight(), Arc::default()).map(|_| ()));
    assert!(!matches!(said, Ok(Ok(()))), "the limits do not count such memory");
}

/// A component in which each of `levels` components uses the one before `times` times.
fn unfolding(levels: usize, times: usize) -> Vec<u8> {
    let mut text = String::from("(component (component $c0 (core module $m) (core instance (instantiate $m)))");
    for level in 1..=levels {
        let inner = level - 1;
        write!(text, "(component $c{level} (alias outer 1 $c{inner} (component $used))").unwrap();
        text.push_str(&"(instance (instantiate $used))".repeat(times));
        text.push(')');
    }
    write!(text, "(instance (instantiate $c{levels})))").unwrap();
    wat(&text)
}

#[test]
fn a_small_file_that_unfolds_to_a_huge_component_is_refused_before_it_is_compiled() {
    let bytes = unfolding(12, 10);
    assert!(bytes.len() < 2000);
    let started = Instant::now();
    let said = refusal(&bytes, &Grants::default());
    assert!(said.starts_with("compiling it would take too long: the component is put together of parts: "), "{said}");
    assert!(said.contains(", more than 100000; "), "{said}");
    assert!(started.elapsed() < Duration::from_secs(10));
    // Small ones only lack what makes a plugin.
    assert!(refusal(&unfolding(2, 3), &Grants::default()).starts_with("the plugin exports neither"));
}

#[test]
fn a_function_that_would_take_minutes_to_compile_is_refused() {
    let long = "(local.set 0 (i32.add (local.get 0) (i32.const 12345)))".repeat(200_000);
    let core = Core::keep_all().with(&format!("(func (param i32) {long})"));
    let started = Instant::now();
    let said = refusal(&component(&core), &Grants::default());
    assert!(said.starts_with("compiling it would take too long: the component has a function of bytes: "), "{said}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_file_that_is_too_large_or_no_file_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::new(&CacheDirs::default()).unwrap();
    let said = |path: &std::path::Path| engine.load(path, &Grants::default()).map(|_| ()).unwrap_err().to_string();
    let large = dir.path().join("large.wasm");
    let mut file = std::fs::File::create(&large).unwrap();
    file.write_all(b"\0asm").unwrap();
    // It takes no room on the disk.
    file.set_len(8 << 30).unwrap();
    assert!(said(&large).contains("the plugin file has more than 134217728 bytes"), "{}", said(&large));
    assert!(said(std::path::Path::new("/dev/zero")).ends_with("it is no regular file"));
    assert!(said(dir.path()).ends_with("it is no regular file"));
}
