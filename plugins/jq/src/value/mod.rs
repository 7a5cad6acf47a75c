//! Values. Those of the record stay where they are written: a number, array or object is its place in the document, a
//! string a span of the text. What a program makes is counted by reference, and changed in place while nobody else
//! holds it.

mod equal;
mod list;
pub(crate) mod number;
mod object;
mod read;
mod write;

use std::rc::Rc;

use json_scan::{Document, Kind};

pub(crate) use list::List;
pub(crate) use object::{Object, hash};
pub(crate) use read::{MAX_DEPTH, number as parse_number, parse};

/// The longest string that is kept without memory of its own.
const SHORT: usize = 14;

/// A value of jq.
#[derive(Clone, Debug, Default)]
pub(crate) enum Value {
    #[default]
    Null,
    Bool(bool),
    Number(f64),
    /// A number of the record, by its place in the document.
    Decimal(u32),
    /// A string of the record that has no escapes: from here to there in the text.
    Span(u32, u32),
    /// A short string: its length and bytes.
    Short(u8, [u8; SHORT]),
    Text(Rc<String>),
    /// An array of the record.
    Elements(u32),
    Array(Rc<List>),
    /// An object of the record.
    Fields(u32),
    Object(Rc<Object>),
}

/// The types of values, in jq's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Type {
    Null,
    False,
    True,
    Number,
    String,
    Array,
    Object,
}

/// The record that values lie in.
#[derive(Clone, Copy)]
pub(crate) struct Source<'r> {
    pub document: &'r Document,
    pub text: &'r str,
}

impl Type {
    pub fn name(self) -> &'static str {
        match self {
            Type::Null => "null",
            Type::False | Type::True => "boolean",
            Type::Number => "number",
            Type::String => "string",
            Type::Array => "array",
            Type::Object => "object",
        }
    }
}

impl Value {
    pub fn string(text: &str) -> Value {
        if text.len() <= SHORT {
            let mut bytes = [0; SHORT];
            bytes[..text.len()].copy_from_slice(text.as_bytes());
            return Value::Short(text.len() as u8, bytes);
        }
        Value::Text(Rc::new(text.to_owned()))
    }

    pub fn text(text: String) -> Value {
        if text.len() <= SHORT { Value::string(&text) } else { Value::Text(Rc::new(text)) }
    }

    pub fn array(elements: Vec<Value>) -> Value {
        Value::Array(Rc::new(List::new(elements)))
    }

    pub fn object(object: Object) -> Value {
        Value::Object(Rc::new(object))
    }

    #[inline]
    pub fn kind(&self) -> Type {
        match self {
            Value::Null => Type::Null,
            Value::Bool(false) => Type::False,
            Value::Bool(true) => Type::True,
            Value::Number(_) | Value::Decimal(_) => Type::Number,
            Value::Span(..) | Value::Short(..) | Value::Text(_) => Type::String,
            Value::Elements(_) | Value::Array(_) => Type::Array,
            Value::Fields(_) | Value::Object(_) => Type::Object,
        }
    }

    /// Whether a value is neither null nor false.
    #[inline]
    pub fn is_true(&self) -> bool {
        !matches!(self, Value::Null | Value::Bool(false))
    }
}

impl<'r> Source<'r> {
    /// A value of the record.
    #[inline]
    pub fn node(self, at: u32) -> Value {
        let node = self.document.node(at);
        match node.kind {
            Kind::Null => Value::Null,
            Kind::Bool => Value::Bool(self.text.as_bytes()[node.start as usize] == b't'),
            Kind::Number => Value::Decimal(at),
            Kind::String if node.escaped => {
                let mut plain = String::new();
                json_scan::unescape(&self.text[node.start as usize + 1..node.end as usize - 1], &mut plain);
                Value::text(plain)
            }
            Kind::String => Value::Span(node.start + 1, node.end - 1),
            Kind::Array => Value::Elements(at),
            Kind::Object => Value::Fields(at),
        }
    }

