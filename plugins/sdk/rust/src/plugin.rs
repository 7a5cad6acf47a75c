//! What a plugin is: the trait to implement, and its errors.

use crate::{Fields, Record, Stage, Verdict};

/// A plugin: what a stage runs. Export it with [`export!`](crate::export).
pub trait Plugin: Sized + 'static {
    /// The stage's `config:`. Give it `#[serde(deny_unknown_fields)]`, so that a misspelt key is an error. Where
    /// the pipeline file has no `config:`, it is read from an empty object, or from `null` if that does not fit.
    type Config: serde::de::DeserializeOwned;

    /// The fields of a record that [`process`](Plugin::process) reads. Others arrive as null or empty.
    const NEEDS: Fields;

    /// Starts an instance. The error is shown to whoever wrote the pipeline file, so name the key that is wrong
    /// and say what would be right.
    fn init(config: Self::Config, stage: &Stage) -> Result<Self, Error>;

    /// Judges one record. The verdict may borrow from the record and from the plugin, so that an answer can be
    /// built in a buffer that the plugin keeps. An error rejects the record, see [`Error`].
    fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error>;

    /// The fields that this instance reads, where that depends on its configuration.
    fn needs(&self) -> Fields {
        Self::NEEDS
    }
}

/// What `init` and `process` may fail with: any error (so `?` works), or `"text".into()`.
///
/// From `process` it rejects the record with the error's text, except for a [`Failure`], which fails the whole batch.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Fails the whole batch, whatever was said of the records before: return it from
/// [`process`](Plugin::process) as an error.
///
/// ```
/// # use sluicebox_plugin::{Error, Failure};
/// fn licensed(days_left: u32) -> Result<(), Error> {
///     if days_left == 0 {
///         return Err(Failure::Fatal("the licence has run out; renew it and restart".into()).into());
///     }
///     Ok(())
/// }
/// # assert!(licensed(0).unwrap_err().is::<Failure>());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Something that may pass: the host calls again after a backoff, with a bound. State that the batch has
    /// changed in the plugin stays changed.
    Retry(String),
    /// Nothing that a retry or a dead letter could fix: the pipeline stops and commits nothing of the batch.
    Fatal(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Retry(reason) | Failure::Fatal(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Failure {}

/// The error's text with that of its causes, for people.
pub(crate) fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("no age")
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn an_error_is_described_with_its_causes() {
        let cause = "x".parse::<u8>().expect_err("x is no number");
        assert_eq!(describe(&Outer(cause)), "no age: invalid digit found in string");
    }
}
