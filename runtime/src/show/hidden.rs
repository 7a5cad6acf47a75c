//! Texts that must not appear in what is shown.

use super::MASKED;

/// A word of this many characters is hidden wherever a hidden text contains it; a shorter one where it is a word of its
/// own there.
const WORD: usize = 3;

/// The most texts that are looked for by themselves; what they stand in is looked for in any case.
const MOST_TEXTS: usize = 1000;

/// What is hidden of a record and of whatever came of it.
#[derive(Clone, Debug, Default)]
pub struct Hidden {
    // In lower case.
    texts: Vec<String>,
    bytes: Vec<Vec<u8>>,
}

impl Hidden {
    /// Returns whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.bytes.is_empty()
    }

    /// Adds bytes as they are.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.add_text(text),
            Err(_) => self.add_text(&String::from_utf8_lossy(bytes)),
        }
        if !bytes.is_empty() && !self.bytes.iter().any(|known| known == bytes) {
            self.bytes.push(bytes.to_vec());
        }
    }

    /// Adds a JSON value by its text: as it is written, and what its strings say.
    pub fn add_json(&mut self, json: &str) {
        self.add_bytes(json.trim_matches('"').as_bytes());
        if let Ok(value) = serde_json::from_str::<serde_json::Value>(json) {
            self.add_strings(&value);
        }
    }

    fn add_strings(&mut self, value: &serde_json::Value) {
        if self.texts.len() > MOST_TEXTS {
            return;
        }
        match value {
            serde_json::Value::String(text) => self.add_bytes(text.as_bytes()),
            serde_json::Value::Array(items) => items.iter().for_each(|item| self.add_strings(item)),
            serde_json::Value::Object(fields) => fields.values().for_each(|value| self.add_strings(value)),
            serde_json::Value::Number(number) => self.add_text(&number.to_string()),
            serde_json::Value::Bool(_) | serde_json::Value::Null => {}
        }
    }

    fn add_text(&mut self, text: &str) {
        let text = text.trim().to_lowercase();
        // Literals of JSON say nothing by themselves, and are words of many a sentence.
        let is_word_of_json = matches!(text.as_str(), "" | "null" | "true" | "false" | "{}" | "[]");
        if !is_word_of_json && !self.texts.contains(&text) {
            self.texts.push(text);
        }
    }

    /// Returns whether bytes contain something that is hidden.
    pub fn is_in_bytes(&self, bytes: &[u8]) -> bool {
        self.bytes.iter().any(|hidden| bytes.windows(hidden.len()).any(|part| part == hidden))
    }

    /// Returns whether a text is one of those that are hidden, or has one in it.
    pub fn is_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.long().any(|hidden| text.contains(hidden))
    }

    /// Returns the hidden texts that can be told from what happens to be the same.
    fn long(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(String::as_str).filter(|hidden| hidden.chars().count() >= WORD)
    }

    /// Returns the text of a field with every hidden text in it masked.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        self.long().fold(text.to_owned(), |shown, hidden| replace_ignoring_case(&shown, hidden))
    }

    /// Returns words about a record, such as the reason of a failure, with everything masked that is hidden: each word
    /// that a hidden text contains, whatever stands around it there, so that a part that is quoted, or cut off, is
    /// found too.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        if self.texts.is_empty() {
            return text.to_owned();
        }
        let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(start) = rest.find(char::is_alphanumeric) {
            let end = rest[start..].find(|c: char| !c.is_alphanumeric()).map_or(rest.len(), |end| start + end);
            shown.push_str(&rest[..start]);
            shown.push_str(if self.has_word(&rest[start..end]) { MASKED } else { &rest[start..end] });
            rest = &rest[end..];
        }
        shown.push_str(rest);
        // Hidden texts may have no word at all, or one that is part of a longer word here.
        self.mask(&shown)
    }

    fn has_word(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        let is_short = word.chars().count() < WORD;
        self.texts.iter().any(|hidden| {
            if is_short {
                hidden.split(|c: char| !c.is_alphanumeric()).any(|own| own == word)
            } else {
                hidden.contains(&word)
            }
        })
    }
}

/// Masks each place of a text that is the same as `hidden`, which is in lower case, but for the case of letters.
fn replace_ignoring_case(text: &str, hidden: &str) -> String {
    if text.len() < hidden.len() / 3 || !text.to_lowercase().contains(hidden) {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    while let Some(&c) = characters.get(at) {
        match match_at(&characters[at..], hidden) {
            0 => {
                out.push(c);
                at += 1;
            }
            length => {
                out.push_str(MASKED);
                at += length;
            }
        }
    }
    out
}

/// How many characters from here on are the hidden text; 0: they are not.
fn match_at(text: &[char], hidden: &str) -> usize {
    let mut wanted = hidden.chars().peekable();
    for (count, c) in text.iter().enumerate() {
        if wanted.peek().is_none() {
            return count;
        }
        for lower in c.to_lowercase() {
            if wanted.next() != Some(lower) {
                return 0;
            }
        }
    }
    if wanted.peek().is_none() { text.len() } else { 0 }
}
