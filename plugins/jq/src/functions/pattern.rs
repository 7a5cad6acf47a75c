//! Patterns as Oniguruma has them (with Perl's syntax, as jq uses it), in the words of the crate `fancy-regex`.

/// What `$` becomes: the end, or before a line feed that is the last character.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// For texts that do not end with a line feed.
    Plain,
    BeforeLineFeed,
}

/// The same pattern in the other words.
pub(super) fn translate(pattern: &str, extended: bool, end: End) -> String {
    let mut translation = Translation { rest: pattern, out: String::new(), extended, end };
    translation.run();
    translation.out
}

struct Translation<'p> {
    rest: &'p str,
    out: String,
    extended: bool,
    end: End,
}

impl Translation<'_> {
    fn run(&mut self) {
        while let Some(character) = self.next() {
            match character {
                '\\' => self.escape(false),
                '[' => self.class(),
                '$' if self.end == End::Plain => self.out.push_str("\\z"),
                '$' => self.out.push_str("(?=\\n?\\z)"),
                '{' => self.brace(),
                '(' if self.rest.starts_with("?#") => {
                    let end = self.rest.find(')').map_or(self.rest.len(), |at| at + 1);
                    self.rest = &self.rest[end..];
                }
                other => self.out.push(other),
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let character = self.rest.chars().next()?;
        self.rest = &self.rest[character.len_utf8()..];
        Some(character)
    }

    /// What follows a backslash.
    fn escape(&mut self, in_class: bool) {
        let Some(character) = self.next() else {
            self.out.push('\\');
            return;
        };
        match character {
            'h' => self.out.push_str(if in_class { "0-9A-Fa-f" } else { "[0-9A-Fa-f]" }),
            'H' => self.out.push_str("[^0-9A-Fa-f]"),
            'R' if !in_class => self.out.push_str("(?:\\r\\n|[\\n\\x0b\\x0c\\r\\u{85}\\u{2028}\\u{2029}])"),
            'N' if !in_class => self.out.push_str("[^\\n]"),
            'O' if !in_class => self.out.push_str("(?s:.)"),
            'Z' if !in_class => self.out.push_str("(?=\\n?\\z)"),
            'e' => self.out.push_str("\\x1b"),
            'v' => self.out.push_str("\\x0b"),
            'p' | 'P' => {
                self.out.push('\\');
                let negated = self.rest.starts_with("{^");
                self.out.push(if negated { 'P' } else { character });
                if negated {
                    self.out.push('{');
                    self.rest = &self.rest[2..];
                }
                self.property();
            }
            'b' if in_class => self.out.push_str("\\x08"),
            'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'n' | 'r' | 't' | 'f' | 'a' | 'x' | 'u' => {
                self.out.push('\\');
                self.out.push(character);
            }
            'b' | 'B' | 'A' | 'z' | 'G' | 'k' | 'g' | 'K' | '0'..='9' if !in_class => {
                self.out.push('\\');
                self.out.push(character);
            }
            other => self.literal(other),
        }
    }

    /// The name of a property in braces: those of POSIX have other names.
    fn property(&mut self) {
        let rest = if self.out.ends_with('{') { Some(self.rest) } else { self.rest.strip_prefix('{') };
        let Some((name, behind)) = rest.and_then(|rest| rest.split_once('}')) else { return };
        if !self.out.ends_with('{') {
            self.out.push('{');
        }
        self.out.push_str(match name.to_ascii_lowercase().as_str() {
            "alnum" | "alpha" => "Alphabetic",
            "digit" => "Nd",
            "space" => "White_Space",
            "punct" => "P",
            "upper" => "Uppercase",
            "lower" => "Lowercase",
            _ => name,
        });
        self.out.push('}');
        self.rest = behind;
    }

    /// A character that means itself.
    fn literal(&mut self, character: char) {
        if character.is_ascii_punctuation() && !matches!(character, '<' | '>') || (self.extended && character == ' ') {
            self.out.push('\\');
        }
        self.out.push(character);
    }

    /// A brace is one of a repetition, or means itself.
    fn brace(&mut self) {
        let Some(end) = self.rest.find('}') else {
            self.out.push_str("\\{");
            return;
        };
        let inside = &self.rest[..end];
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        match inside.split_once(',') {
            None if !inside.is_empty() && is_number(inside) => self.out.push('{'),
            Some((least, most)) if is_number(least) && is_number(most) && least.len() + most.len() > 0 => {
                self.out.push('{');
                if least.is_empty() {
                    self.out.push('0');
                }
            }
            _ => self.out.push_str("\\{"),
        }
    }

    /// A class of characters, from behind its bracket on.
    fn class(&mut self) {
        self.out.push('[');
        if self.rest.starts_with('^') {
            self.next();
            self.out.push('^');
        }
        if self.rest.starts_with(']') {
            self.next();
            self.out.push_str("\\]");
        }
        while let Some(character) = self.next() {
            match character {
                ']' => {
                    self.out.push(']');
                    return;
                }
                '[' if self.rest.starts_with(':') && self.posix() => {}
                '[' => self.class(),
                '\\' => self.escape(true),
                '&' if self.rest.starts_with('&') => {
                    self.next();
                    self.out.push_str("&&");
                }
                '-' if self.rest.starts_with('-') => self.out.push_str("\\-"),
                '~' | '&' => {
                    self.out.push('\\');
                    self.out.push(character);
                }
                ' ' | '#' if self.extended => {
                    self.out.push('\\');
                    self.out.push(character);
                }
                other => self.out.push(other),
            }
        }
    }

    /// `[:alpha:]` and its like, which in Oniguruma know all of Unicode.
    fn posix(&mut self) -> bool {
        let Some(end) = self.rest.find(":]") else { return false };
        let name = &self.rest[1..end];
        let (negated, name) = name.strip_prefix('^').map_or((false, name), |name| (true, name));
        let class = match name {
            "alpha" => "\\p{Alphabetic}",
            "digit" => "\\p{Nd}",
            "alnum" => "\\p{Alphabetic}\\p{Nd}",
            "upper" => "\\p{Uppercase}",
            "lower" => "\\p{Lowercase}",
            "space" => "\\p{White_Space}",
            "blank" => "\\p{Zs}\\t",
            "punct" => "\\p{P}\\p{S}",
            "cntrl" => "\\p{Cc}",
            "xdigit" => "0-9A-Fa-f",
            "word" => "\\w",
            "ascii" => "\\x00-\\x7f",
            "graph" => "[^\\p{White_Space}\\p{Cc}\\p{Cs}\\p{Cn}]",
            "print" => "[^\\p{Cc}\\p{Cs}\\p{Cn}]",
            _ => return false,
        };
        self.out.push_str(if negated { "[^" } else { "[" });
        self.out.push_str(class);
        self.out.push(']');
        self.rest = &self.rest[end + 2..];
        true
    }
}
