//! The error of a command that was used wrongly.

/// A command was used wrongly, and nothing was done. The message says what is wrong and, where it can, what to do.
/// The program ends with exit code 2 for it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUse(String);

/// Makes a [`WrongUse`] of a message, for functions that have other errors, too.
pub fn wrong_use(message: impl Into<String>) -> anyhow::Error {
    WrongUse(message.into()).into()
}
