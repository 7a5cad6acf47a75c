//! The script: what the simulated plugins of a history do with each record. It follows from the record and the stage
//! alone, so that the checker knows what has to come of it.
//!
//! A record's value is its path: the number of the input record, then for each stage that emitted several which one it
//! is (`17.0.2`).

use std::fmt::Write as _;

/// What a stage does with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It goes on as it is.
    Keep,
    /// It ends here.
    Drop,
    /// So many come of it, and go on.
    Emit(u32),
    /// One comes of it, for the output with this number.
    Divert(usize),
    /// It is refused.
    Reject,
    /// It is to be tried again so many times, and is then kept.
    Retry(u32),
    /// The call traps whenever it is in it.
    Trap,
    /// The call takes longer than it may whenever it is in it.
    Slow,
    /// The call runs out of memory whenever it is in it.
    Memory,
    /// The answer breaks the interface whenever it is in it.
    Answer,
    /// An output is named that there is not.
    Undeclared,
}

/// How often each act is drawn, in parts of 1,000; the rest is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Makes scripts differ.
    pub seed: u64,
    /// How many stages there are.
    pub stages: usize,
    /// Outputs beside `default`.
    pub outputs: usize,
    /// [`Act::Drop`].
    pub drops: u32,
    /// [`Act::Emit`].
    pub emits: u32,
    /// [`Act::Divert`].
    pub diverts: u32,
    /// [`Act::Reject`].
    pub rejects: u32,
    /// [`Act::Retry`].
    pub retries: u32,
    /// Acts by which whole calls fail.
    pub poison: u32,
    /// Values that are over the outputs' limit.
    pub oversize: u32,
    /// Bytes that pad such a value.
    pub padding: usize,
}

/// A hash that is the same in each run.
pub fn hash(seed: u64, text: &str, more: u64) -> u64 {
    let mut hash = seed ^ 0xcbf2_9ce4_8422_2325 ^ more.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 29)
}

impl Script {
    /// What a stage does with the record of a path.
    pub fn act(&self, path: &str, stage: usize) -> Act {
        let drawn = hash(self.seed, path, stage as u64);
        let detail = drawn / 1000;
        let mut rest = (drawn % 1000) as u32;
        let mut is_drawn = |weight: u32| {
            let is_it = rest < weight;
            rest = rest.wrapping_sub(if is_it { 0 } else { weight });
            is_it
        };
        if is_drawn(self.drops) {
            Act::Drop
        } else if is_drawn(self.emits) {
            Act::Emit((detail % 4) as u32)
        } else if is_drawn(if self.outputs > 0 { self.diverts } else { 0 }) {
            Act::Divert(1 + (detail as usize % self.outputs))
        } else if is_drawn(self.rejects) {
            Act::Reject
        } else if is_drawn(self.retries) {
            Act::Retry(1 + (detail % 4) as u32)
        } else if is_drawn(self.poison) {
            match detail % 5 {
                0 => Act::Trap,
                1 => Act::Slow,
                2 => Act::Memory,
                3 => Act::Answer,
                _ => Act::Undeclared,
            }
        } else {
            Act::Keep
        }
    }

    /// The value of the record of a path.
    pub fn value(&self, path: &str) -> Vec<u8> {
        let mut value = path.as_bytes().to_vec();
        if hash(self.seed, path, 77) % 1000 < u64::from(self.oversize) {
            value.push(b' ');
            value.resize(value.len() + self.padding, b'x');
        }
        value
    }
}

/// The path in a value.
pub fn path_of(value: &[u8]) -> &str {
    let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
    std::str::from_utf8(&value[..end]).unwrap_or("")
}

/// The number of the input record that a path begins with.
pub fn number_of(path: &str) -> Option<u64> {
    path.split('.').next()?.parse().ok()
}

/// The path of one of several.
pub fn child(path: &str, number: u32) -> String {
    let mut child = String::with_capacity(path.len() + 3);
    child.push_str(path);
    // Writing to a string does not fail.
    let _ = write!(child, ".{number}");
    child
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_are_drawn_as_often_as_they_are_asked_for() {
        let script = Script { seed: 3, stages: 1, drops: 100, rejects: 200, ..Script::default() };
        let acts: Vec<Act> = (0..10_000).map(|number| script.act(&number.to_string(), 0)).collect();
        let count = |act: Act| acts.iter().filter(|other| **other == act).count();
        assert!((900..1100).contains(&count(Act::Drop)), "{}", count(Act::Drop));
        assert!((1800..2200).contains(&count(Act::Reject)), "{}", count(Act::Reject));
        assert_eq!(count(Act::Drop) + count(Act::Reject) + count(Act::Keep), 10_000);
    }

    #[test]
    fn a_value_says_its_path() {
        let script = Script { oversize: 1000, padding: 50, ..Script::default() };
        let value = script.value("17.0.2");
        assert_eq!((value.len(), path_of(&value), number_of(path_of(&value))), (57, "17.0.2", Some(17)));
        assert_eq!(child("17", 3), "17.3");
    }
}
