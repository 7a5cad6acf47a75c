//! A stage's `config:` as it is written: any YAML value, with the places of its keys, items and texts.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Number;
use serde_yaml::Spanned;

use super::error::Position;
use super::written::{Located, Written};

/// A value.
#[derive(Clone, Debug)]
pub enum Json {
    /// Nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, which may hold `${VAR}`.
    Text(Text),
    /// A list.
    List(Vec<Located<Json>>),
    /// A mapping, in the order of the file.
    Map(Vec<(Written<String>, Json)>),
}

/// A string with its place.
#[derive(Clone, Debug)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Where it begins.
    pub at: Position,
    /// The byte at which it begins, its quotes included.
    pub byte: Option<usize>,
}

impl Text {
    /// Whether it is written without quotes in this file, so that what a `${...}` stands for may be a number or a
    /// boolean.
    pub fn is_plain(&self, file: &str) -> bool {
        self.byte.is_some_and(|byte| !file[byte..].starts_with(['"', '\'', '|', '>', '!']))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value: Bare(mut value), defined, .. } = Spanned::deserialize(deserializer)?;
        if let Json::Text(text) = &mut value {
            text.at = defined.into();
            text.byte = defined.span().byte_offset().map(|byte| byte as usize);
        }
        Ok(value)
    }
}

impl JsonSchema for Json {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Json".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "JSON to the plugin's init." })
    }
}

/// A value whose own place is not known yet.
struct Bare(Json);

impl<'de> Deserialize<'de> for Bare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Bare)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("JSON has no such number"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(Text { text: text.to_owned(), at: Position::default(), byte: None }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element()? {
            list.push(value);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Json::Map(entries))
    }
}
