//! A JSON text as a flat list of its values.

use crate::step;
use crate::utf8;
use crate::{Kind, MAX_DEPTH, fingerprint};

/// Objects with more fields are rare, and finding a field takes a step for each.
const MAX_FIELDS: u32 = 500;

/// The values of a text, each before those in it. Keeps its memory from one text to the next.
#[derive(Debug, Default)]
pub struct Document {
    nodes: Vec<Node>,
    /// The objects and arrays around the one that is being read.
    around: Vec<Level>,
}

/// A value in a text.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Whether it is written as [`escape`](crate::escape) and a writer without white space write it.
    pub tidy: bool,
    /// Whether it is a string with an escape in it.
    pub escaped: bool,
    /// Where it lies in the text.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
    /// Of a field: where its key lies, without the quotes. The key has no escapes.
    pub key_start: u32,
    /// Of a field: where its key ends.
    pub key_end: u32,
    /// Of a field: the [`fingerprint`] of its key, which no other key of the object has.
    pub fingerprint: u64,
    /// The node after it and all that is in it.
    pub next: u32,
}

/// An object or array that is being read.
#[derive(Clone, Copy, Debug)]
struct Level {
    node: usize,
    close: u8,
    /// How much in the text before it was not tidy.
    untidy: usize,
    /// One bit for each fingerprint of its keys: most keys are new at first sight.
    seen: u64,
    count: u32,
}

/// A position in a text, and how much before it is not tidy.
#[derive(Clone, Copy)]
struct Cursor<'j> {
    bytes: &'j [u8],
    at: usize,
    untidy: usize,
}

impl Document {
    /// Reads a text in place of the one before. None where it is not JSON, and where it is not certain that the keys
    /// of each object differ: where two have the same fingerprint, where one has an escape in it, and where there are
    /// more than 500.
    pub fn read<'j>(&mut self, json: &'j [u8]) -> Option<&'j str> {
        u32::try_from(json.len()).ok()?;
        let text = utf8::text(json).ok()?;
        self.nodes.clear();
        self.around.clear();
        let mut cursor = Cursor { bytes: json, at: step::space(json, 0), untidy: 0 };
        let mut level = Level { node: 0, close: 0, untidy: 0, seen: 0, count: 0 };
        let (mut key, mut key_fingerprint) = ((0, 0), 0);
        loop {
            let first = *json.get(cursor.at)?;
            let node = self.push(first, cursor.at, key, key_fingerprint);
            match first {
                b'"' => self.read_string(node, &mut cursor)?,
                b'{' | b'[' => {
                    if self.around.len() == MAX_DEPTH as usize {
                        return None;
                    }
                    self.around.push(level);
                    level = Level { node, close: first + 2, untidy: cursor.untidy, seen: 0, count: 0 };
                    cursor.at += 1;
                    cursor.space();
                    if *json.get(cursor.at)? != level.close {
                        if first == b'{' {
                            (key, key_fingerprint) = self.read_key(&mut level, &mut cursor)?;
                        }
                        continue;
                    }
                    cursor.at += 1;
                    level = self.close(level, &cursor)?;
                }
                _ => self.read_bare(node, &mut cursor)?,
            }
            while level.close != 0 {
                cursor.space();
                let byte = *json.get(cursor.at)?;
                cursor.at += 1;
                if byte == b',' {
                    cursor.space();
                    if level.close == b'}' {
                        (key, key_fingerprint) = self.read_key(&mut level, &mut cursor)?;
                    }
                    break;
                }
                if byte != level.close {
                    return None;
                }
                level = self.close(level, &cursor)?;
            }
            if level.close == 0 {
                return (step::space(json, cursor.at) == json.len()).then_some(text);
            }
        }
    }

    #[inline]
    fn push(&mut self, first: u8, at: usize, (key_start, key_end): (u32, u32), fingerprint: u64) -> usize {
        let kind = match first {
            b'"' => Kind::String,
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b't' | b'f' => Kind::Bool,
            b'n' => Kind::Null,
            _ => Kind::Number,
        };
        let start = at as u32;
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node {
            kind,
            tidy: true,
            escaped: false,
            start,
            end: 0,
            key_start,
            key_end,
            fingerprint,
            next,
        });
        self.nodes.len() - 1
    }

    #[inline]
    fn read_string(&mut self, node: usize, cursor: &mut Cursor<'_>) -> Option<()> {
        let start = cursor.at;
        let (end, escaped) = step::string(cursor.bytes, start).ok()?;
        cursor.at = end;
        let node = &mut self.nodes[node];
        node.end = end as u32;
        if escaped {
            node.escaped = true;
            node.tidy = step::is_tidy(&cursor.bytes[start + 1..end - 1]);
            cursor.untidy += usize::from(!node.tidy);
        }
        Some(())
    }

    #[inline]
    fn read_bare(&mut self, node: usize, cursor: &mut Cursor<'_>) -> Option<()> {
        let start = cursor.at;
        let end = step::bare(cursor.bytes, start).ok()?;
        cursor.at = end;
        let node = &mut self.nodes[node];
        node.end = end as u32;
        if cursor.bytes[start] == b'-' && &cursor.bytes[start..end] == b"-0" {
            node.tidy = false;
            cursor.untidy += 1;
        }
        Some(())
    }

    /// Reads a key and its colon, up to the value: where it lies, and its fingerprint.
    #[inline]
    fn read_key(&mut self, level: &mut Level, cursor: &mut Cursor<'_>) -> Option<((u32, u32), u64)> {
        let bytes = cursor.bytes;
        if *bytes.get(cursor.at)? != b'"' {
            return None;
        }
        let start = cursor.at + 1;
        let end = step::plain_until(bytes, start);
        if *bytes.get(end)? != b'"' {
            return None;
        }
        let fingerprint = fingerprint(&bytes[start..end]);
        let bit = 1 << (fingerprint >> 58);
        if level.count == MAX_FIELDS || level.seen & bit != 0 && self.has(level.node, fingerprint) {
            return None;
        }
        level.seen |= bit;
        level.count += 1;
        cursor.at = end + 1;
        cursor.space();
        if *bytes.get(cursor.at)? != b':' {
            return None;
        }
        cursor.at += 1;
        cursor.space();
        Some(((start as u32, end as u32), fingerprint))
    }

    /// Whether an object that is being read has a key with this fingerprint.
    #[cold]
    fn has(&self, object: usize, fingerprint: u64) -> bool {
        let mut at = object + 1;
        while let Some(node) = self.nodes.get(at) {
            if node.fingerprint == fingerprint {
                return true;
            }
            at = node.next as usize;
        }
        false
    }

    /// Finishes an object or array that ends before the cursor; the one around it.
    #[inline]
    fn close(&mut self, level: Level, cursor: &Cursor<'_>) -> Option<Level> {
        let next = self.nodes.len() as u32;
        let node = &mut self.nodes[level.node];
        node.end = cursor.at as u32;
        node.next = next;
        node.tidy = cursor.untidy == level.untidy;
        self.around.pop()
    }

    /// A value by its place; the whole text is the one at 0.
    #[inline]
    pub fn node(&self, at: u32) -> &Node {
        &self.nodes[at as usize]
    }

    /// The values directly in an array or object, with their places.
    #[inline]
    pub fn children(&self, of: u32) -> impl Iterator<Item = (u32, &Node)> {
        let (mut at, end) = (of + 1, self.node(of).next);
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let (here, node) = (at, self.node(at));
            at = node.next;
            Some((here, node))
        })
    }
}

