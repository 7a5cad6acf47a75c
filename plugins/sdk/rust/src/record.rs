//! One record of a batch, read where it lies.

use crate::packed::{INPUT_ENTRY, NO_TIMESTAMP, NULL, long_at, word_at};

/// One record as it comes in: a view into the batch, which reads a field when it is asked for it.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    entry: &'a [u8; INPUT_ENTRY],
    data: &'a [u8],
}

impl<'a> Record<'a> {
    pub(crate) fn new(entry: &'a [u8; INPUT_ENTRY], data: &'a [u8]) -> Record<'a> {
        Record { entry, data }
    }

    /// The key; none is null. Needs [`Fields::KEY`](crate::Fields::KEY).
    pub fn key(&self) -> Option<&'a [u8]> {
        self.bytes(0)
    }

    /// The value; none is null (a tombstone), which is not the same as empty. Needs
    /// [`Fields::VALUE`](crate::Fields::VALUE).
    pub fn value(&self) -> Option<&'a [u8]> {
        self.bytes(8)
    }

    /// The headers in their order: name and value. Names may repeat, a value may be null. Needs
    /// [`Fields::HEADERS`](crate::Fields::HEADERS).
    pub fn headers(&self) -> Headers<'a> {
        let at = word_at(self.entry, 16) as usize;
        Headers { bytes: self.data.get(at..).unwrap_or_default(), left: word_at(self.entry, 20) }
    }

    /// The value of the last header with this name, as Kafka's own clients look it up. None where there is no
    /// such header or its value is null; [`headers`](Record::headers) tells the two apart.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers().filter(|(other, _)| *other == name).last().and_then(|(_, value)| value)
    }

    /// Milliseconds since the epoch; none where the record has none. Needs
    /// [`Fields::TIMESTAMP`](crate::Fields::TIMESTAMP).
    pub fn timestamp(&self) -> Option<i64> {
        Some(long_at(self.entry, 24)).filter(|timestamp| *timestamp != NO_TIMESTAMP)
    }

    /// Where the record came from; none without [`Fields::SOURCE`](crate::Fields::SOURCE).
    pub fn source(&self) -> Option<Source<'a>> {
        let topic = self.bytes(44)?;
        Some(Source {
            topic: std::str::from_utf8(topic).expect("the host sends topic names as UTF-8"),
            partition: word_at(self.entry, 40) as i32,
            offset: long_at(self.entry, 32),
        })
    }

    /// The bytes of the field whose offset and length are at `at` of the entry.
    fn bytes(&self, at: usize) -> Option<&'a [u8]> {
        let len = word_at(self.entry, at + 4);
        if len == NULL {
            return None;
        }
        let start = word_at(self.entry, at) as usize;
        Some(&self.data[start..start + len as usize])
    }
}

impl std::fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record")
            .field("key", &self.key())
            .field("value", &self.value())
            .field("headers", &self.headers().collect::<Vec<_>>())
            .field("timestamp", &self.timestamp())
            .field("source", &self.source())
            .finish()
    }
}

/// Where a record came from, in the pipeline's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
}

/// A header: its name and value; a value of none is null.
type Header<'a> = (&'a str, Option<&'a [u8]>);

/// The headers of a record, in order: name and value; a value of none is null.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    left: u32,
}

impl<'a> Headers<'a> {
    /// `count` headers, one behind the other from the start of `bytes`.
    pub(crate) fn new(bytes: &'a [u8], count: u32) -> Headers<'a> {
        Headers { bytes, left: count }
    }

    /// The next header; an error where it reaches past the bytes or its name is not UTF-8.
    pub(crate) fn try_next(&mut self) -> Option<Result<Header<'a>, &'static str>> {
        self.left = self.left.checked_sub(1)?;
        Some(self.take().ok_or("headers reach past the end of data, or a name is not UTF-8"))
    }

    fn take(&mut self) -> Option<Header<'a>> {
        let (lengths, rest) = self.bytes.split_first_chunk::<8>()?;
        let (name, rest) = rest.split_at_checked(word_at(lengths, 0) as usize)?;
        let name = std::str::from_utf8(name).ok()?;
        let len = word_at(lengths, 4);
        if len == NULL {
            self.bytes = rest;
            return Some((name, None));
        }
        let (value, rest) = rest.split_at_checked(len as usize)?;
        self.bytes = rest;
        Some((name, Some(value)))
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.try_next().map(|header| header.expect("the host sends whole headers with UTF-8 names"))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Headers<'_> {}
