//! From a file's text to its shape, and what is wrong with text that has none, in words of ours.

use serde::de::DeserializeOwned;
use serde_yaml::granit_parser::ErrorKind;
use serde_yaml::{Error, ExternalMessageSource, Options};

use super::error::{Diagnostic, Errors, Position, Source, did_you_mean, one_of, without_space};
use super::property_names;

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

/// The key that a file of pipeline tests has.
const TESTS: &str = "cases";
/// What a list is called.
const LIST: &str = "a list";
/// What a mapping is called.
const MAPPING: &str = "a mapping (keys and values)";
/// What stands for one thing is called.
const SINGLE_VALUE: &str = "a single value, not a list or a mapping";
/// Properties that are lists, which have commas.
const LISTS: [&str; 4] = ["bootstrap.servers", "debug", "partition.assignment.strategy", "ssl.cipher.suites"];
/// Sections that are often put under `kafka`.
const CLIENTS: [&str; 2] = ["consumer", "producer"];

/// What other programs call our keys.
const SYNONYMS: [(&str, &str); 21] = [
    ("processors", "stages"),
    ("transforms", "stages"),
    ("steps", "stages"),
    ("plugins", "stages"),
    ("source", "input"),
    ("sources", "input"),
    ("sink", "outputs"),
    ("sinks", "outputs"),
    ("dead_letter", "dlq"),
    ("dead_letters", "dlq"),
    ("dead_letter_queue", "dlq"),
    ("group_id", "group"),
    ("auto_offset_reset", "start"),
    ("circuit_breaker", "breaker"),
    ("registry", "schema_registry"),
    ("schema.registry.url", "schema_registry"),
    ("urls", "url"),
    ("user", "username"),
    ("otlp", "traces"),
    ("tracing", "traces"),
    ("sampling", "sample"),
];

/// What is written for keys whose values are lists or mappings.
const EXAMPLES: [(&str, &str); 16] = [
    ("batch", "{ max_records: 1024 }"),
    ("breaker", "{ share: 0.5, min_records: 100 }"),
    ("create", "{ partitions: 4, replication: 3 }"),
    ("default", "{ topic: NAME }"),
    ("dlq", "{ topic: NAME }"),
    ("grants", "{ clock: true }"),
    ("input", "{ topics: [NAME] }"),
    ("kafka", "{ bootstrap.servers: HOST:PORT }"),
    ("key", "{ format: avro }"),
    ("limits", "{ time: 1s, memory: 256MiB }"),
    ("on_error", "{ then: dlq }"),
    ("outputs", "{ default: { topic: NAME } }"),
    ("schema_registry", "{ url: http://HOST:8081 }"),
    ("topics", "[NAME]"),
    ("traces", "{ endpoint: http://HOST:4318/v1/traces }"),
    ("value", "{ format: avro }"),
];

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

/// Anchors are allowed within a budget; what only YAML 1.1 takes for booleans and numbers is text.
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
            let found = found(format!("unknown key \"{field}\""));
            if field == TESTS && kind.file == PIPELINE.file {
                return found
                    .with_help("pipeline tests are run by `sluice test`; their files are named NAME.test.yaml");
            }
            if let Some(known) = without_space(field, expected.iter().copied()) {
                return source
                    .diagnostic(at, format!("a space is missing behind the colon of \"{known}\""))
                    .with_help(format!("write {known}: VALUE"));
            }
            let known = SYNONYMS.iter().find(|(other, own)| other == field && expected.contains(own));
            let near = known.map(|(_, own)| format!("did you mean \"{own}\"?"));
            let near = near.or_else(|| did_you_mean(field, expected.iter().copied()));
            found.with_help(near.unwrap_or_else(|| format!("the keys here are {}", one_of(expected))))
        }
        Error::SerdeMissingField { field, .. } => {
            // The parser stands at the last key; where keys of the whole file are missing, its beginning says more.
            let at = if at.column == 1 { first_line(source.text()).unwrap_or(at) } else { at };
            source.diagnostic(at, format!("the key \"{field}\" is missing from this mapping"))
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => found(format!("the key \"{key}\" is here twice")),
        Error::DuplicateMappingKey { key: None, .. } => found("a key is here twice".to_owned()),
        Error::NullIntoString { .. } => found("a value is missing here".to_owned()),
        Error::Unexpected { expected, .. } => wrong_shape(source, kind, at, expected),
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            wrong_shape(source, kind, at, expected)
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
                let help = help.or_else(|| message.and_then(|_| no_space_in_line(source.text(), at)));
                let at = if matches!(error.kind(), ErrorKind::TabInPlainScalar) { tab(source.text(), at) } else { at };
                let found = |message: String| source.diagnostic(at, message);
                let message = message.map_or_else(|| format!("not valid YAML: {msg}"), str::to_owned);
                found(message).with_help_if(help)
            }
            _ => found("not valid YAML".to_owned()),
        },
        // What is left is rare (tags, binary values), and its text holds nothing of the file.
        _ => found("not a value that can stand here".to_owned()),
    }
}

