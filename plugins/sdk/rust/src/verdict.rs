//! What a plugin says of a record.

use std::borrow::Cow;

use crate::Emit;

/// What a plugin says of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It goes on as it came.
    Keep,
    /// It ends here; nothing is written.
    Drop,
    /// This goes on in its place.
    Emit(Emit<'a>),
    /// These go on in its place, each its own way. An empty list is `Drop`.
    EmitAll(Vec<Emit<'a>>),
    /// The plugin refuses it: a dead letter with this reason, unless the stage's `on_error` says otherwise.
    Reject(Cow<'a, str>),
    /// Not now: the host calls again with this record after a backoff, with a bound; the verdicts on the
    /// others of its batch stand.
    Retry(Cow<'a, str>),
}

impl<'a> Verdict<'a> {
    /// Refuses the record, with a reason for people.
    pub fn reject(reason: impl Into<Cow<'a, str>>) -> Self {
        Verdict::Reject(reason.into())
    }

    /// Asks for another call with this record later, with a reason for people.
    pub fn retry(reason: impl Into<Cow<'a, str>>) -> Self {
        Verdict::Retry(reason.into())
    }

    /// The same with nothing borrowed.
    pub fn into_owned(self) -> Verdict<'static> {
        match self {
            Verdict::Keep => Verdict::Keep,
            Verdict::Drop => Verdict::Drop,
            Verdict::Emit(emit) => Verdict::Emit(emit.into_owned()),
            Verdict::EmitAll(emits) => Verdict::EmitAll(emits.into_iter().map(Emit::into_owned).collect()),
            Verdict::Reject(reason) => Verdict::Reject(reason.into_owned().into()),
            Verdict::Retry(reason) => Verdict::Retry(reason.into_owned().into()),
        }
    }
}

impl<'a> From<Emit<'a>> for Verdict<'a> {
    fn from(emit: Emit<'a>) -> Self {
        Verdict::Emit(emit)
    }
}

impl<'a> From<Vec<Emit<'a>>> for Verdict<'a> {
    fn from(emits: Vec<Emit<'a>>) -> Self {
        Verdict::EmitAll(emits)
    }
}
