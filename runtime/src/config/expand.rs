//! `${VAR}` and `${VAR:-default}` in a scalar that is parsed already, so that no value can change a file's structure.

use thiserror::Error;

/// Looks an environment variable up by name.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A scalar's text after expansion.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    /// The text.
    pub text: String,
    /// Whether any of it came by a `${...}`; such a text is not shown to anyone.
    pub replaced: bool,
}

/// Why a scalar cannot be expanded.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum ExpandError {
    #[error("environment variable {0} is not set")]
    Unset(String),
    #[error("a \"${{\" here is followed by neither NAME}} nor NAME:-default}}")]
    Malformed,
    #[error("\"${{\" has no closing \"}}\"")]
    Unclosed,
}

impl ExpandError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            ExpandError::Unset(name) => format!("set it, or write ${{{name}:-default}}"),
            ExpandError::Malformed | ExpandError::Unclosed => "write $${ for a plain ${".to_owned(),
        }
    }
}

/// Expands a scalar. As in a shell, `:-` gives its default for a variable that is unset or empty. `$${` becomes `${`;
/// any other `$` stays.
pub(super) fn expand(text: &str, env: Env<'_>) -> Result<Expanded, ExpandError> {
    let mut expanded = Expanded { text: String::with_capacity(text.len()), replaced: false };
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        let body = &from[2..];
        if let Some(before) = before.strip_suffix('$') {
            expanded.text.push_str(before);
            expanded.text.push_str("${");
            rest = body;
            continue;
        }
        expanded.text.push_str(before);
        let (body, after) = body.split_once('}').ok_or(ExpandError::Unclosed)?;
        expanded.text.push_str(&value(body, env)?);
        expanded.replaced = true;
        rest = after;
    }
    expanded.text.push_str(rest);
    Ok(expanded)
}

fn value(body: &str, env: Env<'_>) -> Result<String, ExpandError> {
    let (name, default) = match body.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (body, None),
    };
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let nested = default.is_some_and(|default| default.contains("${"));
    if !starts_well || nested || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(ExpandError::Malformed);
    }
    match (env(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(ExpandError::Unset(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<(String, bool), ExpandError> {
        let env = |name: &str| match name {
            "HOST" => Some("kafka".to_owned()),
            "EMPTY" => Some(String::new()),
            "TRICK" => Some("${HOST}".to_owned()),
            _ => None,
        };
        expand(text, &env).map(|expanded| (expanded.text, expanded.replaced))
    }

    #[test]
    fn variables_and_defaults_are_expanded() {
        for (text, want) in [
            ("${HOST}:9092", "kafka:9092"),
            ("${HOST:-other}", "kafka"),
            ("${GONE:-other}:${GONE:-1}", "other:1"),
            ("${EMPTY:-other}", "other"),
            ("[${EMPTY}]", "[]"),
            ("${GONE:-}", ""),
            ("${GONE:-a:-b}", "a:-b"),
        ] {
            assert_eq!(expanded(text), Ok((want.to_owned(), true)), "{text}");
        }
    }

    #[test]
    fn text_without_an_expansion_stays_as_it_is() {
        for (text, want) in [("$HOST", "$HOST"), ("^a{1,2}$", "^a{1,2}$"), ("$${HOST}", "${HOST}"), ("$$x", "$$x")] {
            assert_eq!(expanded(text), Ok((want.to_owned(), false)), "{text}");
        }
    }

    #[test]
    fn a_value_is_not_expanded_again() {
        assert_eq!(expanded("${TRICK}"), Ok(("${HOST}".to_owned(), true)));
    }

    #[test]
    fn what_cannot_be_expanded_is_an_error() {
        assert_eq!(expanded("${GONE}"), Err(ExpandError::Unset("GONE".to_owned())));
        assert_eq!(expanded("${HOST"), Err(ExpandError::Unclosed));
        for body in ["", "1A", "A-B", "A:-${B"] {
            let text = format!("${{{body}}}");
            assert_eq!(expanded(&text), Err(ExpandError::Malformed), "{text}");
        }
    }
}
