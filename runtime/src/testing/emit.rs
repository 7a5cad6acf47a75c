//! What came, written as what is expected: the lines of an `expect:` block.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::case::{Content, Expected, ExpectedLetter, ExpectedRecord, Reason, json_in_yaml};
use super::matches::same_json;
use super::subject::{Came, CameLetter};
use crate::record_text::DevRecord;

/// Levels of lists and mappings around a value in a file of tests, and some more.
const AROUND: usize = 12;

/// The block, its first line with the key. It mentions what `before` has mentioned; where nothing was said before, what
/// a reader wants to know: a key that is null, too, where a record came in with one (`has_keys`).
pub fn expect_block(came: &Came, has_keys: bool, before: Option<&Expected>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(error) = &came.error {
        let part = before.and_then(|before| before.error.as_ref()).filter(|part| error.contains(part.as_str()));
        lines.push(format!("error: {}", quoted(part.unwrap_or(error))));
    }
    if !came.outputs.is_empty() {
        lines.push("outputs:".to_owned());
        for (name, records) in &came.outputs {
            lines.push(format!("  {}:", key(name)));
            let before = before.and_then(|before| before.outputs.get(name));
            for (index, record) in records.iter().enumerate() {
                let item = record_item(record, has_keys, before.and_then(|before| before.get(index)));
                lines.extend(listed(item).map(|line| format!("    {line}")));
            }
        }
    }
    if !came.letters.is_empty() {
        lines.push("dead_letters:".to_owned());
        for (index, letter) in came.letters.iter().enumerate() {
            let before = before.and_then(|before| before.letters.get(index));
            lines.extend(listed(letter_item(letter, before)).map(|line| format!("  {line}")));
        }
    }
    if came.dropped > 0 || before.is_some_and(|before| before.dropped.is_some()) {
        lines.push(format!("dropped: {}", came.dropped));
    }
    let is_mentioned = |name: &String| before.is_none_or(|before| before.metrics.contains_key(name));
    let metrics: Vec<_> = came.metrics.iter().filter(|(name, _)| is_mentioned(name)).collect();
    if !metrics.is_empty() {
        lines.push("metrics:".to_owned());
        lines.extend(metrics.into_iter().map(|(name, value)| format!("  {}: {value}", key(name))));
    }
    if lines.is_empty() {
        return vec!["expect: {}".to_owned()];
    }
    std::iter::once("expect:".to_owned()).chain(lines.into_iter().map(|line| format!("  {line}"))).collect()
}

/// The lines of one item of a list.
fn listed(item: Vec<String>) -> impl Iterator<Item = String> {
    item.into_iter().enumerate().map(|(number, line)| format!("{}{line}", if number == 0 { "- " } else { "  " }))
}

fn record_item(record: &DevRecord, has_keys: bool, before: Option<&ExpectedRecord>) -> Vec<String> {
    let Some(before) = before else {
        let text = record.value.as_deref().map(std::str::from_utf8);
        let bare = record.key.is_none() && !has_keys && record.headers.is_empty() && record.timestamp.is_none();
        return match text {
            Some(Ok(text)) if bare && flow(text).is_none() => vec![quoted(text)],
            _ => fields(record, &everything(record, has_keys)),
        };
    };
    match (before, record.value.as_deref().map(std::str::from_utf8)) {
        (
            ExpectedRecord { key: None, value: Some(Some(Content::Bytes(_))), headers: None, timestamp: None },
            Some(Ok(text)),
        ) => vec![quoted(text)],
        (ExpectedRecord { key: None, value: None, headers: None, timestamp: None }, _) => vec!["{}".to_owned()],
        _ => fields(record, before),
    }
}

/// What is worth mentioning of a record.
fn everything(record: &DevRecord, has_keys: bool) -> ExpectedRecord {
    ExpectedRecord {
        key: (has_keys || record.key.is_some()).then_some(None),
        value: Some(None),
        headers: Some(record.headers.clone()).filter(|headers| !headers.is_empty()),
        timestamp: record.timestamp.map(Some),
    }
}

