//! Typed answers of a guest: an input is what lies in the plugin's memory when it returns, so that wasmtime's reading
//! and ours are tried together.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fastrand::Rng;
use sluicebox::batch::{Batch, Field, HeaderList, NO_TIMESTAMP, Offset, Partition, Record, Source};
use sluicebox::config::plan::{Grants, Limits};
use sluicebox::plugin::{Answer, CacheDirs, Engine, HeadersChange, Instance, Plugin, StageSetup};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::change;
use crate::target::{Kind, Memory, Seen, Target};

pub const KIND: Kind = Kind {
    name: "typed",
    about: "answers of plugins with typed records",
    // Whatever it points to and however often: what is lifted is bounded by the plugin's memory limit, and copied once
    // more.
    memory: Memory { fixed: 4 * LIMIT, per_byte: 8 },
    open: || Box::new(Typed::new()),
};

/// The plugin's memory limit.
const LIMIT: usize = 1 << 20;
/// Where the image lies in the plugin's memory.
const BASE: u32 = 8192;
/// The longest image.
const LONGEST: usize = 64 << 10;
const TEXTS: [&str; 6] = ["default", "audit", "nowhere", "", "ö", "a longer text, of some forty bytes, say"];

/// Takes the first record's value for its own answer, just as it lies there.
const MIRROR: &str = r#"
(module
  (memory (export "memory") 3)
  (data (i32.const 256) "mirror1")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (select (i32.const 8192) (i32.const 1024) (i32.eq (local.get 2) (i32.const 1))))
  (func (export "sluicebox:plugin/lifecycle@0.1.0#init") (param i32 i32 i32 i32 i32 i32) (result i32)
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.store (i32.const 4) (i32.const 256))
    (i32.store (i32.const 8) (i32.const 6))
    (i32.store (i32.const 12) (i32.const 262))
    (i32.store (i32.const 16) (i32.const 1))
    (i32.store8 (i32.const 20) (i32.const 2))
    (i32.const 0))
  (func (export "sluicebox:plugin/records@0.1.0#process") (param $in i32) (param i32) (result i32)
    (local $end i32)
    (local.set $end (i32.add (i32.const 8192) (i32.load offset=20 (local.get $in))))
    (memory.fill (local.get $end) (i32.const 0) (i32.sub (i32.const 131072) (local.get $end)))
    (i32.const 8192)))
"#;

struct Typed {
    instance: Instance,
    batch: Batch,
}

impl Typed {
    fn new() -> Typed {
        static PLUGIN: OnceLock<Plugin> = OnceLock::new();
        let setup = StageSetup {
            pipeline: "orders".into(),
            stage: "mirror".into(),
            config: "null".to_owned(),
            outputs: vec!["default".into(), "audit".into()],
            limits: Limits { time: Duration::from_secs(10), memory: LIMIT },
            env: Vec::new(),
            show: Default::default(),
        };
        let instance = PLUGIN.get_or_init(load).instantiate(&setup, Arc::default()).expect("the mirror starts");
        Typed { instance, batch: Batch::default() }
    }
}

