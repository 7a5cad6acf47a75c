//! What an answer of a registry that is no schema means.

/// What follows from an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryErrorKind {
    /// Confluent's error code 40403: the registry knows no schema of this id.
    UnknownSchema,
    /// Another error code about what was asked: no such subject or version, an invalid or incompatible schema.
    Refused,
    /// No registry has answered, or not as one: it may be asked again.
    Absent,
}

/// Why a question to a registry has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RegistryError {
    /// What follows from it.
    pub kind: RegistryErrorKind,
    /// Which address, and what it said, in one line. No secret is in it.
    pub message: String,
}

impl RegistryError {
    /// Returns an error of this kind.
    pub fn new(kind: RegistryErrorKind, message: impl Into<String>) -> RegistryError {
        RegistryError { kind, message: message.into() }
    }

    /// Returns whether the registry has not answered.
    pub fn is_absence(&self) -> bool {
        self.kind == RegistryErrorKind::Absent
    }
}
