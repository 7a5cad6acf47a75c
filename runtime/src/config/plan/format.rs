//! What a plan says of the registry, and of the formats of keys and values.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::beside::Beside;
use crate::config::error::Position;

/// A schema registry.
#[derive(Clone, PartialEq, Eq)]
pub struct SchemaRegistry {
    /// The registry's addresses, without a slash at the end: at least one.
    pub urls: Vec<String>,
    /// How to authenticate.
    pub login: Option<Login>,
    /// A file of certificates to trust in place of the system's.
    pub ca: Option<PathBuf>,
    /// The files of the client's certificate and of its private key.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

impl SchemaRegistry {
    /// The files that it names.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        let certificate = self.certificate.iter().flat_map(|(certificate, key)| [certificate, key]);
        self.ca.iter().chain(certificate).cloned()
    }
}

/// How to authenticate.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// User and password.
    Basic(String, String),
    /// A token.
    Bearer(String),
}

/// Shows no secret.
impl fmt::Debug for SchemaRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchemaRegistry").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// How keys or values are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// As they are.
    Bytes,
    /// Avro.
    Avro,
    /// Protocol Buffers.
    Protobuf,
    /// JSON with a JSON Schema.
    JsonSchema,
    /// What the id of each record names.
    Registry,
    /// Comma-separated values: one record.
    Csv,
    /// Any text, as a JSON string.
    Text,
    /// MessagePack.
    Msgpack,
}

impl Format {
    /// Returns the word for it in pipeline files.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Bytes => "bytes",
            Format::Avro => "avro",
            Format::Protobuf => "protobuf",
            Format::JsonSchema => "json_schema",
            Format::Registry => "registry",
            Format::Csv => "csv",
            Format::Text => "text",
            Format::Msgpack => "msgpack",
        }
    }

    /// Whether records of this format have a schema.
    pub fn has_schema(self) -> bool {
        matches!(self, Format::Avro | Format::Protobuf | Format::JsonSchema | Format::Registry)
    }
}

/// How Avro's logical types appear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Logical {
    /// As text, where there is one.
    Text,
    /// As the data has them.
    Raw,
}

/// Where the id of a schema goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdIn {
    /// Before the bytes.
    Prefix,
    /// Into a header.
    Header,
}

/// How the subject of a schema is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubjectName {
    /// `TOPIC-key` or `TOPIC-value`.
    TopicName,
    /// The full name of the record.
    RecordName,
    /// `TOPIC-` and the full name of the record.
    TopicRecordName,
}

/// What becomes of fields that a schema does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownFields {
    /// The record fails.
    Error,
    /// They are left out.
    Drop,
}

/// A schema in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaFile {
    /// The file.
    pub path: PathBuf,
    /// Where the pipeline file names it.
    pub at: Beside<Position>,
    /// What it holds.
    pub text: String,
}

/// How the keys or the values of the input are encoded.
#[derive(Clone, Debug, PartialEq)]
pub struct InputFormat {
    /// The format; never [`Format::Bytes`].
    pub format: Format,
    /// The schema that Avro records are resolved to.
    pub reader: Option<SchemaFile>,
    /// How logical types appear.
    pub logical: Logical,
    /// Whether JSON is validated.
    pub validate: bool,
    /// The schema of records without an id; none: each record has one.
    pub schema: Option<SchemaFile>,
    /// The message of a Protobuf file.
    pub message: Option<String>,
    /// The columns of CSV; none: each value has a line of them.
    pub columns: Option<Vec<String>>,
}

/// How the keys or the values of an output are encoded.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputFormat {
    /// The format; never [`Format::Bytes`].
    pub format: Format,
    /// Which schema.
    pub schema: OutputSchema,
    /// A fixed subject, in place of one by `subject_name`.
    pub subject: Option<String>,
    /// How the subject is named.
    pub subject_name: SubjectName,
    /// Whether the schema of a file is registered.
    pub register: bool,
    /// Where the id goes; none: there is none.
    pub id_in: Option<IdIn>,
    /// What becomes of fields that the schema does not have.
    pub unknown_fields: UnknownFields,
    /// The message of a Protobuf schema.
    pub message: Option<String>,
    /// The columns of CSV; none: each value gets a line of them.
    pub columns: Option<Vec<String>>,
}

/// Which schema an output is encoded with.
#[derive(Clone, Debug, PartialEq)]
pub enum OutputSchema {
    /// None: the format has no schemas.
    None,
    /// The newest of the subject.
    Latest,
    /// A version of the subject.
    Version(u32),
    /// The one with this id.
    Id(u32),
    /// The one in a file.
    File(SchemaFile),
    /// The one that the record came with.
    Input,
}

impl InputFormat {
    /// Returns how what was written to an output is read.
    pub fn of_output(output: &OutputFormat) -> InputFormat {
        let schema = match &output.schema {
            OutputSchema::File(file) if output.id_in.is_none() => Some(file.clone()),
            _ => None,
        };
        InputFormat {
            format: output.format,
            reader: None,
            logical: Logical::Text,
            validate: false,
            schema,
            message: output.message.clone(),
            columns: output.columns.clone(),
        }
    }
}

/// Both parts of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue<T> {
    /// The key's; none: bytes.
    pub key: Option<T>,
    /// The value's; none: bytes.
    pub value: Option<T>,
}

impl<T> Default for KeyValue<T> {
    fn default() -> Self {
        KeyValue { key: None, value: None }
    }
}

impl<T> KeyValue<T> {
    /// Whether there is neither.
    pub fn is_empty(&self) -> bool {
        self.key.is_none() && self.value.is_none()
    }
}
