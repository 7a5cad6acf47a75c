//! Record samples: lines of JSON, as `sluice dev` reads them.

use fastrand::Rng;
use sluicebox::record_text::DevRecord;

use crate::change;
use crate::target::{Kind, Memory, Seen, Target};

pub const KIND: Kind = Kind {
    name: "records",
    about: "record samples, as lines of JSON",
    // A JSON value is a word or two for each byte of `[0,0,…]`, then a tree becomes text again.
    memory: Memory { fixed: 64 << 10, per_byte: 400 },
    open: || Box::new(Records),
};

const LINES: [&str; 9] = [
    r#"{"key": "o-1000", "value": "{\"order_id\": \"o-1000\"}", "headers": [["source", "shop"]], "timestamp": 1767225600000}"#,
    r#"{"key_base64": "/w==", "value_base64": "AAEC", "headers": [["a", null], [{"base64": "/w=="}, {"base64": ""}]]}"#,
    r#"{"value": {"order": {"lines": [1, 2.5, -3e7, true, null, "é\u00e9\ud834\udd1e"]}}, "timestamp": null}"#,
    r#"{"topic": "orders", "key": null, "value": null, "headers": [], "timestamp": -1}"#,
    r#"{"value": [[[[[[]]]]]]}"#,
    r#"{"value": 7}"#,
    r#"{}"#,
    r#"[1]"#,
    "",
];
const TOKENS: [&str; 40] = [
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
    "9223372036854775808",
    "1.5",
    "\"key\"",
    "\"key_base64\":",
    "\"value\":",
    "\"value_base64\":",
    "\"headers\":",
    "\"timestamp\":",
    "\"topic\":",
    "\"base64\":",
    "{\"base64\":\"/w==\"}",
    "[\"a\",null]",
    "/w==",
    "=",
    "====",
    "A",
    "é",
    "\u{feff}",
    "\0",
    "\n",
    " ",
    "\"$serde_json::private::Number\"",
];

struct Records;

/// One of `lines`, sometimes within thousands of brackets, then damaged.
pub fn damaged(rng: &mut Rng, lines: &[&str], tokens: &[&str], input: &mut Vec<u8>) {
    input.extend_from_slice(change::token(rng, lines).as_bytes());
    if rng.u16(0..1000) == 0 {
        let depth = rng.usize(0..2000);
        let at = rng.usize(0..=input.len());
        input.splice(at..at, ["[", "{\"a\":", "[[", "\""][rng.usize(0..4)].repeat(depth).bytes());
        input.extend_from_slice(["]", "}", "]}", "\""][rng.usize(0..4)].repeat(depth).as_bytes());
    }
    for _ in 0..[0, 1, 1, 1, 2, 3, 6][rng.usize(0..7)] {
        let other = change::token(rng, lines);
        change::bytes(rng, input, tokens, other.as_bytes());
    }
}

impl Target for Records {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        damaged(rng, &LINES, &TOKENS, input);
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        match DevRecord::from_json(input) {
            Ok(record) => {
                let again = DevRecord::from_json(record.to_json().to_string().as_bytes());
                assert_eq!(again.as_ref(), Ok(&record), "what is written is read as it was");
                Seen::Accepted
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                Seen::Refused
            }
        }
    }
}
