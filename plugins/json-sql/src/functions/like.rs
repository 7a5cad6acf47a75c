//! `LIKE` and `SIMILAR TO`.

use std::fmt::Write;

use crate::Failure;

/// Whether a text fits a pattern in which `%` stands for any text and `_` for any character.
pub(crate) fn like(text: &str, pattern: &str, escape: Option<char>, ignore_case: bool) -> Result<bool, Failure> {
    if ignore_case {
        return like(&text.to_lowercase(), &pattern.to_lowercase(), escape, false);
    }
    let (mut text, mut pattern) = (text.chars(), pattern.chars());
    // Where to go on if what follows the last `%` does not fit: behind it, one character later.
    let mut last = None;
    loop {
        let mut rest = pattern.clone();
        match rest.next() {
            Some(character) if Some(character) == escape => {
                let Some(wanted) = rest.next() else {
                    return if text.as_str().is_empty() && last.is_none() {
                        Ok(false)
                    } else {
                        Err("LIKE pattern must not end with escape character".into())
                    };
                };
                if text.clone().next() == Some(wanted) {
                    text.next();
                    pattern = rest;
                    continue;
                }
            }
            Some('%') => {
                pattern = rest;
                if pattern.as_str().is_empty() {
                    return Ok(true);
                }
                last = Some((text.clone(), pattern.clone()));
                continue;
            }
            Some('_') if text.next().is_some() => {
                pattern = rest;
                continue;
            }
            Some('_') => {}
            Some(wanted) if text.clone().next() == Some(wanted) => {
                text.next();
                pattern = rest;
                continue;
            }
            Some(_) => {}
            None if text.as_str().is_empty() => return Ok(true),
            None => {}
        }
        let Some((from, behind)) = last.take() else { return Ok(false) };
        let mut from = from;
        if from.next().is_none() {
            return Ok(false);
        }
        (text, pattern) = (from.clone(), behind.clone());
        last = Some((from, behind));
    }
}

/// The regular expression of a pattern for `SIMILAR TO`.
pub(crate) fn similar(pattern: &str, escape: Option<char>) -> Result<String, Failure> {
    let mut out = String::from("^(?:");
    let mut characters = pattern.chars();
    let mut is_class = false;
    while let Some(character) = characters.next() {
        match character {
            _ if Some(character) == escape => match characters.next() {
                Some(literal) if literal.is_alphanumeric() => out.push(literal),
                Some(literal) => {
                    let _ = write!(out, "\\{literal}");
                }
                None => return Err("the pattern ends with its escape character".into()),
            },
            '[' => {
                is_class = true;
                out.push('[');
            }
            ']' => {
                is_class = false;
                out.push(']');
            }
            _ if is_class => out.push(character),
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '(' => out.push_str("(?:"),
            '.' | '^' | '$' | '\\' => {
                let _ = write!(out, "\\{character}");
            }
            other => out.push(other),
        }
    }
    out.push_str(")$");
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_postgresql() {
        let fits = |text, pattern| like(text, pattern, Some('\\'), false).expect("the pattern is right");
        for (text, pattern) in
            [("", ""), ("", "%"), ("abc", "a%c"), ("aXbXc", "%X_"), ("é", "_"), ("a%", r"a\%"), ("abab", "%ab")]
        {
            assert!(fits(text, pattern), "{text} {pattern}");
        }
        for (text, pattern) in [("a", ""), ("", "_"), ("abc", "a%b"), ("ab", r"a\%"), ("aab", "a_")] {
            assert!(!fits(text, pattern), "{text} {pattern}");
        }
        assert!(like("a", "a\\", Some('\\'), false).is_ok_and(|fits| !fits));
        assert!(like("ÀB", "àb", Some('\\'), true).is_ok_and(|fits| fits));
    }

    #[test]
    fn many_wildcards_take_no_longer_than_the_product() {
        let text = "a".repeat(20_000);
        assert!(like(&text, &("%a".repeat(50) + "%b"), None, false).is_ok_and(|fits| !fits));
    }
}
