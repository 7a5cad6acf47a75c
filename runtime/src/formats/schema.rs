//! Schemas: their texts, and what records are decoded and encoded with by them.

use std::sync::OnceLock;

use super::codec::{Decoder, Encoder, kind_of};
use crate::codec::{avro, json_schema, protobuf};
use crate::config::plan::{self, Format, InputFormat, OutputFormat, SchemaFile, SubjectName, UnknownFields};
use crate::registry::{NewSchema, Resolved, SchemaId, SchemaKind};

/// A schema's text, and those of what it refers to, each after those that it needs.
#[derive(Clone, Debug)]
pub struct SchemaText {
    /// Its language.
    pub kind: SchemaKind,
    /// Its text.
    pub text: String,
    /// Names and texts.
    pub references: Vec<(String, String)>,
}

impl From<&Resolved> for SchemaText {
    fn from(resolved: &Resolved) -> SchemaText {
        let (kind, text) = (resolved.schema.kind, resolved.schema.text.clone());
        SchemaText { kind, text, references: resolved.references.clone() }
    }
}

impl SchemaText {
    /// Returns the schema of a file; none where the format has none.
    pub fn of_file(file: &SchemaFile, format: Format) -> Option<SchemaText> {
        Some(SchemaText { kind: kind_of(format)?, text: file.text.clone(), references: Vec::new() })
    }

    /// Returns it as the registry is asked for it.
    pub fn to_new(&self) -> NewSchema {
        NewSchema { kind: self.kind, text: self.text.clone(), references: Vec::new() }
    }

    /// Returns the subject of an output's schema in a file.
    ///
    /// # Errors
    /// The subject is named by the record, and the schema has no name.
    pub fn subject(&self, format: &OutputFormat, topic: &str, part: &str) -> Result<String, String> {
        if let Some(subject) = &format.subject {
            return Ok(subject.clone());
        }
        let name = || self.name()?.ok_or_else(|| "the schema has no name for its subject".to_owned());
        Ok(match format.subject_name {
            SubjectName::TopicName => format!("{topic}-{part}"),
            SubjectName::RecordName => name()?,
            SubjectName::TopicRecordName => format!("{topic}-{}", name()?),
        })
    }

    /// Returns its full name, where it has one.
    ///
    /// # Errors
    /// It is no schema: why.
    pub fn name(&self) -> Result<Option<String>, String> {
        match self.kind {
            SchemaKind::Avro => Ok(self.avro()?.name().map(str::to_owned)),
            SchemaKind::Protobuf => Ok(Some(self.protobuf(None)?.name().to_owned())),
            SchemaKind::Json => Ok(self.title()),
        }
    }

    /// Returns the title of a JSON Schema, which Confluent's serializers take for its name.
    fn title(&self) -> Option<String> {
        let schema: serde_json::Value = serde_json::from_str(&self.text).ok()?;
        schema.get("title")?.as_str().map(str::to_owned)
    }

    fn avro(&self) -> Result<avro::Schema, String> {
        let references: Vec<avro::Reference<'_>> =
            self.references.iter().map(|(name, text)| avro::Reference { name, text }).collect();
        avro::Schema::parse(&self.text, &references).map_err(|error| format!("not an Avro schema: {error}"))
    }

