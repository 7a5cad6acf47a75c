//! Reads what data is made of.

use super::super::error::Fault;
use super::super::wire;
use super::run::Run;

/// The head of a block of an array or a map.
pub(super) struct Block {
    /// How many items it has.
    pub count: u64,
    /// How many bytes it takes, where the data says it.
    pub size: Option<usize>,
}

impl<'a> Run<'a> {
    #[inline]
    pub(super) fn long(&mut self) -> Result<i64, Fault> {
        match self.bytes.get(self.at..).and_then(wire::long) {
            Some((number, size)) => {
                self.at += size;
                Ok(number)
            }
            None => Err(self.no_number("a long")),
        }
    }

    #[inline]
    pub(super) fn int(&mut self) -> Result<i32, Fault> {
        match i32::try_from(self.long()?) {
            Ok(number) => Ok(number),
            Err(_) => Err(Fault::new("expected an int, found a number of more than 32 bits")),
        }
    }

    #[cold]
    fn no_number(&self, expected: &str) -> Fault {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let found = if rest.len() < 10 { "the end of the data" } else { "a number of more than 64 bits" };
        Fault::new(format!("expected {expected}, found {found}"))
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Fault> {
        match self.array::<1>("a boolean")? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(Fault::new(format!("expected a boolean, found the byte {other:#04x}"))),
        }
    }

    /// So many bytes.
    #[inline]
    pub(super) fn take(&mut self, size: usize, expected: &str) -> Result<&'a [u8], Fault> {
        let end = self.at.checked_add(size);
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(bytes) => {
                self.at += size;
                Ok(bytes)
            }
            None => Err(self.cut(size, expected)),
        }
    }

    #[cold]
    fn cut(&self, size: usize, expected: &str) -> Fault {
        let left = self.bytes.len() - self.at;
        Fault::new(format!("expected {expected} of {size} bytes, found the end of the data after {left}"))
    }

    pub(super) fn array<const N: usize>(&mut self, expected: &str) -> Result<[u8; N], Fault> {
        Ok(*self.take(N, expected)?.first_chunk().expect("it has as many bytes"))
    }

    /// Bytes that have their length in front.
    #[inline]
    pub(super) fn sized(&mut self, expected: &str) -> Result<&'a [u8], Fault> {
        let size = self.long()?;
        match usize::try_from(size) {
            Ok(size) => self.take(size, expected),
            Err(_) => Err(Fault::new(format!("expected {expected}, found the length {size}"))),
        }
    }

    #[inline]
    pub(super) fn str(&mut self) -> Result<&'a str, Fault> {
        let bytes = self.sized("a string")?;
        std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            Fault::new(format!("expected a string, found bytes that are not UTF-8, from the {}th on", at + 1))
        })
    }

    /// The next block of an array or a map; none at its end.
    pub(super) fn block(&mut self) -> Result<Option<Block>, Fault> {
        let count = self.long()?;
        let size = match count {
            0 => return Ok(None),
            ..0 => {
                let size = self.long()?;
                let Ok(size) = usize::try_from(size) else {
                    return Err(Fault::new(format!("expected the size of a block, found {size}")));
                };
                Some(size)
            }
            1.. => None,
        };
        Ok(Some(Block { count: count.unsigned_abs(), size }))
    }
}
