//! Formats of keys and values: each decodes what came from Kafka to JSON text, and encodes JSON text to what goes
//! there. A codec knows bytes and schemas, and nothing of Kafka, plugins or registries.

pub mod avro;
pub mod csv;
pub mod json_schema;
pub mod msgpack;
pub mod protobuf;
pub mod text;
