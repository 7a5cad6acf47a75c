//! How a record names its schema: by an id before its bytes, or in a header.

use crate::batch::Headers;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framed<'a> {
    /// The id.
    pub id: SchemaId,
    /// What follows the id in a header; nothing where it is a prefix.
    pub after_id: &'a [u8],
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
            Some((&NUMBER, rest)) => number(rest).map(|(id, after_id)| Framed { id, after_id, payload: bytes }),
            Some((&GUID, rest)) => rest.split_first_chunk::<16>().map(|(guid, after_id)| Framed {
                id: SchemaId::Guid(*guid),
                after_id,
                payload: bytes,
            }),
            Some(_) | None => None,
        }
        .ok_or_else(|| format!("its header {name} holds no id of a schema"));
    }
    let framed = match bytes.split_first() {
        Some((&NUMBER, rest)) => number(rest).map(|(id, payload)| Framed { id, after_id: &[], payload }),
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

/// Appends an id as it stands before bytes.
pub fn write(id: SchemaId, out: &mut Vec<u8>) {
    out.extend_from_slice(HeaderId::new(id).bytes());
}

/// An id as it stands in a header.
#[derive(Default)]
pub struct HeaderId([u8; 17], usize);

impl HeaderId {
    /// Returns an id as it stands in a header.
    pub fn new(id: SchemaId) -> HeaderId {
        let mut header = HeaderId::default();
        match id {
            SchemaId::Number(number) => {
                header.0[1..5].copy_from_slice(&number.to_be_bytes());
                header.1 = 5;
            }
            SchemaId::Guid(guid) => {
                header.0[0] = GUID;
                header.0[1..].copy_from_slice(&guid);
                header.1 = 17;
            }
        }
        header
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
            let (mut out, mut arena) = (Vec::new(), Arena::default());
            write(id, &mut out);
            let list = headers(&mut arena, &[(b"__key_schema_id", Some(&out))]);
            assert_eq!(read(Part::Key, arena.headers(list), b"x").unwrap().id, id);
        }
    }
}
