//! A batch of records: one reused arena of bytes and an index into it.

use std::sync::Arc;

/// A partition's number within its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub i32);

/// A record's offset within its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub i64);

impl std::fmt::Display for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Display for Offset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A length that means null, in the arena's index as in the packed form (see `wit/sluicebox.wit`).
pub const NULL: u32 = u32::MAX;
/// A timestamp that means that there is none.
pub const NO_TIMESTAMP: i64 = i64::MIN;

/// What is called with the name and value of each header, in order; a value may be null.
pub type EachHeader<'a> = dyn FnMut(&[u8], Option<&[u8]>) + 'a;

/// Bytes in an arena, or null. Null is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Offset from the start of the arena.
    pub at: u32,
    /// Length in bytes; [`NULL`] means null.
    pub len: u32,
}

impl Field {
    /// The null field.
    pub const NULL: Field = Field { at: 0, len: NULL };

    /// Whether it is null.
    pub fn is_null(self) -> bool {
        self.len == NULL
    }
}

/// A list of headers in an arena, encoded as the packed form has them: for each, u32 length of the name, u32
/// length of the value ([`NULL`]: null), the name, the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderList {
    /// Offset of the first header from the start of the arena.
    pub at: u32,
    /// Bytes that all of them take.
    pub len: u32,
    /// How many there are.
    pub count: u32,
    /// Whether every name is UTF-8.
    pub utf8: bool,
}

impl HeaderList {
    /// No headers.
    pub const EMPTY: HeaderList = HeaderList { at: 0, len: 0, count: 0, utf8: true };

    /// The headers, where their encoded form lies by itself in `bytes`.
    pub fn over(self, bytes: &[u8]) -> Headers<'_> {
        Headers { bytes, left: self.count }
    }
}

/// One record: fields that lie in its batch's arena, and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The key.
    pub key: Field,
    /// The value.
    pub value: Field,
    /// The headers.
    pub headers: HeaderList,
    /// Milliseconds since the epoch; [`NO_TIMESTAMP`] where there is none.
    pub timestamp: i64,
    /// The offset in the input partition.
    pub offset: Offset,
    /// Which of the batch's sources it came from.
    pub source: u32,
}

/// A partition that a batch holds records of.
#[derive(Clone, Debug)]
pub struct Source {
    /// The input topic.
    pub topic: Arc<str>,
    /// The topic's name in the arena, for the packed form.
    pub topic_field: Field,
    /// The partition.
    pub partition: Partition,
    /// Set where its one record comes out of the DLQ.
    pub replay: Option<Arc<Replay>>,
}

/// What a replay of a dead letter is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// How often the record has been replayed, this time included.
    pub number: u32,
    /// Which emitted record of each of the first stages is followed; from the stage behind these on, all are.
    pub path: Vec<u32>,
}

/// Bytes that records point into. It grows by appending alone, so a [`Field`] stays good until [`Arena::clear`].
#[derive(Debug, Default)]
pub struct Arena {
    bytes: Vec<u8>,
}

impl Arena {
    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes in use.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Empties it; the memory stays for the next batch.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Takes back what was appended since the arena had `len` bytes; nothing may point there any more.
    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// Appends bytes and says where they lie.
    ///
    /// # Panics
    /// Past 4 GiB, which batch limits and plugin memory limits rule out.
    pub fn push(&mut self, bytes: &[u8]) -> Field {
        let at = u32::try_from(self.bytes.len()).expect("an arena stays under 4 GiB");
        self.bytes.extend_from_slice(bytes);
        assert!(u32::try_from(self.bytes.len()).is_ok(), "an arena stays under 4 GiB");
        Field { at, len: bytes.len() as u32 }
    }

    /// Appends bytes, or records a null.
    pub fn push_option(&mut self, bytes: Option<&[u8]>) -> Field {
        bytes.map_or(Field::NULL, |bytes| self.push(bytes))
    }

    /// The bytes of a field; none is null.
    pub fn get(&self, field: Field) -> Option<&[u8]> {
        if field.is_null() {
            return None;
        }
        Some(&self.bytes[field.at as usize..field.at as usize + field.len as usize])
    }

    /// Appends headers in their encoded form.
    pub fn push_headers<'a>(&mut self, headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>) -> HeaderList {
        let feed = |each: &mut EachHeader<'_>| {
            headers.for_each(|(name, value)| each(name, value));
            Ok::<(), std::convert::Infallible>(())
        };
        match self.push_headers_of(feed) {
            Ok(list) => list,
            Err(never) => match never {},
        }
    }

    /// Appends the headers that `feed` calls its argument with, in their encoded form.
    ///
    /// # Errors
    /// What `feed` returns; some of the headers may be appended then.
    pub fn push_headers_of<E>(
        &mut self,
        feed: impl FnOnce(&mut EachHeader<'_>) -> Result<(), E>,
    ) -> Result<HeaderList, E> {
        let at = self.bytes.len() as u32;
        let (mut count, mut utf8) = (0, true);
        feed(&mut |name, value| {
            self.bytes.extend_from_slice(&(name.len() as u32).to_le_bytes());
            self.bytes.extend_from_slice(&value.map_or(NULL, |value| value.len() as u32).to_le_bytes());
            self.bytes.extend_from_slice(name);
            self.bytes.extend_from_slice(value.unwrap_or_default());
            utf8 &= std::str::from_utf8(name).is_ok();
            count += 1;
        })?;
        assert!(u32::try_from(self.bytes.len()).is_ok(), "an arena stays under 4 GiB");
        Ok(HeaderList { at, len: self.bytes.len() as u32 - at, count, utf8 })
    }

    /// The headers of a list, in order: name and value.
    pub fn headers(&self, list: HeaderList) -> Headers<'_> {
        Headers { bytes: &self.bytes[list.at as usize..(list.at + list.len) as usize], left: list.count }
    }
}

/// The headers of one record, in order.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    left: u32,
}

impl Headers<'_> {
    /// No headers.
    pub const EMPTY: Headers<'static> = Headers { bytes: &[], left: 0 };

    /// How many are still to come.
    pub fn count_left(&self) -> usize {
        self.left as usize
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (name_len, rest) = self.bytes.split_first_chunk::<4>()?;
        let (value_len, rest) = rest.split_first_chunk::<4>()?;
        let (name, rest) = rest.split_at(u32::from_le_bytes(*name_len) as usize);
        let value_len = u32::from_le_bytes(*value_len);
        let (value, rest) = rest.split_at(if value_len == NULL { 0 } else { value_len as usize });
        self.bytes = rest;
        Some((name, (value_len != NULL).then_some(value)))
    }
}

/// Records of one or more partitions, each partition's in order.
#[derive(Debug, Default)]
pub struct Batch {
    /// The bytes.
    pub arena: Arena,
    /// The records as they came in.
    pub records: Vec<Record>,
    /// The partitions they came from.
    pub sources: Vec<Source>,
}

impl Batch {
    /// Empties it; the memory stays for the next use.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.records.clear();
        self.sources.clear();
    }
}
