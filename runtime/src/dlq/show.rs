//! Showing one dead letter, whole, to a person.

use std::io::{self, Write};

use jiff::Timestamp;

use super::headers::{DeadLetterHeaders, NotALetter};
use super::select::At;
use crate::batch::NO_TIMESTAMP;
use crate::record_text::DevRecord;

/// Bytes in a line of a hexadecimal dump.
const DUMP_WIDTH: usize = 16;

/// A record of the dead-letter topic.
pub struct Shown {
    /// Where it is.
    pub at: At,
    /// The record.
    pub record: DevRecord,
    /// What its headers say, or why it is no dead letter of sluice.
    pub letter: Result<DeadLetterHeaders, NotALetter>,
    /// Whether it has been replayed.
    pub replayed: bool,
}

impl Shown {
    /// Writes all there is to it.
    ///
    /// # Errors
    /// `out` fails.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let record = &self.record;
        writeln!(out, "{} {}", record.topic.as_deref().unwrap_or_default(), self.at)?;
        match &self.letter {
            Ok(letter) => self.write_letter(letter, out)?,
            Err(why) => {
                writeln!(out, "  not a dead letter of sluice: {why}")?;
                writeln!(out, "  timestamp  {}", time(record.timestamp.unwrap_or(NO_TIMESTAMP)))?;
            }
        }
        writeln!(out, "headers ({})", record.headers.len())?;
        for (name, value) in &record.headers {
            let value = value.as_deref().map_or_else(|| "null".to_owned(), in_a_line);
            writeln!(out, "  {}: {value}", in_a_line(name))?;
        }
        write_bytes("key", record.key.as_deref(), out)?;
        write_bytes("value", record.value.as_deref(), out)
    }

    fn write_letter(&self, letter: &DeadLetterHeaders, out: &mut dyn Write) -> io::Result<()> {
        let DeadLetterHeaders { stage, plugin, digest, pipeline, attempts, replays, failed_at, .. } = letter;
        let mut line = |name: &str, value: &str| writeln!(out, "  {name:<10} {}", in_a_line(value.as_bytes()));
        line("class", letter.class.as_str())?;
        line("reason", &letter.reason)?;
        if letter.class.has_stage() {
            line("stage", &format!("{stage} of pipeline {pipeline}"))?;
            line("plugin", &format!("{plugin} {digest}"))?;
        } else {
            line("pipeline", pipeline)?;
        }
        if let Some(output) = &letter.output {
            line("output", output)?;
        }
        line("input", &format!("{}, written {}", letter.input(), time(letter.timestamp)))?;
        if !letter.path.is_empty() {
            line("path", &format!("{} (which emitted record of each stage before, from 0)", letter.path_text()))?;
        }
        line("failed at", &failed_at.to_string())?;
        line("attempts", &attempts.to_string())?;
        let replayed = if self.replayed { "yes" } else { "no" };
        line("replayed", &format!("{replayed}; as an earlier dead letter: {replays} times"))?;
        if letter.value_dropped {
            line("value", "left out, because the dead letter would have been too large; the input has it")?;
        }
        Ok(())
    }
}

/// A time of Kafka's, which need not be one of the calendar's.
fn time(ms: i64) -> String {
    match Timestamp::from_millisecond(ms) {
        _ if ms == NO_TIMESTAMP => "without a timestamp".to_owned(),
        Ok(time) => format!("{time} ({ms})"),
        Err(_) => ms.to_string(),
    }
}

/// Bytes as one line of text: nothing in it moves a terminal's cursor.
fn in_a_line(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => visible(text, |_| false),
        Err(_) => format!("0x{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

fn visible(text: &str, keep: impl Fn(char) -> bool) -> String {
    let show = |c: char| if c.is_control() && !keep(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(show).collect()
}

/// Bytes as a person reads them best: JSON with indentation, text as it is, anything else as a dump.
fn write_bytes(name: &str, bytes: Option<&[u8]>, out: &mut dyn Write) -> io::Result<()> {
    let Some(bytes) = bytes else { return writeln!(out, "{name}: null") };
    let (kind, lines) = match std::str::from_utf8(bytes) {
        Ok(text) if is_json(text) => ("JSON", visible(&indented(text), |c| c == '\n')),
        Ok(text) => ("text", visible(text, |c| matches!(c, '\n' | '\t'))),
        Err(_) => ("neither JSON nor text", dump(bytes)),
    };
    writeln!(out, "{name} ({} bytes, {kind})", bytes.len())?;
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
