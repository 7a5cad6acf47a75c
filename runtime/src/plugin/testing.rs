//! Small plugins for tests: core modules as text, made components by the real interface file.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The interface as plugins are built against it.
pub(crate) const WIT: &str = include_str!("../../../wit/sluicebox.wit");

/// A plugin's core module in parts.
#[derive(Clone, Debug)]
pub(crate) struct Core {
    imports: String,
    init: String,
    functions: String,
    world: &'static str,
}

/// Memory below the heap: 0 to 256 answer of `init` and `process`, 256 to 512 texts.
const COMMON: &str = r#"
  (memory (export "memory") 1)
  (global $heap (mut i32) (i32.const 4096))
  (data (i32.const 256) "test-plugin1.2.3")
  (func $alloc (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (block $fits
      (loop $more
        (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
        (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
        (br $more)))
    (local.get $at))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (call $alloc (local.get 2) (local.get 3)))
  (func $answer (param i32 i32 i32 i32 i32 i32) (result i32)
    (global.set $heap (i32.const 4096))
    (i32.store8 (i32.const 64) (i32.const 0))
    (i32.store (i32.const 68) (local.get 0))
    (i32.store (i32.const 72) (local.get 1))
    (i32.store (i32.const 76) (local.get 2))
    (i32.store (i32.const 80) (local.get 3))
    (i32.store (i32.const 84) (local.get 4))
    (i32.store (i32.const 88) (local.get 5))
    (i32.const 64))
  (func $failure (param $kind i32) (param $text i32) (param $len i32) (result i32)
    (i32.store8 (i32.const 64) (i32.const 1))
    (i32.store8 (i32.const 68) (local.get $kind))
    (i32.store (i32.const 72) (local.get $text))
    (i32.store (i32.const 76) (local.get $len))
    (i32.const 64))
  (func $manifest (param $needs i32) (result i32)
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.store (i32.const 4) (i32.const 256))
    (i32.store (i32.const 8) (i32.const 11))
    (i32.store (i32.const 12) (i32.const 267))
    (i32.store (i32.const 16) (i32.const 5))
    (i32.store8 (i32.const 20) (local.get $needs))
    (i32.const 0))
  (func $refuse (param $text i32) (param $len i32) (result i32)
    (i32.store8 (i32.const 0) (i32.const 1))
    (i32.store (i32.const 4) (local.get $text))
    (i32.store (i32.const 8) (local.get $len))
    (i32.const 0))
"#;

impl Core {
    /// A packed plugin that needs all fields; `body` is what `process` does, with `$index`, `$index_len`, `$data`,
    /// `$data_len`, `$count` and the scratch locals `$i`, `$verdicts`, `$entries`, `$in`, `$out`.
    pub(crate) fn packed(body: &str) -> Core {
        let process = format!(
            r#"(func $process (export "sluicebox:plugin/packed@0.1.0#process")
                 (param $index i32) (param $index_len i32) (param $data i32) (param $data_len i32) (result i32)
                 (local $count i32) (local $i i32) (local $verdicts i32) (local $entries i32)
                 (local $in i32) (local $out i32)
                 (local.set $count (i32.div_u (local.get $index_len) (i32.const 56)))
                 {body})"#
        );
        Core {
            imports: String::new(),
            init: "(call $manifest (i32.const 31))".to_owned(),
            functions: process,
            world: "fast",
        }
    }

    /// A plugin of world `simple` that needs all fields; `function` is its whole `process`.
    pub(crate) fn records(function: &str) -> Core {
        Core { functions: function.to_owned(), world: "simple", ..Core::packed("unreachable") }
    }

    /// Keeps every record.
    pub(crate) fn keep_all() -> Core {
        Core::all("0", "")
    }

    /// Emits every record with its own value set anew.
    pub(crate) fn echo_values() -> Core {
        Core::all(
            "2",
            r#"(local.set $entries (call $alloc (i32.const 8) (i32.mul (local.get $count) (i32.const 48))))
               (loop $next
                 (local.set $in (i32.add (local.get $index) (i32.mul (local.get $i) (i32.const 56))))
                 (local.set $out (i32.add (local.get $entries) (i32.mul (local.get $i) (i32.const 48))))
                 (i32.store (local.get $out) (local.get $i))
                 (i32.store offset=8 (local.get $out) (i32.const -1))
                 (i32.store offset=16 (local.get $out) (i32.const -2))
                 (i32.store offset=20 (local.get $out) (i32.load offset=8 (local.get $in)))
                 (i32.store offset=24 (local.get $out) (i32.load offset=12 (local.get $in)))
                 (i32.store offset=32 (local.get $out) (i32.const -2))
                 (i64.store offset=40 (local.get $out) (i64.const -9223372036854775808))
                 (local.set $i (i32.add (local.get $i) (i32.const 1)))
                 (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
               (return (call $answer (local.get $verdicts) (local.get $count)
                 (local.get $entries) (i32.mul (local.get $count) (i32.const 48))
                 (local.get $data) (local.get $data_len)))"#,
        )
    }

    /// Gives every record the same verdict, after `body`, and answers without entries where that has not returned.
    pub(crate) fn all(verdict: &str, body: &str) -> Core {
        Core::packed(&format!(
            r#"(local.set $verdicts (call $alloc (i32.const 1) (local.get $count)))
               (memory.fill (local.get $verdicts) (i32.const {verdict}) (local.get $count))
               {body}
               (call $answer (local.get $verdicts) (local.get $count)
                 (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))"#
        ))
    }

    /// Another `init`; parameters 0 to 5 are its configuration, as the interface lays it out.
    pub(crate) fn init(mut self, body: &str) -> Core {
        self.init = body.to_owned();
        self
    }

    /// More functions.
    pub(crate) fn with(mut self, functions: &str) -> Core {
        self.functions.push_str(functions);
        self
    }

    /// More imports.
    pub(crate) fn importing(mut self, imports: &str) -> Core {
        self.imports.push_str(imports);
        self
    }

    /// With a post-return function that overwrites all that the plugin has answered.
    pub(crate) fn freeing_its_answer(self) -> Core {
        self.with(
            r#"(func (export "cabi_post_sluicebox:plugin/packed@0.1.0#process") (param i32)
                 (memory.fill (i32.const 0) (i32.const 0xff) (i32.const 256))
                 (memory.fill (i32.const 4096) (i32.const 0xff) (i32.const 61440)))"#,
        )
    }

    /// Adds the imports of `log` as `$log` and of `metrics` as `$count`.
    pub(crate) fn talking(self) -> Core {
        self.importing(
            r#"(import "sluicebox:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))
               (import "sluicebox:plugin/metrics@0.1.0" "count" (func $metric (param i32 i32 i64)))"#,
        )
    }

    /// The core module as text.
    pub(crate) fn text(&self) -> String {
        let Core { imports, init, functions, .. } = self;
        format!(
            r#"(module {imports} {COMMON} {functions}
                 (func $init (export "sluicebox:plugin/lifecycle@0.1.0#init")
                   (param i32 i32 i32 i32 i32 i32) (result i32) {init}))"#
        )
    }

    /// The core module.
    pub(crate) fn module(&self) -> Vec<u8> {
        wat::parse_str(self.text()).expect("a test's module is valid")
    }
}

/// The component that `sluice plugin build` makes of such a module.
pub(crate) fn component(core: &Core) -> Vec<u8> {
    encode(core.module(), WIT, core.world)
}

/// Makes a component of a core module and a world of an interface file.
pub(crate) fn encode(mut module: Vec<u8>, wit: &str, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("test.wit", wit).expect("the interface file is valid");
    let world = resolve.select_world(&[package], Some(world)).expect("the interface file has that world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("the module can hold it");
    let encoder = ComponentEncoder::default().validate(true).module(&module).expect("the module fits the world");
    { encoder }.encode().expect("the module makes a component")
}
