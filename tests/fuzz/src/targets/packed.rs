//! Packed answers of a guest: whole ones that are then damaged, as a plugin that errs or means harm would write them.

use std::sync::Arc;

use fastrand::Rng;
use sluicebox::batch::{Arena, Field, HeaderList, NULL};
use sluicebox::plugin::{Answer, Change, HeadersChange, OutputName, PackedResult, Verdict, unpack};

use crate::change;
use crate::target::{Kind, Memory, Seen, Target};

pub const KIND: Kind = Kind {
    name: "packed",
    about: "answers of packed plugins",
    // An entry of 48 bytes becomes a record of 76, and data is copied once.
    memory: Memory { fixed: 4 << 10, per_byte: 3 },
    open: || Box::new(Packed { outputs: vec!["default".into(), "audit".into()] }),
};

/// What lies in the arena when the answer comes.
const BEFORE: &[u8] = b"what lay there before";
/// Bytes of an index entry.
const ENTRY: usize = 48;
/// Means that a field is inherited.
const INHERIT: u32 = u32::MAX - 1;
const TEXTS: [&str; 8] =
    ["default", "audit", "nowhere", "", "ö", "x", "a longer text, of some forty bytes, say", "\u{1}"];

struct Packed {
    outputs: Vec<Arc<str>>,
}

/// An answer before it is an input. As bytes: number of records, lengths of verdicts and index, then the three parts.
#[derive(Default)]
pub(super) struct Parts {
    records: u32,
    verdicts: Vec<u8>,
    index: Vec<u8>,
    data: Vec<u8>,
}

impl Target for Packed {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        let mut parts = Parts::whole(rng);
        for _ in 0..[0, 1, 1, 1, 2, 4][rng.usize(0..6)] {
            parts.damage(rng);
        }
        let (verdicts, index) = (parts.verdicts.len() as u32, parts.index.len() as u32);
        input.extend([parts.records, verdicts, index].iter().flat_map(|word| word.to_le_bytes()));
        input.extend_from_slice(&parts.verdicts);
        input.extend_from_slice(&parts.index);
        input.extend_from_slice(&parts.data);
        if rng.u8(0..32) == 0 {
            change::bytes(rng, input, &TEXTS, b"");
        }
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        let (records, result) = split(input);
        let mut arena = Arena::default();
        arena.push(BEFORE);
        let mut answer = Answer::default();
        let data = result.data;
        match unpack(result, records, &self.outputs, &mut arena, &mut answer) {
            Ok(()) => {
                self.holds(records, &arena, &answer);
                Seen::Accepted
            }
            Err(reason) => {
                assert_eq!(arena.bytes(), BEFORE, "an answer that is refused leaves the arena as it was");
                assert!(!reason.is_empty() && reason.len() < 200, "{reason}");
                assert!(data.len() <= input.len());
                Seen::Refused
            }
        }
    }
}

/// The parts of an input; lengths beyond its end are cut.
fn split(input: &[u8]) -> (usize, PackedResult<'_>) {
    let word = |at: usize| {
        let bytes = input.get(at..at + 4).and_then(<[u8]>::first_chunk::<4>);
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
    };
    let rest = input.get(12..).unwrap_or_default();
    let (verdicts, rest) = rest.split_at(word(4).min(rest.len()));
    let (index, data) = rest.split_at(word(8).min(rest.len()));
    (word(0), PackedResult { verdicts, index, data })
}

impl Packed {
    /// All that an answer promises to those that use it without looking again.
    fn holds(&self, records: usize, arena: &Arena, answer: &Answer) {
        let text =
            |field: Field| std::str::from_utf8(arena.get(field).expect("no text is null")).expect("texts are UTF-8");
        assert_eq!(answer.verdicts.len(), records);
        let mut produced = answer.produced.iter().peekable();
        for (record, verdict) in answer.verdicts.iter().enumerate() {
            let mut count = 0;
            while let Some(one) = produced.next_if(|one| one.record as usize == record) {
                count += 1;
                match one.output {
                    OutputName::Next => {}
                    OutputName::Declared(index) => assert!((index as usize) < self.outputs.len()),
                    OutputName::Undeclared(name) => assert!(self.outputs.iter().all(|output| **output != *text(name))),
                }
                for change in [one.key, one.value] {
                    match change {
                        Change::Inherit => {}
                        Change::Set(field) => _ = arena.get(field),
                    }
                }
                match one.headers {
                    HeadersChange::Inherit => {}
                    HeadersChange::Set(list) => headers_hold(arena, list),
                }
                if matches!(verdict, Verdict::Reject | Verdict::Retry) {
                    let Change::Set(reason) = one.value else { panic!("a reason is always set") };
                    text(reason);
                }
            }
            match verdict {
                Verdict::Keep | Verdict::Drop => assert_eq!(count, 0),
                Verdict::Emit => {}
                Verdict::Reject | Verdict::Retry => assert_eq!(count, 1),
            }
        }
        assert_eq!(produced.next(), None, "everything that is produced belongs to a record, in order");
    }
}

fn headers_hold(arena: &Arena, list: HeaderList) {
    assert!(list.utf8);
    let headers = arena.headers(list);
    let names = headers.map(|(name, _)| std::str::from_utf8(name).expect("header names are UTF-8"));
    assert_eq!(names.count(), list.count as usize);
}

impl Parts {
    /// An answer that the interface allows.
    fn whole(rng: &mut Rng) -> Parts {
        let records = if rng.u8(0..64) == 0 { rng.u32(0..400) } else { rng.u32(0..8) };
        Parts::whole_for(rng, records)
    }

