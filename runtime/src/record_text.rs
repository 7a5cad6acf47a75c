//! Records as people write and read them: a plain value on a line, or a JSON object on a line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use crate::batch::{Arena, Batch, NO_TIMESTAMP, Offset, Record};
use crate::kafka::FetchedRecord;

/// One record outside of Kafka.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DevRecord {
    /// Its topic, where that is known.
    pub topic: Option<String>,
    /// Whether it is a dead letter that `dev` shows.
    pub dead_letter: bool,
    /// The key; none is null.
    pub key: Option<Vec<u8>>,
    /// The value; none is null.
    pub value: Option<Vec<u8>>,
    /// Names and values, in order.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Milliseconds since the epoch.
    pub timestamp: Option<i64>,
}

/// Why a line is no record.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The line is not JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// The line is JSON of another shape.
    #[error(
        "{0}; a record is {{\"key\"|\"key_base64\", \"value\"|\"value_base64\", \"headers\": [[name, value]], \"timestamp\": ms}}"
    )]
    Shape(String),
}

fn shape(text: impl Into<String>) -> RecordError {
    RecordError::Shape(text.into())
}

impl DevRecord {
    /// A record with this value alone.
    pub fn plain(value: &[u8]) -> DevRecord {
        DevRecord { value: Some(value.to_vec()), ..DevRecord::default() }
    }

    /// A record from a line of JSON.
    ///
    /// # Errors
    /// The line is no JSON, or has another shape.
    pub fn from_json(line: &[u8]) -> Result<DevRecord, RecordError> {
        let parsed: Value = serde_json::from_slice(line).map_err(|error| {
            let text = error.to_string();
            // The line is ours to name.
            let what = text.split(" at line ").next().unwrap_or_default();
            RecordError::Json(format!("{what}, at column {}", error.column()))
        })?;
        let Value::Object(fields) = parsed else { return Err(shape("a record is a JSON object")) };
        DevRecord::from_fields(&fields)
    }

    /// A record from the fields that its JSON has.
    ///
    /// # Errors
    /// They have another shape.
    pub fn from_fields(fields: &Map<String, Value>) -> Result<DevRecord, RecordError> {
        let mut record = DevRecord {
            key: bytes(fields, "key", "key_base64")?,
            value: bytes(fields, "value", "value_base64")?,
            ..DevRecord::default()
        };
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("key" | "key_base64" | "value" | "value_base64", _) => {}
                ("headers", Value::Array(list)) => {
                    record.headers = list.iter().map(header).collect::<Result<_, _>>()?;
                }
                ("timestamp", Value::Null) => {}
                ("timestamp", Value::Number(at)) if at.is_i64() => record.timestamp = at.as_i64(),
                ("topic", Value::Null) => {}
                ("topic", Value::String(topic)) => record.topic = Some(topic.clone()),
                ("dead_letter", Value::Bool(is_dead_letter)) => record.dead_letter = *is_dead_letter,
                ("headers" | "timestamp" | "topic" | "dead_letter", _) => {
                    return Err(shape(format!("\"{name}\" has the wrong type")));
                }
                _ => return Err(shape(format!("unknown key \"{name}\""))),
            }
        }
        Ok(record)
    }

    /// The same as JSON.
    pub fn to_json(&self) -> Value {
        let mut fields = Map::new();
        if let Some(topic) = &self.topic {
            fields.insert("topic".to_owned(), json!(topic));
        }
        if self.dead_letter {
            fields.insert("dead_letter".to_owned(), json!(true));
        }
        for (name, bytes) in [("key", &self.key), ("value", &self.value)] {
            match bytes.as_deref().map(std::str::from_utf8) {
                None => fields.insert(name.to_owned(), Value::Null),
                Some(Ok(text)) => fields.insert(name.to_owned(), json!(text)),
                Some(Err(_)) => {
                    fields.insert(format!("{name}_base64"), json!(BASE64.encode(bytes.as_deref().unwrap_or_default())))
                }
            };
        }
        let headers = self.headers.iter();
        let headers: Vec<Value> =
            headers.map(|(name, value)| json!([text_or_base64(name), value.as_deref().map(text_or_base64)])).collect();
        fields.insert("headers".to_owned(), Value::Array(headers));
        fields.insert("timestamp".to_owned(), json!(self.timestamp));
        Value::Object(fields)
    }

    /// A record that came out of Kafka.
    pub fn from_fetched(record: &FetchedRecord<'_>) -> DevRecord {
        let mut headers = Vec::new();
        let mut push = |name: &[u8], value: Option<&[u8]>| headers.push((name.to_vec(), value.map(<[u8]>::to_vec)));
        if let Err(error) = record.origin.headers(&mut push) {
            let (topic, partition, offset) = (record.origin.topic(), record.partition, record.offset);
            tracing::warn!(
                target: "kafka", %topic, partition = partition.0, offset = offset.0,
                "the record {topic}/{partition}/{offset} is shown without its headers: {error}"
            );
        }
        DevRecord {
            topic: Some(record.origin.topic().to_string()),
            dead_letter: false,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers,
            timestamp: record.timestamp,
        }
    }

    /// A record of a batch.
    pub fn from_batch(arena: &Arena, record: &Record) -> DevRecord {
        DevRecord {
            topic: None,
            dead_letter: false,
            key: arena.get(record.key).map(<[u8]>::to_vec),
            value: arena.get(record.value).map(<[u8]>::to_vec),
            headers: arena
                .headers(record.headers)
                .map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec)))
                .collect(),
            timestamp: Some(record.timestamp).filter(|at| *at != NO_TIMESTAMP),
        }
    }

    /// Puts it into a batch: the record with this offset of this source.
    pub fn push_to(&self, batch: &mut Batch, offset: Offset, source: u32) {
        let arena = &mut batch.arena;
        let headers = self.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref()));
        batch.records.push(Record {
            key: arena.push_option(self.key.as_deref()),
            value: arena.push_option(self.value.as_deref()),
            headers: arena.push_headers(headers),
            timestamp: self.timestamp.unwrap_or(NO_TIMESTAMP),
            offset,
            source,
        });
    }

    /// The text of the first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(own, _)| own == name.as_bytes())?;
        std::str::from_utf8(value.as_deref()?).ok()
    }

    /// Bytes it takes, roughly.
    pub fn size(&self) -> usize {
        let len = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + len(value) + 10).sum();
        len(&self.key) + len(&self.value) + headers + 70
    }
}

