//! Functions of strings, and of what any value is.

use super::Named;
use crate::plan::Special;
use crate::run::{Exit, Machine};
use crate::value::{Value, parse, parse_number};

pub(super) const TABLE: &[Named] = &[
    ("not", 0, |_, input, _| Ok(Value::Bool(!input.is_true()))),
    ("type", 0, |_, input, _| Ok(Value::string(input.kind().name()))),
    ("error", 0, |_, input, _| Err(Exit::Error(Box::new(input)))),
    ("tostring", 0, to_string),
    ("tojson", 0, |machine, input, _| Ok(Value::text(machine.source.json(&input)))),
    ("fromjson", 0, from_json),
    ("tonumber", 0, to_number),
    ("toboolean", 0, to_boolean),
    ("ascii_downcase", 0, ascii_downcase),
    ("ascii_upcase", 0, ascii_upcase),
    ("explode", 0, explode),
    ("implode", 0, implode),
    ("utf8bytelength", 0, utf8_byte_length),
    ("startswith", 1, starts_with),
    ("endswith", 1, ends_with),
    ("split", 1, split_by),
    ("join", 1, join),
    ("format", 1, format),
];

fn to_string(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    match machine.source.str(&input) {
        Some(_) => Ok(input),
        None => Ok(Value::text(machine.source.json(&input))),
    }
}

fn from_json(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    let Some(text) = machine.source.str(&input) else {
        return Err(Exit::error(format!("{} only strings can be parsed", machine.shown(&input))));
    };
    parse(machine.source, text).map_err(Exit::error)
}

fn to_number(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    if machine.source.number(&input).is_some() {
        return Ok(input);
    }
    let number = machine.source.str(&input).and_then(parse_number);
    match number {
        Some(number) => Ok(Value::Number(number)),
        None => Err(Exit::error(format!("{} cannot be parsed as a number", machine.shown(&input)))),
    }
}

fn to_boolean(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    match (&input, machine.source.str(&input)) {
        (Value::Bool(_), _) => Ok(input),
        (_, Some("true")) => Ok(Value::Bool(true)),
        (_, Some("false")) => Ok(Value::Bool(false)),
        _ => Err(Exit::error(format!("{} cannot be parsed as a boolean", machine.shown(&input)))),
    }
}

fn ascii_downcase(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    change_case(machine, input, "ascii_downcase", <[u8]>::make_ascii_lowercase, str::to_ascii_lowercase)
}

fn ascii_upcase(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    change_case(machine, input, "ascii_upcase", <[u8]>::make_ascii_uppercase, str::to_ascii_uppercase)
}

fn change_case(
    machine: &Machine<'_>,
    input: Value,
    name: &str,
    in_place: fn(&mut [u8]),
    changed: fn(&str) -> String,
) -> Result<Value, Exit> {
    let text = match machine.source.str(&input) {
        Some(text) if text.len() <= 14 => Value::string(text),
        Some(text) => return Ok(Value::text(changed(text))),
        None => return Err(Exit::error(format!("{name} input must be a string"))),
    };
    match text {
        Value::Short(length, mut bytes) => {
            in_place(&mut bytes[..usize::from(length)]);
            Ok(Value::Short(length, bytes))
        }
        text => Ok(text),
    }
}

fn explode(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    let Some(text) = machine.source.str(&input) else {
        return Err(Exit::error(format!("{} cannot be exploded", machine.shown(&input))));
    };
    Ok(Value::array(text.chars().map(|character| Value::Number(f64::from(u32::from(character)))).collect()))
}

