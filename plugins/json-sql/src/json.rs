//! JSON text: steps into it, and equality of what it says.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use json_scan::{Quoted, Scanner, escape, is_plain, unescape};

use crate::Failure;
use crate::arena::Arena;
use crate::decimal::Decimal;
use crate::value::Value;

/// The value that valid JSON is for SQL: its scalars become text, numbers, truth values and NULL.
#[inline]
pub(crate) fn load<'a>(raw: &'a str, arena: &'a Arena) -> Value<'a> {
    match raw.as_bytes().first() {
        Some(b'"') => Value::Text(string(raw, arena)),
        Some(b'{' | b'[') => Value::Json(raw),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') | None => Value::Null,
        Some(_) => number(raw),
    }
}

/// What a JSON string says.
#[inline]
pub(crate) fn string<'a>(raw: &'a str, arena: &'a Arena) -> &'a str {
    let text = &raw[1..raw.len() - 1];
    if is_plain(text) { text } else { unescaped(text, arena) }
}

#[inline(never)]
fn unescaped<'a>(text: &str, arena: &'a Arena) -> &'a str {
    let mut plain = String::with_capacity(text.len());
    unescape(text, &mut plain);
    // It is no longer than what is in the record already.
    arena.str(&plain).unwrap_or_default()
}

/// A whole number of 64 bits; else a decimal of up to 38 digits; else a double.
#[inline]
pub(crate) fn number<'a>(raw: &str) -> Value<'a> {
    if raw.len() < 19 {
        let (negative, digits) = match raw.as_bytes() {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        let mut int = 0i64;
        let is_int = digits.iter().all(|byte| {
            int = int.wrapping_mul(10).wrapping_add(i64::from(byte.wrapping_sub(b'0')));
            byte.is_ascii_digit()
        });
        if is_int {
            return Value::Int(if negative { -int } else { int });
        }
    }
    other_number(raw)
}

fn other_number<'a>(raw: &str) -> Value<'a> {
    if let Ok(int) = raw.parse() {
        return Value::Int(int);
    }
    match Decimal::parse(raw) {
        Ok(Some(decimal)) => Value::Decimal(decimal),
        _ => Value::Float(raw.parse().unwrap_or(f64::NAN)),
    }
}

/// The value of a field of an object; the last one of that name.
pub(crate) fn field<'a>(raw: &'a str, name: &str) -> Option<&'a str> {
    let mut found = None;
    each_quoted(raw, |key, value| {
        if key.is(name) {
            found = Some(value);
        }
    })?;
    found
}

/// Visits the fields of an object; none where it is none.
pub(crate) fn each_field<'a>(raw: &'a str, mut visit: impl FnMut(Cow<'a, str>, &'a str)) -> Option<()> {
    each_quoted(raw, |key, value| visit(key.text(), value))
}

/// Visits the fields of an object, with their keys as they are written.
pub(crate) fn each_quoted<'a>(raw: &'a str, mut visit: impl FnMut(Quoted<'a>, &'a str)) -> Option<()> {
    each_span(raw, |key, _, value| visit(key, &raw[value]))
}

/// Visits the fields of an object: the key, where it lies with its quotes, and where the value lies.
#[inline]
pub(crate) fn each_span<'a>(raw: &'a str, mut visit: impl FnMut(Quoted<'a>, Range<usize>, Range<usize>)) -> Option<()> {
    let mut scanner = Scanner::of(raw);
    if scanner.peek() != Some(b'{') {
        return None;
    }
    let mut more = scanner.open(b'}').ok()?;
    while more {
        let (key, start) = scanner.key_at().ok()?;
        scanner.peek();
        let value = scanner.at();
        scanner.skip().ok()?;
        visit(key, start..start + key.written_len(), value..scanner.at());
        more = scanner.more(b'}').ok()?;
    }
    Some(())
}

/// Visits the elements of an array; none where it is none.
pub(crate) fn each_element<'a>(raw: &'a str, mut visit: impl FnMut(&'a str)) -> Option<()> {
    let mut scanner = Scanner::of(raw);
    if scanner.peek() != Some(b'[') {
        return None;
    }
    let mut more = scanner.open(b']').ok()?;
    while more {
        visit(scanner.value().ok()?.raw());
        more = scanner.more(b']').ok()?;
    }
    Some(())
}

/// The element of an array at a place, from 0; less than 0 counts from its end.
pub(crate) fn element(raw: &str, index: i64) -> Option<&str> {
    let mut at = index;
    if index < 0 {
        let mut len = 0;
        each_element(raw, |_| len += 1)?;
        at = index.checked_add(len)?;
    }
    let mut found = None;
    each_element(raw, |value| {
        if at == 0 {
            found = Some(value);
        }
        at -= 1;
    })?;
    found
}

/// A step by name or, in an array, by number.
pub(crate) fn step<'a>(raw: &'a str, key: &str) -> Option<&'a str> {
    if raw.starts_with('[') { element(raw, key.parse().ok()?) } else { field(raw, key) }
}

/// Checks a text and cuts white space around it.
pub(crate) fn checked(text: &str) -> Result<&str, Failure> {
    json_scan::validate(text.as_bytes()).map_err(|invalid| Failure::from(invalid.to_string()))?;
    Ok(text.trim_matches([' ', '\t', '\n', '\r']))
}

/// Whether two texts say the same: fields may have any order, and 1 is 1.0.
pub(crate) fn equal(one: &str, other: &str) -> bool {
    one == other || canonical(one) == canonical(other)
}

/// The text with its fields sorted, of equal names the last one, and its scalars written in one way.
pub(crate) fn canonical(raw: &str) -> String {
    let mut out = Vec::new();
    push_canonical(raw, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The depth is bounded, as the text is valid JSON.
fn push_canonical(raw: &str, out: &mut Vec<u8>) {
    match raw.as_bytes().first() {
        Some(b'{') => {
            let mut fields: Vec<(Cow<'_, str>, &str)> = Vec::new();
            each_field(raw, |key, value| fields.push((key, value)));
            fields.sort_by(|one, other| one.0.len().cmp(&other.0.len()).then_with(|| one.0.cmp(&other.0)));
            out.push(b'{');
            for (at, (key, value)) in fields.iter().enumerate() {
                if fields.get(at + 1).is_some_and(|(next, _)| next == key) {
                    continue;
                }
                if out.last() != Some(&b'{') {
                    out.push(b',');
                }
                escape(key, out);
                out.push(b':');
                push_canonical(value, out);
            }
            out.push(b'}');
        }
        Some(b'[') => {
            out.push(b'[');
            let mut is_first = true;
            each_element(raw, |value| {
                if !std::mem::take(&mut is_first) {
                    out.push(b',');
                }
                push_canonical(value, out);
            });
            out.push(b']');
        }
        Some(b'"') => {
            let mut plain = String::new();
            unescape(&raw[1..raw.len() - 1], &mut plain);
            escape(&plain, out);
        }
        Some(b'-' | b'0'..=b'9') => push_number(raw, out),
        _ => out.extend_from_slice(raw.as_bytes()),
    }
}

fn push_number(raw: &str, out: &mut Vec<u8>) {
    match number(raw) {
        Value::Int(int) => out.extend_from_slice(int.to_string().as_bytes()),
        Value::Decimal(decimal) => {
            let text = decimal.to_string();
            let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
            let is_zero = decimal.cmp(Decimal::from_int(0)) == Ordering::Equal;
            out.extend_from_slice(if is_zero { b"0" } else { short.as_bytes() });
        }
        _ => out.extend_from_slice(raw.as_bytes()),
    }
}
