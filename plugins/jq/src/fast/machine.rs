//! A run, and what it knows of values.

use std::fmt::Write;

use jaq_json::Num;
use json_scan::{Document, Kind};

use super::number;
use super::plan::Plan;
use super::value::{Field, Key, Value};

/// A run.
pub(super) struct Machine<'a> {
    pub plan: &'a Plan,
    pub document: &'a Document,
    /// The text of the record.
    pub source: &'a str,
    pub fields: &'a mut Vec<Field>,
    pub made: &'a mut String,
    pub waiting: &'a mut Vec<Value>,
}

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Exit {
    /// There is none.
    Empty,
    /// Only jaq knows.
    Unsure,
}

pub(super) type Outcome<T = Value> = Result<T, Exit>;

impl Machine<'_> {
    pub fn kind(&self, value: Value) -> Kind {
        match value {
            Value::Null => Kind::Null,
            Value::Bool(_) => Kind::Bool,
            Value::Int(_) | Value::Float(_) => Kind::Number,
            Value::Node(at) => self.document.node(at).kind,
            Value::Literal(at) if self.plan.literals[at as usize].number.is_some() => Kind::Number,
            Value::Literal(_) | Value::Text(..) => Kind::String,
            Value::Fields(..) => Kind::Object,
        }
    }

    /// Whether a value is neither null nor false.
    pub fn is_true(&self, value: Value) -> bool {
        match self.kind(value) {
            Kind::Null => false,
            Kind::Bool => self.bool(value),
            _ => true,
        }
    }

    pub fn bool(&self, value: Value) -> bool {
        match value {
            Value::Bool(is) => is,
            Value::Node(at) => self.raw(at) == "true",
            _ => false,
        }
    }

    /// A value of the record as it is written.
    pub fn raw(&self, at: u32) -> &str {
        let node = self.document.node(at);
        &self.source[node.start as usize..node.end as usize]
    }

    pub fn key(&self, key: Key) -> &str {
        match key {
            Key::Plan(at) => &self.plan.keys[at as usize].text,
            Key::Node(at) => {
                let node = self.document.node(at);
                &self.source[node.key_start as usize..node.key_end as usize]
            }
        }
    }

    /// The same string without escapes.
    pub fn plain(&mut self, string: Value) -> Outcome {
        match string {
            Value::Node(at) if self.document.node(at).escaped => {
                let start = self.made.len();
                self.append(string)?;
                Ok(self.text_from(start))
            }
            _ if self.kind(string) == Kind::String => Ok(string),
            _ => Err(Exit::Unsure),
        }
    }

    /// What a string says that has no escapes; none of anything else.
    pub fn string(&self, value: Value) -> Option<&str> {
        match value {
            Value::Node(at) if self.document.node(at).kind == Kind::String => {
                let raw = self.raw(at);
                raw.get(1..raw.len() - 1)
            }
            Value::Literal(at) if self.kind(value) == Kind::String => Some(&self.plan.literals[at as usize].text),
            Value::Text(start, end) => Some(&self.made[start as usize..end as usize]),
            _ => None,
        }
    }

    /// Appends what `tostring` makes of a value to the strings that have been made.
    pub fn append(&mut self, value: Value) -> Outcome<()> {
        match value {
            Value::Null => self.made.push_str("null"),
            Value::Bool(is) => self.made.push_str(if is { "true" } else { "false" }),
            Value::Int(int) => number::with_digits(int, |digits| self.made.push_str(digits)),
            Value::Float(float) => _ = write!(self.made, "{}", Num::Float(float)),
            Value::Literal(at) => self.made.push_str(&self.plan.literals[at as usize].text),
            Value::Text(start, end) => self.made.extend_from_within(start as usize..end as usize),
            Value::Fields(..) => return Err(Exit::Unsure),
            Value::Node(at) => {
                let node = self.document.node(at);
                let raw = &self.source[node.start as usize..node.end as usize];
                match node.kind {
                    Kind::Array | Kind::Object => return Err(Exit::Unsure),
                    Kind::String if node.escaped => json_scan::unescape(&raw[1..raw.len() - 1], self.made),
                    Kind::String => self.made.push_str(&raw[1..raw.len() - 1]),
                    Kind::Number if raw == "-0" => self.made.push('0'),
                    Kind::Null | Kind::Bool | Kind::Number => self.made.push_str(raw),
                }
            }
        }
        Ok(())
    }

    pub fn text_from(&self, start: usize) -> Value {
        Value::Text(start as u32, self.made.len() as u32)
    }

    pub fn fields_from(&self, start: usize) -> Value {
        Value::Fields(start as u32, self.fields.len() as u32)
    }
}
