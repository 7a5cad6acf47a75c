;; As much of a plugin as makes a component, which asks WASI for the time and for randomness.
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
  (func (export "sluicebox:plugin/lifecycle@0.1.0#init") (param i32 i32 i32 i32 i32 i32) (result i32)
    (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 64)))
    (drop (call $random (i32.const 64) (i32.const 8)))
    i32.const 128)
  (func (export "sluicebox:plugin/packed@0.1.0#process") (param i32 i32 i32 i32) (result i32) i32.const 128))
