//! One codec for one part of records: whichever its format is.

use crate::codec::protobuf::MessageIndexes;
use crate::codec::{avro, csv, json_schema, msgpack, protobuf, text};
use crate::config::plan::{Format, InputFormat, OutputFormat};
use crate::registry::SchemaKind;

/// Where the id of a part's schema was.
#[derive(Clone, Copy, Debug)]
pub enum IdAt<'a> {
    /// There is none.
    Nowhere,
    /// Before the bytes.
    Prefix,
    /// In a header, with this behind it.
    Header(&'a [u8]),
}

/// Decodes one part of records of one schema, or of a format that has none.
pub enum Decoder {
    /// Avro.
    Avro(avro::Decoder),
    /// Protobuf.
    Protobuf(protobuf::Schema),
    /// JSON text, validated where there is a schema.
    Json(Option<Box<json_schema::Schema>>),
    /// CSV, with these columns.
    Csv(Option<Vec<String>>),
    /// Text.
    Text,
    /// MessagePack.
    Msgpack,
}

/// Encodes one part of records of one schema, or of a format that has none.
pub enum Encoder {
    /// Avro.
    Avro(avro::Encoder),
    /// Protobuf.
    Protobuf {
        /// Its messages.
        schema: protobuf::Schema,
        /// Whether fields that a message does not have are left out.
        drop_unknown: bool,
    },
    /// JSON text that is validated.
    Json(Box<json_schema::Schema>),
    /// CSV, with these columns.
    Csv(Option<Vec<String>>),
    /// Text.
    Text,
    /// MessagePack.
    Msgpack,
}

impl Decoder {
    /// Returns the decoder of a format that has no schemas; none where it has.
    pub fn without_schema(format: &InputFormat) -> Option<Decoder> {
        match format.format {
            Format::Csv => Some(Decoder::Csv(format.columns.clone())),
            Format::Text => Some(Decoder::Text),
            Format::Msgpack => Some(Decoder::Msgpack),
            Format::Bytes | Format::Avro | Format::Protobuf | Format::JsonSchema | Format::Registry => None,
        }
    }

    /// Appends the JSON text of bytes, of which the id is taken off.
    ///
    /// # Errors
    /// They do not fit: the field and why.
    pub fn decode(&self, id_at: IdAt<'_>, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        match self {
            Decoder::Avro(decoder) => decoder.decode(bytes, out).map_err(|error| error.to_string()),
            Decoder::Protobuf(schema) => {
                let (indexes, bytes) = indexes(id_at, bytes)?;
                schema.decode(indexes, bytes, out)
            }
            Decoder::Json(schema) => {
                match schema {
                    Some(schema) => schema.validate(bytes)?,
                    None => json_schema::check(bytes)?,
                }
                out.extend_from_slice(bytes);
                Ok(())
            }
            Decoder::Csv(columns) => csv::decode(columns.as_deref(), bytes, out),
            Decoder::Text => text::decode(bytes, out),
            Decoder::Msgpack => msgpack::decode(bytes, out),
        }
    }
}

/// Reads the indexes of a Protobuf message, which stand behind the id of its schema.
pub(super) fn indexes<'a>(id_at: IdAt<'_>, bytes: &'a [u8]) -> Result<(Option<MessageIndexes>, &'a [u8]), String> {
    match id_at {
        IdAt::Nowhere => Ok((None, bytes)),
        IdAt::Prefix => MessageIndexes::read(bytes).map(|(indexes, rest)| (Some(indexes), rest)),
        IdAt::Header(after_id) => MessageIndexes::read(after_id).map(|(indexes, _)| (Some(indexes), bytes)),
    }
}

impl Encoder {
    /// Returns the encoder of a format that has no schemas; none where it has.
    pub fn without_schema(format: &OutputFormat) -> Option<Encoder> {
        match format.format {
            Format::Csv => Some(Encoder::Csv(format.columns.clone())),
            Format::Text => Some(Encoder::Text),
            Format::Msgpack => Some(Encoder::Msgpack),
            Format::Bytes | Format::Avro | Format::Protobuf | Format::JsonSchema | Format::Registry => None,
        }
    }

    /// Returns the indexes of the message that goes behind the id; none where that is not Protobuf. `came_with`: those
    /// of the input's record, where its schema is the one to encode with.
    ///
    /// # Errors
    /// The message lies too deep.
    pub fn indexes(&self, came_with: Option<MessageIndexes>) -> Result<Option<MessageIndexes>, String> {
        match self {
            Encoder::Protobuf { schema, .. } => came_with.map_or_else(|| schema.default_indexes(), Ok).map(Some),
            Encoder::Avro(_) | Encoder::Json(_) | Encoder::Csv(_) | Encoder::Text | Encoder::Msgpack => Ok(None),
        }
    }

    /// Appends the bytes of JSON text. `indexes` are those of the Protobuf message.
    ///
    /// # Errors
    /// It does not fit: the field and why.
    pub fn encode(&self, indexes: Option<MessageIndexes>, json: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        match self {
            Encoder::Avro(encoder) => encoder.encode(json, out).map_err(|error| error.to_string()),
            Encoder::Protobuf { schema, drop_unknown } => schema.encode(indexes, json, *drop_unknown, out),
            Encoder::Json(schema) => {
                schema.validate(json)?;
                out.extend_from_slice(json);
                Ok(())
            }
            Encoder::Csv(columns) => csv::encode(columns.as_deref(), json, out),
            Encoder::Text => text::encode(json, out),
            Encoder::Msgpack => msgpack::encode(json, out),
        }
    }
}

/// Returns the language of a format's schemas; none where they may be of any, or there are none.
pub(super) fn kind_of(format: Format) -> Option<SchemaKind> {
    match format {
        Format::Avro => Some(SchemaKind::Avro),
        Format::Protobuf => Some(SchemaKind::Protobuf),
        Format::JsonSchema => Some(SchemaKind::Json),
        Format::Bytes | Format::Registry | Format::Csv | Format::Text | Format::Msgpack => None,
    }
}
