//! The plugins' JSON scanner, held against serde_json.

use fastrand::Rng;
use json_scan::{Invalid, Path, Paths, each, find, validate};
use serde::de::IgnoredAny;

use super::records::damaged;
use crate::target::{Kind, Memory, Seen, Target};

pub const KIND: Kind = Kind {
    name: "json",
    about: "the JSON scanner of the plugins",
    // It builds nothing; serde_json keeps what it unescapes, and a number's digits.
    memory: Memory { fixed: 16 << 10, per_byte: 4 },
    open: || {
        let path = |text| Path::parse(text).expect("the path is right");
        Box::new(Json { one: path("a.b"), all: Paths::new(["a.b", "a", "b.c", "é"].map(path)) })
    },
};

const LINES: [&str; 8] = [
    r#"{"a": {"b": "x", "c": [1, 2.5, -3e7]}, "b": [{"c": null}, {"c": true}], "é": "\u00e9"}"#,
    r#"{"a": [{"b": 1}, {"b": {"b": [2, [3]]}}], "a": {"b": false, "b": 7}}"#,
    r#"[0, -1, 1.0, 1e5, 1E-5, -0.5e+10, 12345678901234567890]"#,
    r#""\"\\\/\b\f\n\r\t\ud834\udd1e\ud800""#,
    r#"  {"\u0061": {"b" : "escaped keys"}}  "#,
    r#"[[[[[[[[{"a":{"b":[]}}]]]]]]]]"#,
    "true",
    "",
];
const TOKENS: [&str; 32] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u",
    "\\ud800",
    "\\u0000",
    "null",
    "true",
    "false",
    "0",
    "-",
    "1e400",
    "-0.0",
    "01",
    "1.",
    ".5",
    "\"a\":",
    "\"b\":",
    "{\"a\":{\"b\":",
    "é",
    "\u{feff}",
    "\0",
    "\n",
    "\t",
    " ",
    "\u{7f}",
    "\u{1f}",
];
/// Nesting at which readers may differ.
const DEEP: usize = 100;

struct Json {
    one: Path,
    all: Paths,
}

impl Target for Json {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        damaged(rng, &LINES, &TOKENS, input);
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        let judged = validate(input);
        let found = find(input, &self.one);
        if let Ok(Some(value)) = &found {
            assert_eq!(validate(value.raw().as_bytes()), Ok(()));
        }
        let mut visited = 0;
        let all = each(input, &self.all, |value| {
            visited += value.raw().len();
        });
        assert!(visited <= input.len(), "what is visited never overlaps");
        let same = |other: Result<(), Invalid>| assert_eq!(other, judged, "every function judges alike");
        same(found.map(|_| ()));
        same(all);
        // serde_json does not look at the UTF-8 of what it skips.
        let theirs = std::str::from_utf8(input).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        let nested = input.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
        if nested < DEEP {
            assert_eq!(judged.is_ok(), theirs, "it accepts what serde_json accepts");
        }
        match judged {
            Ok(()) => Seen::Accepted,
            Err(invalid) => {
                assert!(invalid.at() <= input.len());
                Seen::Refused
            }
        }
    }
}
