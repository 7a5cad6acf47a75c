//! What is fuzzed: something that reads inputs, and something that makes them.

use fastrand::Rng;

/// One reader under test. Each thread opens its own.
pub trait Target {
    /// Makes an input. The same numbers from `rng` make the same input.
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>);

    /// Has an input read, and checks what comes of it. Panics where a promise is broken.
    fn read(&mut self, input: &[u8]) -> Seen;
}

/// What the reader said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It took the input.
    Accepted,
    /// It refused the input, with an error.
    Refused,
}

/// A target by name.
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// Who reads what.
    pub about: &'static str,
    /// The memory that reading may take.
    pub memory: Memory,
    /// Opens it.
    pub open: fn() -> Box<dyn Target>,
}

/// A bound on memory: a function of the input's length.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Bytes that any input may take.
    pub fixed: usize,
    /// Bytes for each byte of the input.
    pub per_byte: usize,
}

impl Memory {
    /// The bound for an input of `len` bytes.
    pub fn bound(self, len: usize) -> usize {
        self.fixed + self.per_byte * len
    }
}