/// A record's fields, those that are mentioned.
fn fields(record: &DevRecord, mentioned: &ExpectedRecord) -> Vec<String> {
    let mut lines = Vec::new();
    for (label, bytes, before) in [("key", &record.key, &mentioned.key), ("value", &record.value, &mentioned.value)] {
        if let Some(before) = before {
            lines.push(field(label, bytes.as_deref(), before.as_ref()));
        }
    }
    if mentioned.headers.is_some() {
        let headers = &record.to_json()["headers"];
        // Base64 inside says what is no text; what is text and odd is escaped.
        lines.push(format!("headers: {}", escaped(&headers.to_string())));
    }
    if mentioned.timestamp.is_some() {
        lines.push(format!("timestamp: {}", record.timestamp.map_or("null".to_owned(), |at| at.to_string())));
    }
    lines
}

fn field(label: &str, bytes: Option<&[u8]>, before: Option<&Content>) -> String {
    match bytes.map(std::str::from_utf8) {
        None => format!("{label}: null"),
        Some(Err(_)) => format!("{label}_base64: {}", quoted(&BASE64.encode(bytes.unwrap_or_default()))),
        Some(Ok(text)) => {
            let was_text = matches!(before, Some(Content::Bytes(_)));
            let value = if was_text { None } else { flow(text) };
            format!("{label}: {}", value.unwrap_or_else(|| quoted(text)))
        }
    }
}

fn letter_item(letter: &CameLetter, before: Option<&ExpectedLetter>) -> Vec<String> {
    let Some(before) = before else {
        return vec![format!("class: {}", letter.class.as_str()), format!("reason: {}", quoted(&letter.reason))];
    };
    let mut lines = Vec::new();
    if before.class.is_some() {
        lines.push(format!("class: {}", letter.class.as_str()));
    }
    match &before.reason {
        None => {}
        Some(reason @ Reason::Contains(part)) if reason.matches(&letter.reason) => {
            lines.push(format!("reason_contains: {}", quoted(part)));
        }
        Some(_) => lines.push(format!("reason: {}", quoted(&letter.reason))),
    }
    if before.stage.is_some() {
        lines.push(format!("stage: {}", quoted(&letter.stage)));
    }
    lines.extend(fields(&letter.record, &before.record));
    if lines.is_empty() { vec!["{}".to_owned()] } else { lines }
}

/// The JSON mapping or list in a text as YAML in one line; none where it is none, or YAML would read something else.
fn flow(text: &str) -> Option<String> {
    let json: Value = serde_json::from_str(text).ok()?;
    if !json.is_object() && !json.is_array() {
        return None;
    }
    let flow = spaced(&json);
    let nested = format!("{}{flow}{}", "[".repeat(AROUND), "]".repeat(AROUND));
    let mut read = json_in_yaml(&nested)?;
    for _ in 0..AROUND {
        read = read.as_array_mut()?.pop()?;
    }
    same_json(&read, &json).then_some(flow)
}

/// JSON in one line, with spaces as people write them.
fn spaced(json: &Value) -> String {
    match json {
        Value::Array(list) => format!("[{}]", list.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let field = |(name, value)| {
                format!("{}: {}", escaped(&Value::from(String::as_str(name)).to_string()), spaced(value))
            };
            format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        other => escaped(&other.to_string()),
    }
}

/// A name as the key of a mapping.
fn key(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !matches!(
            name.to_ascii_lowercase().as_str(),
            "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if plain { name.to_owned() } else { quoted(name) }
}

/// A text as a quoted scalar in one line.
fn quoted(text: &str) -> String {
    if text.chars().all(is_plain) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    escaped(&Value::from(text).to_string())
}

/// JSON text with what YAML does not take, or takes for a line break, escaped.
fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if is_plain(c) {
            escaped.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

/// Whether a character stands for itself in YAML.
fn is_plain(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
