//! Topic patterns in the dialect that librdkafka reads: POSIX extended regular expressions, by the C library that it
//! asks.

use std::ffi::{CStr, CString, c_char};
use std::ptr;

/// Escapes that the C library knows beside those of single characters.
const CLASSES: &str = "wWSbB123456789";

/// A pattern of `input.topics`. Like librdkafka it looks for a match anywhere behind the `^`: `^orders` matches
/// `orders.dlq`, too.
pub struct TopicPattern(Box<libc::regex_t>);

impl TopicPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Why it is none: the C library's words.
    pub fn new(pattern: &str) -> Result<TopicPattern, String> {
        let text = CString::new(pattern).map_err(|_| "a character of value 0".to_owned())?;
        // SAFETY: `regcomp` fills what it is given, and all zeros are a valid value of plain fields and null pointers.
        let mut compiled = Box::new(unsafe { std::mem::zeroed::<libc::regex_t>() });
        // SAFETY: both pointers are good for the call.
        let code = unsafe { libc::regcomp(&raw mut *compiled, text.as_ptr(), libc::REG_EXTENDED | libc::REG_NOSUB) };
        if code == 0 {
            return Ok(TopicPattern(compiled));
        }
        let mut words: [c_char; 128] = [0; 128];
        // SAFETY: the buffer has the length that is given, and what is written ends within it.
        let words = unsafe {
            libc::regerror(code, &raw const *compiled, words.as_mut_ptr(), words.len());
            CStr::from_ptr(words.as_ptr())
        };
        Err(words.to_string_lossy().to_lowercase())
    }

    /// Whether a topic of this name is read.
    pub fn matches(&self, topic: &str) -> bool {
        let Ok(topic) = CString::new(topic) else { return false };
        // SAFETY: the pattern is compiled, and the text ends with a zero.
        unsafe { libc::regexec(&raw const *self.0, topic.as_ptr(), 0, ptr::null_mut(), 0) == 0 }
    }
}

impl Drop for TopicPattern {
    fn drop(&mut self) {
        // SAFETY: it was compiled, and is freed once.
        unsafe { libc::regfree(&raw mut *self.0) };
    }
}

/// What a pattern holds that the dialect lacks, or that no topic's name can match: it would match nothing, without a
/// word. A sentence about that, and what to do.
pub(super) fn foreign(pattern: &str) -> Option<(String, &'static str)> {
    let (mut chars, mut open) = (pattern.chars().peekable(), 0_usize);
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let escaped = chars.next()?;
                if !(CLASSES.contains(escaped) || is_of_a_name(escaped) && !escaped.is_ascii_alphanumeric()) {
                    return Some(foreign_escape(escaped));
                }
            }
            '[' => {
                if let Some(found) = foreign_in_brackets(&mut chars) {
                    return Some(found);
                }
            }
            '(' if chars.peek() == Some(&'?') => {
                return Some((
                    "POSIX regular expressions have no \"(?\"".to_owned(),
                    "use ( ) for groups, and [Aa] for either case",
                ));
            }
            '{' => {
                let interval: String = chars.by_ref().take_while(|c| *c != '}').collect();
                if interval.is_empty() || !interval.chars().all(|c| c.is_ascii_digit() || c == ',') {
                    return Some((
                        format!("POSIX regular expressions have no \"{{{interval}}}\""),
                        "write {N} or {N,M}",
                    ));
                }
            }
            '(' => open += 1,
            // The C library takes it for itself.
            ')' if open == 0 => {
                return Some(("a \")\" stands here without \"(\"".to_owned(), "remove it, or write the \"(\""));
            }
            ')' => open -= 1,
            '|' | '*' | '+' | '?' | '.' | '^' | '$' => {}
            c if is_of_a_name(c) => {}
            c => return Some(not_in_a_name(c)),
        }
    }
    None
}

fn foreign_escape(escaped: char) -> (String, &'static str) {
    if !escaped.is_ascii_alphanumeric() {
        return not_in_a_name(escaped);
    }
    let help = match escaped {
        'd' => "write [0-9]",
        'D' => "write [^0-9]",
        'A' => "leave it out: a pattern begins at its ^",
        'z' | 'Z' => "write $",
        'p' | 'P' => "write [[:alpha:]], [[:upper:]] or the like",
        _ => "list the characters in [ ]",
    };
    (format!("POSIX regular expressions have no \\{escaped}"), help)
}

/// Goes past the end of a bracket expression.
fn foreign_in_brackets(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<(String, &'static str)> {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut first = true;
    while let Some(c) = chars.next() {
        match c {
            ']' if !first => return None,
            '[' if matches!(chars.peek(), Some(':' | '.' | '=')) => {
                let kind = chars.next();
                while let Some(c) = chars.next() {
                    if Some(c) == kind && chars.next_if_eq(&']').is_some() {
                        break;
                    }
                }
            }
            '\\' => {
                return Some(("in [ ] a \\ stands for itself".to_owned(), "list the characters: [A-Za-z0-9_-]"));
            }
            c if negated || is_of_a_name(c) => {}
            c => return Some(not_in_a_name(c)),
        }
        first = false;
    }
    None
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn not_in_a_name(c: char) -> (String, &'static str) {
    (format!("no topic's name can hold \"{c}\""), "names of topics hold only letters, digits, \".\", \"_\" and \"-\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_librdkafka_has_them() {
        for (pattern, yes, no) in [
            ("^in[.].*", "in.a", "on.a"),
            ("^orders", "orders.dlq", "my.orders"),
            ("^(a|b)$", "b", "c"),
            ("^[[:alpha:]]+$", "abc", "ab1"),
            ("^a{2,3}$", "aaa", "aaaa"),
            ("^\\w+\\.x$", "a_1.x", "a-1.x"),
            ("^a\\.b$", "a.b", "a-b"),
            ("^[^.]+$", "a-b", "a.b"),
        ] {
            assert_eq!(foreign(pattern), None, "{pattern}");
            let compiled = TopicPattern::new(pattern).unwrap();
            assert!(compiled.matches(yes) && !compiled.matches(no), "{pattern}");
        }
    }

    #[test]
    fn what_the_dialect_lacks_is_found() {
        for pattern in [
            "^in[.](?:a|b)$",
            "^in[.][\\w-]+$",
            "^(?i)IN[.]a$",
            "^a\\d+$",
            "^a[^\\s]+",
            "^\\pL+",
            "^a/b",
            "^a b",
            "^a[b&&c]",
            "^\\x41",
            "^a\\$",
            "^ä",
            "^a{x}",
            "^a\\sb",
            "^\\Qa\\E",
        ] {
            assert!(foreign(pattern).is_some(), "{pattern}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_said_by_the_c_library() {
        for pattern in ["^(a", "^a)", "^[a", "^a{2", "^*{", "^a\\"] {
            assert!(foreign(pattern).is_some() || TopicPattern::new(pattern).is_err(), "{pattern}");
        }
    }
}
