//! The Protobuf codec: damaged messages, and damaged JSON text, of a schema that has everything.

use fastrand::Rng;
use sluicebox::codec::protobuf::{MessageIndexes, Schema};

use super::records::damaged;
use crate::change;
use crate::target::{Kind, Memory, Seen, Target};

/// A message in a list takes two bytes, and as JSON text all of its fields' defaults.
const MEMORY: Memory = Memory { fixed: 256 << 10, per_byte: 2_000 };

pub const DECODE: Kind = Kind {
    name: "protobuf-decode",
    about: "Protobuf messages, with the indexes that Confluent's serializers write",
    memory: MEMORY,
    open: || Box::new(Decode(Codec::open())),
};

pub const ENCODE: Kind = Kind {
    name: "protobuf-encode",
    about: "JSON text that is to become a Protobuf message",
    memory: MEMORY,
    open: || Box::new(Encode(Codec::open())),
};

pub const SCHEMA: &str = r#"syntax = "proto3"; package shop;
import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto"; import "google/protobuf/struct.proto";
import "google/protobuf/any.proto"; import "google/protobuf/duration.proto";
message Order {
  string id = 1; int64 quantity = 2; double ratio = 3; bytes raw = 4; repeated string tags = 5; Order parent = 6;
  map<string, Order> parts = 7; repeated sint32 numbers = 8; Status status = 9; optional fixed64 wide = 10;
  oneof of { bool yes = 11; float number = 12; } google.protobuf.Timestamp at = 13; google.protobuf.StringValue note = 14;
  google.protobuf.Struct free = 15; google.protobuf.Any any = 16; google.protobuf.Duration took = 17;
  repeated Empty nothing = 18; map<int32, Status> statuses = 19;
  enum Status { NEW = 0; PAID = 1; } message Empty {} message Inner { message Deeper { uint32 x = 1; } Deeper deeper = 1; }
}
message Other { int32 x = 1; }"#;

const TEXTS: [&str; 5] = [
    r#"{"id":"o-1","quantity":"-9223372036854775808","ratio":"NaN","raw":"/w==","tags":["a","é"],"numbers":[1,-1,2147483647],"status":"PAID","wide":"18446744073709551615","yes":true}"#,
    r#"{"parent":{"parent":{"id":"x","parts":{"a":{"id":"y"},"":{}}}},"number":1.5,"at":"2026-11-29T10:15:30.123456789Z"}"#,
    r#"{"note":"text","free":{"a":[1,null,{"b":true}]},"took":"1.000000001s","nothing":[{},{}],"statuses":{"-1":"NEW"}}"#,
    r#"{"any":{"@type":"type.googleapis.com/shop.Order","id":"z"}}"#,
    "{}",
];
const TOKENS: [&str; 28] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\ud800",
    "null",
    "1e400",
    "-0.0",
    "18446744073709551616",
    "\"id\":",
    "\"parent\":{",
    "\"parts\":{\"a\":",
    "\"free\":",
    "\"any\":{\"@type\":",
    "\"at\":\"0000-",
    "\"took\":\"-",
    "\"nothing\":[",
    "{}",
    "\"NaN\"",
    "/w==",
    "é",
    "\0",
    " ",
    "\"yes\":",
    "\"x\":1,",
];
/// Pieces of messages: keys, lengths and groups at which readers tend to err.
const PIECES: [&str; 10] =
    ["\0", "\n", "2\0", "2\u{2}2\0", ":\u{4}\n\0\u{12}\0", "\u{b}", "\u{c}", "z\0", "\u{7f}", "\u{92}\u{1}\0"];

struct Codec {
    schema: Schema,
    data: Vec<Vec<u8>>,
}

impl Codec {
    fn open() -> Codec {
        let schema = Schema::parse(SCHEMA, &[], None).expect("the schema is right");
        let encoded = |text: &&str| {
            let mut data = vec![0];
            schema.encode(None, text.as_bytes(), false, &mut data).expect("it fits");
            data
        };
        let data = TEXTS.iter().map(encoded).collect();
        Codec { schema, data }
    }
}

struct Decode(Codec);

impl Target for Decode {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        let data = &self.0.data;
        input.extend_from_slice(&data[rng.usize(0..data.len())]);
        if rng.u16(0..1000) == 0 {
            // Groups or messages in one another, without an end.
            let at = rng.usize(1..=input.len());
            let head: &[u8] = if rng.bool() { &[0x0b] } else { &[0x32, 0x7f] };
            input.splice(at..at, head.repeat(rng.usize(0..2000)));
        }
        for _ in 0..[0, 1, 1, 1, 2, 3, 6][rng.usize(0..7)] {
            let other = rng.usize(0..data.len());
            change::bytes(rng, input, &PIECES, &data[other]);
        }
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        let schema = &self.0.schema;
        let Ok((indexes, rest)) = MessageIndexes::read(input) else { return Seen::Refused };
        let (mut json, mut data, mut again) = (Vec::new(), Vec::new(), Vec::new());
        if let Err(error) = schema.decode(Some(indexes), rest, &mut json) {
            assert!(!error.is_empty() && json.is_empty(), "nothing is left of what is refused");
            return Seen::Refused;
        }
        assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&json).is_ok(), "it is JSON");
        // A time out of the range of its text is read and not written.
        if schema.encode(Some(indexes), &json, false, &mut data).is_ok() {
            schema.decode(Some(indexes), &data, &mut again).expect("what is encoded is decoded");
        }
        Seen::Accepted
    }
}

struct Encode(Codec);

impl Target for Encode {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        damaged(rng, &TEXTS, &TOKENS, input);
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        let schema = &self.0.schema;
        let (mut strict, mut lax, mut json) = (Vec::new(), Vec::new(), Vec::new());
        let fits = schema.encode(None, input, false, &mut strict).is_ok();
        if schema.encode(None, input, true, &mut lax).is_err() {
            assert!(!fits, "what has no unknown field fits either way");
            return Seen::Refused;
        }
        if schema.decode(None, &lax, &mut json).is_ok() {
            assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&json).is_ok(), "it is JSON");
        }
        Seen::Accepted
    }
}
