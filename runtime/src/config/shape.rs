//! From a file's text to its shape, and what is wrong with text that has none, in words of ours.

use serde::de::DeserializeOwned;
use serde_yaml::granit_parser::ErrorKind;
use serde_yaml::{Error, ExternalMessageSource, Options};

use super::error::{Diagnostic, Errors, Position, Source, did_you_mean, one_of};

/// What a file is, for what is said of one that is none, and how much may be in it.
pub(crate) struct Kind {
    /// What it is called: `pipeline file`.
    pub file: &'static str,
    /// What it holds: `pipeline`.
    pub holds: &'static str,
    /// How it begins: `name: NAME`.
    pub begins: &'static str,
    /// The largest, in MiB.
    pub largest: usize,
    /// Values in it, at the most.
    pub values: usize,
}

/// A pipeline file: a few KiB.
pub(super) const PIPELINE: Kind =
    Kind { file: "pipeline file", holds: "pipeline", begins: "name: NAME", largest: 1, values: 50_000 };

/// Parses a file to its shape.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn parse<T: DeserializeOwned>(source: &Source<'_>, kind: &Kind) -> Result<T, Errors> {
    let start = Position { line: 1, column: 1 };
    if source.text().len() > kind.largest << 20 {
        let message = format!("the file is over {} MiB; a {} is far smaller", kind.largest, kind.file);
        return Err(Diagnostic::of_file(source.file(), message).into());
    }
    serde_yaml::from_str_with_options(source.text(), options(kind.values)).map_err(|error| {
        let error = innermost(&error);
        let at = error.location().map_or(start, Position::from);
        // A parser may stand behind the last line, where there is nothing to point at.
        let at = if at.line == 0 { start } else { at };
        describe(error, source, kind, at).into()
    })
}

/// Anchors are welcome within a budget; what YAML 1.1 took for truth and numbers is text.
fn options(values: usize) -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_events: values,
            max_nodes: values,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_depth: 32,
            flow_nesting_limit: 32,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: values,
            max_replay_stack_depth: 16,
            max_alias_expansions_per_anchor: 1_000,
        },
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    }
}

fn innermost(mut error: &Error) -> &Error {
    while let Error::WithSnippet { error: inner, .. } | Error::AliasError { error: inner, .. } = error {
        error = inner;
    }
    error
}

fn describe(error: &Error, source: &Source<'_>, kind: &Kind, at: Position) -> Diagnostic {
    let found = |message: String| source.diagnostic(at, message);
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            let near = did_you_mean(field, expected.iter().copied());
            let help = near.unwrap_or_else(|| format!("the keys here are {}", one_of(expected)));
            found(format!("unknown key \"{field}\"")).with_help(help)
        }
        Error::SerdeMissingField { field, .. } => found(format!("the key \"{field}\" is missing from this mapping")),
        Error::DuplicateMappingKey { key: Some(key), .. } => found(format!("the key \"{key}\" is here twice")),
        Error::DuplicateMappingKey { key: None, .. } => found("a key is here twice".to_owned()),
        Error::NullIntoString { .. } => found("a value is missing here".to_owned()),
        Error::Unexpected { expected, .. } => found(format!("expected {}", plain_words(expected))),
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            found(format!("expected {}", plain_words(expected)))
        }
        Error::Eof { .. } if is_blank(source.text()) => source
            .diagnostic(Position { line: 1, column: 1 }, format!("there is no {} in this file", kind.holds))
            .with_help(format!("a {} begins with `{}`", kind.holds, kind.begins)),
        Error::Eof { .. } => found("the file ends too early".to_owned()),
        Error::MultipleDocuments { .. } => {
            found(format!("a second document begins here; one file holds one {}", kind.holds))
        }
        Error::UnknownAnchor { .. } => found("no anchor of this name comes before this alias".to_owned()),
        Error::RecursiveReferencesRequireWeakTypes { .. } => found("this alias contains itself".to_owned()),
        Error::Budget { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => found(too_much(kind)),
        Error::NonFiniteFloat { .. } => found("JSON has no such number; quote it if it is text".to_owned()),
        Error::ExternalMessage { source: origin, msg, .. } => match origin.as_ref() {
            ExternalMessageSource::Parser(error) => {
                if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
                    return found(too_much(kind));
                }
                let (message, help) = syntax(error.kind(), source.text());
                let message = message.map_or_else(|| format!("not valid YAML: {msg}"), str::to_owned);
                found(message).with_help_if(help)
            }
            _ => found("not valid YAML".to_owned()),
        },
        // What is left is rare (tags, binary values), and its text holds nothing of the file.
        _ => found("not a value that can stand here".to_owned()),
    }
}

fn too_much(kind: &Kind) -> String {
    format!("too much nesting, or too many anchors and aliases, for a {}", kind.file)
}

/// Whether a text holds nothing but comments.
fn is_blank(text: &str) -> bool {
    text.lines().map(str::trim_start).all(|line| line.is_empty() || line.starts_with(['#', '-', '.', '%']))
}

/// What serde and the parser call the things that YAML has.
fn plain_words(expected: &str) -> &str {
    match expected {
        "string scalar" | "scalar" => "a single value, not a list or a mapping",
        "sequence start" => "a list",
        "mapping start" => "a mapping (keys and values)",
        other if other.starts_with("struct ") => "a mapping (keys and values)",
        "a sequence" => "a list",
        other => other,
    }
}

/// Words for what most often goes wrong, and help.
fn syntax(kind: &ErrorKind, text: &str) -> (Option<&'static str>, Option<String>) {
    let help = |help: &str| Some(help.to_owned());
    match kind {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
            (Some("YAML is indented with spaces, and here is a tab"), None)
        }
        ErrorKind::UnclosedQuotedScalar => (Some("a quote is opened and not closed"), None),
        ErrorKind::UnclosedFlowCollection { open } => {
            let message =
                if *open == '{' { "a \"{\" is opened and not closed" } else { "a \"[\" is opened and not closed" };
            (Some(message), None)
        }
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
            let message = match kind {
                ErrorKind::ExpectedFlowMappingSeparator => "a \",\" or the closing \"}\" is missing before this",
                _ => "a \",\" or the closing \"]\" is missing before this",
            };
            let variable = text.contains("${");
            let words = "inside { } and [ ], quote what holds a variable: \"${VAR}\"";
            (Some(message), variable.then(|| words.to_owned()))
        }
        ErrorKind::InvalidQuotedScalarIndent => {
            (Some("a quoted value goes on here without indentation"), help("is its closing quote missing?"))
        }
        ErrorKind::UnknownAnchor => (Some("no anchor of this name comes before this alias"), None),
        ErrorKind::MappingValueNotAllowed => {
            (Some("a \": \" is not allowed here"), help("quote a value that holds \": \""))
        }
        ErrorKind::InvalidIndentation | ErrorKind::ExpectedBlockMappingKey | ErrorKind::SimpleKeyExpected => {
            (Some("this line fits no mapping: a key needs a \":\" and the indentation of its neighbours"), None)
        }
        _ => (None, None),
    }
}
