;; WASI preview1, answered inside the component.
;;
;; The runtimes of Go, C and others want WASI to start. This module answers every function of it from globals
;; alone: a clock of its own, seeded randomness, no environment, no arguments, no files. The one thing that
;; leaves is what a plugin prints, to the host's log. A component built with it imports no more than the
;; plugin's own functions ask for: what is never called is removed when the component is made, with its imports.
;;
;; Rules that this file lives under:
;; - It borrows the plugin's memory and never grows it (Go takes it that all memory grown is its own), has no
;;   memory, table, data segment or start of its own, and keeps its state in globals.
;; - No global may be called `__stack_pointer` or `allocation_state`: to `wit-component` those names mean that
;;   a stack has to be allocated.
;; - The marks `@clock` and `@random` are where a build that leaves the clocks or randomness to the host asks the
;;   host and returns, before it comes to the stub.
(module
  ;; level: 0 error, 1 warn, 2 info, 3 debug; then the message: where, how long
  (import "sluicebox:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))
  ;; writes { seconds: u64, nanoseconds: u32 } to an address that 8 divides
  (import "wasi:clocks/wall-clock@0.2.0" "now" (func $wall_now (param i32)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $monotonic_now (result i64)))
  (import "wasi:random/random@0.2.0" "get-random-u64" (func $host_random (result i64)))
  (import "env" "memory" (memory 0))

  ;; Nanoseconds since 1970 of the stubbed clock, at the start 2026-01-01T00:00:00Z.
  (global $time (mut i64) (i64.const 1767225600000000000))
  ;; Nanoseconds that the stubbed clock moves at each reading.
  (global $step (mut i64) (i64.const 1000000))
  ;; What the host's clocks said last, for when they may not be asked.
  (global $wall_last (mut i64) (i64.const 1767225600000000000))
  (global $monotonic_last (mut i64) (i64.const 1))
  ;; The state of the generator, a fixed seed at the start.
  (global $seed (mut i64) (i64.const 0x51c1ceb0c5eed001))
  ;; Whether the host's functions may be called, see `sluicebox_may_leave`.
  (global $may_leave (mut i32) (i32.const 1))

  ;; errno: 0 success, 8 badf, 28 inval, 52 nosys, 70 spipe

  ;; A component must not call out while the host has called its `cabi_realloc`, and the host traps it if it
  ;; does. Go's scheduler reads the clock before and after every exported function, `cabi_realloc` among them.
  ;; Such a runtime says 1 when a function that may call out begins, and 0 when it ends. Between 0 and 1 nothing
  ;; is asked of the host: clocks stand, randomness comes from the seed, what is printed is lost.
  ;; Runtimes that do not know of it call out whenever they like.
  ;;
  ;; Such a runtime measures itself as well. To Go's collector a clock that only its own readings move says that it
  ;; takes all the time there is, so it holds itself back until the memory is full. Therefore the stubbed clock moves
  ;; by 10 ms when a function begins, and from then on by no more than 1 us at a reading.
  (func (export "sluicebox_may_leave") (param $yes i32)
    (global.set $may_leave (local.get $yes))
    (global.set $step (i64.const 1000))
    (if (local.get $yes)
      (then (global.set $time (i64.add (global.get $time) (i64.const 10000000))))))

  ;; ---- clocks and randomness ----

  ;; Time of the clock `$id`, in nanoseconds. The 8 bytes at `$at` are the caller's to spoil.
  (func $clock (param $id i32) (param $at i32) (result i64)
    ;;@clock
    (call $clock_stub))

  ;; One clock for all ids. It advances at each reading, so that a loop that waits for time to pass ends.
  (func $clock_stub (result i64)
    (global.set $time (i64.add (global.get $time) (global.get $step)))
    (global.get $time))

  ;; Clock 0 is the wall clock; 1 is monotonic, and serves for the processor times 2 and 3.
  (func $clock_host (param $id i32) (param $at i32) (result i64)
    (if (local.get $id)
      (then
        (if (global.get $may_leave) (then (global.set $monotonic_last (call $monotonic_now))))
        (return (global.get $monotonic_last))))
    (if (global.get $may_leave) (then (global.set $wall_last (call $wall_clock (local.get $at)))))
    (global.get $wall_last))

  ;; The host writes 16 bytes, and there is no memory to spare for them: they go over the 8 that the caller
  ;; gave and the 8 beside these, which are put back.
  (func $wall_clock (param $at i32) (result i64)
    (local $first i64) (local $second i64) (local $now i64)
    (local.set $at (i32.and (local.get $at) (i32.const -8)))
    ;; the last 8 bytes of the memory: take those before
    (if (i32.and (i32.eq (i32.and (local.get $at) (i32.const 0xffff)) (i32.const 0xfff8))
                 (i32.eq (i32.shr_u (local.get $at) (i32.const 16)) (i32.sub (memory.size) (i32.const 1))))
      (then (local.set $at (i32.sub (local.get $at) (i32.const 8)))))
    (local.set $first (i64.load (local.get $at)))
    (local.set $second (i64.load offset=8 (local.get $at)))
    (call $wall_now (local.get $at))
    (local.set $now
      (i64.add
        (i64.mul (i64.load (local.get $at)) (i64.const 1000000000))
        (i64.load32_u offset=8 (local.get $at))))
    (i64.store (local.get $at) (local.get $first))
    (i64.store offset=8 (local.get $at) (local.get $second))
    (local.get $now))

  (func (export "clock_time_get") (param $id i32) (param $precision i64) (param $time i32) (result i32)
    (if (i32.gt_u (local.get $id) (i32.const 3)) (then (return (i32.const 28))))
    (i64.store (local.get $time) (call $clock (local.get $id) (local.get $time)))
    (i32.const 0))

  ;; 1 ms, the longest step of the stubbed clock. A host's clock is at least as fine.
  (func (export "clock_res_get") (param $id i32) (param $resolution i32) (result i32)
    (if (i32.gt_u (local.get $id) (i32.const 3)) (then (return (i32.const 28))))
    (i64.store (local.get $resolution) (i64.const 1000000))
    (i32.const 0))

  ;; Nothing can be waited for but time, and nobody waits: the clock that is due first is answered at once, and
  ;; the stubbed clock set to that moment. Where no clock is among the subscriptions: nosys.
  ;; A subscription is { userdata u64 at 0, kind u8 at 8 (0: clock), timeout u64 at 24, flags u16 at 40 (1: the
  ;; timeout is a moment) }, 48 bytes; an event { userdata u64 at 0, errno u16 at 8, kind u8 at 10 }, 32 bytes.
  (func (export "poll_oneoff") (param $in i32) (param $out i32) (param $count i32) (param $events i32) (result i32)
    (local $due i64) (local $first i32) (local $first_due i64)
    (loop $next
      (if (local.get $count)
        (then
          (if (i32.eqz (i32.load8_u offset=8 (local.get $in)))
            (then
              (local.set $due (i64.load offset=24 (local.get $in)))
              (if (i32.eqz (i32.and (i32.load16_u offset=40 (local.get $in)) (i32.const 1)))
                (then (local.set $due (i64.add (local.get $due) (global.get $time)))))
              (if (i32.or (i32.eqz (local.get $first)) (i64.lt_u (local.get $due) (local.get $first_due)))
                (then
                  (local.set $first (local.get $in))
                  (local.set $first_due (local.get $due))))))
          (local.set $in (i32.add (local.get $in) (i32.const 48)))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br $next))))
    (if (i32.eqz (local.get $first)) (then (return (i32.const 52))))
    (if (i64.gt_u (local.get $first_due) (global.get $time)) (then (global.set $time (local.get $first_due))))
    (i64.store (local.get $out) (i64.load (local.get $first)))
    (i64.store offset=8 (local.get $out) (i64.const 0))
    (i64.store offset=16 (local.get $out) (i64.const 0))
    (i64.store offset=24 (local.get $out) (i64.const 0))
    (i32.store (local.get $events) (i32.const 1))
    (i32.const 0))

  (func (export "sched_yield") (result i32) (i32.const 0))

  (func $random (result i64)
    ;;@random
    (call $random_stub))

  ;; splitmix64
  (func $random_stub (result i64)
    (local $z i64)
    (global.set $seed (i64.add (global.get $seed) (i64.const 0x9e3779b97f4a7c15)))
    (local.set $z (global.get $seed))
    (local.set $z (i64.mul (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 30))) (i64.const 0xbf58476d1ce4e5b9)))
    (local.set $z (i64.mul (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 27))) (i64.const 0x94d049bb133111eb)))
    (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 31))))

  (func $random_host (result i64)
    (if (global.get $may_leave) (then (return (call $host_random))))
    (call $random_stub))

  (func (export "random_get") (param $at i32) (param $length i32) (result i32)
    (local $bits i64)
    (loop $words
      (if (i32.ge_u (local.get $length) (i32.const 8))
        (then
          (i64.store (local.get $at) (call $random))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (local.set $length (i32.sub (local.get $length) (i32.const 8)))
          (br $words))))
    (if (local.get $length) (then (local.set $bits (call $random))))
    (loop $bytes
      (if (local.get $length)
        (then
          (i64.store8 (local.get $at) (local.get $bits))
          (local.set $bits (i64.shr_u (local.get $bits) (i64.const 8)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (local.set $length (i32.sub (local.get $length) (i32.const 1)))
          (br $bytes))))
    (i32.const 0))

  ;; ---- arguments, environment, end ----

  (func $none (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (i32.const 0))
  (export "args_sizes_get" (func $none))
  (export "environ_sizes_get" (func $none))
  (func (export "args_get") (param i32 i32) (result i32) (i32.const 0))
  (func (export "environ_get") (param i32 i32) (result i32) (i32.const 0))

  ;; A plugin that exits has failed: the host sees a trap.
  (func (export "proc_exit") (param i32) unreachable)
  (func (export "proc_raise") (param i32) (result i32) unreachable)

  ;; ---- the three standard streams ----

  ;; 1 for the descriptors 0, 1 and 2: all there are.
  (func $is_stream (param $fd i32) (result i32)
    (i32.lt_u (local.get $fd) (i32.const 3)))

  ;; `$errno` for a stream, badf for what is none.
  (func $for_stream (param $fd i32) (param $errno i32) (result i32)
    (select (local.get $errno) (i32.const 8) (call $is_stream (local.get $fd))))

  ;; What is printed to 1 is logged as info, to 2 as error: a message for each buffer, without its last newline.
  ;; What is empty then or not UTF-8 is left out (the host would trap on it); all of it counts as written.
  (func (export "fd_write") (param $fd i32) (param $buffers i32) (param $count i32) (param $written i32) (result i32)
    (local $total i32) (local $level i32) (local $length i32)
    (if (i32.ge_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 2)) (then (return (i32.const 8))))
    (local.set $level (select (i32.const 2) (i32.const 0) (i32.eq (local.get $fd) (i32.const 1))))
    (loop $next
      (if (local.get $count)
        (then
          (local.set $length (i32.load offset=4 (local.get $buffers)))
          (local.set $total (i32.add (local.get $total) (local.get $length)))
          (call $print (local.get $level) (i32.load (local.get $buffers)) (local.get $length))
          (local.set $buffers (i32.add (local.get $buffers) (i32.const 8)))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br $next))))
    (i32.store (local.get $written) (local.get $total))
    (i32.const 0))

  (func $print (param $level i32) (param $at i32) (param $length i32)
    (if (i32.eqz (global.get $may_leave)) (then (return)))
    (if (i32.eqz (local.get $length)) (then (return)))
    (if (i32.eq (i32.load8_u (i32.sub (i32.add (local.get $at) (local.get $length)) (i32.const 1))) (i32.const 10))
      (then (local.set $length (i32.sub (local.get $length) (i32.const 1)))))
    (if (i32.eqz (local.get $length)) (then (return)))
    (if (call $is_utf8 (local.get $at) (i32.add (local.get $at) (local.get $length)))
      (then (call $log (local.get $level) (local.get $at) (local.get $length)))))

  ;; Whether the bytes from `$at` to before `$end` are UTF-8: shortest forms only, no surrogates, none over U+10FFFF.
  (func $is_utf8 (param $at i32) (param $end i32) (result i32)
    (local $lead i32) (local $more i32) (local $low i32) (local $high i32)
    (loop $next
      (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (i32.const 1))))
      (local.set $lead (i32.load8_u (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $lead) (i32.const 0x80)))
      (if (i32.or (i32.lt_u (local.get $lead) (i32.const 0xc2)) (i32.gt_u (local.get $lead) (i32.const 0xf4)))
        (then (return (i32.const 0))))
      ;; 1 to 3 bytes follow
      (local.set $more
        (i32.add (i32.const 1)
          (i32.add (i32.ge_u (local.get $lead) (i32.const 0xe0)) (i32.ge_u (local.get $lead) (i32.const 0xf0)))))
      (if (i32.gt_u (local.get $more) (i32.sub (local.get $end) (local.get $at))) (then (return (i32.const 0))))
      ;; the bounds of the first of them depend on the lead
      (local.set $low (i32.const 0x80))
      (local.set $high (i32.const 0xbf))
      (if (i32.eq (local.get $lead) (i32.const 0xe0)) (then (local.set $low (i32.const 0xa0))))
      (if (i32.eq (local.get $lead) (i32.const 0xed)) (then (local.set $high (i32.const 0x9f))))
      (if (i32.eq (local.get $lead) (i32.const 0xf0)) (then (local.set $low (i32.const 0x90))))
      (if (i32.eq (local.get $lead) (i32.const 0xf4)) (then (local.set $high (i32.const 0x8f))))
      (loop $following
        (local.set $lead (i32.load8_u (local.get $at)))
        (if (i32.or (i32.lt_u (local.get $lead) (local.get $low)) (i32.gt_u (local.get $lead) (local.get $high)))
          (then (return (i32.const 0))))
        (local.set $low (i32.const 0x80))
        (local.set $high (i32.const 0xbf))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $more (i32.sub (local.get $more) (i32.const 1)))
        (br_if $following (local.get $more)))
      (br $next))
    unreachable)

  ;; Nothing comes in: the end of the file at once.
  (func (export "fd_read") (param $fd i32) (param $buffers i32) (param $count i32) (param $read i32) (result i32)
    (if (local.get $fd) (then (return (i32.const 8))))
    (i32.store (local.get $read) (i32.const 0))
    (i32.const 0))

  ;; A character device (2) with the right to read (2) or to write (64).
  (func (export "fd_fdstat_get") (param $fd i32) (param $stat i32) (result i32)
    (if (i32.eqz (call $is_stream (local.get $fd))) (then (return (i32.const 8))))
    (i64.store (local.get $stat) (i64.const 2))
    (i64.store offset=8 (local.get $stat) (select (i64.const 64) (i64.const 2) (local.get $fd)))
    (i64.store offset=16 (local.get $stat) (i64.const 0))
    (i32.const 0))

  ;; 64 bytes: device, inode, kind (2: character device), links, size, three times.
  (func (export "fd_filestat_get") (param $fd i32) (param $stat i32) (result i32)
    (if (i32.eqz (call $is_stream (local.get $fd))) (then (return (i32.const 8))))
    (i64.store (local.get $stat) (i64.const 0))
    (i64.store offset=8 (local.get $stat) (i64.const 0))
    (i64.store offset=16 (local.get $stat) (i64.const 2))
    (i64.store offset=24 (local.get $stat) (i64.const 1))
    (i64.store offset=32 (local.get $stat) (i64.const 0))
    (i64.store offset=40 (local.get $stat) (i64.const 0))
    (i64.store offset=48 (local.get $stat) (i64.const 0))
    (i64.store offset=56 (local.get $stat) (i64.const 0))
    (i32.const 0))

  ;; Nothing to be done, and done.
  (func (export "fd_close") (param $fd i32) (result i32)
    (call $for_stream (local.get $fd) (i32.const 0)))
  (func (export "fd_sync") (param $fd i32) (result i32)
    (call $for_stream (local.get $fd) (i32.const 0)))
  (func (export "fd_datasync") (param $fd i32) (result i32)
    (call $for_stream (local.get $fd) (i32.const 0)))
  (func (export "fd_fdstat_set_flags") (param $fd i32) (param i32) (result i32)
    (call $for_stream (local.get $fd) (i32.const 0)))
  (func (export "fd_fdstat_set_rights") (param $fd i32) (param i64 i64) (result i32)
    (call $for_stream (local.get $fd) (i32.const 0)))

  ;; A stream has no place to go to, and no size.
  (func (export "fd_seek") (param $fd i32) (param i64 i32 i32) (result i32)
    (call $for_stream (local.get $fd) (i32.const 70)))
  (func (export "fd_tell") (param $fd i32) (param i32) (result i32)
    (call $for_stream (local.get $fd) (i32.const 70)))
  (func (export "fd_pread") (param $fd i32) (param i32 i32 i64 i32) (result i32)
    (call $for_stream (local.get $fd) (i32.const 70)))
  (func (export "fd_pwrite") (param $fd i32) (param i32 i32 i64 i32) (result i32)
    (call $for_stream (local.get $fd) (i32.const 70)))
  (func (export "fd_advise") (param $fd i32) (param i64 i64 i32) (result i32)
    (call $for_stream (local.get $fd) (i32.const 70)))
  (func (export "fd_allocate") (param $fd i32) (param i64 i64) (result i32)
    (call $for_stream (local.get $fd) (i32.const 70)))
  (func (export "fd_filestat_set_size") (param $fd i32) (param i64) (result i32)
    (call $for_stream (local.get $fd) (i32.const 28)))
  (func (export "fd_filestat_set_times") (param $fd i32) (param i64 i64 i32) (result i32)
    (call $for_stream (local.get $fd) (i32.const 28)))
  (func (export "fd_renumber") (param i32 i32) (result i32) (i32.const 52))

  ;; ---- what there is none of: folders, files, sockets ----

  (func (export "fd_prestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "path_create_directory") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "path_readlink") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_remove_directory") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_unlink_file") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_accept") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_recv") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_send") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_shutdown") (param i32 i32) (result i32) (i32.const 8))
)
