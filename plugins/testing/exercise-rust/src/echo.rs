//! A record as text.

use sluicebox_plugin::Record;

/// Every field, `null` for what is null or absent.
pub fn text(record: &Record<'_>) -> String {
    let headers: Vec<String> = record.headers().map(|(name, value)| format!("{name}:{}", bytes(value))).collect();
    let source = record.source();
    format!(
        "key={};headers={};timestamp={};topic={};partition={};offset={}",
        bytes(record.key()),
        headers.join(","),
        number(record.timestamp()),
        bytes(source.map(|source| source.topic.as_bytes())),
        number(source.map(|source| source.partition)),
        number(source.map(|source| source.offset)),
    )
}

fn bytes(bytes: Option<&[u8]>) -> String {
    bytes.map_or("null".into(), |bytes| String::from_utf8_lossy(bytes).into_owned())
}

fn number(number: Option<impl ToString>) -> String {
    number.map_or("null".into(), |number| number.to_string())
}