fn implode(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    let Some(elements) = machine.source.array(input.clone()) else {
        return Err(Exit::error(format!(
            "{} cannot be imploded, must be an array of codepoints",
            machine.shown(&input)
        )));
    };
    let mut text = String::new();
    for element in elements.iter() {
        let Some(point) = machine.source.number(element) else {
            let shown = machine.shown(element);
            return Err(Exit::error(format!("{shown} can't be imploded, unicode codepoint needs to be numeric")));
        };
        if !(0.0..1_114_112.0).contains(&point) {
            return Err(Exit::error("Invalid codepoint literal"));
        }
        text.push(char::from_u32(point as u32).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    Ok(Value::text(text))
}

fn utf8_byte_length(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    match machine.source.str(&input) {
        Some(text) => Ok(Value::Number(text.len() as f64)),
        None => Err(Exit::error(format!("{} only strings have UTF-8 byte length", machine.shown(&input)))),
    }
}

fn starts_with(machine: &Machine<'_>, input: Value, arguments: &mut [Value]) -> Result<Value, Exit> {
    match (machine.source.str(&input), machine.source.str(&arguments[0])) {
        (Some(text), Some(start)) => Ok(Value::Bool(text.starts_with(start))),
        _ => Err(Exit::error("startswith() requires string inputs")),
    }
}

fn ends_with(machine: &Machine<'_>, input: Value, arguments: &mut [Value]) -> Result<Value, Exit> {
    match (machine.source.str(&input), machine.source.str(&arguments[0])) {
        (Some(text), Some(end)) => Ok(Value::Bool(text.ends_with(end))),
        _ => Err(Exit::error("endswith() requires string inputs")),
    }
}

fn split_by(machine: &Machine<'_>, input: Value, arguments: &mut [Value]) -> Result<Value, Exit> {
    match (machine.source.str(&input), machine.source.str(&arguments[0])) {
        (Some(text), Some(separator)) => Ok(split(machine, &input, text, separator)),
        _ => Err(Exit::error("split input and separator must be strings")),
    }
}

/// The parts of a string between separators; its characters where the separator is empty.
pub(crate) fn split(_: &Machine<'_>, of: &Value, text: &str, separator: &str) -> Value {
    if text.is_empty() {
        return Value::array(Vec::new());
    }
    let mut parts = Vec::new();
    if separator.is_empty() {
        parts.extend(text.char_indices().map(|(at, character)| part(of, text, at, at + character.len_utf8())));
        return Value::array(parts);
    }
    let mut from = 0;
    let mut push = |at: usize, length: usize| {
        parts.push(part(of, text, from, at));
        from = at + length;
    };
    match separator.as_bytes() {
        [byte] => {
            for (at, found) in text.bytes().enumerate() {
                if found == *byte {
                    push(at, 1);
                }
            }
        }
        _ => text.match_indices(separator).for_each(|(at, _)| push(at, separator.len())),
    }
    parts.push(part(of, text, from, text.len()));
    Value::array(parts)
}

/// A part of a string, which shares the record's text where the string does.
pub(crate) fn part(of: &Value, text: &str, start: usize, end: usize) -> Value {
    match of {
        Value::Span(from, _) => Value::Span(from + start as u32, from + end as u32),
        _ => Value::string(&text[start..end]),
    }
}

fn join(machine: &Machine<'_>, input: Value, arguments: &mut [Value]) -> Result<Value, Exit> {
    let shown = input.clone();
    let (mut text, mut count) = (String::new(), 0);
    let separator = machine.source.str(&arguments[0]);
    let is_iterable = machine.source.each(input, |element| {
        if count > 0 {
            match separator {
                Some(separator) => text.push_str(separator),
                None if matches!(arguments[0], Value::Null) => {}
                None => return Err(machine.not_added(&Value::string(&text), &arguments[0])),
            }
        }
        count += 1;
        match &element {
            Value::Null => {}
            Value::Bool(_) | Value::Number(_) | Value::Decimal(_) => text.push_str(&machine.source.json(&element)),
            _ => match machine.source.str(&element) {
                Some(part) => text.push_str(part),
                None => return Err(machine.not_added(&Value::string(&text), &element)),
            },
        }
        Ok(())
    })?;
    if !is_iterable {
        return Err(cannot_iterate(machine, &shown));
    }
    if count > 0 && separator.is_none() && !matches!(arguments[0], Value::Null) {
        return Err(machine.not_added(&Value::string(""), &arguments[0]));
    }
    Ok(Value::text(text))
}

fn format(machine: &Machine<'_>, input: Value, arguments: &mut [Value]) -> Result<Value, Exit> {
    let name = machine
        .source
        .str(&arguments[0])
        .ok_or_else(|| Exit::error(format!("{} is not a valid format", machine.shown(&arguments[0]))))?;
    match crate::plan::Format::named(name) {
        Some(format) => super::format::apply(machine, format, input),
        None => Err(Exit::error(format!("{name} is not a valid format"))),
    }
}

#[cold]
pub(crate) fn cannot_iterate(machine: &Machine<'_>, of: &Value) -> Exit {
    match of {
        Value::Null => Exit::error("Cannot iterate over null"),
        _ => Exit::error(format!("Cannot iterate over {}", machine.shown(of))),
    }
}

#[cold]
pub(crate) fn no_keys(machine: &Machine<'_>, of: &Value) -> Exit {
    Exit::error(format!("{} has no keys", machine.shown(of)))
}

#[cold]
pub(crate) fn not_sortable(machine: &Machine<'_>, of: &Value, special: Special) -> Exit {
    let what = match special {
        Special::SortBy => "sorted, as it is not an array",
        Special::GroupBy => "grouped, as it is not an array",
        _ => "searched, as it is not an array",
    };
    Exit::error(format!("{} cannot be {what}", machine.shown(of)))
}
