//! Masks fields of a JSON text and leaves every other byte as it is written. A name that comes twice is masked twice.

use std::ops::Range;

use super::{Hidden, MASKED};
use crate::config::plan::MaskPath;

/// Calls `each` with the place of every value that a path leads to. `text` is valid JSON.
pub(super) fn each_masked(text: &str, paths: &[&MaskPath], each: &mut dyn FnMut(Range<usize>)) {
    let mut walk = Walk { text, at: 0 };
    walk.value(&all(paths), &mut |span, kind| {
        if kind == Found::Masked {
            each(span);
        }
    });
}

/// Returns the text with these fields masked, and whatever else has a hidden text in it. `text` is valid JSON.
pub(super) fn mask(text: &str, paths: &[&MaskPath], hidden: &Hidden) -> String {
    let (mut out, mut copied) = (String::with_capacity(text.len()), 0);
    let mut walk = Walk { text, at: 0 };
    walk.value(&all(paths), &mut |span, kind| {
        let own = &text[span.clone()];
        let is_hidden = match kind {
            Found::Masked => own != "null",
            Found::Text => serde_json::from_str::<String>(own).is_ok_and(|text| hidden.is_in(&text)),
            Found::Number => hidden.is_in(own),
        };
        if is_hidden {
            out.push_str(&text[copied..span.start]);
            out.extend(['"'].into_iter().chain(MASKED.chars()).chain(['"']));
            copied = span.end;
        }
    });
    out.push_str(&text[copied..]);
    out
}

/// What was found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// What a path leads to.
    Masked,
    /// A string, or the name of a field, that no path leads to.
    Text,
    /// A number that no path leads to.
    Number,
}

/// A path, and how many of its keys have been passed.
type Open<'p> = (&'p [String], usize);

fn all<'p>(paths: &[&'p MaskPath]) -> Vec<Open<'p>> {
    paths.iter().map(|path| (path.keys.as_slice(), 0)).collect()
}

struct Walk<'t> {
    text: &'t str,
    at: usize,
}

impl Walk<'_> {
    fn next(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(b' ')
    }

    fn blank(&mut self) {
        while self.at < self.text.len() && self.next().is_ascii_whitespace() {
            self.at += 1;
        }
    }

    /// Passes a value. `open` are the paths that have led here.
    fn value(&mut self, open: &[Open<'_>], found: &mut dyn FnMut(Range<usize>, Found)) {
        self.blank();
        let start = self.at;
        if open.iter().any(|(keys, passed)| *passed == keys.len()) {
            self.value(&[], &mut |_, _| {});
            return found(start..self.at, Found::Masked);
        }
        match self.next() {
            b'{' => self.object(open, found),
            b'[' => self.list(b']', |walk| walk.value(open, found)),
            b'"' => {
                self.string();
                // A path leads further, and there is nothing to follow it in: it may be in the text.
                found(start..self.at, if open.is_empty() { Found::Text } else { Found::Masked });
            }
            _ => {
                let length = self.text[start..].find([',', ']', '}', ' ', '\n', '\r', '\t']);
                self.at = length.map_or(self.text.len(), |length| start + length);
                if self.text[start..].starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
                    found(start..self.at, if open.is_empty() { Found::Number } else { Found::Masked });
                }
            }
        }
    }

    fn object(&mut self, open: &[Open<'_>], found: &mut dyn FnMut(Range<usize>, Found)) {
        self.list(b'}', |walk| {
            walk.blank();
            let start = walk.at;
            walk.string();
            let name = &walk.text[start..walk.at];
            found(start..walk.at, Found::Text);
            let name: String = serde_json::from_str(name).unwrap_or_default();
            let leads = |(keys, passed): &Open<'_>| keys.get(*passed).is_some_and(|key| *key == name);
            let inner: Vec<Open<'_>> =
                open.iter().filter(|path| leads(path)).map(|(keys, passed)| (*keys, passed + 1)).collect();
            walk.blank();
            // The colon.
            walk.at += 1;
            walk.value(&inner, found);
        });
    }

    /// Passes what stands between two brackets, item by item.
    fn list(&mut self, end: u8, mut item: impl FnMut(&mut Self)) {
        self.at += 1;
        loop {
            self.blank();
            if self.at >= self.text.len() || self.next() == end {
                self.at += 1;
                return;
            }
            if self.next() == b',' {
                self.at += 1;
                continue;
            }
            item(self);
        }
    }

    fn string(&mut self) {
        self.at += 1;
        while self.at < self.text.len() && self.next() != b'"' {
            self.at += if self.next() == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
    }
}
