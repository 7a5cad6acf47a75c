//! JSON objects, field by field, without copying what they hold.

use std::borrow::Cow;

use json_scan::{Scanner, Value, escape};

/// Reads a text that holds one object and nothing else: `visit` gets each key and its value as it is written. None where it
/// is no such text.
pub fn each_field<'a>(text: &'a [u8], mut visit: impl FnMut(Cow<'a, str>, Value<'a>)) -> Option<()> {
    let mut scanner = Scanner::new(text).ok()?;
    if scanner.peek() != Some(b'{') {
        return None;
    }
    let mut more = scanner.open(b'}').ok()?;
    while more {
        let key = scanner.key().ok()?.text();
        visit(key, scanner.value().ok()?);
        more = scanner.more(b'}').ok()?;
    }
    scanner.end().ok()
}

/// Appends an object's next field. `out` begins with the object's `{`.
pub fn push_field(out: &mut Vec<u8>, key: &str, value: &str) {
    push_key(out, key);
    out.extend_from_slice(value.as_bytes());
}

/// Appends the next field with a value that is text still to be quoted.
pub fn push_text_field(out: &mut Vec<u8>, key: &str, text: &str) {
    push_key(out, key);
    escape(text, out);
}

/// Appends the next field's key, as far as its colon.
pub fn push_key(out: &mut Vec<u8>, key: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    escape(key, out);
    out.push(b':');
}
