//! What came against what was expected, for people: JSON laid out line by line, and only what differs.

use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};

use super::case::{Content, Expected, ExpectedLetter, ExpectedRecord, Headers, Reason};
use super::matches::same_json;
use super::subject::{Came, CameLetter};
use crate::record_text::DevRecord;

/// Lines that stay the same, shown around one that does not.
const CONTEXT: usize = 5;

/// One part of a case that is not as expected.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// The key of that part: `outputs.default`.
    pub about: String,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// A line of a difference.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// Both have it.
    Same(String),
    /// It was expected and did not come.
    Expected(String),
    /// It came and was not expected.
    Came(String),
    /// Lines that both have are left out.
    LeftOut,
}

/// Everything in which what came is not what was expected; nothing: the case has passed.
pub fn differences(expected: &Expected, came: &Came) -> Vec<Difference> {
    let mut differences = Vec::new();
    let error = match (&expected.error, &came.error) {
        (Some(part), Some(error)) => !error.contains(part.as_str()),
        (None, None) => false,
        (Some(_), None) | (None, Some(_)) => true,
    };
    if error {
        let lines = |error: &Option<String>| error.iter().flat_map(|error| error.lines()).map(str::to_owned).collect();
        differences.push(difference("error", lines(&expected.error), lines(&came.error)));
    }
    let mut names: Vec<&String> = expected.outputs.keys().chain(came.outputs.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let expected = expected.outputs.get(name).map(Vec::as_slice).unwrap_or_default();
        let came = came.outputs.get(name).map(Vec::as_slice).unwrap_or_default();
        let about = format!("outputs.{name}");
        differences.extend(of_lists(&about, expected, came, ExpectedRecord::matches, of_records));
    }
    differences.extend(of_lists("dead_letters", &expected.letters, &came.letters, ExpectedLetter::matches, of_letters));
    if let Some(dropped) = expected.dropped.filter(|dropped| *dropped != came.dropped) {
        differences.push(difference("dropped", vec![dropped.to_string()], vec![came.dropped.to_string()]));
    }
    for (name, value) in &expected.metrics {
        let counted = came.metrics.get(name).copied().unwrap_or_default();
        if *value != counted {
            differences.push(difference(
                &format!("metrics.{name}"),
                vec![value.to_string()],
                vec![counted.to_string()],
            ));
        }
    }
    differences
}

/// The lines of both sides of a pair, of which one may be missing.
type Pair<E, C> = fn(Option<&E>, Option<&C>) -> (Vec<String>, Vec<String>);

fn of_lists<E, C>(
    about: &str,
    expected: &[E],
    came: &[C],
    matches: fn(&E, &C) -> bool,
    pair: Pair<E, C>,
) -> Option<Difference> {
    if expected.len() == came.len() && std::iter::zip(expected, came).all(|(expected, came)| matches(expected, came)) {
        return None;
    }
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for index in 0..expected.len().max(came.len()) {
        let (more_old, more_new) = pair(expected.get(index), came.get(index));
        old.extend(more_old);
        new.extend(more_new);
    }
    Some(difference(about, old, new))
}

fn difference(about: &str, expected: Vec<String>, came: Vec<String>) -> Difference {
    let old: Vec<&str> = expected.iter().map(String::as_str).collect();
    let new: Vec<&str> = came.iter().map(String::as_str).collect();
    let diff = TextDiff::from_slices(&old, &new);
    let mut lines = Vec::new();
    for (number, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if number > 0 {
            lines.push(Line::LeftOut);
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let text = change.value().to_owned();
            lines.push(match change.tag() {
                ChangeTag::Equal => Line::Same(text),
                ChangeTag::Delete => Line::Expected(text),
                ChangeTag::Insert => Line::Came(text),
            });
        }
    }
    Difference { about: about.to_owned(), lines }
}

/// A field on both sides: its lines, none where that side has no such record.
struct Field {
    label: &'static str,
    expected: Option<Vec<String>>,
    came: Option<Vec<String>>,
}

fn of_records(expected: Option<&ExpectedRecord>, came: Option<&DevRecord>) -> (Vec<String>, Vec<String>) {
    laid_out(&record_fields(expected, came))
}

