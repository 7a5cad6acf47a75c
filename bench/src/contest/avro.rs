//! Orders as Avro, with ids as Confluent's serializers write them: what the job order-status-avro reads and writes.

use std::sync::LazyLock;

use anyhow::Result;
use sluicebox::codec::avro::{Encoder, Limits, Schema, UnknownFields};

use crate::orders;

/// The schema of the input, and its id.
pub const ORDER: (u32, &str) = (1, include_str!("../../peers/schemas/order.avsc"));

/// The schema of the output, and its id.
pub const ENRICHED: (u32, &str) = (2, include_str!("../../peers/schemas/enriched.avsc"));

static ORDERS: LazyLock<Result<Encoder, String>> = LazyLock::new(|| encoder(ORDER.1));
static ENRICHMENTS: LazyLock<Result<Encoder, String>> = LazyLock::new(|| encoder(ENRICHED.1));

fn encoder(schema: &str) -> Result<Encoder, String> {
    let schema = Schema::parse(schema, &[]).map_err(|error| error.to_string())?;
    Encoder::new(&schema, UnknownFields::Error, Limits::default()).map_err(|error| error.to_string())
}

/// The value of a record of the input; those that are broken end in the middle.
///
/// # Errors
/// An order does not fit its schema.
pub fn event(number: u64) -> Result<Vec<u8>> {
    let mut value = framed(&ORDERS, ORDER.0, orders::value(number).as_bytes())?;
    if orders::is_broken(number) {
        value.truncate(value.len() / 2);
    }
    Ok(value)
}

/// The value of a record of the output.
///
/// # Errors
/// It does not fit its schema.
pub fn enriched(json: &[u8]) -> Result<Vec<u8>> {
    framed(&ENRICHMENTS, ENRICHED.0, json)
}

fn framed(encoder: &LazyLock<Result<Encoder, String>>, id: u32, json: &[u8]) -> Result<Vec<u8>> {
    let encoder = encoder.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut value = [&[0][..], &id.to_be_bytes()].concat();
    encoder.encode(json, &mut value)?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_id_and_is_smaller_than_its_json() {
        for number in 0..2000 {
            let event = event(number).unwrap();
            assert_eq!(event[..5], [0, 0, 0, 0, 1]);
            assert!(event.len() < orders::VALUE, "{number}");
        }
    }
}
