//! A record as JSON that people and programs are shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::batch::{Offset, Partition};
use crate::record_text::DevRecord;

/// Bytes in base64.
const BASE64_TEXT: &str = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";

/// A record of Kafka's. Bytes that are not UTF-8 text stand in base64, under a name of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = text_or_bytes)]
pub struct ShownRecord {
    /// Its topic; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Its partition; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = i32::MAX))]
    pub partition: Option<i32>,
    /// Its offset; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = i64::MAX))]
    pub offset: Option<i64>,
    /// Milliseconds since the epoch; null where it has none.
    #[serde(default)]
    #[schemars(range(min = i64::MIN, max = i64::MAX))]
    pub timestamp: Option<i64>,
    /// The key as text, or null.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub key: Option<Option<String>>,
    /// The key in base64, where it is not text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = BASE64_TEXT))]
    pub key_base64: Option<String>,
    /// The value as text, or null.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub value: Option<Option<String>>,
    /// The value in base64, where it is not text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = BASE64_TEXT))]
    pub value_base64: Option<String>,
    /// The headers in order, each with its name and its value, which may be null.
    #[serde(default)]
    pub headers: Vec<(HeaderText, Option<HeaderText>)>,
}

/// The name or the value of a header.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum HeaderText {
    /// UTF-8 text.
    Text(String),
    /// Other bytes.
    Bytes(#[serde(deserialize_with = "object")] HeaderBytes),
}

/// Bytes of a header that are not UTF-8 text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderBytes {
    /// The bytes in base64.
    #[schemars(regex(pattern = BASE64_TEXT))]
    pub base64: String,
}

/// A part is text or bytes, and not both.
fn text_or_bytes(schema: &mut Schema) {
    let not_both = |text: &str, bytes: &str| json!({ "not": { "required": [text, bytes], "properties": { (bytes): { "type": "string" } } } });
    schema.insert("allOf".to_owned(), json!([not_both("key", "key_base64"), not_both("value", "value_base64")]));
}

/// Reads an object by the names of its fields alone: serde would take a list of them, too.
pub(crate) fn object<'de, D: serde::Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    let fields = Map::deserialize(deserializer)?;
    T::deserialize(Value::Object(fields)).map_err(serde::de::Error::custom)
}

/// Tells a field that is null from one that is absent.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}

impl ShownRecord {
    /// Returns a record with its place.
    pub fn new(record: &DevRecord, place: Option<(Partition, Offset)>) -> ShownRecord {
        let (key, key_base64) = text_or_base64(record.key.as_deref());
        let (value, value_base64) = text_or_base64(record.value.as_deref());
        let headers = record.headers.iter();
        ShownRecord {
            topic: record.topic.clone(),
            partition: place.map(|(partition, _)| partition.0),
            offset: place.map(|(_, offset)| offset.0),
            timestamp: record.timestamp,
            key,
            key_base64,
            value,
            value_base64,
            headers: headers.map(|(name, value)| (header(name), value.as_deref().map(header))).collect(),
        }
    }

    /// Returns the record that this is the JSON of, without its place.
    ///
    /// # Errors
    /// What is not base64, or given twice.
    pub fn to_record(&self) -> Result<DevRecord, String> {
        let bytes = |name: &str, text: &Option<Option<String>>, base64: &Option<String>| match (text, base64) {
            (Some(_), Some(_)) => Err(format!("\"{name}\" and \"{name}_base64\" cannot both be given")),
            (_, Some(base64)) => decode(base64).map(Some),
            (text, None) => Ok(text.clone().flatten().map(String::into_bytes)),
        };
        let part = |text: &HeaderText| match text {
            HeaderText::Text(text) => Ok(text.clone().into_bytes()),
            HeaderText::Bytes(bytes) => decode(&bytes.base64),
        };
        let headers = self.headers.iter();
        Ok(DevRecord {
            topic: self.topic.clone(),
            dead_letter: false,
            key: bytes("key", &self.key, &self.key_base64)?,
            value: bytes("value", &self.value, &self.value_base64)?,
            headers: headers
                .map(|(name, value)| Ok((part(name)?, value.as_ref().map(part).transpose()?)))
                .collect::<Result<_, String>>()?,
            timestamp: self.timestamp,
        })
    }
}

fn decode(base64: &str) -> Result<Vec<u8>, String> {
    BASE64.decode(base64).map_err(|error| format!("not base64: {error}"))
}

fn text_or_base64(bytes: Option<&[u8]>) -> (Option<Option<String>>, Option<String>) {
    match bytes.map(std::str::from_utf8) {
        None => (Some(None), None),
        Some(Ok(text)) => (Some(Some(text.to_owned())), None),
        Some(Err(_)) => (None, bytes.map(|bytes| BASE64.encode(bytes))),
    }
}

fn header(bytes: &[u8]) -> HeaderText {
    match std::str::from_utf8(bytes) {
        Ok(text) => HeaderText::Text(text.to_owned()),
        Err(_) => HeaderText::Bytes(HeaderBytes { base64: BASE64.encode(bytes) }),
    }
}