    /// The same to so many records.
    pub(super) fn whole_for(rng: &mut Rng, records: u32) -> Parts {
        let mut parts = Parts { records, ..Parts::default() };
        for record in 0..records {
            let verdict = rng.u8(0..5);
            parts.verdicts.push(verdict);
            let entries = match verdict {
                2 => rng.u8(0..4),
                3 | 4 => 1,
                _ => 0,
            };
            for _ in 0..entries {
                parts.entry(rng, record);
            }
        }
        parts
    }

    /// The answer as the host reads it.
    pub(super) fn result(&self) -> PackedResult<'_> {
        PackedResult { verdicts: &self.verdicts, index: &self.index, data: &self.data }
    }

    /// Lets all values be the same bytes, so many, and emits each record some times.
    pub(super) fn share(&mut self, rng: &mut Rng, len: usize) {
        let at = self.data.len() as u32;
        self.data.resize(self.data.len() + len, b'x');
        let mut index = Vec::new();
        for entry in self.index.chunks_exact(ENTRY) {
            let record = entry.first_chunk::<4>().map_or(0, |word| u32::from_le_bytes(*word));
            let emits = self.verdicts.get(record as usize) == Some(&2);
            for _ in 0..if emits { rng.usize(1..9) } else { 1 } {
                let begin = index.len();
                index.extend_from_slice(entry);
                index[begin + 20..begin + 24].copy_from_slice(&at.to_le_bytes());
                index[begin + 24..begin + 28].copy_from_slice(&(len as u32).to_le_bytes());
            }
        }
        self.index = index;
    }

    fn entry(&mut self, rng: &mut Rng, record: u32) {
        let output = if rng.bool() { (0, NULL) } else { self.text(rng) };
        let key = self.change(rng);
        // Also the reason of a reject, which is always there.
        let value = self.text(rng);
        let headers = if rng.bool() { (0, INHERIT) } else { self.headers(rng) };
        for word in [record, output.0, output.1, key.0, key.1, value.0, value.1, headers.0, headers.1, 0] {
            self.index.extend(word.to_le_bytes());
        }
        let timestamp = if rng.bool() { i64::MIN } else { rng.i64(..) };
        self.index.extend(timestamp.to_le_bytes());
    }

    fn change(&mut self, rng: &mut Rng) -> (u32, u32) {
        match rng.u8(0..3) {
            0 => (0, INHERIT),
            1 => (0, NULL),
            _ => self.text(rng),
        }
    }

    /// Bytes of their own, or some that are there already.
    fn text(&mut self, rng: &mut Rng) -> (u32, u32) {
        let text = change::token(rng, &TEXTS).as_bytes();
        if rng.u8(0..4) == 0 && self.data.ends_with(text) {
            return ((self.data.len() - text.len()) as u32, text.len() as u32);
        }
        let at = self.data.len() as u32;
        self.data.extend_from_slice(text);
        (at, text.len() as u32)
    }

    fn headers(&mut self, rng: &mut Rng) -> (u32, u32) {
        let at = self.data.len() as u32;
        let count = rng.u32(0..4);
        for _ in 0..count {
            let (name, value) = (change::token(rng, &TEXTS), change::token(rng, &TEXTS));
            let null = rng.u8(0..4) == 0;
            self.data.extend((name.len() as u32).to_le_bytes());
            self.data.extend(if null { NULL } else { value.len() as u32 }.to_le_bytes());
            self.data.extend(name.bytes().chain(value.bytes().filter(|_| !null)));
        }
        (at, count)
    }

    pub(super) fn damage(&mut self, rng: &mut Rng) {
        let entries = self.index.len() / ENTRY;
        match rng.u8(0..12) {
            // A word of an entry: a number that is none, or another entry's.
            0..=3 if entries > 0 => {
                let at = rng.usize(0..entries) * ENTRY + rng.usize(0..ENTRY / 4) * 4;
                let word = match rng.u8(0..3) {
                    0 => {
                        let from = rng.usize(0..entries * ENTRY / 4) * 4;
                        u32::from_le_bytes(*self.index[from..].first_chunk().expect("an index is made of words"))
                    }
                    _ => change::number(rng, self.data.len()),
                };
                self.index[at..at + 4].copy_from_slice(&word.to_le_bytes());
            }
            // Entries that are twice there, missing or in another order.
            4 if entries > 0 => {
                let (from, to) = (rng.usize(0..entries) * ENTRY, rng.usize(0..=entries) * ENTRY);
                let entry = self.index[from..from + ENTRY].to_vec();
                self.index.splice(to..to, entry);
            }
            5 if entries > 0 => {
                let at = rng.usize(0..entries) * ENTRY;
                self.index.drain(at..at + ENTRY);
            }
            6 => self.index.truncate(rng.usize(0..=self.index.len())),
            7 if !self.verdicts.is_empty() => {
                let at = rng.usize(0..self.verdicts.len());
                self.verdicts[at] = if rng.bool() { rng.u8(0..6) } else { rng.u8(..) };
            }
            8 => self.records = if rng.bool() { rng.u32(0..10) } else { change::number(rng, self.verdicts.len()) },
            9 => change::bytes(rng, &mut self.verdicts, &[], b""),
            10 => self.data.truncate(rng.usize(0..=self.data.len())),
            // Also the lengths of headers.
            _ => change::bytes(rng, &mut self.data, &TEXTS, b"\xff\xc0"),
        }
    }
}
