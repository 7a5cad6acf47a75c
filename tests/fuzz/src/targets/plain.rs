//! Formats without schemas: CSV and MessagePack, both ways.

use fastrand::Rng;
use sluicebox::codec::{csv, msgpack};

use super::records::damaged;
use crate::change;
use crate::target::{Kind, Memory, Seen, Target};

pub const CSV: Kind = Kind {
    name: "csv",
    about: "CSV, and JSON text that is to become CSV",
    // A field of one byte is two texts and their entry in a map.
    memory: Memory { fixed: 64 << 10, per_byte: 400 },
    open: || Box::new(Csv),
};

pub const MSGPACK_DECODE: Kind = Kind {
    name: "msgpack-decode",
    about: "MessagePack",
    memory: Memory { fixed: 64 << 10, per_byte: 400 },
    open: || Box::new(MsgpackDecode),
};

pub const MSGPACK_ENCODE: Kind = Kind {
    name: "msgpack-encode",
    about: "JSON text that is to become MessagePack",
    memory: Memory { fixed: 64 << 10, per_byte: 400 },
    open: || Box::new(MsgpackEncode),
};

const TEXTS: [&str; 6] = [
    r#"{"a":1,"b":"x\né","c":null,"d":true,"e":{"f":[1,2.5,-3e7]}}"#,
    r#"{"a":"","b":"\"quoted\"","c":"1,2"}"#,
    r#"[18446744073709551615,-9223372036854775808,0.1,"é😀",[],{}]"#,
    r#"{"a":{"b":{"c":{"d":[[[[null]]]]}}}}"#,
    "7",
    "{}",
];
const TOKENS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\ud800",
    "null",
    "1e400",
    "-0.0",
    "9223372036854775808",
    "\"a\":",
    "é",
    "\u{feff}",
    "\0",
    " ",
    "\n",
    "\r\n",
    "\"\"",
    "a,b\n",
    "\"$serde_json::private::Number\"",
    "99999999999999999999",
];
const LINES: [&str; 5] = ["a,b,c\n1,x,y", "1,\"x \"\"y\"\", z\",3", "\"\",\r\n", "a,b\r\n\"1\r\n2\",é", "1"];
/// Heads of lists, maps, texts and extensions, with lengths at which readers tend to err.
const PIECES: [&[u8]; 12] = [
    &[0xdd, 0xff, 0xff, 0xff, 0xff],
    &[0xdf, 0xff, 0xff, 0xff, 0xff],
    &[0xdb, 0x7f, 0xff, 0xff, 0xff],
    &[0xdc, 0xff, 0xff],
    &[0xc9, 0, 0, 0, 12, 0xff],
    &[0xc7, 12, 0xff],
    &[0xd7, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0xca, 0x7f, 0xc0, 0, 0],
    &[0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x91],
    &[0x81, 0xa1, b'a'],
    &[0xc0],
];

struct Csv;

impl Target for Csv {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        let whole: &[&str] = if rng.bool() { &LINES } else { &TEXTS };
        damaged(rng, whole, &TOKENS, input);
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        let columns = ["a", "b", "c"].map(str::to_owned);
        let mut seen = Seen::Refused;
        for columns in [None, Some(&columns[..])] {
            let (mut json, mut line, mut again) = (Vec::new(), Vec::new(), Vec::new());
            if csv::decode(columns, input, &mut json).is_ok() {
                csv::encode(columns, &json, &mut line).expect("what is decoded is encoded");
                csv::decode(columns, &line, &mut again).expect("what is encoded is decoded");
                assert!(again == json, "what is decoded, encoded and decoded is the same");
                seen = Seen::Accepted;
            }
            line.clear();
            // A record without fields is no record.
            if csv::encode(columns, input, &mut line).is_ok() {
                seen = Seen::Accepted;
            }
        }
        seen
    }
}

struct MsgpackDecode;

impl Target for MsgpackDecode {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        msgpack::encode(change::token(rng, &TEXTS).as_bytes(), input).expect("it fits");
        if rng.u16(0..1000) == 0 {
            let depth = rng.usize(0..2000);
            let head = PIECES[9 + rng.usize(0..2)].repeat(depth);
            let at = rng.usize(0..=input.len());
            input.splice(at..at, head);
        }
        for _ in 0..[0, 1, 1, 1, 2, 3, 6][rng.usize(0..7)] {
            if rng.u8(0..4) == 0 {
                let at = rng.usize(0..=input.len());
                input.splice(at..at, PIECES[rng.usize(0..PIECES.len())].iter().copied());
            } else {
                let other = PIECES[rng.usize(0..PIECES.len())];
                change::bytes(rng, input, &["\u{1}", "\0", "a"], other);
            }
        }
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        let (mut json, mut data, mut again) = (Vec::new(), Vec::new(), Vec::new());
        if msgpack::decode(input, &mut json).is_err() {
            return Seen::Refused;
        }
        assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&json).is_ok(), "it is JSON");
        // A name that is there twice is kept once.
        if msgpack::encode(&json, &mut data).is_ok() {
            msgpack::decode(&data, &mut again).expect("what is encoded is decoded");
        }
        Seen::Accepted
    }
}

struct MsgpackEncode;

impl Target for MsgpackEncode {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        damaged(rng, &TEXTS, &TOKENS, input);
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        let (mut data, mut json, mut again) = (Vec::new(), Vec::new(), Vec::new());
        if msgpack::encode(input, &mut data).is_err() {
            return Seen::Refused;
        }
        msgpack::decode(&data, &mut json).expect("what is encoded is decoded");
        msgpack::encode(&json, &mut again).expect("what is decoded is encoded");
        assert!(again == data, "what is encoded, decoded and encoded is the same");
        Seen::Accepted
    }
}