fn load() -> Plugin {
    let mut module = wat::parse_str(MIRROR).expect("the text is a module");
    let mut resolve = Resolve::default();
    let wit = include_str!("../../../../wit/sluicebox.wit");
    let package = resolve.push_str("sluicebox.wit", wit).expect("the interface file is valid");
    let world = resolve.select_world(&[package], Some("simple")).expect("the interface has the world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("the module can hold it");
    let encoder = ComponentEncoder::default().module(&module).expect("the module fits the world");
    let component = { encoder }.encode().expect("the module makes a component");
    let dir = tempfile::tempdir().expect("there is room for a file");
    let path = dir.path().join("mirror.wasm");
    std::fs::write(&path, component).expect("there is room for a file");
    let engine = Engine::new(&CacheDirs::default()).expect("the machine runs WebAssembly");
    engine.load(&path, &Grants::default()).expect("the component is a plugin")
}

/// How many records an image answers: a byte of it that means nothing else.
fn records(image: &[u8]) -> usize {
    1 + usize::from(image.get(1).copied().unwrap_or_default() % 4)
}

impl Target for Typed {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        let count = rng.u8(0..4);
        input.extend([u8::from(rng.u8(0..16) == 0), count, 0, 0]);
        input.extend([0; 12]);
        let outcomes = alloc(input, 12 * (usize::from(count) + 1));
        set(input, 4, outcomes);
        set(input, 8, u32::from(count) + 1);
        for record in 0..=u32::from(count) {
            outcome(rng, input, outcomes - BASE + record * 12);
        }
        for _ in 0..[0, 1, 1, 2, 4][rng.usize(0..5)] {
            damage(rng, input);
        }
        input.truncate(LONGEST);
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        let Batch { arena, records: all, sources } = &mut self.batch;
        arena.clear();
        all.clear();
        sources.clear();
        let topic_field = arena.push(b"orders");
        sources.push(Source { topic: "orders".into(), topic_field, partition: Partition(0), replay: None });
        for number in 0..records(input) {
            let value = if number == 0 { arena.push(&input[..input.len().min(LONGEST)]) } else { Field::NULL };
            let (timestamp, offset) = (NO_TIMESTAMP, Offset(number as i64));
            all.push(Record { key: Field::NULL, value, headers: HeaderList::EMPTY, timestamp, offset, source: 0 });
        }
        let before = arena.len();
        // Its memory is part of what this input takes.
        let mut answer = Answer::default();
        match self.instance.process(arena, sources, all, &mut answer) {
            Ok(()) => {
                assert_eq!(answer.verdicts.len(), all.len());
                assert!(answer.produced.is_sorted_by_key(|one| one.record));
                for one in &answer.produced {
                    if let HeadersChange::Set(list) = one.headers {
                        assert_eq!(arena.headers(list).count(), list.count as usize);
                    }
                }
                Seen::Accepted
            }
            Err(error) => {
                assert!(error.to_string().len() < 20_000, "{error}");
                assert_eq!(
                    (arena.len(), &answer),
                    (before, &Answer::default()),
                    "nothing is left of an answer that is refused"
                );
                if self.instance.has_failed() {
                    self.instance.restart().expect("the mirror starts");
                }
                Seen::Refused
            }
        }
    }
}

/// Appends zeros at a multiple of eight; their address.
fn alloc(image: &mut Vec<u8>, len: usize) -> u32 {
    image.resize(image.len().next_multiple_of(8), 0);
    let at = BASE + image.len() as u32;
    image.resize(image.len() + len, 0);
    at
}

fn set(image: &mut [u8], at: u32, word: u32) {
    image[at as usize..at as usize + 4].copy_from_slice(&word.to_le_bytes());
}

/// Appends a text; its address and length are set at `at`.
fn text(rng: &mut Rng, image: &mut Vec<u8>, at: u32) {
    let text = change::token(rng, &TEXTS);
    let (address, len) = (BASE + image.len() as u32, text.len() as u32);
    image.extend_from_slice(text.as_bytes());
    set(image, at, address);
    set(image, at + 4, len);
}

fn outcome(rng: &mut Rng, image: &mut Vec<u8>, at: u32) {
    let tag = rng.u32(0..5);
    set(image, at, tag);
    match tag {
        2 => {
            let count = rng.u32(0..3);
            let list = alloc(image, 64 * count as usize);
            set(image, at + 4, list);
            set(image, at + 8, count);
            (0..count).for_each(|number| produced(rng, image, list - BASE + 64 * number));
        }
        3 | 4 => text(rng, image, at + 4),
        _ => {}
    }
}

fn produced(rng: &mut Rng, image: &mut Vec<u8>, at: u32) {
    // Output, key, value: a tag, and a text where the tag says so.
    for (field, tag) in [(0, 1), (12, 2), (24, 2)] {
        if rng.bool() {
            set(image, at + field, tag);
            text(rng, image, at + field + 4);
        }
    }
    if rng.bool() {
        let count = rng.u32(0..3);
        let list = alloc(image, 20 * count as usize);
        set(image, at + 36, 1);
        set(image, at + 40, list);
        set(image, at + 44, count);
        for header in (0..count).map(|number| list - BASE + 20 * number) {
            text(rng, image, header);
            if rng.bool() {
                set(image, header + 8, 1);
                text(rng, image, header + 12);
            }
        }
    }
    set(image, at + 48, rng.u32(0..2));
    set(image, at + 56, rng.u32(..));
}

fn damage(rng: &mut Rng, image: &mut Vec<u8>) {
    let words = image.len() / 4;
    if words == 0 || rng.u8(0..4) == 0 {
        return change::bytes(rng, image, &TEXTS, b"\xff");
    }
    let at = rng.u32(0..words as u32) * 4;
    let word = match rng.u8(0..4) {
        // Into itself, or past its end.
        0 => BASE + rng.u32(0..image.len() as u32 + 64),
        // Lists that are long, of things that are there again and again.
        1 => rng.u32(0..40_000),
        2 => rng.u32(0..6),
        _ => change::number(rng, image.len()),
    };
    set(image, at, word);
}
