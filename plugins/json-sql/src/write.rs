//! Values as text and as JSON.

use std::fmt::Write;

use json_scan::escape;

use crate::Failure;
use crate::number::write_float;
use crate::time::format;
use crate::value::Value;

/// The most arrays inside one another that are written.
const MAX_DEPTH: u32 = 64;

/// Appends a value as JSON.
pub(crate) fn json(value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(bool) => out.extend_from_slice(if *bool { b"true" } else { b"false" }),
        Value::Int(int) => push_int(*int, out),
        Value::Decimal(decimal) => out.extend_from_slice(decimal.to_string().as_bytes()),
        Value::Float(float) if !float.is_finite() => return Err("JSON has no NaN and no infinity".into()),
        Value::Float(float) => {
            let mut text = String::new();
            write_float(*float, &mut text);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Text(text) => escape(text, out),
        Value::Json(raw) => out.extend_from_slice(raw.as_bytes()),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                json(item, out)?;
            }
            out.push(b']');
        }
        Value::Timestamp(micros) => quoted(out, |text| format::timestamp(text, *micros, 'T')),
        Value::Timestamptz(micros) => quoted(out, |text| {
            format::timestamp(text, *micros, 'T')?;
            text.write_char('Z')
        }),
        other => {
            let mut plain = String::new();
            text(other, &mut plain)?;
            escape(&plain, out);
        }
    }
    Ok(())
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut String) -> std::fmt::Result) {
    let mut text = String::with_capacity(32);
    // Writing to a string does not fail.
    let _ = write(&mut text);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

pub(crate) fn push_int(int: i64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let (mut at, mut rest) = (digits.len(), int.unsigned_abs());
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if int < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a value as PostgreSQL's `::text` writes it.
pub(crate) fn text(value: &Value<'_>, out: &mut String) -> Result<(), Failure> {
    text_at(value, out, 0)
}

fn text_at(value: &Value<'_>, out: &mut String, depth: u32) -> Result<(), Failure> {
    // Writing to a string does not fail.
    let _ = match value {
        Value::Null => Ok(()),
        Value::Bool(bool) => write!(out, "{bool}"),
        Value::Int(int) => write!(out, "{int}"),
        Value::Decimal(decimal) => write!(out, "{decimal}"),
        Value::Float(float) => {
            write_float(*float, out);
            Ok(())
        }
        Value::Text(text) | Value::Json(text) => {
            out.push_str(text);
            Ok(())
        }
        Value::Bytes(bytes) => {
            out.push_str("\\x");
            bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
        }
        Value::Date(days) => format::date(out, *days),
        Value::Time(micros) => format::time(out, *micros),
        Value::Timestamp(micros) => format::timestamp(out, *micros, ' '),
        Value::Timestamptz(micros) => format::timestamp(out, *micros, ' ').and_then(|()| out.write_str("+00")),
        Value::Interval(span) => write!(out, "{span}"),
        Value::Array(items) => return array(items, out, depth),
    };
    Ok(())
}

fn array(items: &[Value<'_>], out: &mut String, depth: u32) -> Result<(), Failure> {
    if depth == MAX_DEPTH {
        return Err("there are more than 64 arrays inside one another".into());
    }
    out.push('{');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        if item.is_null() {
            out.push_str("NULL");
            continue;
        }
        let start = out.len();
        text_at(item, out, depth + 1)?;
        if !matches!(item, Value::Array(_)) && needs_quotes(&out[start..]) {
            let quoted = out[start..].replace('\\', "\\\\").replace('"', "\\\"");
            out.truncate(start);
            let _ = write!(out, "\"{quoted}\"");
        }
    }
    out.push('}');
    Ok(())
}

fn needs_quotes(text: &str) -> bool {
    let is_special = |c: char| matches!(c, '{' | '}' | ',' | '"' | '\\' | ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}');
    text.is_empty() || text.eq_ignore_ascii_case("null") || text.contains(is_special)
}
