//! What can be wrong with schemas and data.

use std::fmt;

/// A schema's text is no Avro schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchemaError(pub(super) String);

/// Data of the writer's schema cannot be read with the reader's; names the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ResolveError(pub(super) Fault);

/// Bytes are no datum of the schema; names the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(pub(super) Fault);

/// JSON text does not fit the schema; names the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EncodeError(pub(super) Fault);

impl ResolveError {
    /// The field, as in `customer.lines[].price`; empty for the whole.
    pub fn path(&self) -> String {
        self.0.path()
    }
}

impl DecodeError {
    /// The field, as in `customer.lines[3].price`; empty for the whole.
    pub fn path(&self) -> String {
        self.0.path()
    }
}

impl EncodeError {
    /// The field, as in `customer.lines[3].price`; empty for the whole.
    pub fn path(&self) -> String {
        self.0.path()
    }
}

/// What is wrong and where: the way to the field is collected while the error goes up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault(Box<Inner>); // one word, so that a result with it is returned in registers

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    /// From the inside to the outside.
    steps: Vec<Step>,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Item(usize),
    AnyItem,
    Entry(String),
}

impl Fault {
    #[cold]
    pub(super) fn new(text: impl Into<String>) -> Fault {
        Fault(Box::new(Inner { steps: Vec::new(), text: text.into() }))
    }

    /// The same, in a field of this name.
    #[cold]
    pub(super) fn in_field(self, name: &str) -> Fault {
        self.push(Step::Field(name.to_owned()))
    }

    /// The same, in an item of an array.
    #[cold]
    pub(super) fn in_item(self, index: usize) -> Fault {
        self.push(Step::Item(index))
    }

    /// The same, in whichever item of an array or map.
    #[cold]
    pub(super) fn in_any_item(self) -> Fault {
        self.push(Step::AnyItem)
    }

    /// The same, in the entry of a map with this key.
    #[cold]
    pub(super) fn in_entry(self, key: &str) -> Fault {
        self.push(Step::Entry(key.to_owned()))
    }

    fn push(mut self, step: Step) -> Fault {
        self.0.steps.push(step);
        self
    }

    pub(super) fn path(&self) -> String {
        let mut path = String::new();
        for step in self.0.steps.iter().rev() {
            match step {
                Step::Field(name) if path.is_empty() => path.push_str(name),
                Step::Field(name) => {
                    path.push('.');
                    path.push_str(name);
                }
                Step::Item(index) => path.push_str(&format!("[{index}]")),
                Step::AnyItem => path.push_str("[]"),
                Step::Entry(key) => path.push_str(&format!("[{key:?}]")),
            }
        }
        path
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path();
        if path.is_empty() { write!(f, "{}", self.0.text) } else { write!(f, "{path}: {}", self.0.text) }
    }
}
