//! Plugins with typed records, for which the host takes what they answer apart.

use super::*;

/// Drops records without a value; emits the others with their key null, their value set, timestamp 7, to the output
/// that their value names. Layouts are those of the canonical ABI: a message takes 88 bytes, an outcome 12, a produced
/// record 64.
const TYPED: &str = r#"
  (func $typed (export "sluicebox:plugin/records@0.1.0#process") (param $in i32) (param $count i32) (result i32)
    (local $i i32) (local $out i32) (local $first i32) (local $one i32)
    (local.set $out (call $alloc (i32.const 8) (i32.mul (local.get $count) (i32.const 12))))
    (local.set $first (local.get $out))
    (loop $next
      (if (i32.load8_u offset=12 (local.get $in))
        (then
          (local.set $one (call $alloc (i32.const 8) (i32.const 64)))
          (memory.fill (local.get $one) (i32.const 0) (i32.const 64))
          (i32.store (local.get $one) (i32.const 1))
          (i32.store offset=4 (local.get $one) (i32.load offset=16 (local.get $in)))
          (i32.store offset=8 (local.get $one) (i32.load offset=20 (local.get $in)))
          (i32.store offset=12 (local.get $one) (i32.const 1))
          (i32.store offset=24 (local.get $one) (i32.const 2))
          (i32.store offset=28 (local.get $one) (i32.load offset=16 (local.get $in)))
          (i32.store offset=32 (local.get $one) (i32.load offset=20 (local.get $in)))
          (i32.store offset=48 (local.get $one) (i32.const 1))
          (i64.store offset=56 (local.get $one) (i64.const 7))
          (i32.store (local.get $out) (i32.const 2))
          (i32.store offset=4 (local.get $out) (local.get $one))
          (i32.store offset=8 (local.get $out) (i32.const 1)))
        (else
          (i32.store (local.get $out) (i32.const 1))))
      (local.set $in (i32.add (local.get $in) (i32.const 88)))
      (local.set $out (i32.add (local.get $out) (i32.const 12)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
    (global.set $heap (i32.const 4096))
    (i32.store8 (i32.const 64) (i32.const 0))
    (i32.store (i32.const 68) (local.get $first))
    (i32.store (i32.const 72) (local.get $count))
    (i32.const 64))
"#;

#[test]
fn a_plugin_with_typed_records_answers_the_same_way() {
    let mut bench = Bench::new(&Core::records(TYPED)).values(&["audit"]).value(None).values(&["nowhere"]);
    assert_eq!(bench.instance.plugin().interface(), Interface::Records);
    bench.process().unwrap();
    assert_eq!(bench.answer.verdicts, [Verdict::Emit, Verdict::Drop, Verdict::Emit]);
    assert_eq!(bench.texts(), [Some("audit"), Some("nowhere")]);
    let [audit, nowhere] = bench.answer.produced[..] else { panic!("two are produced") };
    assert_eq!((audit.record, audit.output, audit.timestamp), (0, OutputName::Declared(1), Some(7)));
    assert_eq!((audit.key, audit.headers), (Change::Set(Field::NULL), HeadersChange::Inherit));
    let OutputName::Undeclared(name) = nowhere.output else { panic!("it is no output") };
    assert_eq!(bench.batch.arena.get(name), Some(&b"nowhere"[..]));
}

#[test]
fn typed_outcomes_are_counted() {
    let none = r#"(func (export "sluicebox:plugin/records@0.1.0#process") (param i32 i32) (result i32)
                    (i32.store8 (i32.const 64) (i32.const 0))
                    (i64.store (i32.const 68) (i64.const 0))
                    (i32.const 64))"#;
    let mut bench = Bench::new(&Core::records(none)).values(&["a"]);
    assert_eq!(bench.process(), Err(CallError::Answer("0 outcomes on 1 records".to_owned())));
}
