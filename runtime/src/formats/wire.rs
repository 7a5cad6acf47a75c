//! How a record names its schema: by an id before its bytes, or in a header.

use super::codec::IdAt;
use crate::batch::Headers;
use crate::codec::protobuf::MessageIndexes;
use crate::registry::SchemaId;

/// The first byte of an id that is a number.
const NUMBER: u8 = 0;
/// The first byte of an id that is a GUID; only in a header.
const GUID: u8 = 1;

/// A part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl Part {
    /// Returns the word for it in messages and subjects.
    pub fn as_str(self) -> &'static str {
        match self {
            Part::Key => "key",
            Part::Value => "value",
        }
    }

    /// Returns the name of the header that names its schema.
    pub fn header(self) -> &'static str {
        match self {
            Part::Key => "__key_schema_id",
            Part::Value => "__value_schema_id",
        }
    }
}

/// A part of a record without the id of its schema.
#[derive(Clone, Copy, Debug)]
pub struct Framed<'a> {
    /// The id.
    pub id: SchemaId,
    /// Where it was.
    pub id_at: IdAt<'a>,
    /// What follows a prefix, or all bytes where the id is in a header.
    pub payload: &'a [u8],
}

/// Reads the id of a schema: of the last header of its name, and where there is none, before the bytes.
///
/// # Errors
/// There is no id: what is there instead.
pub fn read<'a>(part: Part, headers: Headers<'a>, bytes: &'a [u8]) -> Result<Framed<'a>, String> {
    let name = part.header();
    if let Some((_, value)) = headers.filter(|(own, _)| *own == name.as_bytes()).last() {
        let value = value.unwrap_or_default();
        return match value.split_first() {
            Some((&NUMBER, rest)) => {
                number(rest).map(|(id, after)| Framed { id, id_at: IdAt::Header(after), payload: bytes })
            }
            Some((&GUID, rest)) => rest.split_first_chunk::<16>().map(|(guid, after)| Framed {
                id: SchemaId::Guid(*guid),
                id_at: IdAt::Header(after),
                payload: bytes,
            }),
            Some(_) | None => None,
        }
        .ok_or_else(|| format!("its header {name} holds no id of a schema"));
    }
    let framed = match bytes.split_first() {
        Some((&NUMBER, rest)) => number(rest).map(|(id, payload)| Framed { id, id_at: IdAt::Prefix, payload }),
        Some(_) | None => None,
    };
    framed.ok_or_else(|| match bytes.first() {
        None => "it is empty, and has no id of a schema before it".to_owned(),
        Some(0) => format!("it has {} bytes, too few for the id of a schema", bytes.len()),
        Some(first) => format!("it has no id of a schema: it begins with byte {first:#04x}, not 0x00"),
    })
}

fn number(bytes: &[u8]) -> Option<(SchemaId, &[u8])> {
    let (id, rest) = bytes.split_first_chunk::<4>()?;
    Some((SchemaId::Number(u32::from_be_bytes(*id)), rest))
}

/// The most bytes of an id with the indexes of a message.
const LONGEST: usize = 17 + 49;

/// An id as it stands in a header, with the indexes of a message behind it.
pub struct HeaderId([u8; LONGEST], usize);

impl Default for HeaderId {
    fn default() -> Self {
        HeaderId([0; LONGEST], 0)
    }
}

impl HeaderId {
    /// Returns an id as it stands in a header.
    pub fn new(id: SchemaId, indexes: Option<MessageIndexes>) -> HeaderId {
        let mut header = HeaderId::default();
        match id {
            SchemaId::Number(number) => {
                header.push(&[NUMBER]);
                header.push(&number.to_be_bytes());
            }
            SchemaId::Guid(guid) => {
                header.push(&[GUID]);
                header.push(&guid);
            }
        }
        if let Some(indexes) = indexes {
            indexes.write(&mut |bytes| header.push(bytes));
        }
        header
    }

    fn push(&mut self, bytes: &[u8]) {
        self.0[self.1..self.1 + bytes.len()].copy_from_slice(bytes);
        self.1 += bytes.len();
    }

    /// Returns its bytes; none where there is no id.
    pub fn bytes(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Arena, HeaderList};

    fn headers(arena: &mut Arena, pairs: &[(&[u8], Option<&[u8]>)]) -> HeaderList {
        arena.push_headers(pairs.iter().copied())
    }

    #[test]
    fn a_header_comes_before_a_prefix_and_the_last_one_counts() {
        let mut arena = Arena::default();
        let guid = [1_u8, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];
        let list = headers(
            &mut arena,
            &[(b"__value_schema_id", Some(&[0, 0, 0, 0, 3])), (b"x", None), (b"__value_schema_id", Some(&guid))],
        );
        let framed = read(Part::Value, arena.headers(list), &[0, 0, 0, 0, 7, 1]).unwrap();
        assert_eq!((framed.id, framed.payload), (SchemaId::Guid([9; 16]), &[0, 0, 0, 0, 7, 1][..]));
        let framed = read(Part::Key, arena.headers(list), &[0, 0, 0, 1, 7, 1]).unwrap();
        assert_eq!((framed.id, framed.payload), (SchemaId::Number(263), &[1][..]));
    }

    #[test]
    fn what_is_no_id_is_an_error() {
        let mut arena = Arena::default();
        for value in [None, Some(&b""[..]), Some(b"\x00\x00"), Some(b"\x01\x00"), Some(b"\x02\x00\x00\x00\x00")] {
            let list = headers(&mut arena, &[(b"__key_schema_id", value)]);
            assert!(read(Part::Key, arena.headers(list), &[0, 0, 0, 0, 7]).is_err(), "{value:?}");
        }
        for bytes in [&b""[..], b"\x00\x00\x00\x00", b"{\"a\":1}", b"\x01\x00\x00\x00\x00\x00"] {
            assert!(read(Part::Value, Headers::EMPTY, bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for id in [SchemaId::Number(u32::MAX), SchemaId::Guid([7; 16])] {
            let mut arena = Arena::default();
            let header = HeaderId::new(id, None);
            let list = headers(&mut arena, &[(b"__key_schema_id", Some(header.bytes()))]);
            assert_eq!(read(Part::Key, arena.headers(list), b"x").unwrap().id, id);
        }
    }
}
