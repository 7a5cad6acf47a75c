//! Protocol Buffers: messages to JSON text as proto3 defines it, and back.

mod maps;

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions};
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

/// The name of a schema's own file.
const OWN: &str = "schema.proto";
/// The longest way from a file to a message in a message.
const DEEPEST: usize = 16;
/// The largest JSON text and the largest message, in bytes.
const LARGEST: usize = 16 << 20;

/// The messages of a schema's file.
pub struct Schema {
    pool: DescriptorPool,
    default: MessageDescriptor,
    has_maps: bool,
}

/// The way to a message in its file: the number of each message in the one around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageIndexes {
    numbers: [u16; DEEPEST],
    count: usize,
}

impl Schema {
    /// Compiles the text of a file, or its descriptor in base64, as Confluent's client for Python registers it.
    /// `references` are what it may import, by name, besides what Google publishes. `message` is the one that is meant
    /// where none is named; else it is the first.
    ///
    /// # Errors
    /// The text is not Protobuf, imports what is not there, or has no such message.
    pub fn parse(text: &str, references: &[(String, String)], message: Option<&str>) -> Result<Schema, String> {
        let mut resolver = ChainFileResolver::new();
        resolver.add(References { own: text.to_owned(), references: references.to_vec() });
        resolver.add(GoogleFileResolver::new());
        let mut compiler = Compiler::with_file_resolver(resolver);
        compiler.include_imports(true);
        compiler.open_file(OWN).map_err(|error| format!("not a Protobuf schema: {error}"))?;
        let pool = compiler.descriptor_pool();
        let file = pool.get_file_by_name(OWN).ok_or("the schema has no file")?;
        let default = match message {
            None => file.messages().next().ok_or("the schema has no message")?,
            Some(name) => pool
                .all_messages()
                .find(|own| own.full_name() == name || own.name() == name)
                .ok_or_else(|| format!("the schema has no message \"{name}\""))?,
        };
        let has_maps = pool.all_messages().any(|message| message.is_map_entry());
        Ok(Schema { pool, default, has_maps })
    }

    /// Returns the full name of the message that is meant where none is named.
    pub fn name(&self) -> &str {
        self.default.full_name()
    }

    /// Returns the way to that message.
    ///
    /// # Errors
    /// It lies deeper than [`MessageIndexes`] can say.
    pub fn default_indexes(&self) -> Result<MessageIndexes, String> {
        MessageIndexes::of(&self.default)
    }

    /// Appends the JSON text of a message. Without indexes it is the default one.
    ///
    /// # Errors
    /// There is no such message, or the bytes are none.
    pub fn decode(&self, indexes: Option<MessageIndexes>, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let message = DynamicMessage::decode(self.message(indexes)?, bytes)
            .map_err(|error| format!("not a message of {}: {error}", self.default.full_name()))?;
        let begin = out.len();
        let mut serializer = serde_json::Serializer::new(Bounded { out, left: LARGEST });
        // A field without presence has its default where it is not in the data, and whoever reads JSON expects it.
        let options = SerializeOptions::new().skip_default_fields(false);
        let written = message.serialize_with_options(&mut serializer, &options);
        written.map_err(|error| {
            out.truncate(begin);
            error.to_string()
        })
    }

    /// Appends the message of JSON text. `drop_unknown`: fields that it does not have are left out.
    ///
    /// # Errors
    /// The text does not fit: the field and why.
    pub fn encode(
        &self,
        indexes: Option<MessageIndexes>,
        json: &[u8],
        drop_unknown: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let options = DeserializeOptions::new().deny_unknown_fields(!drop_unknown);
        let descriptor = self.message(indexes)?;
        let message = DynamicMessage::deserialize_with_options(descriptor.clone(), &mut deserializer, &options)
            .map_err(|error| error.to_string())?;
        deserializer.end().map_err(|error| error.to_string())?;
        if message.encoded_len() > LARGEST {
            return Err(format!("the message takes more than {LARGEST} bytes"));
        }
        let begin = out.len();
        message.encode(out).map_err(|error| error.to_string())?;
        if self.has_maps {
            maps::sort(&mut out[begin..], &descriptor);
        }
        Ok(())
    }

