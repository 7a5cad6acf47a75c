//! Writes a result: compact, with as few copies as it takes.

use std::io::Write;
use std::ops::Range;

use jaq_json::Num;
use json_scan::Kind;

use super::machine::Machine;
use super::number;
use super::value::{Field, Key, Value};

impl Machine<'_> {
    /// Appends a value as JSON.
    pub fn write(&mut self, value: Value, json: &mut Vec<u8>) {
        match value {
            Value::Null => json.extend_from_slice(b"null"),
            Value::Bool(is) => json.extend_from_slice(if is { b"true" } else { b"false" }),
            Value::Int(int) => number::with_digits(int, |digits| json.extend_from_slice(digits.as_bytes())),
            Value::Float(float) => _ = write!(json, "{}", Num::Float(float)),
            Value::Literal(at) => {
                let literal = &self.plan.literals[at as usize];
                match literal.number {
                    Some(_) => json.extend_from_slice(literal.text.as_bytes()),
                    None => json_scan::escape(&literal.text, json),
                }
            }
            Value::Text(start, end) => json_scan::escape(&self.made[start as usize..end as usize], json),
            Value::Fields(start, end) => self.write_fields(start as usize..end as usize, json),
            Value::Node(at) => self.write_node(at, json),
        }
    }

    /// Fields that lie side by side in the record are copied at once.
    fn write_fields(&mut self, fields: Range<usize>, json: &mut Vec<u8>) {
        let mut copy = 0..0;
        json.push(b'{');
        for (n, at) in fields.enumerate() {
            let field = self.fields[at];
            match self.tidy_field(&field) {
                Some(span) if !copy.is_empty() && span.start == copy.end + 1 => copy.end = span.end,
                tidy => {
                    self.write_span(&mut copy, json);
                    if n > 0 {
                        json.push(b',');
                    }
                    match tidy {
                        Some(span) => copy = span,
                        None => {
                            self.write_key(field.key, json);
                            self.write(field.value, json);
                        }
                    }
                }
            }
        }
        self.write_span(&mut copy, json);
        json.push(b'}');
    }

    fn write_span(&self, span: &mut Range<usize>, json: &mut Vec<u8>) {
        json.extend_from_slice(&self.source.as_bytes()[std::mem::take(span)]);
    }

    /// Where a field lies in the record from its key on, if it is there as it is to be written.
    fn tidy_field(&self, field: &Field) -> Option<Range<usize>> {
        let (Key::Node(at), Value::Node(value)) = (field.key, field.value) else { return None };
        let node = self.document.node(at);
        let close = 2; // a quote and a colon, and no white space
        let tidy = at == value && node.tidy && node.start == node.key_end + close;
        tidy.then_some(node.key_start as usize - 1..node.end as usize)
    }

    fn write_key(&self, key: Key, json: &mut Vec<u8>) {
        match key {
            Key::Plan(at) => json.extend_from_slice(&self.plan.keys[at as usize].json),
            Key::Node(at) => {
                let node = self.document.node(at);
                json.extend_from_slice(&self.source.as_bytes()[node.key_start as usize - 1..node.key_end as usize + 1]);
                json.push(b':');
            }
        }
    }

    fn write_node(&mut self, at: u32, json: &mut Vec<u8>) {
        let (document, source) = (self.document, self.source);
        let node = document.node(at);
        let raw = &source[node.start as usize..node.end as usize];
        match node.kind {
            _ if node.tidy => json.extend_from_slice(raw.as_bytes()),
            Kind::Object => self.write_children(at, b"{}", json),
            Kind::Array => self.write_children(at, b"[]", json),
            Kind::String => {
                let start = self.made.len();
                json_scan::unescape(&raw[1..raw.len() - 1], self.made);
                json_scan::escape(&self.made[start..], json);
                self.made.truncate(start);
            }
            Kind::Number if raw == "-0" => json.push(b'0'),
            Kind::Null | Kind::Bool | Kind::Number => json.extend_from_slice(raw.as_bytes()),
        }
    }

    fn write_children(&mut self, of: u32, [open, close]: &[u8; 2], json: &mut Vec<u8>) {
        json.push(*open);
        let document = self.document;
        for (n, (at, _)) in document.children(of).enumerate() {
            if n > 0 {
                json.push(b',');
            }
            if *open == b'{' {
                self.write_key(Key::Node(at), json);
            }
            self.write_node(at, json);
        }
        json.push(*close);
    }
}
