//! Formats: `@csv` and its like.

use std::fmt::Write;

use super::base;
use crate::plan::Format;
use crate::run::{Exit, Machine};
use crate::value::{List, Value};

/// What a format makes of a value.
pub(crate) fn apply(machine: &Machine<'_>, format: Format, value: Value) -> Result<Value, Exit> {
    if format == Format::Text && machine.source.str(&value).is_some() {
        return Ok(value);
    }
    let mut text = String::new();
    append(machine, format, &value, &mut text)?;
    Ok(Value::text(text))
}

/// Appends what a format makes of a value.
pub(crate) fn append(machine: &Machine<'_>, format: Format, value: &Value, text: &mut String) -> Result<(), Exit> {
    match format {
        Format::Csv => return append_row(machine, value, "csv", text),
        Format::Tsv => return append_row(machine, value, "tsv", text),
        Format::Sh => return append_sh(machine, value, text),
        Format::Json => {
            text.push_str(&machine.source.json(value));
            return Ok(());
        }
        Format::Text if matches!(value, Value::Number(_) | Value::Decimal(_)) => {
            let mut digits = Vec::with_capacity(24);
            machine.source.write_doubles(value, &mut digits);
            text.push_str(std::str::from_utf8(&digits).unwrap_or_default());
            return Ok(());
        }
        _ => {}
    }
    let written;
    let plain = match machine.source.str(value) {
        Some(plain) => plain,
        None => {
            written = machine.source.json(value);
            &written
        }
    };
    match format {
        Format::Html => append_html(plain, text),
        Format::Uri => append_uri(plain, text),
        Format::Urid => text.push_str(
            &base::uri_decoded(plain)
                .ok_or_else(|| Exit::error(format!("{} is not a valid uri encoding", machine.shown(value))))?,
        ),
        Format::Base64 => base::encode64(plain.as_bytes(), text),
        Format::Base32 => base::encode32(plain.as_bytes(), text),
        Format::Base64d => {
            text.push_str(&base::decode64(plain).map_err(|why| Exit::error(format!("{} {why}", machine.shown(value))))?)
        }
        Format::Base32d => text.push_str(
            &base::decode32(plain)
                .ok_or_else(|| Exit::error(format!("{} is not valid base32 data", machine.shown(value))))?,
        ),
        _ => text.push_str(plain),
    }
    Ok(())
}

fn append_html(plain: &str, text: &mut String) {
    for character in plain.chars() {
        match character {
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '&' => text.push_str("&amp;"),
            '\'' => text.push_str("&#39;"),
            '"' => text.push_str("&quot;"),
            other => text.push(other),
        }
    }
}

fn append_uri(plain: &str, text: &mut String) {
    for byte in plain.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => text.push(char::from(byte)),
            _ => _ = write!(text, "%{byte:02X}"),
        }
    }
}

fn append_row(machine: &Machine<'_>, value: &Value, name: &str, text: &mut String) -> Result<(), Exit> {
    let Some(elements) = machine.source.array(value.clone()) else {
        return Err(Exit::error(format!("{} cannot be {name}-formatted, only an array can be", machine.shown(value))));
    };
    for (at, element) in elements.iter().enumerate() {
        if at > 0 {
            text.push(if name == "csv" { ',' } else { '\t' });
        }
        match element {
            Value::Null => {}
            Value::Bool(_) | Value::Number(_) | Value::Decimal(_) => text.push_str(&machine.source.json(element)),
            _ => match machine.source.str(element) {
                Some(plain) if name == "csv" => {
                    text.push('"');
                    text.push_str(&plain.replace('"', "\"\""));
                    text.push('"');
                }
                Some(plain) => append_tsv(plain, text),
                None => {
                    let shown = machine.shown(element);
                    return Err(Exit::error(format!("{shown} is not valid in a {name} row")));
                }
            },
        }
    }
    Ok(())
}

fn append_tsv(plain: &str, text: &mut String) {
    for character in plain.chars() {
        match character {
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\\' => text.push_str("\\\\"),
            other => text.push(other),
        }
    }
}

fn append_sh(machine: &Machine<'_>, value: &Value, text: &mut String) -> Result<(), Exit> {
    let elements = machine.source.array(value.clone()).unwrap_or_else(|| List::new(vec![value.clone()]).into());
    for (at, element) in elements.iter().enumerate() {
        if at > 0 {
            text.push(' ');
        }
        match machine.source.str(element) {
            Some(plain) => {
                text.push('\'');
                text.push_str(&plain.replace('\'', "'\\''"));
                text.push('\'');
            }
            None if matches!(element, Value::Array(_) | Value::Elements(_) | Value::Object(_) | Value::Fields(_)) => {
                return Err(Exit::error(format!("{} can not be escaped for shell", machine.shown(element))));
            }
            None => text.push_str(&machine.source.json(element)),
        }
    }
    Ok(())
}