    fn message(&self, indexes: Option<MessageIndexes>) -> Result<MessageDescriptor, String> {
        let Some(indexes) = indexes else { return Ok(self.default.clone()) };
        let file = self.pool.get_file_by_name(OWN).ok_or("the schema has no file")?;
        let mut numbers = indexes.numbers[..indexes.count].iter().map(|number| usize::from(*number));
        let first = numbers.next().unwrap_or(0);
        let found = numbers.try_fold(file.messages().nth(first), |outer, number| {
            Some(outer?.child_messages().nth(number)).filter(Option::is_some)
        });
        found.flatten().ok_or_else(|| format!("the schema has no message {indexes}"))
    }
}

impl MessageIndexes {
    fn of(message: &MessageDescriptor) -> Result<MessageIndexes, String> {
        // The path says for each step the number of a field of the descriptor, and a number in that.
        let path: Vec<u16> = message.path().iter().skip(1).step_by(2).filter_map(|n| u16::try_from(*n).ok()).collect();
        if path.len() > DEEPEST {
            return Err(format!("the message {} lies too deep", message.full_name()));
        }
        let mut indexes = MessageIndexes { count: path.len(), ..MessageIndexes::default() };
        indexes.numbers[..path.len()].copy_from_slice(&path);
        Ok(indexes)
    }

    /// Reads the indexes that bytes begin with, and returns what follows.
    ///
    /// # Errors
    /// The bytes begin with none.
    pub fn read(mut bytes: &[u8]) -> Result<(MessageIndexes, &[u8]), String> {
        let wrong = || "it has no message indexes behind the id of its schema".to_owned();
        let count = read_zigzag(&mut bytes).and_then(|count| usize::try_from(count).ok()).ok_or_else(wrong)?;
        if count == 0 {
            return Ok((MessageIndexes { count: 1, ..MessageIndexes::default() }, bytes));
        }
        if count > DEEPEST {
            return Err(wrong());
        }
        let mut indexes = MessageIndexes { count, ..MessageIndexes::default() };
        for number in &mut indexes.numbers[..count] {
            *number = read_zigzag(&mut bytes).and_then(|number| u16::try_from(number).ok()).ok_or_else(wrong)?;
        }
        Ok((indexes, bytes))
    }

    /// Hands them over as they stand behind an id: at most 49 bytes, in pieces.
    pub fn write(&self, out: &mut dyn FnMut(&[u8])) {
        if self.numbers[..self.count] == [0] {
            // One byte for what is the most frequent by far.
            return out(&[0]);
        }
        write_zigzag(self.count as u64, out);
        self.numbers[..self.count].iter().for_each(|number| write_zigzag(u64::from(*number), out));
    }
}

impl fmt::Display for MessageIndexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.numbers[..self.count])
    }
}

fn read_zigzag(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..35).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}

fn write_zigzag(value: u64, out: &mut dyn FnMut(&[u8])) {
    let mut value = value << 1;
    while value >= 0x80 {
        out(&[value as u8 | 0x80]);
        value >>= 7;
    }
    out(&[value as u8]);
}

/// Writes at the end of a buffer, up to a bound.
struct Bounded<'a> {
    out: &'a mut Vec<u8>,
    left: usize,
}

impl std::io::Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.left = self
            .left
            .checked_sub(bytes.len())
            .ok_or_else(|| std::io::Error::other(format!("its JSON text takes more than {LARGEST} bytes")))?;
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Answers with a schema and what it refers to, and reads no file.
struct References {
    own: String,
    references: Vec<(String, String)>,
}

