//! A schema registry: what it keeps, what may be asked of it, and what its answers mean.
//!
//! [`Registry`] is the seam: [`HttpRegistry`] speaks Confluent's API; tests and simulations have registries of their
//! own. [`SchemaCache`] is what the way of a record uses: it never waits.

mod api;
mod cache;
mod error;
mod http;
mod local;
mod references;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::fmt;

pub use self::api::HttpRegistry;
pub use self::cache::{Compile, Lookup, SchemaCache};
pub use self::error::{RegistryError, RegistryErrorKind};
pub use self::local::{INDEX, LocalSchemas};
pub use self::references::{Resolved, with_references};

/// What names a schema in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SchemaId {
    /// A number, counted by the registry.
    Number(u32),
    /// A UUID, made of the schema itself.
    Guid([u8; 16]),
}

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SchemaId::Number(number) => number.fmt(f),
            SchemaId::Guid(bytes) => {
                for (index, byte) in bytes.iter().enumerate() {
                    let dash = if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
                    write!(f, "{dash}{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}

/// The language of a schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SchemaKind {
    /// Avro.
    #[default]
    Avro,
    /// Protocol Buffers.
    Protobuf,
    /// JSON Schema.
    Json,
}

impl SchemaKind {
    /// Returns the registry's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            SchemaKind::Avro => "AVRO",
            SchemaKind::Protobuf => "PROTOBUF",
            SchemaKind::Json => "JSON",
        }
    }

    /// Returns the kind that the registry has this word for.
    pub fn parse(word: &str) -> Option<SchemaKind> {
        [SchemaKind::Avro, SchemaKind::Protobuf, SchemaKind::Json].into_iter().find(|kind| kind.as_str() == word)
    }

    /// Returns how a file with such a schema ends.
    pub fn extension(self) -> &'static str {
        match self {
            SchemaKind::Avro => "avsc",
            SchemaKind::Protobuf => "proto",
            SchemaKind::Json => "json",
        }
    }
}

/// A schema that another one refers to by a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaReference {
    /// The name in the text: a type, an import or a URI.
    pub name: String,
    /// The subject that it is registered under.
    pub subject: String,
    /// The version there.
    pub version: u32,
}

/// A schema as the registry keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredSchema {
    /// Its number, where the answer has one.
    pub id: Option<u32>,
    /// Its GUID, where the registry has them.
    pub guid: Option<[u8; 16]>,
    /// Its version, where it was asked for by subject.
    pub version: Option<u32>,
    /// Its language.
    pub kind: SchemaKind,
    /// Its text.
    pub text: String,
    /// What its text refers to.
    pub references: Vec<SchemaReference>,
    /// Whether it has rules that a serializer is to apply.
    pub has_rules: bool,
}

/// A schema for the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSchema {
    /// Its language.
    pub kind: SchemaKind,
    /// Its text.
    pub text: String,
    /// What its text refers to.
    pub references: Vec<SchemaReference>,
}

/// Which version of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The newest.
    Latest,
    /// The one with this number.
    Number(u32),
}

/// What may be asked of a registry. Each question may take seconds.
pub trait Registry: Send + Sync {
    /// Returns the schema with this id.
    ///
    /// # Errors
    /// [`RegistryErrorKind::UnknownSchema`]: the registry says that there is none. Anything else says nothing of that.
    fn schema(&self, id: SchemaId) -> Result<RegisteredSchema, RegistryError>;

    /// Returns a version of a subject.
    ///
    /// # Errors
    /// There is none, or the registry does not answer.
    fn version(&self, subject: &str, version: Version) -> Result<RegisteredSchema, RegistryError>;

    /// Returns the schema as it is registered under a subject. Registers nothing.
    ///
    /// # Errors
    /// It is not registered there, or the registry does not answer.
    fn find(&self, subject: &str, schema: &NewSchema) -> Result<RegisteredSchema, RegistryError>;

    /// Registers a schema under a subject, and returns its id.
    ///
    /// # Errors
    /// It is not compatible with those that are there, or not allowed, or the registry does not answer.
    fn register(&self, subject: &str, schema: &NewSchema) -> Result<u32, RegistryError>;

    /// Returns why a schema is not compatible with a subject as that is set up; nothing where it is, or where there is
    /// no such subject.
    ///
    /// # Errors
    /// The registry does not answer.
    fn incompatibilities(&self, subject: &str, schema: &NewSchema) -> Result<Vec<String>, RegistryError>;

    /// Returns all subjects.
    ///
    /// # Errors
    /// The registry does not answer.
    fn subjects(&self) -> Result<Vec<String>, RegistryError>;

    /// Returns the versions of a subject.
    ///
    /// # Errors
    /// There is no such subject, or the registry does not answer.
    fn versions(&self, subject: &str) -> Result<Vec<u32>, RegistryError>;
}
