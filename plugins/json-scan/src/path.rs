//! A dotted path to a value.

/// A path to a value in nested objects: `customer.email`. A dot that belongs to a key is written `\.`, a
/// backslash `\\`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    keys: Vec<String>,
}

/// Why a text is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathError(&'static str);

impl Path {
    /// Reads a path.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        let mut keys = vec![String::new()];
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let key = keys.last_mut().expect("there is always a key being read");
            match character {
                '.' if key.is_empty() => break,
                '.' => keys.push(String::new()),
                '\\' => match characters.next() {
                    Some(escaped @ ('.' | '\\')) => key.push(escaped),
                    _ => return Err(PathError(r"a backslash may only stand before a dot or another backslash")),
                },
                other => key.push(other),
            }
        }
        if keys.iter().any(String::is_empty) {
            return Err(PathError("a key between the dots is empty; write it like `customer.email`"));
        }
        Ok(Path { keys })
    }

    /// The keys, outermost first; there is at least one.
    pub(crate) fn keys(&self) -> &[String] {
        &self.keys
    }
}

impl std::fmt::Display for PathError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for PathError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_part_keys_and_a_backslash_keeps_them() {
        assert_eq!(Path::parse("customer.email").expect("a path").keys(), ["customer", "email"]);
        assert_eq!(Path::parse(r"a\.b.c\\d").expect("a path").keys(), ["a.b", r"c\d"]);
    }

    #[test]
    fn what_names_no_key_is_refused() {
        for text in ["", ".", "a.", ".a", "a..b", r"a\b", r"a\"] {
            assert!(Path::parse(text).is_err(), "{text:?} names no key");
        }
    }
}
