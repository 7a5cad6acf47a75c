//! A validating cursor over JSON text.

use crate::Invalid;
use crate::step;
use crate::utf8;
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
}

/// A string as it is written, without its quotes.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a> {
    /// What stands between the quotes.
    pub(crate) bytes: &'a [u8],
    /// Whether there is an escape in it.
    pub(crate) escaped: bool,
}

impl<'a> Scanner<'a> {
    /// The start of a text, which has to be UTF-8.
    pub fn new(json: &'a [u8]) -> Result<Scanner<'a>, Invalid> {
        utf8::text(json).map(Scanner::of)
    }

    /// The start of a text.
    #[inline]
    pub fn of(text: &'a str) -> Scanner<'a> {
        Scanner { text, bytes: text.as_bytes(), at: 0, depth: 0 }
    }

    /// All of the text.
    #[inline]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The offset of what comes next.
    #[inline]
    pub fn at(&self) -> usize {
        self.at
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
        self.key_at().map(|(key, _)| key)
    }

    /// Reads a key and its colon; the key, and the offset of its opening quote.
    #[inline]
    pub fn key_at(&mut self) -> Result<(Quoted<'a>, usize), Invalid> {
        let at = step::space(self.bytes, self.at);
        if self.bytes.get(at) != Some(&b'"') {
            return Err(Invalid::new(self.bytes, at, "a key in quotes"));
        }
        let (end, escaped) = step::string(self.bytes, at)?;
        let colon = step::space(self.bytes, end);
        if self.bytes.get(colon) != Some(&b':') {
            return Err(Invalid::new(self.bytes, colon, "`:`"));
        }
        self.at = colon + 1;
        Ok((Quoted { bytes: &self.bytes[at + 1..end - 1], escaped }, at))
    }

    /// Reads a key and its colon if they are written exactly so, quotes included; whether they are.
    #[inline]
    pub fn key_written(&mut self, written: &[u8]) -> bool {
        let at = step::space(self.bytes, self.at);
        let end = at + written.len();
        let is_next = self.bytes.get(at..end) == Some(written) && self.bytes.get(end) == Some(&b':');
        if is_next {
            self.at = end + 1;
        }
        is_next
    }

    /// The first key of the object that comes next and the first byte of its value, without a step; none of an empty
    /// object.
    pub fn peek_object(&self) -> Result<Option<(Quoted<'a>, Option<u8>)>, Invalid> {
        let mut ahead = Scanner { ..*self };
        if !ahead.open(b'}')? {
            return Ok(None);
        }
        let key = ahead.key()?;
        Ok(Some((key, ahead.peek())))
    }

    /// Reads a string, which comes next (as [`peek`](Scanner::peek) has told).
    #[inline]
    pub fn string(&mut self) -> Result<Quoted<'a>, Invalid> {
        let (end, escaped) = step::string(self.bytes, self.at)?;
        let bytes = &self.bytes[self.at + 1..end - 1];
        self.at = end;
        Ok(Quoted { bytes, escaped })
    }

    /// Reads over a value.
    pub fn value(&mut self) -> Result<Value<'a>, Invalid> {
        self.space();
        let start = self.at;
        self.skip()?;
        Ok(Value::new(&self.text[start..self.at], start))
    }

    /// Validates and steps over a value.
    #[inline]
    pub fn skip(&mut self) -> Result<(), Invalid> {
        match self.peek() {
            Some(b'"') => self.at = step::string(self.bytes, self.at)?.0,
            Some(b'{' | b'[') => return self.skip_nested(),
            _ => self.at = step::bare(self.bytes, self.at)?,
        }
        Ok(())
    }

    /// Steps over an object or array: without recursion, one bit for each one that is open.
    #[inline(never)]
    fn skip_nested(&mut self) -> Result<(), Invalid> {
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
                Some(b'"') => self.at = step::string(self.bytes, self.at)?.0,
                _ => self.at = step::bare(self.bytes, self.at)?,
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

    #[inline]
    fn space(&mut self) {
        self.at = step::space(self.bytes, self.at);
    }

    #[cold]
    fn invalid(&self, expected: &'static str) -> Invalid {
        Invalid::new(self.bytes, self.at, expected)
    }
}