impl FileResolver for References {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == OWN {
            return file(OWN, &self.own);
        }
        match self.references.iter().find(|(own, _)| own == name) {
            Some((_, text)) => file(name, text),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}

/// Reads a file: its text, or its descriptor in base64.
fn file(name: &str, text: &str) -> Result<File, protox::Error> {
    if let Ok(mut descriptor) = BASE64_STANDARD.decode(text.trim()) {
        // Whatever name it gives itself, it is known by this one: of a field that comes twice the last one counts.
        if let Ok(length) = u8::try_from(name.len())
            && length < 0x80
        {
            descriptor.extend_from_slice(&[0x0a, length]);
            descriptor.extend_from_slice(name.as_bytes());
        }
        if let Ok(file) = File::decode_file_descriptor_proto(&descriptor[..]) {
            return Ok(file);
        }
    }
    File::from_source(name, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"syntax = "proto3"; package shop; import "common.proto"; import "google/protobuf/timestamp.proto";
        message Other { int32 x = 1; message Inner { string s = 1; } message Second { bool b = 1; } }
        message Order { string id = 1; int64 quantity = 2; common.Money price = 3; google.protobuf.Timestamp at = 4; bytes raw = 5; }"#;

    fn schema(message: Option<&str>) -> Schema {
        let common = r#"syntax = "proto3"; package common; message Money { int64 cents = 1; }"#.to_owned();
        Schema::parse(TEXT, &[("common.proto".to_owned(), common)], message).unwrap()
    }

    #[test]
    fn a_message_goes_to_json_and_back() {
        let schema = schema(Some("shop.Order"));
        let json = r#"{"id":"a","quantity":"9007199254740993","price":{"cents":"5"},"at":"2026-11-30T01:02:03Z","raw":"AAE="}"#;
        let (mut bytes, mut back) = (Vec::new(), Vec::new());
        schema.encode(None, json.as_bytes(), false, &mut bytes).unwrap();
        schema.decode(None, &bytes, &mut back).unwrap();
        assert_eq!(String::from_utf8(back).unwrap(), json);
        let why = schema.encode(None, br#"{"idd":"a"}"#, false, &mut bytes).unwrap_err();
        assert!(why.contains("idd"), "{why}");
        assert!(schema.encode(None, br#"{"idd":"a"}"#, true, &mut bytes).is_ok());
        assert!(schema.decode(None, &[0xff, 0xff, 0xff], &mut Vec::new()).is_err());
    }

    #[test]
    fn a_descriptor_in_base64_is_a_schema_too() {
        // Of order.proto: syntax = "proto3"; message A { string id = 1; }
        let descriptor =
            b"\x0a\x0border.proto\x22\x13\x0a\x01A\x12\x0e\x0a\x02id\x18\x01\x20\x01\x28\x09R\x02id\x62\x06proto3";
        let schema = Schema::parse(&BASE64_STANDARD.encode(descriptor), &[], None).unwrap();
        let mut json = Vec::new();
        schema.decode(None, b"\x0a\x01x", &mut json).unwrap();
        assert_eq!((schema.name(), &json[..]), ("A", &br#"{"id":"x"}"#[..]));
        assert!(Schema::parse("AAAA", &[], None).is_err());
    }

    #[test]
    fn indexes_lead_to_a_message_in_a_message() {
        let indexes = schema(Some("shop.Other.Second")).default_indexes().unwrap();
        let mut bytes = Vec::new();
        indexes.write(&mut |piece| bytes.extend_from_slice(piece));
        assert_eq!(bytes, [4, 0, 2], "two numbers, 0 and 1, zigzag");
        bytes.extend_from_slice(&[8, 1]);
        let (read, rest) = MessageIndexes::read(&bytes).unwrap();
        assert_eq!((read, rest), (indexes, &[8, 1][..]));
        let mut out = Vec::new();
        schema(None).decode(Some(read), rest, &mut out).unwrap();
        assert_eq!(out, br#"{"b":true}"#);
        let first = MessageIndexes::read(&[0, 9]).unwrap();
        let mut short = Vec::new();
        first.0.write(&mut |piece| short.extend_from_slice(piece));
        assert_eq!((short, first.1), (vec![0], &[9][..]));
        let nowhere = MessageIndexes::read(&[2, 8]).unwrap().0;
        assert!(schema(None).decode(Some(nowhere), &[], &mut out).unwrap_err().contains("no message [4]"));
        for damaged in [&[][..], &[1], &[2], &[0xff; 12], &[64, 1]] {
            assert!(MessageIndexes::read(damaged).is_err(), "{damaged:?}");
        }
    }

    #[test]
    fn only_references_and_what_google_publishes_is_imported() {
        let importing = |name: &str| format!(r#"syntax = "proto3"; import "{name}"; message A {{}}"#);
        let why = Schema::parse(&importing("missing.proto"), &[], None).err().unwrap();
        assert!(why.contains("missing.proto"), "{why}");
        assert!(Schema::parse(&importing("../../etc/passwd"), &[], None).is_err());
        assert!(Schema::parse("syntax = \"proto3\";", &[], None).err().unwrap().contains("no message"));
    }
}
