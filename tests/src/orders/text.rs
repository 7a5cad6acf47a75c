//! JSON text in many styles of one value.

use fastrand::Rng;

/// A value, before it is written.
pub enum Json {
    /// What is written as it stands: a number, `true`, `false` or `null`.
    Raw(&'static str),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// How it is written.
#[derive(Clone, Copy)]
pub enum Style {
    /// Without white space, and without escapes that are not needed.
    Compact,
    /// A space where most programs write one.
    Spaced,
    /// White space and escapes wherever JSON allows them.
    Wild,
}

impl Style {
    pub const ALL: [Style; 3] = [Style::Compact, Style::Spaced, Style::Wild];
}

impl Json {
    /// The text of it.
    pub fn to_text(&self, style: Style, random: &mut Rng) -> String {
        let mut writer = Writer { style, random, out: String::new() };
        writer.space();
        writer.value(self);
        writer.space();
        writer.out
    }

    /// The same, with nothing more than `depth` arrays and objects deep.
    pub fn cut(self, depth: usize) -> Json {
        match self {
            Json::List(_) | Json::Object(_) if depth == 0 => Json::Raw("null"),
            Json::List(items) => Json::List(items.into_iter().map(|item| item.cut(depth - 1)).collect()),
            Json::Object(fields) => {
                Json::Object(fields.into_iter().map(|(key, value)| (key, value.cut(depth - 1))).collect())
            }
            Json::Raw(_) | Json::Text(_) => self,
        }
    }
}

struct Writer<'r> {
    style: Style,
    random: &'r mut Rng,
    out: String,
}

impl Writer<'_> {
    fn value(&mut self, value: &Json) {
        match value {
            Json::Raw(raw) => self.out.push_str(raw),
            Json::Text(text) => self.text(text),
            Json::List(items) => {
                self.out.push('[');
                self.space();
                for (number, item) in items.iter().enumerate() {
                    self.comma(number);
                    self.value(item);
                    self.space();
                }
                self.out.push(']');
            }
            Json::Object(fields) => {
                self.out.push('{');
                self.space();
                for (number, (key, value)) in fields.iter().enumerate() {
                    self.comma(number);
                    self.text(key);
                    self.space();
                    self.out.push(':');
                    self.gap();
                    self.value(value);
                    self.space();
                }
                self.out.push('}');
            }
        }
    }

    fn comma(&mut self, number: usize) {
        if number > 0 {
            self.out.push(',');
            self.gap();
        }
    }

    /// White space where people write a space.
    fn gap(&mut self) {
        match self.style {
            Style::Compact => {}
            Style::Spaced => self.out.push(' '),
            Style::Wild => self.space(),
        }
    }

    /// White space where nobody writes any.
    fn space(&mut self) {
        if matches!(self.style, Style::Wild) {
            const SPACES: [&str; 6] = ["", "", " ", "\n", "\t", "\r\n  "];
            self.out.push_str(SPACES[self.random.usize(0..SPACES.len())]);
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            let wild = matches!(self.style, Style::Wild) && self.random.u32(0..6) == 0;
            self.character(character, wild);
        }
        self.out.push('"');
    }

    fn character(&mut self, character: char, wild: bool) {
        let short = match character {
            '"' | '\\' => Some(character),
            '\u{8}' => Some('b'),
            '\u{c}' => Some('f'),
            '\n' => Some('n'),
            '\r' => Some('r'),
            '\t' => Some('t'),
            '/' if wild => Some('/'),
            _ => None,
        };
        match short {
            Some(short) if !wild || self.random.bool() => self.out.extend(['\\', short]),
            None if !wild && character >= ' ' => self.out.push(character),
            Some(_) | None => self.units(character),
        }
    }

    /// The character as `\u` and four digits, twice beyond the basic plane.
    fn units(&mut self, character: char) {
        for unit in character.encode_utf16(&mut [0; 2]) {
            let digits = if self.random.bool() { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") };
            self.out.push_str(&digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_style_says_the_same() {
        let text = "a\"b\\c/d\u{8}\u{c}\n\r\t\u{0}\u{7f}é😀";
        let value = Json::Object(vec![
            ("é\"".to_owned(), Json::List(vec![Json::Text(text.to_owned()), Json::Raw("1.5"), Json::List(vec![])])),
            (String::new(), Json::Object(vec![])),
        ]);
        let says = serde_json::json!({"é\"": [text, 1.5, []], "": {}});
        let mut random = Rng::with_seed(1);
        for round in 0..300 {
            let written = value.to_text(Style::ALL[round % Style::ALL.len()], &mut random);
            let read: serde_json::Value = serde_json::from_str(&written).unwrap_or_else(|e| panic!("{e}: {written}"));
            assert_eq!(read, says, "{written}");
        }
    }
}
