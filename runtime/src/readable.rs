//! Bytes of records as a person reads them: on a terminal, nothing in them moves the cursor.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::batch::NO_TIMESTAMP;

/// Bytes in a line of a hexadecimal dump.
const DUMP_WIDTH: usize = 16;

/// Returns a time of Kafka's, in milliseconds since the epoch, which need not be one of the calendar's.
pub fn time(ms: i64) -> String {
    match Timestamp::from_millisecond(ms) {
        _ if ms == NO_TIMESTAMP => "without a timestamp".to_owned(),
        Ok(time) => format!("{time} ({ms})"),
        Err(_) => ms.to_string(),
    }
}

/// Returns bytes as one line of text.
pub fn in_a_line(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => visible(text, |_| false),
        Err(_) => format!("0x{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

fn visible(text: &str, keep: impl Fn(char) -> bool) -> String {
    let show = |c: char| if c.is_control() && !keep(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(show).collect()
}

/// What bytes are, to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A JSON object or array.
    Json,
    /// Other text.
    Text,
    /// Neither.
    Binary,
}

impl Kind {
    /// Returns it in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Json => "JSON",
            Kind::Text => "text",
            Kind::Binary => "neither JSON nor text",
        }
    }
}

/// Returns bytes as lines: JSON with indentation, text as it is, anything else as a dump.
pub fn lines(bytes: &[u8]) -> (Kind, String) {
    match std::str::from_utf8(bytes) {
        Ok(text) if is_json(text) => (Kind::Json, visible(&indented(text), |c| c == '\n')),
        Ok(text) => (Kind::Text, visible(text, |c| matches!(c, '\n' | '\t'))),
        Err(_) => (Kind::Binary, dump(bytes)),
    }
}

/// Writes bytes under a name, as [`lines`] lays them out.
///
/// # Errors
/// `out` fails.
pub fn write_bytes(name: &str, bytes: Option<&[u8]>, out: &mut dyn Write) -> io::Result<()> {
    let Some(bytes) = bytes else { return writeln!(out, "{name}: null") };
    let (kind, lines) = lines(bytes);
    writeln!(out, "{name} ({} bytes, {})", bytes.len(), kind.as_str())?;
    lines.lines().try_for_each(|line| writeln!(out, "  {line}"))
}

fn is_json(text: &str) -> bool {
    let is_nested = text.trim_start().starts_with(['{', '[']);
    is_nested && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// JSON with line breaks and indentation. Every number, name and string stays as it is written, doubled names included.
fn indented(json: &str) -> String {
    let (mut out, mut depth, mut chars) = (String::new(), 0_usize, json.chars().peekable());
    let line_break = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                out.push(c);
                while let Some(c) = chars.next() {
                    out.push(c);
                    match c {
                        '\\' => out.extend(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '{' | '[' => {
                out.push(c);
                while chars.next_if(|c| c.is_whitespace()).is_some() {}
                if chars.peek().is_some_and(|next| !matches!(next, '}' | ']')) {
                    depth += 1;
                    line_break(&mut out, depth);
                }
            }
            '}' | ']' => {
                if !out.ends_with(['{', '[']) {
                    depth = depth.saturating_sub(1);
                    line_break(&mut out, depth);
                }
                out.push(c);
            }
            ',' => {
                out.push(c);
                line_break(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

fn dump(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (number, line) in bytes.chunks(DUMP_WIDTH).enumerate() {
        let hex: String = line.iter().map(|byte| format!("{byte:02x} ")).collect();
        let shown = |&byte: &u8| if byte.is_ascii_graphic() || byte == b' ' { byte as char } else { '.' };
        let text: String = line.iter().map(shown).collect();
        out += &format!("{:08x}  {hex:<width$} {text}\n", number * DUMP_WIDTH, width = 3 * DUMP_WIDTH);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn shown(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        write_bytes("value", Some(bytes), &mut out).expect("memory takes it");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn json_is_indented_and_keeps_its_numbers() {
        assert_eq!(
            shown(br#"{"a":[1.50,12345678901234567890123],"b":{},"c":"x, {\"y\"}"}"#),
            "value (60 bytes, JSON)\n  {\n    \"a\": [\n      1.50,\n      12345678901234567890123\n    ],\n    \"b\": {},\n    \
             \"c\": \"x, {\\\"y\\\"}\"\n  }\n"
        );
    }

    #[test]
    fn text_cannot_move_the_cursor_and_bytes_are_dumped() {
        assert_eq!(shown(b"a\x1b[2J\nb"), "value (7 bytes, text)\n  a\\u{1b}[2J\n  b\n");
        assert_eq!(
            shown(b"\xff\x00abc"),
            format!("value (5 bytes, neither JSON nor text)\n  00000000  ff 00 61 62 63 {}..abc\n", " ".repeat(34))
        );
    }

    proptest! {
        #[test]
        fn indentation_changes_no_json(numbers in prop::collection::vec(any::<i32>(), 0..4), text in ".{0,20}") {
            let value = serde_json::json!({ "n": numbers, text: [{}, [], { "t": null }] });
            for json in [value.to_string(), format!("{value:#}")] {
                let again: Value = serde_json::from_str(&indented(&json)).expect("it is still JSON");
                prop_assert_eq!(&again, &value);
            }
        }

        #[test]
        fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = (shown(&bytes), in_a_line(&bytes));
        }
    }
}
