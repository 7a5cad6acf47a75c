//! Tests of the codec as a whole.

mod damage;
mod evolution;
mod forms;
mod random;
mod round_trip;
mod schemas;

use super::{Decoder, Encoder, Limits, Logical, Schema, UnknownFields};

fn schema(text: &str) -> Schema {
    Schema::parse(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn decoder(schema: &Schema) -> Decoder {
    Decoder::new(schema, None, Logical::Text, Limits::default()).expect("a schema reads what it writes")
}

fn encoder(schema: &Schema) -> Encoder {
    Encoder::new(schema, UnknownFields::Error, Limits::default()).expect("the defaults are small")
}

fn decode(of: &Schema, bytes: &[u8]) -> Result<String, String> {
    let mut out = Vec::new();
    decoder(of).decode(bytes, &mut out).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).expect("JSON text is UTF-8"))
}

fn encode(of: &Schema, json: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    encoder(of).encode(json.as_bytes(), &mut out).map_err(|error| error.to_string())?;
    Ok(out)
}

/// The JSON text of data that this JSON text is encoded to.
fn there_and_back(of: &Schema, json: &str) -> Result<String, String> {
    decode(of, &encode(of, json)?)
}