fn bytes(fields: &Map<String, Value>, name: &str, name_base64: &str) -> Result<Option<Vec<u8>>, RecordError> {
    match (fields.get(name), fields.get(name_base64)) {
        (Some(_), Some(_)) => Err(shape(format!("\"{name}\" and \"{name_base64}\" cannot both be given"))),
        (None | Some(Value::Null), None) => Ok(None),
        (Some(Value::String(text)), None) => Ok(Some(text.clone().into_bytes())),
        // What is JSON itself need not be quoted.
        (Some(other @ (Value::Object(_) | Value::Array(_))), None) => Ok(Some(other.to_string().into_bytes())),
        (Some(_), None) => Err(shape(format!("\"{name}\" is text, or null"))),
        (None, Some(Value::String(text))) => decode(text).map(Some),
        (None, Some(_)) => Err(shape(format!("\"{name_base64}\" is text"))),
    }
}

fn header(pair: &Value) -> Result<(Vec<u8>, Option<Vec<u8>>), RecordError> {
    let wrong = || shape("a header is [name, value], each text or {\"base64\": text}, the value also null");
    let part = |value: &Value| match value {
        Value::String(text) => Ok(text.clone().into_bytes()),
        Value::Object(fields) if fields.len() == 1 => match fields.get("base64") {
            Some(Value::String(text)) => decode(text),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    };
    match pair.as_array().map(Vec::as_slice) {
        Some([name, Value::Null]) => Ok((part(name)?, None)),
        Some([name, value]) => Ok((part(name)?, Some(part(value)?))),
        _ => Err(wrong()),
    }
}

fn decode(text: &str) -> Result<Vec<u8>, RecordError> {
    BASE64.decode(text).map_err(|error| shape(format!("not base64: {error}")))
}

fn text_or_base64(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).map_or_else(|_| json!({ "base64": BASE64.encode(bytes) }), |text| json!(text))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::batch::{EachHeader, Offset, Partition};
    use crate::kafka::{ErrorKind, KafkaError, RecordOrigin};

    fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..20)
    }

    struct Malformed;

    impl RecordOrigin for Malformed {
        fn topic(&self) -> Arc<str> {
            "in".into()
        }

        fn headers(&self, _each: &mut EachHeader<'_>) -> Result<(), KafkaError> {
            Err(KafkaError::new(ErrorKind::Unreadable, "its headers are malformed"))
        }
    }

    #[test]
    fn a_record_whose_headers_are_malformed_is_shown_without_them() {
        let (topic_handle, partition, offset) = (0, Partition(0), Offset(7));
        let (key, value) = (None, Some(&b"value"[..]));
        let record =
            FetchedRecord { topic_handle, origin: &Malformed, partition, offset, timestamp: Some(1), key, value };
        let shown = DevRecord::from_fetched(&record);
        assert_eq!((shown.value.as_deref(), shown.headers), (value, Vec::new()));
    }

    proptest! {
        #[test]
        fn every_record_survives_its_json(
            key in prop::option::of(any_bytes()),
            value in prop::option::of(any_bytes()),
            headers in prop::collection::vec((any_bytes(), prop::option::of(any_bytes())), 0..5),
            timestamp in prop::option::of(any::<i64>()),
            topic in prop::option::of("[a-z]{1,5}"),
            dead_letter in any::<bool>(),
        ) {
            let record = DevRecord { topic, dead_letter, key, value, headers, timestamp };
            let line = record.to_json().to_string();
            prop_assert_eq!(DevRecord::from_json(line.as_bytes()), Ok(record));
        }

        #[test]
        fn no_line_is_a_panic(line in any_bytes()) {
            let _ = DevRecord::from_json(&line);
        }
    }

    #[test]
    fn a_wrong_line_says_what_is_wrong() {
        let error = |line: &str| DevRecord::from_json(line.as_bytes()).expect_err("it is wrong").to_string();
        assert!(error("{").starts_with("not JSON"));
        assert!(error("[1]").starts_with("a record is a JSON object"));
        assert!(error(r#"{"vlaue": "x"}"#).starts_with("unknown key \"vlaue\""));
        assert!(error(r#"{"key": "a", "key_base64": "YQ=="}"#).starts_with("\"key\" and \"key_base64\""));
        assert!(error(r#"{"headers": [["a"]]}"#).starts_with("a header is"));
    }
}