fn record_fields(expected: Option<&ExpectedRecord>, came: Option<&DevRecord>) -> Vec<Field> {
    let Some(expected) = expected else {
        return came.map(all_fields).unwrap_or_default();
    };
    let mut fields = Vec::new();
    for (label, content, bytes) in [
        ("key", &expected.key, came.map(|came| came.key.as_deref())),
        ("value", &expected.value, came.map(|came| came.value.as_deref())),
    ] {
        if let Some(content) = content {
            let (expected, came) = of_contents(content.as_ref(), bytes);
            fields.push(Field { label, expected: Some(expected), came });
        }
    }
    if let Some(headers) = &expected.headers {
        let came = came.map(|came| vec![of_headers(&came.headers)]);
        fields.push(Field { label: "headers", expected: Some(vec![of_headers(headers)]), came });
    }
    if let Some(timestamp) = expected.timestamp {
        let came = came.map(|came| vec![of_timestamp(came.timestamp)]);
        fields.push(Field { label: "timestamp", expected: Some(vec![of_timestamp(timestamp)]), came });
    }
    fields
}

/// What there is of a record that nobody has expected.
fn all_fields(came: &DevRecord) -> Vec<Field> {
    let field = |label, lines| Field { label, expected: None, came: Some(lines) };
    let mut fields = Vec::new();
    if let Some(key) = &came.key {
        fields.push(field("key", of_bytes(Some(key))));
    }
    fields.push(field("value", of_bytes(came.value.as_deref())));
    if !came.headers.is_empty() {
        fields.push(field("headers", vec![of_headers(&came.headers)]));
    }
    if came.timestamp.is_some() {
        fields.push(field("timestamp", vec![of_timestamp(came.timestamp)]));
    }
    fields
}

fn of_letters(expected: Option<&ExpectedLetter>, came: Option<&CameLetter>) -> (Vec<String>, Vec<String>) {
    let is_unexpected = expected.is_none();
    let mut fields = Vec::new();
    let mut add = |label, is_mentioned: bool, expected: Option<String>, came: Option<String>| {
        if is_mentioned || is_unexpected {
            fields.push(Field { label, expected: expected.map(|text| vec![text]), came: came.map(|text| vec![text]) });
        }
    };
    let class = expected.and_then(|expected| expected.class);
    let words = |class: crate::failure::Class| class.as_str().to_owned();
    add("class", class.is_some(), class.map(words), came.map(|came| words(came.class)));
    let whole = came.map(|came| text(&came.reason));
    match expected.and_then(|expected| expected.reason.as_ref()) {
        None => add("reason", false, None, whole),
        Some(Reason::Is(reason)) => add("reason", true, Some(text(reason)), whole),
        Some(reason @ Reason::Contains(part)) => {
            let part = text(part);
            let found = came.is_some_and(|came| reason.matches(&came.reason));
            add("reason_contains", true, Some(part.clone()), if found { Some(part) } else { whole });
        }
    }
    let stage = expected.and_then(|expected| expected.stage.clone());
    add("stage", stage.is_some(), stage, came.map(|came| came.stage.to_string()));
    fields.extend(record_fields(expected.map(|expected| &expected.record), came.map(|came| &came.record)));
    laid_out(&fields)
}

fn laid_out(fields: &[Field]) -> (Vec<String>, Vec<String>) {
    let alone = matches!(fields, [Field { label: "value", .. }]);
    let side = |of: fn(&Field) -> &Option<Vec<String>>| {
        let mut lines = Vec::new();
        for field in fields {
            match of(field).as_deref() {
                None => {}
                Some(own) if alone => lines.extend(own.iter().cloned()),
                Some([line]) => lines.push(format!("{}: {line}", field.label)),
                Some(own) => {
                    lines.push(format!("{}:", field.label));
                    lines.extend(own.iter().map(|line| format!("  {line}")));
                }
            }
        }
        lines
    };
    (side(|field| &field.expected), side(|field| &field.came))
}

/// Both sides of a field; the came one is none where there is no record.
fn of_contents(expected: Option<&Content>, came: Option<Option<&[u8]>>) -> (Vec<String>, Option<Vec<String>>) {
    let expected_json = match expected {
        None => return (of_bytes(None), came.map(of_bytes)),
        Some(Content::Json(json)) => Some(json.clone()),
        Some(Content::Bytes(bytes)) => json_of(bytes),
    };
    let plain = |content: &Content| match content {
        Content::Bytes(bytes) => vec![of_text(bytes)],
        Content::Json(json) => pretty(json),
    };
    let (Some(json), Some(Some(bytes))) = (&expected_json, came) else {
        return (expected.map(plain).unwrap_or_default(), came.map(of_bytes));
    };
    let came_json = json_of(bytes).map(|came| arranged(came, json));
    match (came_json, expected) {
        (Some(came_json), Some(Content::Json(_))) => (pretty(json), Some(pretty(&came_json))),
        (Some(came_json), _) if !same_json(json, &came_json) => (pretty(json), Some(pretty(&came_json))),
        // It says the same and is not the same text.
        _ => (expected.map(plain).unwrap_or_default(), Some(vec![of_text(bytes)])),
    }
}