/// A value of another shape than its key's: `expected` is serde's or the parser's word for that.
fn wrong_shape(source: &Source<'_>, kind: &Kind, at: Position, expected: &str) -> Diagnostic {
    let expected = plain_words(expected);
    if expected == MAPPING
        && let Some(help) = no_space_in_line(source.text(), at)
    {
        return source.diagnostic(at, format!("expected {MAPPING}")).with_help(help);
    }
    if expected == SINGLE_VALUE && kind.file == PIPELINE.file {
        return no_single_value(source, at);
    }
    let Some(key) = key_before(source.text(), at).or_else(|| key_at(source.text(), at)) else {
        let found = source.diagnostic(at, format!("expected {expected}"));
        let is_whole_file = first_line(source.text()) == Some(at);
        return found.with_help_if(is_whole_file.then(|| format!("a {} begins with `{}`", kind.holds, kind.begins)));
    };
    let help = match EXAMPLES.iter().find(|(name, _)| *name == key) {
        Some((_, example)) if expected.starts_with("off ") => Some(format!("write {key}: off, or {key}: {example}")),
        Some((_, example)) => Some(format!("write {key}: {example}")),
        None if expected == LIST => Some(format!("write {key}: [...]")),
        None => None,
    };
    source.diagnostic(at, format!("{key}: expected {expected}")).with_help_if(help)
}

/// A list or a mapping in place of a single value: above all librdkafka's properties, whose names have dots in place of
/// levels, and whose lists have commas.
fn no_single_value(source: &Source<'_>, at: Position) -> Diagnostic {
    let Some(key) = key_before(source.text(), at).or_else(|| key_above(source.text(), at)) else {
        return source.diagnostic(at, format!("expected {SINGLE_VALUE}"));
    };
    let help = if CLIENTS.contains(&key) {
        Some(format!("`{key}:` stands beside `kafka:`, at the top level of the file"))
    } else if let Some(name) = property_names::meant(key).filter(|name| LISTS.contains(name)) {
        Some(format!("write one value, with commas between its parts: {name}: A,B"))
    } else if property_names::all().any(|name| name.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'))) {
        Some(format!("write a property with its whole name: {key}.NAME: VALUE"))
    } else {
        None
    };
    source.diagnostic(at, format!("{key}: expected {SINGLE_VALUE}")).with_help_if(help)
}

/// The first tab from a place on: a value that goes on in the next line is where its parser stands.
fn tab(text: &str, at: Position) -> Position {
    let lines = text.lines().enumerate().skip(at.line.saturating_sub(1));
    let tab = lines.filter_map(|(number, line)| Some((number, line.chars().position(|c| c == '\t')?))).next();
    tab.map_or(at, |(number, column)| Position { line: number + 1, column: column + 1 })
}

/// The key on the same line, directly before a place.
fn key_before(text: &str, at: Position) -> Option<&str> {
    let line = text.lines().nth(at.line.checked_sub(1)?)?;
    let end = line.char_indices().nth(at.column.checked_sub(1)?).map_or(line.len(), |(byte, _)| byte);
    let key = line[..end].trim_end().strip_suffix(':')?;
    let begin = key.rfind([' ', '{', ',', '[', '\t']).map_or(0, |byte| byte + 1);
    Some(&key[begin..]).filter(|key| is_key(key))
}

/// The key at a place: where a parser is told the shape of a value only when it has read the key.
fn key_at(text: &str, at: Position) -> Option<&str> {
    let line = text.lines().nth(at.line.checked_sub(1)?)?;
    let (begin, _) = line.char_indices().nth(at.column.checked_sub(1)?)?;
    let (key, _) = line[begin..].split_once(':')?;
    Some(key).filter(|key| is_key(key))
}

/// The key of the block that begins at a place: it is alone on the line above.
fn key_above(text: &str, at: Position) -> Option<&str> {
    let above = text.lines().take(at.line.saturating_sub(1)).map(str::trim);
    let key = above.filter(|line| !line.is_empty() && !line.starts_with('#')).last()?.strip_suffix(':')?;
    Some(key).filter(|key| is_key(key))
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Where the content of a file begins.
fn first_line(text: &str) -> Option<Position> {
    let is_content = |line: &str| !line.is_empty() && !line.starts_with(['#', ' ', '%']) && line != "---";
    let line = text.lines().position(|line| is_content(line.trim_end()))?;
    Some(Position { line: line + 1, column: 1 })
}

fn too_much(kind: &Kind) -> String {
    format!("too much nesting, or too many anchors and aliases, for a {}", kind.file)
}

/// What to do about a line that is no key because no space follows its colon.
fn no_space_in_line(text: &str, at: Position) -> Option<String> {
    let line = text.lines().nth(at.line.checked_sub(1)?)?.trim_start_matches([' ', '-']);
    let (key, value) = line.split_once(':')?;
    let is_run_together = is_key(key) && value.starts_with(|c: char| !c.is_whitespace());
    is_run_together.then(|| format!("a space is missing behind the colon: write {key}: VALUE"))
}

/// Whether a text holds nothing but comments.
fn is_blank(text: &str) -> bool {
    text.lines().map(str::trim_start).all(|line| line.is_empty() || line.starts_with(['#', '-', '.', '%']))
}

/// What serde and the parser call the things that YAML has.
fn plain_words(expected: &str) -> &str {
    match expected {
        "string scalar" | "scalar" => SINGLE_VALUE,
        "sequence start" => LIST,
        "mapping start" => MAPPING,
        other if other.starts_with("struct ") => MAPPING,
        "a sequence" => LIST,
        other => other,
    }
}

/// Words for what most often goes wrong, and help.
fn syntax(kind: &ErrorKind, text: &str) -> (Option<&'static str>, Option<String>) {
    let help = |help: &str| Some(help.to_owned());
    match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => (Some("YAML is indented with spaces, and here is a tab"), None),
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
        ErrorKind::ExpectedBlockSequenceEntry => (
            Some("this line is no item of the list above"),
            help("an item begins with \"- \"; give this line the indentation of the keys that it belongs to"),
        ),
        _ => (None, None),
    }
}
