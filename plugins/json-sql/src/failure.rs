//! Why an expression has no value.

use crate::value::{Kind, Value};

/// Why an expression has no value, without the place in the query, which is added where the program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(Box<str>);

/// What a step of an expression gives.
pub(crate) type Answer<'a> = Result<Value<'a>, Failure>;

impl Failure {
    /// A value of the wrong kind.
    #[cold]
    pub(crate) fn kind(wanted: &str, found: &Value<'_>) -> Failure {
        let hint = match (wanted, found.kind()) {
            ("text", Kind::Null | Kind::Json) => "",
            ("text", _) => " (cast it: x::text)",
            ("date" | "timestamp" | "interval" | "time", Kind::Text) => " (cast it, like x::timestamp)",
            ("number" | "integer", Kind::Text) => " (cast it, like x::bigint)",
            _ => "",
        };
        Failure(format!("expected {wanted}, found {found}{hint}").into())
    }
}

impl From<&str> for Failure {
    #[cold]
    fn from(text: &str) -> Failure {
        Failure(text.into())
    }
}

impl From<String> for Failure {
    #[cold]
    fn from(text: String) -> Failure {
        Failure(text.into())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}