fn of_bytes(bytes: Option<&[u8]>) -> Vec<String> {
    match bytes {
        None => vec!["null".to_owned()],
        Some(bytes) => json_of(bytes).map_or_else(|| vec![of_text(bytes)], |json| pretty(&json)),
    }
}

/// The JSON in a field, where it is a mapping or a list.
fn json_of(bytes: &[u8]) -> Option<Value> {
    let json: Value = serde_json::from_slice(bytes).ok()?;
    (json.is_object() || json.is_array()).then_some(json)
}

fn pretty(json: &Value) -> Vec<String> {
    format!("{json:#}").lines().map(str::to_owned).collect()
}

fn of_text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| format!("{bytes:02x?}"), text)
}

/// A text in one line: quoted where it would not be told from something else.
fn text(text: &str) -> String {
    let odd = text.is_empty() || text == "null" || text.trim() != text || text.contains(char::is_control);
    if odd { Value::from(text).to_string() } else { text.to_owned() }
}

fn of_headers(headers: &Headers) -> String {
    DevRecord { headers: headers.clone(), ..DevRecord::default() }.to_json()["headers"].to_string()
}

fn of_timestamp(timestamp: Option<i64>) -> String {
    timestamp.map_or_else(|| "null".to_owned(), |timestamp| timestamp.to_string())
}

/// The same JSON with its keys in the order of `like`, and what says the same written the same.
fn arranged(json: Value, like: &Value) -> Value {
    match (json, like) {
        (json, like) if same_json(&json, like) => like.clone(),
        (Value::Object(mut json), Value::Object(like)) => {
            let mut arranged_first = Map::new();
            for (name, like) in like {
                if let Some(value) = json.shift_remove(name) {
                    arranged_first.insert(name.clone(), arranged(value, like));
                }
            }
            arranged_first.extend(json);
            Value::Object(arranged_first)
        }
        (Value::Array(json), Value::Array(like)) => {
            let of = |(index, value)| match like.get(index) {
                Some(like) => arranged(value, like),
                None => value,
            };
            json.into_iter().enumerate().map(of).collect()
        }
        (json, _) => json,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(expected: Content, came: &str) -> Vec<Line> {
        let expected = ExpectedRecord { value: Some(Some(expected)), ..Default::default() };
        let expected = Expected { outputs: [("default".to_owned(), vec![expected])].into(), ..Default::default() };
        let records = vec![DevRecord::plain(came.as_bytes())];
        let came = Came { outputs: [("default".to_owned(), records)].into(), ..Default::default() };
        differences(&expected, &came).pop().map(|difference| difference.lines).unwrap_or_default()
    }

    #[test]
    fn json_is_laid_out_and_only_what_says_something_else_differs() {
        let lines = of(Content::Json(json!({ "a": 1, "b": 2.0 })), r#"{"b": 2, "a": 3}"#);
        let same = |text: &str| Line::Same(text.to_owned());
        assert_eq!(
            lines,
            [
                same("{"),
                Line::Expected("  \"a\": 1,".to_owned()),
                Line::Came("  \"a\": 3,".to_owned()),
                same("  \"b\": 2.0"),
                same("}"),
            ]
        );
    }

    #[test]
    fn texts_that_say_the_same_in_other_words_are_shown_as_they_are() {
        let lines = of(Content::Bytes(b"{\"a\":1}".to_vec()), "{\"a\": 1}");
        assert_eq!(lines, [Line::Expected("{\"a\":1}".to_owned()), Line::Came("{\"a\": 1}".to_owned())]);
    }

    #[test]
    fn whatever_differs_has_a_line_that_differs() {
        for (expected, came) in [("a", "a "), ("a", "a\n"), ("", " "), ("null", ""), ("[1]", "[1] "), ("{}", "[]")] {
            let lines = of(Content::Bytes(expected.as_bytes().to_vec()), came);
            assert!(lines.iter().any(|line| matches!(line, Line::Came(_))), "{expected:?} {came:?} {lines:?}");
        }
    }

    #[test]
    fn what_nobody_has_expected_differs() {
        let came = Came { letters: vec![], error: Some("it stops".to_owned()), dropped: 5, ..Default::default() };
        let differences = differences(&Expected::default(), &came);
        assert_eq!(differences.len(), 1);
        assert_eq!(differences[0].lines, [Line::Came("it stops".to_owned())]);
    }
}
