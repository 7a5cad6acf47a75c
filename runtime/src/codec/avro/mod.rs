//! Avro: binary data to JSON text and back, each in one pass and without a tree of values.
//!
//! A [`Schema`] is parsed once, and compiled once to the plan of a [`Decoder`] or an [`Encoder`]. Either can be shared
//! by threads, and appends to a buffer of the caller; after an error the caller truncates the buffer to what it was.

mod calendar;
mod decimal;
mod decode;
mod default;
mod encode;
mod error;
mod json_form;
mod options;
mod parse;
mod schema;
mod wire;

pub use decode::Decoder;
pub use encode::Encoder;
pub use error::{DecodeError, EncodeError, ResolveError, SchemaError};
pub use options::{Limits, Logical, UnknownFields};
pub use schema::{Reference, Schema};

#[cfg(test)]
mod tests;
