//! `${VAR}`, `${VAR:-default}` and `${file:PATH}` in a scalar that is parsed already, so that no value can change a
//! file's structure.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Looks an environment variable up by name.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The largest file that a `${file:PATH}` may name, in bytes.
const LARGEST_FILE: u64 = 1 << 20;
/// What comes before the path of a file.
const FILE: &str = "file:";

/// A scalar's text after expansion.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    /// The text.
    pub text: String,
    /// Whether any of it came by a `${...}`; such a text is not shown to anyone.
    pub replaced: bool,
    /// The files that it came of.
    pub files: Vec<PathBuf>,
}

/// Why a scalar cannot be expanded.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum ExpandError {
    #[error("environment variable {0} is not set")]
    Unset(String),
    #[error("the file {} cannot be read: {why}", path.display())]
    File {
        /// The file's path.
        path: PathBuf,
        /// Why.
        why: String,
    },
    #[error("a \"${{\" here is followed by none of NAME}}, NAME:-default}} and file:PATH}}")]
    Malformed,
    #[error("\"${{\" has no closing \"}}\"")]
    Unclosed,
}

impl ExpandError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            ExpandError::Unset(name) => format!("set it, or write ${{{name}:-default}}"),
            ExpandError::File { .. } => "a path is relative to the pipeline file".to_owned(),
            ExpandError::Malformed | ExpandError::Unclosed => "write $${ for a plain ${".to_owned(),
        }
    }
}

/// Expands a scalar. As in a shell, `:-` gives its default for a variable that is unset or empty. `$${` becomes `${`;
/// any other `$` stays. `${file:PATH}` is what a file holds, without one line break at its end; paths are relative to
/// `folder`.
pub(super) fn expand(text: &str, env: Env<'_>, folder: &Path) -> Result<Expanded, ExpandError> {
    let mut expanded = Expanded { text: String::with_capacity(text.len()), replaced: false, files: Vec::new() };
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
        match body.strip_prefix(FILE) {
            Some(path) => {
                let path = folder.join(path);
                expanded.text.push_str(&content(&path)?);
                expanded.files.push(path);
            }
            None => expanded.text.push_str(&value(body, env)?),
        }
        expanded.replaced = true;
        rest = after;
    }
    expanded.text.push_str(rest);
    Ok(expanded)
}

/// What a file holds, without one line break at its end.
fn content(path: &Path) -> Result<String, ExpandError> {
    let cannot = |why: String| ExpandError::File { path: path.to_owned(), why };
    let mut bytes = Vec::new();
    let read =
        |bytes: &mut Vec<u8>| -> io::Result<usize> { File::open(path)?.take(LARGEST_FILE + 1).read_to_end(bytes) };
    read(&mut bytes).map_err(|error| cannot(error.to_string()))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(cannot("it is larger than 1 MiB".to_owned()));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| cannot("it is not UTF-8 text".to_owned()))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
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
        expand(text, &env, Path::new("")).map(|expanded| (expanded.text, expanded.replaced))
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
    fn a_file_stands_for_what_it_holds_without_one_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let none = |_: &str| None;
        for (content, text) in
            [("secret\n", "secret"), ("secret\r\n", "secret"), ("a\n\n", "a\n"), ("${X}", "${X}"), ("", "")]
        {
            std::fs::write(folder.path().join("x"), content).unwrap();
            let expanded = expand("<${file:x}>", &none, folder.path()).unwrap();
            assert_eq!((expanded.text, expanded.replaced), (format!("<{text}>"), true));
            assert_eq!(expanded.files, [folder.path().join("x")]);
        }
        let missing = expand("${file:/none/such}", &none, folder.path()).unwrap_err().to_string();
        assert!(missing.starts_with("the file /none/such cannot be read: No such file"), "{missing}");
        std::fs::write(folder.path().join("x"), [0xff]).unwrap();
        assert!(expand("${file:x}", &none, folder.path()).unwrap_err().to_string().contains("not UTF-8"));
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