    /// Whether a value is all of the record, which is written as it would be written.
    pub fn is_whole(self, value: &Value) -> bool {
        let (Value::Fields(0) | Value::Elements(0)) = value else { return false };
        let node = self.document.node(0);
        node.tidy && node.start == 0 && node.end as usize == self.text.len()
    }

    /// How a value is written in the record.
    pub fn raw(self, at: u32) -> &'r str {
        let node = self.document.node(at);
        &self.text[node.start as usize..node.end as usize]
    }

    /// What a string says; none of anything else.
    #[inline]
    pub fn str<'v>(self, value: &'v Value) -> Option<&'v str>
    where
        'r: 'v,
    {
        match value {
            Value::Span(start, end) => Some(&self.text[*start as usize..*end as usize]),
            Value::Short(length, bytes) => std::str::from_utf8(&bytes[..usize::from(*length)]).ok(),
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What a number is; none of anything else.
    #[inline]
    pub fn number(self, value: &Value) -> Option<f64> {
        match value {
            Value::Number(number) => Some(*number),
            Value::Decimal(at) => Some(number::parse(self.raw(*at))),
            _ => None,
        }
    }

    /// The elements of an array, as values of their own; none of anything else.
    pub fn array(self, value: Value) -> Option<Rc<List>> {
        match value {
            Value::Array(elements) => Some(elements),
            Value::Elements(at) => {
                let elements = self.document.children(at).map(|(child, _)| self.node(child)).collect();
                Some(Rc::new(List::new(elements)))
            }
            _ => None,
        }
    }

    /// The fields of an object, as values of their own; none of anything else.
    pub fn object(self, value: Value) -> Option<Rc<Object>> {
        match value {
            Value::Object(object) => Some(object),
            Value::Fields(at) => Some(Rc::new(Object::of_record(self, at))),
            _ => None,
        }
    }

    /// The value of a field, null where there is none; none where it is no object.
    #[inline]
    pub fn field(self, value: &Value, key: &str, hash: u64) -> Option<Value> {
        match value {
            Value::Fields(at) => {
                let found = self.document.children(*at).find(|(_, node)| {
                    node.fingerprint == hash && &self.text[node.key_start as usize..node.key_end as usize] == key
                });
                Some(found.map_or(Value::Null, |(child, _)| self.node(child)))
            }
            Value::Object(object) => Some(object.get(self, key, hash).cloned().unwrap_or_default()),
            _ => None,
        }
    }

    /// The element at a place from the start; null past the end. None where it is no array.
    pub fn element(self, value: &Value, at: usize) -> Option<Value> {
        match value {
            Value::Elements(of) => {
                Some(self.document.children(*of).nth(at).map_or(Value::Null, |(child, _)| self.node(child)))
            }
            Value::Array(elements) => Some(elements.get(at).cloned().unwrap_or_default()),
            _ => None,
        }
    }

    /// How many elements or fields an array or object has.
    pub fn count(self, value: &Value) -> usize {
        match value {
            Value::Elements(at) | Value::Fields(at) => self.document.children(*at).count(),
            Value::Array(elements) => elements.len(),
            Value::Object(object) => object.len(),
            _ => 0,
        }
    }

    /// Hands each element of an array, or value of an object, to `take`; false where it is neither.
    pub fn each<E>(self, value: Value, mut take: impl FnMut(Value) -> Result<(), E>) -> Result<bool, E> {
        match value {
            Value::Elements(at) | Value::Fields(at) => {
                for (child, _) in self.document.children(at) {
                    take(self.node(child))?;
                }
            }
            Value::Array(elements) => match Rc::try_unwrap(elements) {
                Ok(elements) => elements.into_vec().into_iter().try_for_each(take)?,
                Err(elements) => elements.iter().cloned().try_for_each(take)?,
            },
            Value::Object(object) => object.entries().iter().try_for_each(|entry| take(entry.value.clone()))?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}
