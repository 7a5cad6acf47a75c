;; A plugin written by hand, without an SDK: docs/plugin-abi.md tells of every offset and name in it.
;;
;;   null value              keep
;;   empty value             reject, "the value is empty"
;;   a value without a `!`   drop
;;   a value with a `!`      emit it with its ASCII letters in upper case; keep where there is nothing to change
;;
;; `sluice plugin build plugins/examples/by-hand` makes a component of it. Any language whose compiler makes core modules can do the
;; same: what counts are the names of the exports and the bytes in memory.

(module
  ;; What the host offers; nothing has to be imported. A string is passed as its place and its length.
  (import "sluicebox:plugin/log@0.1.0" "write" (func $log (param $level i32) (param $text i32) (param $len i32)))

  ;; The host reads and writes this memory. Its name has to be `memory`.
  (memory (export "memory") 1)

  ;; 16 to 44: the return area, where `init` and `process` leave their results. 64 to 256: texts. From 256: the heap.
  (data (i32.const 64) "by-hand")                                   ;; 7 bytes
  (data (i32.const 80) "0.1.0")                                     ;; 5 bytes
  (data (i32.const 96) "the value is empty")                        ;; 18 bytes
  (data (i32.const 128) "config: this plugin takes none, found ")   ;; 38 bytes
  (data (i32.const 192) "started")                                  ;; 7 bytes

  ;; The first free byte. Memory is only ever taken; each call gives all of it back at its end.
  (global $heap (mut i32) (i32.const 256))

  ;; Takes `$size` bytes at a multiple of `$align`, which is a power of two.
  (func $take (param $align i32) (param $size i32) (result i32)
    (local $at i32) (local $missing i32)
    (local.set $at
      (i32.and
        (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    ;; Pages of 64 KiB that the heap needs beyond those there are.
    (local.set $missing
      (i32.sub
        (i32.add (i32.shr_u (global.get $heap) (i32.const 16)) (i32.const 1))
        (memory.size)))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then
        ;; Refused: the limit of the stage. A trap, which the host reports as class `memory`.
        (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1)) (then unreachable))))
    (local.get $at))

  ;; The host asks for the memory of each argument here, before it calls. It must not call out (no log, no counters).
  (func (export "cabi_realloc")
    (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (call $take (local.get $align) (local.get $size)))
    (memory.copy
      (local.get $at) (local.get $old)
      (select (local.get $old_size) (local.get $size) (i32.lt_u (local.get $old_size) (local.get $size))))
    (local.get $at))

  ;; init: func(config: config) -> result<manifest, string>
  ;; The fields of `config` are passed one after the other: stage, json, outputs.
  (func (export "sluicebox:plugin/lifecycle@0.1.0#init")
    (param $stage i32) (param $stage_len i32)
    (param $json i32) (param $json_len i32)
    (param $outputs i32) (param $outputs_len i32)
    (result i32)
    ;; This plugin has no configuration: the JSON must be `null`, which is 6e 75 6c 6c.
    (if (i32.ne (local.get $json_len) (i32.const 4))
      (then (return (call $refuse (local.get $json) (local.get $json_len)))))
    (if (i32.ne (i32.load align=1 (local.get $json)) (i32.const 0x6c6c756e))
      (then (return (call $refuse (local.get $json) (local.get $json_len)))))
    ;; Level 2 is `info`.
    (call $log (i32.const 2) (i32.const 192) (i32.const 7))
    (i32.store8 offset=0 (i32.const 16) (i32.const 0))      ;; ok
    (i32.store offset=4 (i32.const 16) (i32.const 64))      ;; name
    (i32.store offset=8 (i32.const 16) (i32.const 7))
    (i32.store offset=12 (i32.const 16) (i32.const 80))     ;; version
    (i32.store offset=16 (i32.const 16) (i32.const 5))
    (i32.store8 offset=20 (i32.const 16) (i32.const 0x02))  ;; needs: value
    (global.set $heap (i32.const 256))
    (i32.const 16))

  ;; The error of `init`: what was found stands behind the fixed text.
  (func $refuse (param $json i32) (param $json_len i32) (result i32)
    (local $text i32)
    (local.set $text (call $take (i32.const 1) (i32.add (i32.const 38) (local.get $json_len))))
    (memory.copy (local.get $text) (i32.const 128) (i32.const 38))
    (memory.copy (i32.add (local.get $text) (i32.const 38)) (local.get $json) (local.get $json_len))
    (i32.store8 offset=0 (i32.const 16) (i32.const 1))      ;; err
    (i32.store offset=4 (i32.const 16) (local.get $text))
    (i32.store offset=8 (i32.const 16) (i32.add (i32.const 38) (local.get $json_len)))
    (global.set $heap (i32.const 256))
    (i32.const 16))

  ;; process: func(batch: packed-batch) -> result<packed-result, failure>
  (func (export "sluicebox:plugin/packed@0.1.0#process")
    (param $index i32) (param $index_len i32) (param $data i32) (param $data_len i32) (result i32)
    (local $count i32) (local $record i32) (local $in i32)
    (local $verdicts i32) (local $verdict i32)
    (local $entries i32) (local $entries_len i32)
    (local $out i32)
    (local $value i32) (local $len i32) (local $upper i32)

    (local.set $count (i32.div_u (local.get $index_len) (i32.const 56)))
    ;; A byte and at most one entry for each record; the data comes last, so that it can grow as the heap does.
    (local.set $verdicts (call $take (i32.const 1) (local.get $count)))
    (local.set $entries (call $take (i32.const 8) (i32.mul (local.get $count) (i32.const 48))))
    ;; Data begins with the reason, once for all rejects.
    (local.set $out (call $take (i32.const 1) (i32.const 18)))
    (memory.copy (local.get $out) (i32.const 96) (i32.const 18))

    (local.set $in (local.get $index))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $record) (local.get $count)))
        (local.set $len (i32.load offset=12 align=1 (local.get $in)))
        (local.set $value (i32.add (local.get $data) (i32.load offset=8 align=1 (local.get $in))))

        (local.set $verdict (i32.const 0))                                          ;; keep
        (block $judged
          (br_if $judged (i32.eq (local.get $len) (i32.const 0xffffffff)))          ;; null is not empty
          (if (i32.eqz (local.get $len))
            (then
              (local.set $verdict (i32.const 3))                                    ;; reject
              (call $entry
                (i32.add (local.get $entries) (local.get $entries_len))
                (local.get $record) (i32.const 0) (i32.const 18))
              (local.set $entries_len (i32.add (local.get $entries_len) (i32.const 48)))
              (br $judged)))
          (if (i32.eqz (call $contains (local.get $value) (local.get $len) (i32.const 0x21)))
            (then
              (local.set $verdict (i32.const 1))                                    ;; drop
              (br $judged)))
          (local.set $upper (call $take (i32.const 1) (local.get $len)))
          (if (call $uppercase (local.get $value) (local.get $len) (local.get $upper))
            (then
              (local.set $verdict (i32.const 2))                                    ;; emit
              ;; Offsets count from the start of the answer's own data.
              (call $entry
                (i32.add (local.get $entries) (local.get $entries_len))
                (local.get $record) (i32.sub (local.get $upper) (local.get $out)) (local.get $len))
              (local.set $entries_len (i32.add (local.get $entries_len) (i32.const 48))))
            (else
              ;; Nothing has changed: it is kept, and the copy is given back.
              (global.set $heap (local.get $upper)))))

        (i32.store8 (i32.add (local.get $verdicts) (local.get $record)) (local.get $verdict))
        (local.set $record (i32.add (local.get $record) (i32.const 1)))
        (local.set $in (i32.add (local.get $in) (i32.const 56)))
        (br $next)))

    (i32.store8 offset=0 (i32.const 16) (i32.const 0))                              ;; ok
    (i32.store offset=4 (i32.const 16) (local.get $verdicts))
    (i32.store offset=8 (i32.const 16) (local.get $count))
    (i32.store offset=12 (i32.const 16) (local.get $entries))
    (i32.store offset=16 (i32.const 16) (local.get $entries_len))
    (i32.store offset=20 (i32.const 16) (local.get $out))
    (i32.store offset=24 (i32.const 16) (i32.sub (global.get $heap) (local.get $out)))
    ;; There is no post-return function, so the host reads the answer where it lies, before it calls again. The arguments
    ;; of the next call may therefore be written over it.
    (global.set $heap (i32.const 256))
    (i32.const 16))

  ;; Writes an index entry that says nothing but a value (or a reason): all else is inherited.
  (func $entry (param $at i32) (param $record i32) (param $value i32) (param $len i32)
    (i32.store offset=0 (local.get $at) (local.get $record))
    (i32.store offset=4 (local.get $at) (i32.const 0))
    (i32.store offset=8 (local.get $at) (i32.const 0xffffffff))                     ;; output: on to the next stage
    (i32.store offset=12 (local.get $at) (i32.const 0))
    (i32.store offset=16 (local.get $at) (i32.const 0xfffffffe))                    ;; key: inherited
    (i32.store offset=20 (local.get $at) (local.get $value))
    (i32.store offset=24 (local.get $at) (local.get $len))
    (i32.store offset=28 (local.get $at) (i32.const 0))
    (i32.store offset=32 (local.get $at) (i32.const 0xfffffffe))                    ;; headers: inherited
    (i32.store offset=36 (local.get $at) (i32.const 0))                             ;; reserved
    (i64.store offset=40 (local.get $at) (i64.const -0x8000000000000000)))          ;; timestamp: inherited

  ;; Whether one of the `$len` bytes at `$at` is `$byte`.
  (func $contains (param $at i32) (param $len i32) (param $byte i32) (result i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $at) (local.get $len)))
    (loop $next
      (if (i32.eq (local.get $at) (local.get $end)) (then (return (i32.const 0))))
      (if (i32.eq (i32.load8_u (local.get $at)) (local.get $byte)) (then (return (i32.const 1))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next))
    unreachable)

  ;; Writes `$len` bytes to `$to` with `a` to `z` in upper case; whether there was one.
  (func $uppercase (param $from i32) (param $len i32) (param $to i32) (result i32)
    (local $end i32) (local $byte i32) (local $changed i32)
    (local.set $end (i32.add (local.get $from) (local.get $len)))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $from) (local.get $end)))
        (local.set $byte (i32.load8_u (local.get $from)))
        (if (i32.lt_u (i32.sub (local.get $byte) (i32.const 0x61)) (i32.const 26))
          (then
            (local.set $byte (i32.sub (local.get $byte) (i32.const 0x20)))
            (local.set $changed (i32.const 1))))
        (i32.store8 (local.get $to) (local.get $byte))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (br $next)))
    (local.get $changed))
)
