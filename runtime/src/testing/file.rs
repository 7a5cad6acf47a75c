//! A file of tests as it is written: its shape and nothing else.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::config::{Grants, Json, Kind, Limits, Located, Map, Written};

/// What a file of tests is.
pub const KIND: Kind =
    Kind { file: "file of tests", holds: "list of tests", begins: "cases:", largest: 16, values: 1_000_000 };

/// `NAME.test.yaml`: the tests of a pipeline.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineTests {
    /// The tests, in order.
    pub cases: Vec<Located<PipelineCase>>,
}

/// One test of a pipeline.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineCase {
    /// What it is called; unique in the file.
    pub name: Written<String>,
    /// What goes in.
    #[serde(default)]
    pub records: Vec<Located<Entry>>,
    /// What has to come of it.
    pub expect: Option<Expect>,
}

/// `tests.yaml`: the tests of a plugin.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginTests {
    /// The name of the stage. Default: `test`.
    pub stage: Option<Written<String>>,
    /// For the cases that say nothing else.
    #[serde(default, deserialize_with = "given")]
    pub config: Option<Json>,
    /// For the cases that say nothing else.
    pub outputs: Option<Outputs>,
    /// For the cases that say nothing else.
    pub grants: Option<Grants>,
    /// For the cases that say nothing else.
    pub limits: Option<Limits>,
    /// The tests, in order.
    pub cases: Vec<Located<PluginCase>>,
}

/// Names of outputs.
pub type Outputs = Located<Vec<Written<String>>>;

/// One test of a plugin.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginCase {
    /// What it is called; unique in the file.
    pub name: Written<String>,
    /// JSON to the plugin's init.
    #[serde(default, deserialize_with = "given")]
    pub config: Option<Json>,
    /// The names of the outputs that the pipeline has. Default: `default` alone.
    pub outputs: Option<Outputs>,
    /// What the plugin may import beyond log and metrics. Default: nothing.
    pub grants: Option<Grants>,
    /// What a call may use.
    pub limits: Option<Limits>,
    /// What goes in.
    #[serde(default)]
    pub records: Vec<Located<Entry>>,
    /// What has to come of it.
    pub expect: Option<Expect>,
}

/// What has to come of a case: everything that comes out, and of the rest what is named.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Of each output its records, in order.
    #[serde(default)]
    pub outputs: Map<Vec<Located<Entry>>>,
    /// The dead letters, in the order of the input.
    #[serde(default)]
    pub dead_letters: Vec<Located<Letter>>,
    /// Records that are dropped.
    pub dropped: Option<Written<usize>>,
    /// What the plugins count in this case, by name.
    #[serde(default)]
    pub metrics: Map<Written<usize>>,
    /// A part of what stops the pipeline.
    pub error: Option<Written<String>>,
}

/// A record: its value as text, or its fields.
#[derive(Debug)]
pub enum Entry {
    /// The value.
    Text(String),
    /// The fields that it has.
    Fields(Box<Fields>),
    /// What YAML reads as something else than text, in words.
    Other(&'static str),
}

/// The fields of a record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// Text or null, or a mapping or list that is its JSON.
    #[serde(default, deserialize_with = "given")]
    pub key: Option<Json>,
    /// In place of `key`, for bytes that are no text.
    #[serde(default, deserialize_with = "given")]
    pub key_base64: Option<Json>,
    /// As `key`.
    #[serde(default, deserialize_with = "given")]
    pub value: Option<Json>,
    /// In place of `value`, for bytes that are no text.
    #[serde(default, deserialize_with = "given")]
    pub value_base64: Option<Json>,
    /// Pairs of name and value.
    #[serde(default, deserialize_with = "given")]
    pub headers: Option<Json>,
    /// Milliseconds since the epoch.
    #[serde(default, deserialize_with = "given")]
    pub timestamp: Option<Json>,
}

/// A dead letter: why, and the fields of its record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Letter {
    /// The class of the failure.
    pub class: Option<Written<String>>,
    /// The reason, whole.
    pub reason: Option<Written<String>>,
    /// A part of the reason.
    pub reason_contains: Option<Written<String>>,
    /// The name of the stage.
    pub stage: Option<Written<String>>,
    /// See [`Fields`].
    #[serde(default, deserialize_with = "given")]
    pub key: Option<Json>,
    /// See [`Fields`].
    #[serde(default, deserialize_with = "given")]
    pub key_base64: Option<Json>,
    /// See [`Fields`].
    #[serde(default, deserialize_with = "given")]
    pub value: Option<Json>,
    /// See [`Fields`].
    #[serde(default, deserialize_with = "given")]
    pub value_base64: Option<Json>,
    /// See [`Fields`].
    #[serde(default, deserialize_with = "given")]
    pub headers: Option<Json>,
    /// See [`Fields`].
    #[serde(default, deserialize_with = "given")]
    pub timestamp: Option<Json>,
}

/// A value that may be missing, and may be null: two things.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrFields;
        impl<'de> Visitor<'de> for TextOrFields {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a record: text, or a mapping of its fields")
            }

            fn visit_str<E>(self, text: &str) -> Result<Entry, E> {
                Ok(Entry::Text(text.to_owned()))
            }

            fn visit_unit<E>(self) -> Result<Entry, E> {
                Ok(Entry::Other("nothing"))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Entry, E> {
                Ok(Entry::Other("a truth value"))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Entry, E> {
                Ok(Entry::Other("a number"))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Entry, E> {
                Ok(Entry::Other("a number"))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Entry, E> {
                Ok(Entry::Other("a number"))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entry, A::Error> {
                Fields::deserialize(MapAccessDeserializer::new(map)).map(|fields| Entry::Fields(Box::new(fields)))
            }
        }
        deserializer.deserialize_any(TextOrFields)
    }
}
