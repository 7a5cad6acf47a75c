//! JSON objects, field by field, without copying what they hold.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A string: borrowed from the text where it is written without escapes.
#[derive(Deserialize)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// What a value that is a string says; none of any other value.
pub fn string(value: &RawValue) -> Result<Option<Cow<'_, str>>, serde_json::Error> {
    if !value.get().starts_with('"') {
        return Ok(None);
    }
    serde_json::from_str(value.get()).map(|Text(text)| Some(text))
}

/// Reads a text that holds one object and nothing else: `visit` gets each key and its value as it is written.
pub fn each_field<'a>(text: &'a str, visit: impl FnMut(Cow<'a, str>, &'a RawValue)) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Fields(visit).deserialize(&mut deserializer)?;
    deserializer.end()
}

struct Fields<F>(F);

impl<'de, F: FnMut(Cow<'de, str>, &'de RawValue)> DeserializeSeed<'de> for Fields<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(Cow<'de, str>, &'de RawValue)> Visitor<'de> for Fields<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((Text(key), value)) = map.next_entry()? {
            (self.0)(key, value);
        }
        Ok(())
    }
}

/// Appends an object's next field. `out` begins with the object's `{`.
pub fn push_field(out: &mut Vec<u8>, key: &str, value: &str) {
    push_key(out, key);
    out.extend_from_slice(value.as_bytes());
}

/// Appends the next field with a value that is text still to be quoted.
pub fn push_text_field(out: &mut Vec<u8>, key: &str, text: &str) {
    push_key(out, key);
    push_text(out, text);
}

/// Appends the next field's key, as far as its colon.
pub fn push_key(out: &mut Vec<u8>, key: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    push_text(out, key);
    out.push(b':');
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a string can be written to memory");
}
