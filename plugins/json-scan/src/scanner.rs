//! A validating cursor over JSON text.

use crate::Invalid;
use crate::value::Value;

/// How many arrays and objects may lie inside one another: bounds the stack, whatever a record holds.
pub const MAX_DEPTH: u32 = 128;

/// A position in JSON text, for readers that build something of their own: what lies before it has been validated.
#[derive(Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: u32,
    untidy: usize,
}

/// A string as it is written, without its quotes.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a> {
    /// What stands between the quotes.
    pub(crate) bytes: &'a [u8],
    /// Where in the text that is.
    pub(crate) at: usize,
    /// Whether there is an escape in it.
    pub(crate) escaped: bool,
}

impl<'a> Scanner<'a> {
    /// The start of a text, which has to be UTF-8.
    pub fn new(json: &'a [u8]) -> Result<Scanner<'a>, Invalid> {
        let text = std::str::from_utf8(json).map_err(|error| {
            let at = error.valid_up_to();
            Invalid { at, expected: "UTF-8", found: json.get(at).copied() }
        })?;
        Ok(Scanner { text, bytes: json, at: 0, depth: 0, untidy: 0 })
    }

    /// The whole text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The offset of what comes next: of the value, once it has been peeked at.
    #[inline]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Counts what in the text so far is written otherwise than [`escape`](crate::escape) and a compact writer would:
    /// white space, escapes, `-0`. Where it does not grow over a value, the value may be copied as it is.
    #[inline]
    pub fn untidy(&self) -> usize {
        self.untidy
    }

    /// The first byte of the value that comes next.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        self.space();
        self.bytes.get(self.at).copied()
    }

    /// Checks that nothing but white space is left.
    pub fn end(&mut self) -> Result<(), Invalid> {
        self.space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.invalid("the end")) }
    }

    /// Steps into the object or array that comes next (as [`peek`](Scanner::peek) has told) and that ends with
    /// `close`; whether anything is in it.
    pub fn open(&mut self, close: u8) -> Result<bool, Invalid> {
        if self.depth == MAX_DEPTH {
            return Err(self.invalid("at most 128 arrays and objects inside one another"));
        }
        self.at += 1;
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(false);
        }
        self.depth += 1;
        Ok(true)
    }

    /// Steps over the comma before the next element, or out of the object or array; whether there is a next one.
    #[inline]
    pub fn more(&mut self, close: u8) -> Result<bool, Invalid> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            _ => Err(self.invalid(if close == b'}' { "`,` or `}`" } else { "`,` or `]`" })),
        }
    }

    /// Reads a key and its colon.
    #[inline]
    pub fn key(&mut self) -> Result<Quoted<'a>, Invalid> {
        if self.peek() != Some(b'"') {
            return Err(self.invalid("a key in quotes"));
        }
        let start = self.at + 1;
        let escaped = self.string()?;
        let key = Quoted { bytes: &self.bytes[start..self.at - 1], at: start, escaped };
        if self.peek() != Some(b':') {
            return Err(self.invalid("`:`"));
        }
        self.at += 1;
        Ok(key)
    }

    /// Reads over a value.
    pub fn value(&mut self) -> Result<Value<'a>, Invalid> {
        self.space();
        let start = self.at;
        self.skip()?;
        Ok(Value::new(&self.text[start..self.at], start))
    }

    /// Validates and steps over a value: without recursion, one bit for each open object or array.
    pub fn skip(&mut self) -> Result<(), Invalid> {
        let outside = self.depth;
        let mut objects: u128 = 0;
        loop {
            match self.peek() {
                Some(b'{') => {
                    if self.open(b'}')? {
                        objects = objects << 1 | 1;
                        self.key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    if self.open(b']')? {
                        objects <<= 1;
                        continue;
                    }
                }
                first => _ = self.scalar(first)?,
            }
            loop {
                if self.depth == outside {
                    return Ok(());
                }
                let object = objects & 1 == 1;
                if self.more(if object { b'}' } else { b']' })? {
                    if object {
                        self.key()?;
                    }
                    break;
                }
                objects >>= 1;
            }
        }
    }

    /// Reads over the value that comes next and that is no object and no array, from its `first` byte on (as
    /// [`peek`](Scanner::peek) has told); whether there is an escape in it.
    #[inline]
    pub fn scalar(&mut self, first: Option<u8>) -> Result<bool, Invalid> {
        match first {
            Some(b'"') => return self.string(),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.literal("true")?,
            Some(b'f') => self.literal("false")?,
            Some(b'n') => self.literal("null")?,
            _ => return Err(self.invalid("a value")),
        }
        Ok(false)
    }

    #[inline]
    fn space(&mut self) {
        let mut at = self.at;
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(at) {
            self.untidy += 1;
            at += 1;
        }
        self.at = at;
    }

    /// Reads over a string, the cursor at its opening quote; whether there is an escape in it.
    #[inline]
    fn string(&mut self) -> Result<bool, Invalid> {
        let mut escaped = false;
        self.at = plain_until(self.bytes, self.at + 1);
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                    self.at = plain_until(self.bytes, self.at);
                }
                Some(_) => return Err(self.invalid("an escape in place of this control character")),
                None => return Err(self.invalid("`\"` at the end of a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Invalid> {
        self.at += 1;
        match self.bytes.get(self.at) {
            Some(b'"' | b'\\' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'/' | b'b' | b'f') => {
                self.untidy += 1;
                self.at += 1;
            }
            Some(b'u') => {
                self.untidy += 1;
                for _ in 0..4 {
                    self.at += 1;
                    if !self.bytes.get(self.at).is_some_and(u8::is_ascii_hexdigit) {
                        return Err(self.invalid("four hexadecimal digits after `\\u`"));
                    }
                }
                self.at += 1;
            }
            _ => return Err(self.invalid("one of `\"\\/bfnrtu` after a backslash")),
        }
        Ok(())
    }

    #[inline]
    fn number(&mut self) -> Result<(), Invalid> {
        if self.bytes[self.at] == b'-' {
            self.at += 1;
            self.untidy += usize::from(self.bytes.get(self.at) == Some(&b'0'));
        }
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1; // no digit may follow; what does is refused as what follows a value
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    #[inline]
    fn digits(&mut self) -> Result<(), Invalid> {
        let mut at = self.at;
        while self.bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        let none = at == self.at;
        self.at = at;
        if none { Err(self.invalid("a digit")) } else { Ok(()) }
    }

    fn literal(&mut self, literal: &'static str) -> Result<(), Invalid> {
        if !self.bytes[self.at..].starts_with(literal.as_bytes()) {
            return Err(self.invalid("a value"));
        }
        self.at += literal.len();
        Ok(())
    }

    #[cold]
    fn invalid(&self, expected: &'static str) -> Invalid {
        Invalid { at: self.at, expected, found: self.bytes.get(self.at).copied() }
    }
}

/// The first place from `at` on that holds a quote, a backslash or a control character, or the end. Looks at
/// eight bytes at once: of the three masks, the lowest bit that is set is always a true one.
#[inline]
pub(crate) fn plain_until(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let quote = word ^ (ONES * u64::from(b'"'));
        let backslash = word ^ (ONES * u64::from(b'\\'));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let quote = quote.wrapping_sub(ONES) & !quote;
        let backslash = backslash.wrapping_sub(ONES) & !backslash;
        let stop = (control | quote | backslash) & HIGH;
        if stop != 0 {
            return at + stop.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)) {
        at += 1;
    }
    at
}
