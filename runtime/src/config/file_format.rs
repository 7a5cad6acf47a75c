//! `schema_registry` and `format` in a pipeline file: their shape and nothing else.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::plan::{Format, IdIn, Logical, SubjectName, UnknownFields};
use super::scalar::Choice;
use super::written::{Located, Written};

impl Choice for Format {
    fn instead_of(word: &str) -> Option<&'static str> {
        match word {
            "json" => Some("JSON is what plugins read: leave `format` out, or write json_schema to have it validated"),
            "string" => Some("did you mean \"text\"?"),
            "proto" => Some("did you mean \"protobuf\"?"),
            _ => None,
        }
    }
}
impl Choice for IdIn {}
impl Choice for Logical {}
impl Choice for SubjectName {}
impl Choice for UnknownFields {}

/// A schema registry that speaks Confluent's API.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SchemaRegistry {
    /// Its address, or several of one registry.
    pub url: Located<OneOrMore>,
    /// The user of basic authentication.
    pub username: Option<Written<String>>,
    /// The password of basic authentication.
    pub password: Option<Written<String>>,
    /// A bearer token, in place of username and password.
    pub token: Option<Written<String>>,
    /// A file of certificates (PEM) to trust in place of the system's.
    pub ca: Option<Written<String>>,
    /// A file with the client's certificate (PEM).
    pub certificate: Option<Written<String>>,
    /// A file with the private key of that certificate (PEM).
    pub key: Option<Written<String>>,
}

/// How the keys or values of the input are encoded.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputFormat {
    /// The format; plugins see JSON text, unless it is `bytes`.
    pub format: Written<Format>,
    /// A file with the schema that Avro records are resolved to. Default: as they were written.
    pub reader: Option<Written<String>>,
    /// `text`: dates, times and decimals as text. `raw`: as the numbers and bytes that they are. Default: `text`.
    pub logical: Option<Written<Logical>>,
    /// Whether values are validated by their JSON Schema. Default: false.
    pub validate: Option<Written<bool>>,
    /// The schema of records that carry no id.
    pub schema: Option<Located<SchemaChoice>>,
    /// The message of a Protobuf file, where it has more than one.
    pub message: Option<Written<String>>,
    /// The columns of CSV records. Default: each value begins with a line of names.
    pub columns: Option<Located<Vec<Written<String>>>>,
}

/// How the keys or values of an output are encoded.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputFormat {
    /// The format that the JSON text of the chain becomes.
    pub format: Written<Format>,
    /// The schema: `latest`, `input` (the one that the record came with), `{ version }`, `{ id }` or `{ file }`.
    /// Default: `latest`.
    pub schema: Option<Located<SchemaChoice>>,
    /// The subject in the registry. Default: as `subject_name` says.
    pub subject: Option<Written<String>>,
    /// How the subject is named. Default: `topic_name`.
    pub subject_name: Option<Written<SubjectName>>,
    /// Whether the schema of a file is registered. Default: false.
    pub register: Option<Written<bool>>,
    /// Where the schema's id goes. Default: `prefix`.
    pub id_in: Option<Written<IdIn>>,
    /// What becomes of fields that the schema does not have. Default: `error`.
    pub unknown_fields: Option<Written<UnknownFields>>,
    /// The message of a Protobuf schema, where it has more than one.
    pub message: Option<Written<String>>,
    /// The columns of CSV records. Default: each value begins with a line of names.
    pub columns: Option<Located<Vec<Written<String>>>>,
}

/// One text, or a list of them.
#[derive(Debug)]
pub struct OneOrMore(pub Vec<Written<String>>);

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrList;
        impl<'de> Visitor<'de> for TextOrList {
            type Value = OneOrMore;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL or a list of URLs")
            }

            fn visit_str<E>(self, text: &str) -> Result<OneOrMore, E> {
                Ok(OneOrMore(vec![Written::new(text.to_owned(), Default::default())]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMore, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = seq.next_element()? {
                    list.push(item);
                }
                Ok(OneOrMore(list))
            }
        }
        deserializer.deserialize_any(TextOrList)
    }
}

impl JsonSchema for OneOrMore {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OneOrMore".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
    }
}

/// Which schema.
#[derive(Debug)]
pub enum SchemaChoice {
    /// A word: `latest` or `input`.
    Word(String),
    /// One that is named.
    Named(NamedSchema),
}

/// A schema that is named: by exactly one of these.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedSchema {
    /// A version of the subject.
    pub version: Option<Written<usize>>,
    /// An id in the registry.
    pub id: Option<Written<usize>>,
    /// A file, relative to the pipeline file.
    pub file: Option<Written<String>>,
}

impl<'de> Deserialize<'de> for SchemaChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrNamed;
        impl<'de> Visitor<'de> for WordOrNamed {
            type Value = SchemaChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("latest, input, { version: N }, { id: N } or { file: PATH }")
            }

            fn visit_str<E>(self, word: &str) -> Result<SchemaChoice, E> {
                Ok(SchemaChoice::Word(word.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SchemaChoice, A::Error> {
                NamedSchema::deserialize(MapAccessDeserializer::new(map)).map(SchemaChoice::Named)
            }
        }
        deserializer.deserialize_any(WordOrNamed)
    }
}

impl JsonSchema for SchemaChoice {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SchemaChoice".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let named = generator.subschema_for::<NamedSchema>();
        json_schema!({ "anyOf": [{ "enum": ["latest", "input"] }, named] })
    }
}
