//! The memory of one run: what expressions make on their way.

use bumpalo::Bump;

use crate::Failure;
use crate::value::Value;

/// The most bytes that one value has.
pub(crate) const MAX_TEXT: usize = 16 << 20;
/// The most bytes that one record's expressions make.
const MAX_MEMORY: usize = 64 << 20;

/// So many values a list has room for at first.
const ROOM: usize = 16;

/// Values in the memory of a run.
pub(crate) type List<'a> = bumpalo::collections::Vec<'a, Value<'a>>;

/// Memory that is given out in one piece after the other and taken back at once.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    bump: Bump,
}

impl Arena {
    /// Takes everything back.
    #[inline]
    pub fn reset(&mut self) {
        self.bump.reset();
    }

    /// Checks that a value of so many bytes may be made.
    #[inline]
    pub fn check(&self, len: usize) -> Result<(), Failure> {
        if len > MAX_TEXT {
            return Err("the result is larger than 16 MiB".into());
        }
        // The chunks double, so this is at most twice what is in use.
        if len > 4096 && self.bump.allocated_bytes() > MAX_MEMORY {
            return Err("the query takes more than 64 MiB for this record".into());
        }
        Ok(())
    }

    pub fn str(&self, text: &str) -> Result<&str, Failure> {
        self.check(text.len())?;
        Ok(self.bump.alloc_str(text))
    }

    pub fn text(&self, text: &str) -> Result<Value<'_>, Failure> {
        self.str(text).map(Value::Text)
    }

    pub fn bytes(&self, bytes: &[u8]) -> Result<&[u8], Failure> {
        self.check(bytes.len())?;
        Ok(self.bump.alloc_slice_copy(bytes))
    }

    pub fn array<'a>(&'a self, items: &[Value<'a>]) -> Result<Value<'a>, Failure> {
        self.check(size_of_val(items))?;
        Ok(Value::Array(self.bump.alloc_slice_copy(items)))
    }

    /// So many copies of something.
    #[inline]
    pub fn fill<T: Copy>(&self, count: usize, with: T) -> &mut [T] {
        self.bump.alloc_slice_fill_copy(count, with)
    }

    /// An empty list with room for some.
    #[inline]
    pub fn list<'a>(&'a self) -> List<'a> {
        List::with_capacity_in(ROOM, &self.bump)
    }

    /// A text that is put together from parts.
    pub fn concat(&self, parts: &[&str]) -> Result<Value<'_>, Failure> {
        let len = parts.iter().map(|part| part.len()).sum();
        self.check(len)?;
        let mut text = bumpalo::collections::String::with_capacity_in(len, &self.bump);
        parts.iter().for_each(|part| text.push_str(part));
        Ok(Value::Text(text.into_bump_str()))
    }
}
