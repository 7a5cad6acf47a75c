//! Reads JSON text to values of their own: what `fromjson` does, and records that a document cannot hold. Besides JSON
//! it takes what jq does: `nan`, and numbers like `01`, `.5` and `5.`.

use super::{Object, Source, Value};

/// How deep arrays and objects may lie in one another: what jq allows.
pub(crate) const MAX_DEPTH: usize = 10_000;

/// Reads a text that holds one value. The error is in jq's words.
pub(crate) fn parse(source: Source<'_>, text: &str) -> Result<Value, String> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, source };
    reader.document().map_err(|message| {
        let before = &text.as_bytes()[..reader.at.min(text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count();
        let shown: String = text.chars().take(200).collect();
        format!("{message} at line {line}, column {column} (while parsing '{shown}')")
    })
}

struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    source: Source<'t>,
}

/// An array or object that is being read.
enum Level {
    Array(Vec<Value>),
    Object(Object, Value),
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Value, &'static str> {
        self.space();
        if self.at == self.bytes.len() {
            return Err("Expected JSON value");
        }
        let mut around: Vec<Level> = Vec::new();
        loop {
            let mut value = match self.bytes.get(self.at) {
                Some(b'[') => {
                    self.open(around.len())?;
                    if !self.closes(b']') {
                        around.push(Level::Array(Vec::new()));
                        continue;
                    }
                    Value::array(Vec::new())
                }
                Some(b'{') => {
                    self.open(around.len())?;
                    if !self.closes(b'}') {
                        around.push(Level::Object(Object::default(), self.key()?));
                        continue;
                    }
                    Value::object(Object::default())
                }
                _ => self.scalar()?,
            };
            loop {
                self.space();
                match around.pop() {
                    None if self.at == self.bytes.len() => return Ok(value),
                    None => return Err("Unexpected extra JSON values"),
                    Some(Level::Array(mut elements)) => {
                        elements.push(value);
                        if self.continues(b']')? {
                            around.push(Level::Array(elements));
                            break;
                        }
                        value = Value::array(elements);
                    }
                    Some(Level::Object(mut object, key)) => {
                        object.set(self.source, key, value);
                        if self.continues(b'}')? {
                            around.push(Level::Object(object, self.key()?));
                            break;
                        }
                        value = Value::object(object);
                    }
                }
            }
        }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn open(&mut self, depth: usize) -> Result<(), &'static str> {
        if depth >= MAX_DEPTH {
            return Err("Exceeds depth limit for parsing");
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    fn closes(&mut self, close: u8) -> bool {
        let closes = self.bytes.get(self.at) == Some(&close);
        self.at += usize::from(closes);
        closes
    }

    /// Steps over a comma, or out of an array or object.
    fn continues(&mut self, close: u8) -> Result<bool, &'static str> {
        if self.closes(close) {
            return Ok(false);
        }
        match self.bytes.get(self.at) {
            Some(b',') => {
                self.at += 1;
                self.space();
                Ok(true)
            }
            None => Err("Unfinished JSON term"),
            Some(_) => Err("Expected separator between values"),
        }
    }

    fn key(&mut self) -> Result<Value, &'static str> {
        if self.bytes.get(self.at) != Some(&b'"') {
            return Err("Object keys must be strings");
        }
        let key = self.string()?;
        self.space();
        if self.bytes.get(self.at) != Some(&b':') {
            return Err("Objects must consist of key:value pairs");
        }
        self.at += 1;
        self.space();
        Ok(key)
    }

    fn scalar(&mut self) -> Result<Value, &'static str> {
        match self.bytes.get(self.at) {
            None => Err("Unfinished JSON term"),
            Some(b'"') => self.string(),
            Some(b'0'..=b'9' | b'.' | b'-' | b'+' | b'a'..=b'z' | b'A'..=b'Z') => {
                let start = self.at;
                let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-');
                while self.bytes.get(self.at).is_some_and(part) {
                    self.at += 1;
                }
                match &self.text[start..self.at] {
                    "null" => Ok(Value::Null),
                    "true" => Ok(Value::Bool(true)),
                    "false" => Ok(Value::Bool(false)),
                    word => number(word).map(Value::Number).ok_or("Invalid numeric literal"),
                }
            }
            Some(_) => Err("Invalid literal"),
        }
    }

    fn string(&mut self) -> Result<Value, &'static str> {
        let start = self.at + 1;
        let mut at = start;
        loop {
            match self.bytes.get(at) {
                None => return Err("Unfinished string"),
                Some(b'"') => break,
                Some(0..0x20) => {
                    self.at = at;
                    return Err("Invalid string: control characters from U+0000 through U+001F must be escaped");
                }
                Some(b'\\') => at += 1 + self.escape(at + 1)?,
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        let raw = &self.text[start..at];
        if !raw.contains('\\') {
            return Ok(Value::string(raw));
        }
        let mut plain = String::new();
        json_scan::unescape(raw, &mut plain);
        Ok(Value::text(plain))
    }

    /// The length of what follows a backslash.
    fn escape(&self, at: usize) -> Result<usize, &'static str> {
        match self.bytes.get(at) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(1),
            Some(b'u') => {
                let digits = self.bytes.get(at + 1..at + 5).ok_or("Invalid escape")?;
                if digits.iter().all(u8::is_ascii_hexdigit) { Ok(5) } else { Err("Invalid escape") }
            }
            _ => Err("Invalid escape"),
        }
    }
}

/// A number as jq reads it from a text.
pub(crate) fn number(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned.to_ascii_lowercase().as_str() {
        "nan" => return Some(f64::NAN),
        "infinity" | "inf" => return Some(sign * f64::INFINITY),
        _ => {}
    }
    let digits = unsigned.bytes().next().is_some_and(|byte| byte.is_ascii_digit() || byte == b'.');
    let plain = unsigned.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    if !digits || !plain { None } else { unsigned.parse::<f64>().ok().map(|number| sign * number) }
}
