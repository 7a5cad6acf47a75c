//! A value that was found, as it is written.

use std::borrow::Cow;

use crate::scanner::Quoted;
use crate::step::{plain_until, same};

/// A value in JSON text: where it lies and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    raw: &'a str,
    at: usize,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl<'a> Value<'a> {
    /// The value that is written so at this place; it has been validated.
    pub(crate) fn new(raw: &'a str, at: usize) -> Value<'a> {
        Value { raw, at }
    }

    /// The value as it is written, without white space around it.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// The bytes that it takes in the text.
    pub fn span(&self) -> std::ops::Range<usize> {
        self.at..self.at + self.raw.len()
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        match self.raw.as_bytes()[0] {
            b'n' => Kind::Null,
            b't' | b'f' => Kind::Bool,
            b'"' => Kind::String,
            b'[' => Kind::Array,
            b'{' => Kind::Object,
            _ => Kind::Number,
        }
    }

    /// What a string says; none of anything else. Allocates only where there is an escape.
    pub fn string(&self) -> Option<Cow<'a, str>> {
        let text = self.raw.strip_prefix('"')?.strip_suffix('"')?;
        Some(if text.contains('\\') { unescaped(text).into() } else { text.into() })
    }

    /// What a string says, or a number or truth value as it is written; none of null, arrays and objects.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        match self.kind() {
            Kind::String => self.string(),
            Kind::Number | Kind::Bool => Some(self.raw.into()),
            Kind::Null | Kind::Array | Kind::Object => None,
        }
    }
}

impl<'a> Quoted<'a> {
    /// Appends what the string says.
    pub fn append_to(&self, plain: &mut String) {
        let text = String::from_utf8_lossy(self.bytes);
        if self.escaped { unescape(&text, plain) } else { plain.push_str(&text) }
    }

    /// What the string says. Allocates only where there is an escape.
    pub fn text(&self) -> Cow<'a, str> {
        let text = String::from_utf8_lossy(self.bytes);
        if self.escaped { unescaped(&text).into() } else { text }
    }

    /// What the string says, as bytes of UTF-8, where it is written without an escape.
    #[inline]
    pub fn plain(&self) -> Option<&'a [u8]> {
        (!self.escaped).then_some(self.bytes)
    }

    /// Whether the string says this.
    #[inline]
    pub fn is(&self, text: &str) -> bool {
        if self.escaped { self.text() == text } else { same(self.bytes, text.as_bytes()) }
    }

    /// How many bytes it takes as it is written, with its quotes.
    #[inline]
    pub fn written_len(&self) -> usize {
        self.bytes.len() + 2
    }
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    unescape(text, &mut plain);
    plain
}

/// Whether what stands between the quotes of a valid string has no escapes, so that it is what the string says.
#[inline]
pub fn is_plain(text: &str) -> bool {
    plain_until(text.as_bytes(), 0) == text.len()
}

/// Appends what stands between the quotes of a valid string, without its escapes.
pub fn unescape(text: &str, plain: &mut String) {
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        plain.push_str(before);
        let (character, after) = match escape.as_bytes()[0] {
            b'b' => ('\u{8}', &escape[1..]),
            b'f' => ('\u{c}', &escape[1..]),
            b'n' => ('\n', &escape[1..]),
            b'r' => ('\r', &escape[1..]),
            b't' => ('\t', &escape[1..]),
            b'u' => code_point(&escape[1..]),
            other => (char::from(other), &escape[1..]),
        };
        plain.push(character);
        rest = after;
    }
    plain.push_str(rest);
}

/// The character that the digits after `\u` mean, two escapes taken together where they are a pair of surrogates,
/// and what comes behind.
fn code_point(digits: &str) -> (char, &str) {
    let unit = |digits: &str| u32::from_str_radix(&digits[..4], 16).unwrap_or(0xfffd);
    let (first, rest) = (unit(digits), &digits[4..]);
    if let (0xd800..0xdc00, Some(second)) = (first, rest.strip_prefix("\\u")) {
        let low = unit(second);
        if (0xdc00..0xe000).contains(&low) {
            let point = 0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00);
            return (char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER), &second[4..]);
        }
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), rest)
}

/// Appends a text as a JSON string, quotes included.
pub fn escape(text: &str, json: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut written = 0;
    json.push(b'"');
    loop {
        let at = plain_until(bytes, written);
        json.extend_from_slice(&bytes[written..at]);
        match bytes.get(at) {
            None => break,
            Some(special @ (b'"' | b'\\')) => json.extend_from_slice(&[b'\\', *special]),
            Some(b'\n') => json.extend_from_slice(b"\\n"),
            Some(b'\r') => json.extend_from_slice(b"\\r"),
            Some(b'\t') => json.extend_from_slice(b"\\t"),
            Some(control) => {
                let digit = |number: u8| b"0123456789abcdef"[usize::from(number)];
                json.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(control >> 4), digit(control & 15)]);
            }
        }
        written = at + 1;
    }
    json.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn string(raw: &str) -> String {
        Value::new(raw, 0).string().expect("it is a string").into_owned()
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(string(r#""a\"\\\/\b\f\n\r\tz""#), "a\"\\/\u{8}\u{c}\n\r\tz");
        assert_eq!(string(r#""\u00e9\ud83d\ude00""#), "é😀");
    }

    #[test]
    fn a_lone_surrogate_is_read_as_the_replacement_character() {
        assert_eq!(string(r#""\ud83d!\ude00\ud83d\u0041""#), "\u{fffd}!\u{fffd}\u{fffd}A");
    }

    #[test]
    fn scalars_have_a_text_and_others_have_none() {
        let text = |raw| Value::new(raw, 0).text().map(Cow::into_owned);
        assert_eq!(text("\"x\""), Some("x".into()));
        assert_eq!(text("1.50"), Some("1.50".into()));
        assert_eq!(text("true"), Some("true".into()));
        assert_eq!((text("null"), text("[]"), text("{}")), (None, None, None));
    }

    proptest! {
        #[test]
        fn strings_are_written_and_read_as_serde_json_does(text in "(\\PC|[\\x00-\\x1f\"\\\\]){0,20}") {
            let mut json = Vec::new();
            escape(&text, &mut json);
            let read: String = serde_json::from_slice(&json).expect("a string is written");
            prop_assert_eq!(&read, &text);
            let json = serde_json::to_string(&text).expect("every text is a string");
            prop_assert_eq!(string(&json), text);
        }
    }
}
