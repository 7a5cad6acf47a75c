//! Avro: binary data to JSON text and back, each in one pass and without a tree of values.
//!
//! A [`Schema`] is parsed once, and compiled once to the plan of a [`Decoder`] or an [`Encoder`]. Either can be shared
//! by threads, and appends to a buffer of the caller; after an error the caller truncates the buffer to what it was.

mod error;
mod options;
mod schema;

pub use error::{DecodeError, EncodeError, ResolveError, SchemaError};
pub use options::{Limits, Logical, UnknownFields};
pub use schema::{Reference, Schema};

/// Decodes the data of one writer's schema.
#[derive(Debug)]
pub struct Decoder {}

impl Decoder {
    /// Compiles the plan from the writer's schema to JSON text, resolved to the reader's schema where one is given.
    ///
    /// # Errors
    /// What is written with `writer` can never be read as `reader`.
    pub fn new(
        _writer: &Schema,
        _reader: Option<&Schema>,
        _logical: Logical,
        _limits: Limits,
    ) -> Result<Decoder, ResolveError> {
        Ok(Decoder {})
    }

    /// Appends the JSON text of one datum, which takes all of `bytes`.
    ///
    /// # Errors
    /// The bytes are no datum of the schema, or go beyond the limits; the error names the field.
    pub fn decode(&self, _bytes: &[u8], _out: &mut Vec<u8>) -> Result<(), DecodeError> {
        Err(DecodeError::placeholder())
    }
}

/// Encodes JSON text to the data of one schema.
#[derive(Debug)]
pub struct Encoder {}

impl Encoder {
    /// Compiles the plan from JSON text to the schema's data.
    ///
    /// # Errors
    /// The plan is beyond every bound.
    pub fn new(_schema: &Schema, _unknown_fields: UnknownFields, _limits: Limits) -> Result<Encoder, SchemaError> {
        Ok(Encoder {})
    }

    /// Appends the data of one JSON text.
    ///
    /// # Errors
    /// The text is no JSON, does not fit the schema, or goes beyond the limits; the error names the field.
    pub fn encode(&self, _json: &[u8], _out: &mut Vec<u8>) -> Result<(), EncodeError> {
        Err(EncodeError::placeholder())
    }
}
