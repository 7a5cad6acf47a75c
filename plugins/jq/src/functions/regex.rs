//! Regular expressions.

use std::collections::HashMap;
use std::rc::Rc;

use fancy_regex::{Captures, RegexBuilder};

use super::pattern::{End, translate};

/// How many regular expressions are kept that a program has made from values.
const KEPT: usize = 64;

/// How many steps one search may take.
const STEPS: usize = 1_000_000;

/// How a regular expression is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Flags {
    pub global: bool,
    ignore_case: bool,
    extended: bool,
    dot_all: bool,
    not_empty: bool,
    longest: bool,
}

impl Flags {
    pub fn parse(text: &str, global: bool) -> Result<Flags, String> {
        let mut flags = Flags { global, ..Flags::default() };
        for flag in text.chars() {
            match flag {
                'g' => flags.global = true,
                'i' => flags.ignore_case = true,
                'x' => flags.extended = true,
                's' => {} // Oniguruma's single-line mode, which is on in Perl's syntax
                'p' => flags.dot_all = true,
                'n' => flags.not_empty = true,
                'l' => flags.longest = true,
                _ => return Err(format!("{text} is not a valid modifier string")),
            }
        }
        Ok(flags)
    }
}

/// A compiled regular expression.
#[derive(Debug)]
pub(crate) struct Regex {
    pub flags: Flags,
    /// For texts that do not end with a line feed.
    plain: fancy_regex::Regex,
    /// For those that do, where that makes a difference.
    before_line_feed: Option<fancy_regex::Regex>,
    /// The names of the groups, the whole match not among them.
    pub names: Vec<Option<String>>,
}

/// A match: where it is in the text, and where each group is.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub start: usize,
    pub end: usize,
    pub groups: Vec<Option<(usize, usize)>>,
}

impl Regex {
    pub fn new(pattern: &str, flags: Flags) -> Result<Regex, String> {
        let build = |end| {
            let mut translated = translate(pattern, flags.extended, end);
            if flags.longest || flags.not_empty {
                translated = format!("(?:{translated})");
            }
            RegexBuilder::new(&translated)
                .case_insensitive(flags.ignore_case)
                .verbose_mode(flags.extended)
                .dot_matches_new_line(flags.dot_all)
                .backtrack_limit(STEPS)
                .build()
                .map_err(|error| format!("{pattern} (at offset 0) is not a valid regex: {error}"))
        };
        let plain = build(End::Plain)?;
        let before_line_feed = if pattern.contains('$') { Some(build(End::BeforeLineFeed)?) } else { None };
        let names = plain.capture_names().skip(1).map(|name| name.map(str::to_owned)).collect();
        Ok(Regex { flags, plain, before_line_feed, names })
    }

    fn of(&self, text: &str) -> &fancy_regex::Regex {
        match &self.before_line_feed {
            Some(regex) if text.ends_with('\n') => regex,
            _ => &self.plain,
        }
    }

    /// Whether there is a match.
    pub fn is_match(&self, text: &str) -> Result<bool, String> {
        if self.flags.not_empty {
            return Ok(self.next(text, 0)?.is_some());
        }
        self.of(text).is_match(text).map_err(|error| error.to_string())
    }

    /// Hands the first match to `take`, or all of them.
    pub fn each(&self, text: &str, mut take: impl FnMut(Found) -> Result<(), String>) -> Result<(), String> {
        let mut from = 0;
        while let Some(found) = self.next(text, from)? {
            let end = found.end;
            from = if found.start == end { after(text, end) } else { end };
            take(found)?;
            if !self.flags.global || from > text.len() {
                break;
            }
        }
        Ok(())
    }

    /// The first match from a place on.
    fn next(&self, text: &str, from: usize) -> Result<Option<Found>, String> {
        let mut from = from;
        while from <= text.len() {
            let captures = self.of(text).captures_from_pos(text, from).map_err(|error| error.to_string())?;
            let Some(captures) = captures else { return Ok(None) };
            let mut found = Found::of(&captures);
            if self.flags.longest {
                self.lengthen(text, &mut found)?;
            }
            if !self.flags.not_empty || found.start < found.end {
                return Ok(Some(found));
            }
            // An empty match does not count: there may be a longer one at the same place.
            self.lengthen(text, &mut found)?;
            if found.start < found.end {
                return Ok(Some(found));
            }
            from = after(text, found.start);
        }
        Ok(None)
    }

    /// The longest match from the start of another on.
    fn lengthen(&self, text: &str, found: &mut Found) -> Result<(), String> {
        let mut end = text.len();
        while end > found.end {
            if text.is_char_boundary(end) {
                let captures = self.of(text).captures_from_pos(&text[..end], found.start);
                if let Some(captures) = captures.map_err(|error| error.to_string())? {
                    let other = Found::of(&captures);
                    if other.start == found.start && other.end > found.end {
                        *found = other;
                    }
                }
                if let Some(longer) = self.ending(text, found.start, end)? {
                    *found = longer;
                    return Ok(());
                }
            }
            end -= 1;
        }
        Ok(())
    }

    /// The match between two places, if the pattern matches all that is between them.
    fn ending(&self, text: &str, start: usize, end: usize) -> Result<Option<Found>, String> {
        let whole = format!("\\A(?:{})\\z", self.of(text).as_str());
        let regex = RegexBuilder::new(&whole)
            .case_insensitive(self.flags.ignore_case)
            .verbose_mode(self.flags.extended)
            .dot_matches_new_line(self.flags.dot_all)
            .build()
            .map_err(|error| error.to_string())?;
        let captures = regex.captures(&text[start..end]).map_err(|error| error.to_string())?;
        Ok(captures.map(|captures| Found::of(&captures).shifted(start)))
    }
}

impl Found {
    fn of(captures: &Captures<'_>) -> Found {
        let span = |at: usize| captures.get(at).map(|group| (group.start(), group.end()));
        let (start, end) = span(0).unwrap_or_default();
        Found { start, end, groups: (1..captures.len()).map(span).collect() }
    }

    fn shifted(mut self, by: usize) -> Found {
        (self.start, self.end) = (self.start + by, self.end + by);
        for group in self.groups.iter_mut().flatten() {
            *group = (group.0 + by, group.1 + by);
        }
        self
    }
}

/// The place after the next character, or past the end.
fn after(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(1, char::len_utf8)
}

/// The regular expressions that a program has made from values.
#[derive(Default)]
pub(crate) struct Cache(HashMap<(String, Flags), Rc<Regex>>);

impl Cache {
    pub fn get(&mut self, pattern: &str, flags: Flags) -> Result<Rc<Regex>, String> {
        let key = (pattern.to_owned(), flags);
        if let Some(regex) = self.0.get(&key) {
            return Ok(regex.clone());
        }
        let regex = Rc::new(Regex::new(pattern, flags)?);
        if self.0.len() == KEPT {
            self.0.clear();
        }
        self.0.insert(key, regex.clone());
        Ok(regex)
    }
}
