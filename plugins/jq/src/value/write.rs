//! Values as JSON text: compact, fields in their order.

use super::object::{MADE, are_adjacent};
use super::{MAX_DEPTH, Object, Source, Value, number};

/// An array or object that is being written: what is left of it, and whether that is all.
enum Level<'v> {
    Array(std::slice::Iter<'v, Value>, bool),
    Object(std::slice::Iter<'v, super::object::Entry>, bool),
}

/// What to do with numbers of the record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbers {
    /// Leave them as they are written.
    Kept,
    /// Write the double that is computed with.
    Doubles,
}

/// How deep values are written by functions that call themselves.
const RECURSION: usize = 150;

impl Source<'_> {
    /// Appends a value as the result of a program: what the program has not touched stays as it is written.
    pub fn write(self, value: &Value, json: &mut Vec<u8>) {
        self.write_at(value, json, Numbers::Kept, 0);
    }

    /// Appends a value as `tojson` writes it.
    pub fn write_doubles(self, value: &Value, json: &mut Vec<u8>) {
        self.write_at(value, json, Numbers::Doubles, 0);
    }

    /// What `tojson` makes of a value.
    pub fn json(self, value: &Value) -> String {
        let mut json = Vec::new();
        self.write_doubles(value, &mut json);
        String::from_utf8(json).unwrap_or_default()
    }

    fn write_at(self, value: &Value, json: &mut Vec<u8>, numbers: Numbers, depth: usize) {
        match value {
            Value::Null => json.extend_from_slice(b"null"),
            Value::Bool(true) => json.extend_from_slice(b"true"),
            Value::Bool(false) => json.extend_from_slice(b"false"),
            Value::Number(number) => number::write(*number, json),
            Value::Decimal(at) => self.write_decimal(*at, json, numbers),
            Value::Span(start, end) if self.is_quoted(*start, *end) => {
                json.extend_from_slice(&self.text.as_bytes()[*start as usize - 1..=*end as usize]);
            }
            Value::Span(..) | Value::Short(..) | Value::Text(_) => {
                write_string(self.str(value).unwrap_or_default(), json)
            }
            _ if depth > RECURSION => self.write_deep(value, json, numbers),
            Value::Elements(at) | Value::Fields(at) => self.write_node(*at, json, numbers, depth),
            Value::Array(elements) => {
                json.push(b'[');
                for (n, element) in elements.iter().enumerate() {
                    if n > 0 {
                        json.push(b',');
                    }
                    self.write_at(element, json, numbers, depth + 1);
                }
                json.push(b']');
            }
            Value::Object(object) => self.write_object(object, json, numbers, depth),
        }
    }

    /// Writes what lies deep in other values, without recursion.
    #[cold]
    fn write_deep(self, value: &Value, json: &mut Vec<u8>, numbers: Numbers) {
        let mut around: Vec<Level<'_>> = Vec::new();
        let mut next = Some(value);
        loop {
            match next.take() {
                Some(Value::Array(_) | Value::Object(_)) if RECURSION + around.len() > MAX_DEPTH => {
                    write_string("<skipped: too deep>", json);
                }
                Some(Value::Array(elements)) => {
                    json.push(b'[');
                    around.push(Level::Array(elements.iter(), true));
                }
                Some(Value::Object(object)) => {
                    json.push(b'{');
                    around.push(Level::Object(object.entries().iter(), true));
                }
                Some(Value::Elements(at) | Value::Fields(at)) => self.write_node(*at, json, numbers, 0),
                Some(scalar) => self.write_at(scalar, json, numbers, 0),
                None => {}
            }
            let Some(level) = around.last_mut() else { return };
            let (found, is_first, close) = match level {
                Level::Array(rest, is_first) => (rest.next().map(|value| (None, value)), is_first, b']'),
                Level::Object(rest, is_first) => {
                    (rest.next().map(|entry| (Some(&entry.key), &entry.value)), is_first, b'}')
                }
            };
            let Some((key, value)) = found else {
                json.push(close);
                around.pop();
                continue;
            };
            if !std::mem::take(is_first) {
                json.push(b',');
            }
            if let Some(key) = key {
                write_string(self.str(key).unwrap_or_default(), json);
                json.push(b':');
            }
            next = Some(value);
        }
    }

    /// Whether a span is a whole string of the record, with its quotes around it: a part of one may have a quote on one
    /// side, and not on both, as a string without escapes has none inside.
    fn is_quoted(self, start: u32, end: u32) -> bool {
        let bytes = self.text.as_bytes();
        bytes.get((start as usize).wrapping_sub(1)) == Some(&b'"')
            && bytes.get(end as usize) == Some(&b'"')
            && !bytes[start as usize..end as usize].contains(&0x7f)
    }

    fn write_decimal(self, at: u32, json: &mut Vec<u8>, numbers: Numbers) {
        let raw = self.raw(at);
        let number = if numbers == Numbers::Doubles || raw.len() > 300 || raw.contains(['e', 'E']) {
            number::parse(raw)
        } else {
            0.0
        };
        if numbers == Numbers::Doubles || number.is_infinite() {
            number::write(number, json);
        } else {
            json.extend_from_slice(raw.as_bytes());
        }
    }

    fn write_object(self, object: &Object, json: &mut Vec<u8>, numbers: Numbers, depth: usize) {
        json.push(b'{');
        let entries = object.entries();
        let mut next = 0;
        while let Some(entry) = entries.get(next) {
            if next > 0 {
                json.push(b',');
            }
            next += 1;
            let tidy = |node: u32| node != MADE && numbers == Numbers::Kept && self.document.node(node).tidy;
            if tidy(entry.node) && self.is_compact_field(entry.node) {
                // Fields that lie side by side in the record are copied at once.
                let mut last = entry.node;
                while let Some(after) = entries.get(next).map(|entry| entry.node)
                    && tidy(after)
                    && are_adjacent(self, last, after)
                    && self.is_compact_field(after)
                {
                    last = after;
                    next += 1;
                }
                let start = self.document.node(entry.node).key_start as usize - 1;
                json.extend_from_slice(&self.text.as_bytes()[start..self.document.node(last).end as usize]);
                continue;
            }
            write_string(self.str(&entry.key).unwrap_or_default(), json);
            json.push(b':');
            if tidy(entry.node) {
                json.extend_from_slice(self.raw(entry.node).as_bytes());
            } else {
                self.write_at(&entry.value, json, numbers, depth + 1);
            }
        }
        json.push(b'}');
    }

    /// Whether nothing but a quote and a colon lies between a field's key and its value.
    fn is_compact_field(self, node: u32) -> bool {
        let node = self.document.node(node);
        node.start - node.key_end == 2
    }

    /// An array or object of the record: at most 128 levels deep, as its reader has seen to it.
    fn write_node(self, at: u32, json: &mut Vec<u8>, numbers: Numbers, depth: usize) {
        let node = self.document.node(at);
        if node.tidy && numbers == Numbers::Kept {
            json.extend_from_slice(self.raw(at).as_bytes());
            return;
        }
        let is_object = node.kind == json_scan::Kind::Object;
        json.push(if is_object { b'{' } else { b'[' });
        for (n, (child, node)) in self.document.children(at).enumerate() {
            if n > 0 {
                json.push(b',');
            }
            if is_object {
                write_string(&self.text[node.key_start as usize..node.key_end as usize], json);
                json.push(b':');
            }
            if node.tidy && numbers == Numbers::Kept {
                json.extend_from_slice(self.raw(child).as_bytes());
            } else {
                self.write_at(&self.node(child), json, numbers, depth + 1);
            }
        }
        json.push(if is_object { b'}' } else { b']' });
    }
}

/// Appends a string with its quotes. Unlike most, jq escapes the character DEL.
pub(crate) fn write_string(text: &str, json: &mut Vec<u8>) {
    if !text.as_bytes().contains(&0x7f) {
        return json_scan::escape(text, json);
    }
    json.push(b'"');
    for (n, part) in text.split('\u{7f}').enumerate() {
        if n > 0 {
            json.extend_from_slice(b"\\u007f");
        }
        let start = json.len();
        json_scan::escape(part, json);
        json.remove(start);
        json.pop();
    }
    json.push(b'"');
}
