//! Plugins where the process may not reserve 4 GiB of addresses for each of their memories.

use super::*;
use crate::plugin::engine::Reservation;

#[test]
fn where_the_address_space_is_short_memory_grows_to_its_limit_and_its_bounds_hold() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.wasm");
    let run = |core: &Core, memory| {
        std::fs::write(&path, component(core)).unwrap();
        let engine = Engine::with_reservation(&CacheDirs::default(), Reservation::AsNeeded).unwrap();
        let plugin = engine.load(&path, &Grants::default()).unwrap();
        let limits = Limits { memory, ..setup().limits };
        plugin.instantiate(&StageSetup { limits, ..setup() }, Arc::default()).map(|instance| instance.memory())
    };
    // Far more than it can grow by in its place, a page at a time; what it has written moves with it.
    let grow = "(i32.store (i32.const 65000) (i32.const 77))
                (loop $more
                  (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
                  (br_if $more (i32.lt_u (memory.size) (i32.const 800))))
                (i32.store (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)) (i32.const 1))
                (if (i32.ne (i32.load (i32.const 65000)) (i32.const 77)) (then unreachable))
                (call $manifest (i32.const 0))";
    assert!(run(&Core::keep_all().init(grow), 64 << 20).unwrap() >= 800 << 16);
    assert!(matches!(run(&Core::keep_all().init(grow), 32 << 20), Err(StartError::Memory { .. })));
    for address in ["(i32.mul (memory.size) (i32.const 65536))", "(i32.const 0x10000000)", "(i32.const -4)"] {
        let beyond = format!("(drop (i32.load {address})) (call $manifest (i32.const 0))");
        let Err(StartError::Trap { reason, .. }) = run(&Core::keep_all().init(&beyond), 64 << 20) else {
            panic!("{address} is out of bounds")
        };
        assert!(reason.contains("out of bounds"), "{reason}");
    }
}