    fn must_be(&self, format: Format) -> Result<(), String> {
        match kind_of(format) {
            Some(kind) if kind != self.kind => {
                Err(format!("it is of type {}, and not {}", self.kind.as_str(), kind.as_str()))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Returns what records of this schema are decoded with.
    ///
    /// # Errors
    /// The schema cannot be used: why.
    pub fn decoder(&self, format: &InputFormat) -> Result<Decoder, String> {
        self.must_be(format.format)?;
        match self.kind {
            SchemaKind::Avro => {
                let reader = match &format.reader {
                    None => None,
                    Some(file) => Some(
                        avro::Schema::parse(&file.text, &[])
                            .map_err(|error| format!("{} is no Avro schema: {error}", file.path.display()))?,
                    ),
                };
                let logical = match format.logical {
                    plan::Logical::Text => avro::Logical::Text,
                    plan::Logical::Raw => avro::Logical::Raw,
                };
                avro::Decoder::new(&self.avro()?, reader.as_ref(), logical, avro::Limits::default())
                    .map(Decoder::Avro)
                    .map_err(|error| format!("it cannot be read as the reader's schema: {error}"))
            }
            SchemaKind::Protobuf => self.protobuf(format.message.as_deref()).map(Decoder::Protobuf),
            SchemaKind::Json if format.validate => self.json().map(|schema| Decoder::Json(Some(Box::new(schema)))),
            SchemaKind::Json => Ok(Decoder::Json(None)),
        }
    }

    /// Returns what records of this schema are encoded with.
    ///
    /// # Errors
    /// The schema cannot be used: why.
    pub fn encoder(&self, format: &OutputFormat) -> Result<Encoder, String> {
        self.must_be(format.format)?;
        match self.kind {
            SchemaKind::Avro => {
                let unknown = match format.unknown_fields {
                    plan::UnknownFields::Error => avro::UnknownFields::Error,
                    plan::UnknownFields::Drop => avro::UnknownFields::Drop,
                };
                avro::Encoder::new(&self.avro()?, unknown, avro::Limits::default())
                    .map(Encoder::Avro)
                    .map_err(|error| error.to_string())
            }
            SchemaKind::Protobuf => Ok(Encoder::Protobuf {
                schema: self.protobuf(format.message.as_deref())?,
                drop_unknown: format.unknown_fields == UnknownFields::Drop,
            }),
            SchemaKind::Json => self.json().map(|schema| Encoder::Json(Box::new(schema))),
        }
    }

    fn protobuf(&self, message: Option<&str>) -> Result<protobuf::Schema, String> {
        protobuf::Schema::parse(&self.text, &self.references, message)
    }

    fn json(&self) -> Result<json_schema::Schema, String> {
        json_schema::Schema::parse(&self.text, &self.references)
    }
}

/// A schema that records name by its id, with the codecs of those parts that have come with it.
pub struct KnownSchema {
    text: SchemaText,
    id: Option<u32>,
    guid: Option<[u8; 16]>,
    has_rules: bool,
    decoders: [OnceLock<Result<Decoder, String>>; 2],
    encoders: Vec<[OnceLock<Result<Encoder, String>>; 2]>,
}

impl KnownSchema {
    /// Returns a schema of the registry, for a pipeline with so many outputs.
    pub fn new(resolved: &Resolved, outputs: usize) -> KnownSchema {
        KnownSchema {
            text: resolved.into(),
            id: resolved.schema.id,
            guid: resolved.schema.guid,
            has_rules: resolved.schema.has_rules,
            decoders: Default::default(),
            encoders: (0..outputs).map(|_| Default::default()).collect(),
        }
    }

    /// Returns what a part of the input is decoded with.
    ///
    /// # Errors
    /// It cannot be decoded: why.
    pub fn decoder(&self, part: super::Part, format: &InputFormat) -> Result<&Decoder, &str> {
        let decoder = self.decoders[part as usize].get_or_init(|| self.text.decoder(format));
        decoder.as_ref().map_err(String::as_str)
    }

    /// Returns what a part of an output is encoded with.
    ///
    /// # Errors
    /// It cannot be encoded: why.
    pub fn encoder(&self, part: super::Part, output: usize, format: &OutputFormat) -> Result<&Encoder, &str> {
        let encoder = self.encoders[output][part as usize].get_or_init(|| {
            refuse_rules(self.has_rules)?;
            self.text.encoder(format)
        });
        encoder.as_ref().map_err(String::as_str)
    }

    /// Returns the id that names it, as a prefix or as a header has it, by what a record came with.
    pub fn id(&self, came_with: SchemaId, in_header: bool) -> Option<SchemaId> {
        match (in_header, came_with) {
            (true, SchemaId::Guid(_)) | (false, SchemaId::Number(_)) => Some(came_with),
            (true, SchemaId::Number(_)) => Some(self.guid.map_or(came_with, SchemaId::Guid)),
            (false, SchemaId::Guid(_)) => self.id.map(SchemaId::Number),
        }
    }
}

/// Refuses to encode with a schema whose rules a serializer would have to apply.
pub(super) fn refuse_rules(has_rules: bool) -> Result<(), String> {
    if has_rules { Err("it has rules (ruleSet), which are not applied here".to_owned()) } else { Ok(()) }
}
