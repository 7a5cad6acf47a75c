//! Strings with expressions in them, and objects.

use std::rc::Rc;

use super::lexer::Token;
use super::parser::Parser;
use super::{Ast, Part, Wrong};

/// What a format may be called behind `@`.
const FORMATS: [&str; 11] = ["text", "json", "html", "uri", "urid", "csv", "tsv", "sh", "base64", "base64d", "base32"];

/// Checks the name of a format.
pub(super) fn known_format(name: &str, at: usize) -> Result<(), Wrong> {
    if name == "base32d" || FORMATS.contains(&name) {
        return Ok(());
    }
    Err(Wrong::new(at, format!("there is no format `@{name}`; there are @{} and @base32d", FORMATS.join(", @"))))
}

impl Parser<'_> {
    /// A string from its opening quote on, which is the word that comes next.
    pub fn string(&mut self, format: Option<Rc<str>>) -> Result<Ast, Wrong> {
        let open = self.at;
        let program = self.lexer.program;
        let mut at = open + 1;
        let mut parts = Vec::new();
        let mut text = String::new();
        loop {
            let rest = &program[at..];
            let Some(stop) = rest.find(['"', '\\']) else {
                return Err(Wrong::new(open, "this string has no end"));
            };
            text.push_str(&rest[..stop]);
            at += stop;
            if program.as_bytes()[at] == b'"' {
                break;
            }
            if program[at + 1..].starts_with('(') {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                self.lexer.at = at + 2;
                self.advance()?;
                parts.push(Part::Expression(self.pipe()?));
                if !self.is_symbol(")") {
                    return Err(self.expected("`)`"));
                }
                at = self.lexer.at;
            } else {
                at += escape(&program[at..], &mut text)
                    .ok_or_else(|| Wrong::new(at, "this escape is not one of JSON"))?;
            }
        }
        if !text.is_empty() || parts.is_empty() {
            parts.push(Part::Text(text));
        }
        self.lexer.at = at + 1;
        self.advance()?;
        Ok(Ast::String(format, parts))
    }

    /// An object from its brace on.
    pub fn object(&mut self) -> Result<Ast, Wrong> {
        self.expect_symbol("{")?;
        let mut fields = Vec::new();
        while !self.take_symbol("}")? {
            fields.push(self.field()?);
            if !self.is_symbol("}") {
                self.expect_symbol(",")?;
            }
        }
        Ok(Ast::Object(fields))
    }

    fn field(&mut self) -> Result<(Ast, Ast), Wrong> {
        let at = self.at;
        let key = match self.token.clone() {
            Token::Variable("__loc__") => {
                self.advance()?;
                return Ok((super::terms::text("__loc__"), Ast::Location(self.line(at))));
            }
            Token::Variable(name) => {
                self.advance()?;
                return Ok((super::terms::text(name), Ast::Variable(name.into(), at)));
            }
            Token::Word(name) => {
                self.advance()?;
                let key = super::terms::text(name);
                if !self.is_symbol(":") {
                    return Ok((key, Ast::Index(Ast::Identity.into(), super::terms::text(name).into())));
                }
                key
            }
            Token::Quote => return self.string_field(None),
            Token::Format(name) => {
                self.advance()?;
                known_format(name, at)?;
                if self.token != Token::Quote {
                    return Err(self.expected("a string"));
                }
                return self.string_field(Some(name.into()));
            }
            Token::Symbol("(") => {
                self.advance()?;
                let key = self.pipe()?;
                self.expect_symbol(")")?;
                key
            }
            Token::Number(_) => return Err(self.expected("a key; a number is none, quote it")),
            _ => return Err(self.expected("a key or `}`")),
        };
        self.expect_symbol(":")?;
        Ok((key, self.field_value()?))
    }

    /// A field whose key is a string: with its value, or, alone, with what the input has under that key.
    fn string_field(&mut self, format: Option<Rc<str>>) -> Result<(Ast, Ast), Wrong> {
        let start = self.at;
        let key = self.string(format.clone())?;
        if self.take_symbol(":")? {
            return Ok((key, self.field_value()?));
        }
        // The key is read twice, as a tree has one owner.
        let behind = (self.lexer, self.token.clone(), self.at);
        self.lexer.at = start;
        self.advance()?;
        let again = self.string(format)?;
        (self.lexer, self.token, self.at) = behind;
        Ok((key, Ast::Index(Ast::Identity.into(), again.into())))
    }

    /// A value of an object: without commas, which part its fields.
    fn field_value(&mut self) -> Result<Ast, Wrong> {
        self.nested(|parser| {
            let first = parser.operation(0)?;
            if parser.take_symbol("|")? {
                let rest = parser.field_value()?;
                return Ok(Ast::Pipe(first.into(), rest.into()));
            }
            Ok(first)
        })
    }
}

/// Appends what an escape at the start of a text means; how many bytes it takes.
fn escape(text: &str, plain: &mut String) -> Option<usize> {
    let character = match text.as_bytes().get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let is_escape = |text: &str| {
                text.starts_with("\\u")
                    && text.get(2..6).is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
            };
            if !is_escape(text) {
                return None;
            }
            let high =
                text.as_bytes()[2] | 0x20 == b'd' && matches!(text.as_bytes()[3] | 0x20, b'8' | b'9' | b'a' | b'b');
            let length = if high && text.get(6..).is_some_and(is_escape) { 12 } else { 6 };
            json_scan::unescape(&text[..length], plain);
            return Some(length);
        }
        _ => return None,
    };
    plain.push(character);
    Some(2)
}
