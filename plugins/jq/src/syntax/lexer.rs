//! The words of a program.

use super::Wrong;

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'p> {
    /// A name or keyword; with `::` in it, the name of something in a module.
    Word(&'p str),
    /// `.name`
    Field(&'p str),
    /// `$name`
    Variable(&'p str),
    /// `@name`
    Format(&'p str),
    Number(f64),
    /// A quote; the parser reads what is in the string.
    Quote,
    Symbol(&'static str),
    End,
}

/// The longest come first.
const SYMBOLS: [&str; 36] = [
    "?//", "//=", "|=", "+=", "-=", "*=", "/=", "%=", "==", "!=", "<=", ">=", "//", "..", "?", "=", "<", ">", "+", "-",
    "*", "/", "%", "|", ",", ".", "[", "]", "(", ")", "{", "}", ":", ";", "$", "@",
];

/// A position in a program.
#[derive(Clone, Copy)]
pub(super) struct Lexer<'p> {
    pub program: &'p str,
    pub at: usize,
}

impl<'p> Lexer<'p> {
    /// The next word, with the place where it begins.
    pub fn next(&mut self) -> Result<(Token<'p>, usize), Wrong> {
        self.space();
        let start = self.at;
        let rest = &self.program[start..];
        let Some(first) = rest.bytes().next() else { return Ok((Token::End, start)) };
        let second = rest.as_bytes().get(1).copied().unwrap_or_default();
        let token = match first {
            b'"' => {
                self.at += 1;
                Token::Quote
            }
            b'0'..=b'9' => self.number()?,
            b'.' if second.is_ascii_digit() => self.number()?,
            b'.' if starts_name(second) => {
                self.at += 1;
                Token::Field(self.name(false))
            }
            b'$' if starts_name(second) => {
                self.at += 1;
                Token::Variable(self.name(true))
            }
            b'@' if second.is_ascii_alphanumeric() || second == b'_' => {
                self.at += 1;
                Token::Format(self.name(false))
            }
            _ if starts_name(first) => Token::Word(self.name(true)),
            _ => {
                let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
                let Some(symbol) = symbol else {
                    let found = rest.chars().next().unwrap_or_default();
                    return Err(Wrong::new(start, format!("`{}` has no meaning here", found.escape_default())));
                };
                self.at += symbol.len();
                Token::Symbol(symbol)
            }
        };
        Ok((token, start))
    }

    fn space(&mut self) {
        loop {
            let rest = &self.program[self.at..];
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.at += comment(trimmed);
        }
    }

    fn name(&mut self, may_have_module: bool) -> &'p str {
        let start = self.at;
        let bytes = self.program.as_bytes();
        loop {
            while bytes.get(self.at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
                self.at += 1;
            }
            let module = may_have_module
                && bytes[self.at..].starts_with(b"::")
                && bytes.get(self.at + 2).is_some_and(|byte| starts_name(*byte));
            if !module {
                return &self.program[start..self.at];
            }
            self.at += 2;
        }
    }

    fn number(&mut self) -> Result<Token<'p>, Wrong> {
        let start = self.at;
        let bytes = self.program.as_bytes();
        let digits = |at: &mut usize| {
            while bytes.get(*at).is_some_and(u8::is_ascii_digit) {
                *at += 1;
            }
        };
        digits(&mut self.at);
        if bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            digits(&mut self.at);
        }
        if matches!(bytes.get(self.at), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(self.at + 1), Some(b'+' | b'-')));
            if bytes.get(self.at + 1 + sign).is_some_and(u8::is_ascii_digit) {
                self.at += 1 + sign;
                digits(&mut self.at);
            }
        }
        let text = &self.program[start..self.at];
        text.parse().map(Token::Number).map_err(|_| Wrong::new(start, format!("`{text}` is not a number")))
    }
}

fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

/// The length of a comment, up to the end of its line. An odd number of backslashes before that end continues it.
fn comment(text: &str) -> usize {
    let mut end = 0;
    loop {
        let line = &text[end..];
        let Some(length) = line.find('\n') else { return text.len() };
        let content = line[..length].strip_suffix('\r').unwrap_or(&line[..length]);
        let backslashes = content.len() - content.trim_end_matches('\\').len();
        end += length + 1;
        if backslashes.is_multiple_of(2) {
            return end;
        }
    }
}