impl Cursor<'_> {
    #[inline]
    fn space(&mut self) {
        let at = step::space(self.bytes, self.at);
        self.untidy += at - self.at;
        self.at = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> Option<Document> {
        let mut document = Document::default();
        document.read(json.as_bytes())?;
        Some(document)
    }

    fn is_tidy(json: &str) -> bool {
        read(json).expect("the text is JSON").node(0).tidy
    }

    #[test]
    fn values_are_found_with_their_keys() {
        let json = r#" { "a" : [1, {"b": 2}] , "c":"x" } "#;
        let document = read(json).expect("the text is JSON");
        let child = |(_, node): (u32, &Node)| {
            let of = |start: u32, end: u32| json[start as usize..end as usize].to_owned();
            (of(node.key_start, node.key_end), of(node.start, node.end))
        };
        let fields: Vec<_> = document.children(0).map(child).collect();
        let expected = [("a", r#"[1, {"b": 2}]"#), ("c", r#""x""#)];
        assert_eq!(fields, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(document.children(1).count(), 2);
        assert_eq!(document.children(2).count(), 0, "a scalar has nothing in it");
    }

    #[test]
    fn what_a_writer_writes_otherwise_is_not_tidy() {
        for json in ["{}", r#"{"a":[1,-1.50,"x\n\"\\",{}]}"#, r#"" \t\r""#, "-0.0", "1E5", " 1 "] {
            assert!(is_tidy(json), "{json}");
        }
        for json in ["{ }", "[1, 2]", r#"{"a" :1}"#, r#""\u00e9""#, r#""\/""#, r#"["\b"]"#, "-0", "[[-0]]"] {
            assert!(!is_tidy(json), "{json}");
        }
    }

    #[test]
    fn keys_that_may_be_the_same_are_refused() {
        for json in [r#"{"a":1,"a":2}"#, r#"[{"b":{"a":1,"c":{"a":3},"a":2}}]"#, r#"{"\u0061":1}"#] {
            assert!(read(json).is_none(), "{json}");
        }
        let wide = |count: u32| (0..count).map(|n| format!("\"{n}\":{n}")).collect::<Vec<_>>().join(",");
        assert!(read(&format!("{{{}}}", wide(500))).is_some());
        assert!(read(&format!("{{{}}}", wide(501))).is_none());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(128)).is_some());
        assert!(read(&nested(129)).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]

        #[test]
        fn nothing_is_read_that_is_not_json(json in "([\\[\\]{}:, ]|\"[ab]?\"|-?[01.e]{1,3}|true|null){0,9}") {
            prop_assert!(read(&json).is_none() || crate::validate(json.as_bytes()).is_ok(), "{}", json);
            prop_assert!(json.contains('"') || read(&json).is_some() == crate::validate(json.as_bytes()).is_ok());
        }
    }
}
