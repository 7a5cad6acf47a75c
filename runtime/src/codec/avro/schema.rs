//! Schemas, parsed.

use std::collections::HashMap;

use serde_json::Value;

use super::SchemaError;
use super::calendar::Moment;
use super::parse;

/// A schema whose named types another one uses.
#[derive(Clone, Copy, Debug)]
pub struct Reference<'a> {
    /// What errors call it: the subject, or the name that is referred to.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// An Avro schema.
#[derive(Clone, Debug)]
pub struct Schema {
    pub(super) types: Vec<Type>,
    pub(super) root: TypeId,
}

/// A type of a schema: its index there.
pub(super) type TypeId = usize;

/// A type, with those inside of it by their indexes.
#[derive(Clone, Debug)]
pub(super) enum Type {
    Null,
    Boolean,
    Int(Option<Moment>),
    Long(Option<Moment>),
    Float,
    Double,
    Bytes(BytesForm),
    String(StringForm),
    Fixed(Fixed),
    Enum(Enum),
    Array(TypeId),
    Map(TypeId),
    Union(Vec<TypeId>),
    Record(Record),
}

/// What `string` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StringForm {
    Text,
    Uuid,
}

/// What `bytes` stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BytesForm {
    Plain,
    Decimal(DecimalForm),
    BigDecimal,
}

/// The bounds of a decimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DecimalForm {
    /// How many digits it may have.
    pub precision: u32,
    /// How many of them stand behind the point.
    pub scale: u32,
}

/// What a `fixed` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FixedForm {
    Plain,
    Decimal(DecimalForm),
    Duration,
    Uuid,
}

#[derive(Clone, Debug)]
pub(super) struct Fixed {
    pub name: Name,
    pub size: usize,
    pub form: FixedForm,
}

#[derive(Clone, Debug)]
pub(super) struct Enum {
    pub name: Name,
    pub symbols: Vec<String>,
    /// The symbol that a reader takes for those that it does not know.
    pub default: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Record {
    pub name: Name,
    pub fields: Vec<Field>,
    /// Each field's index, by its name.
    pub by_name: HashMap<String, usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Field {
    pub name: String,
    pub aliases: Vec<String>,
    pub of: TypeId,
    /// As the schema writes it.
    pub default: Option<Value>,
}

/// The name of a type, with its namespace, and what it was called before.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub full: String,
    pub aliases: Vec<String>,
}

impl Name {
    /// Without the namespace.
    pub(super) fn short(&self) -> &str {
        short(&self.full)
    }

    /// Returns whether a reader with this name reads what a writer calls so.
    pub(super) fn reads(&self, writer: &Name) -> bool {
        self.short() == writer.short()
            || self.aliases.iter().any(|alias| *alias == writer.full || alias == writer.short())
    }
}

fn short(full: &str) -> &str {
    full.rsplit_once('.').map_or(full, |(_, short)| short)
}

impl Schema {
    /// Parses a schema's text. `references` define named types that the text, and later references, may use.
    ///
    /// # Errors
    /// The text, or a reference's, is no Avro schema.
    pub fn parse(text: &str, references: &[Reference<'_>]) -> Result<Schema, SchemaError> {
        parse::schema(text, references)
    }

    /// The full name of the schema, where it is a record, an enum or a fixed.
    pub fn name(&self) -> Option<&str> {
        self.types[self.root].name().map(|name| name.full.as_str())
    }
}

impl Type {
    pub(super) fn name(&self) -> Option<&Name> {
        match self {
            Type::Fixed(Fixed { name, .. }) | Type::Enum(Enum { name, .. }) | Type::Record(Record { name, .. }) => {
                Some(name)
            }
            _ => None,
        }
    }

    /// What a union calls the branch of this type: its full name, or the word for the type.
    pub(super) fn tag(&self) -> &str {
        match self {
            Type::Null => "null",
            Type::Boolean => "boolean",
            Type::Int(_) => "int",
            Type::Long(_) => "long",
            Type::Float => "float",
            Type::Double => "double",
            Type::Bytes(_) => "bytes",
            Type::String(_) => "string",
            Type::Array(_) => "array",
            Type::Map(_) => "map",
            Type::Union(_) => "union",
            Type::Fixed(Fixed { name, .. }) | Type::Enum(Enum { name, .. }) | Type::Record(Record { name, .. }) => {
                &name.full
            }
        }
    }

    /// What an error calls it.
    pub(super) fn title(&self) -> String {
        match self {
            Type::Fixed(fixed) => format!("fixed {} of {} bytes", fixed.name.full, fixed.size),
            Type::Enum(of) => format!("enum {}", of.name.full),
            Type::Record(record) => format!("record {}", record.name.full),
            other => other.tag().to_owned(),
        }
    }
}
