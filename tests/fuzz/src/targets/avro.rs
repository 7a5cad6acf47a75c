//! The Avro codec: damaged data, and damaged JSON text, of a schema that has everything.

use fastrand::Rng;
use sluicebox::codec::avro::{Decoder, Encoder, Limits, Logical, Schema, UnknownFields};

use super::records::damaged;
use crate::change;
use crate::target::{Kind, Memory, Seen, Target};

/// The most that an input may become.
const LIMITS: Limits = Limits { bytes: 64 << 10, depth: 128 };
/// The result twice, since a buffer that grows doubles and is copied, and both ways.
const MEMORY: Memory = Memory { fixed: 512 << 10, per_byte: 64 };

pub const DECODE: Kind = Kind {
    name: "avro-decode",
    about: "Avro data",
    memory: MEMORY,
    open: || Box::new(Decode { codec: Codec::open(), out: Vec::new(), again: Vec::new() }),
};

pub const ENCODE: Kind = Kind {
    name: "avro-encode",
    about: "JSON text that is to become Avro data",
    memory: MEMORY,
    open: || Box::new(Encode { codec: Codec::open(), out: Vec::new(), again: Vec::new() }),
};

const SCHEMA: &str = r#"{"type": "record", "name": "shop.Order", "fields": [
    {"name": "id", "type": "string"},
    {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["placed", "paid", "sent"]}, "default": "placed"},
    {"name": "number", "type": ["null", "int", "long", "float", "double"], "default": null},
    {"name": "big", "type": {"type": "bytes", "logicalType": "big-decimal"}, "default": "\u0002\u0000\u0000"},
    {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 50, "scale": 2}, "default": "\u0000"},
    {"name": "vat", "type": ["null", {"type": "fixed", "name": "Vat", "size": 4, "logicalType": "decimal", "precision": 9, "scale": 9}]},
    {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-nanos"}]},
    {"name": "times", "type": {"type": "array", "items": {"type": "record", "name": "Times", "fields": [
        {"name": "date", "type": {"type": "int", "logicalType": "date"}, "default": 0},
        {"name": "time", "type": {"type": "long", "logicalType": "time-micros"}, "default": 0},
        {"name": "local", "type": {"type": "long", "logicalType": "local-timestamp-millis"}, "default": 0},
        {"name": "for", "type": ["null", {"type": "fixed", "name": "For", "size": 12, "logicalType": "duration"}]}]}}, "default": []},
    {"name": "uuid", "type": ["null", {"type": "fixed", "name": "Uuid", "size": 16, "logicalType": "uuid"}]},
    {"name": "inner", "type": ["null", "shop.Order", {"type": "map", "values": ["boolean", "shop.Order", "bytes"]}]},
    {"name": "nothing", "type": {"type": "array", "items": ["null", {"type": "record", "name": "Empty", "fields": []}]}, "default": []},
    {"name": "nulls", "type": {"type": "array", "items": "null"}, "default": []}]}"#;

/// The same with less: what is left is read, and the rest is read over.
const READER: &str = r#"{"type": "record", "name": "Order", "fields": [
    {"name": "name", "aliases": ["id"], "type": ["bytes", "string"]},
    {"name": "number", "type": ["double", "null"]},
    {"name": "inner", "type": ["null", "Order", {"type": "map", "values": ["boolean", "Order", "bytes"]}]},
    {"name": "added", "type": {"type": "array", "items": "Order"}, "default": []}]}"#;

const TEXTS: [&str; 6] = [
    r#"{"id":"o-1","status":"paid","number":{"double":1.5},"big":"-12E5","price":"12.30","vat":"0.190000000","at":"2026-11-29T10:15:30.123456789Z","times":[{"date":"2026-11-29","time":"10:15:30.000001","local":"1969-12-31T23:59:59.999","for":{"months":1,"days":2,"millis":3}}],"uuid":"00112233-4455-6677-8899-aabbccddeeff","inner":{"shop.Order":{"id":"é\n","vat":null}},"nothing":[null,{}],"nulls":[null]}"#,
    r#"{"inner":{"map":{"a":{"boolean":true},"b":{"bytes":"/w=="}}},"id":"\u00e9\ud83d\ude00","number":{"float":"NaN"}}"#,
    r#"{"price":123456789012345678901234567890.5,"id":"","times":[{"date":1e3},{"local":-5,"date":-2147483648}],"at":7}"#,
    r#"{"id":"1","inner":{"shop.Order":{"id":"2","inner":{"shop.Order":{"id":"3","inner":{"shop.Order":{"id":"4"}}}}}}}"#,
    r#"{"nulls":[null,null,null,null,null],"id":"x","big":0.000,"number":{"long":-9223372036854775808}}"#,
    "{}",
];
const TOKENS: [&str; 38] = [
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
    "null",
    "true",
    "0",
    "-",
    "1e400",
    "-0.0",
    "9223372036854775808",
    "\"NaN\"",
    "1E-2147483648",
    "\"id\":",
    "\"inner\":",
    "{\"shop.Order\":",
    "{\"map\":",
    "\"times\":[",
    "\"date\":",
    "2026-02-30",
    "24:00:00",
    "Z",
    "+23:59",
    "/w==",
    "=",
    "é",
    "\u{feff}",
    "\0",
    " ",
    "\"number\":{\"int\":",
    "99999999999999999999",
    "\"for\":{\"days\":1,",
];
/// Pieces of data: counts and lengths at which readers tend to err.
const PIECES: [&str; 8] = ["\0", "\u{1}", "\u{2}", "\u{7f}", "\u{3}\u{2}", "\u{2}\u{2}\u{2}\u{2}", "\u{1}\0", "o-1"];

struct Codec {
    decoder: Decoder,
    resolving: Decoder,
    encoder: Encoder,
    lax: Encoder,
    data: Vec<Vec<u8>>,
}

impl Codec {
    fn open() -> Codec {
        let schema = |text| Schema::parse(text, &[]).expect("the schema is right");
        let (writer, reader) = (schema(SCHEMA), schema(READER));
        let decoder = |reader| Decoder::new(&writer, reader, Logical::Text, LIMITS).expect("the schemas fit");
        let encoder = |unknown| Encoder::new(&writer, unknown, LIMITS).expect("the defaults are small");
        let strict = encoder(UnknownFields::Error);
        let data = TEXTS.iter().filter_map(|text| {
            let mut data = Vec::new();
            strict.encode(text.as_bytes(), &mut data).ok().map(|()| data)
        });
        let data: Vec<Vec<u8>> = data.collect();
        assert_eq!(data.len(), TEXTS.len() - 1, "all but the empty object fit");
        Codec {
            decoder: decoder(None),
            resolving: decoder(Some(&reader)),
            lax: encoder(UnknownFields::Drop),
            encoder: strict,
            data,
        }
    }
}

struct Decode {
    codec: Codec,
    out: Vec<u8>,
    again: Vec<u8>,
}

impl Target for Decode {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        let data = &self.codec.data;
        input.extend_from_slice(&data[rng.usize(0..data.len())]);
        if rng.u16(0..1000) == 0 {
            // The count of an array of more items than anybody has memory for.
            let at = rng.usize(0..=input.len());
            input.splice(at..at, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]);
        }
        for _ in 0..[0, 1, 1, 1, 2, 3, 6][rng.usize(0..7)] {
            let other = rng.usize(0..data.len());
            change::bytes(rng, input, &PIECES, &data[other]);
        }
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        let codec = &self.codec;
        self.out.clear();
        let decoded = codec.decoder.decode(input, &mut self.out);
        assert!(self.out.len() <= 2 * LIMITS.bytes, "the text is bounded");
        let seen = match decoded {
            Ok(()) => {
                assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&self.out).is_ok(), "it is JSON");
                self.again.clear();
                // A decimal of more digits than its schema allows is read and not written.
                if codec.encoder.encode(&self.out, &mut self.again).is_ok() {
                    let mut json = Vec::new();
                    codec.decoder.decode(&self.again, &mut json).expect("what is encoded is decoded");
                    assert!(json == self.out, "what is decoded, encoded and decoded is the same");
                }
                Seen::Accepted
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                Seen::Refused
            }
        };
        self.out.clear();
        let _ = codec.resolving.decode(input, &mut self.out);
        assert!(self.out.len() <= 2 * LIMITS.bytes, "the text is bounded");
        self.out.shrink_to(LIMITS.bytes);
        seen
    }
}

struct Encode {
    codec: Codec,
    out: Vec<u8>,
    again: Vec<u8>,
}

impl Target for Encode {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        damaged(rng, &TEXTS, &TOKENS, input);
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        let codec = &self.codec;
        self.out.clear();
        let strict = codec.encoder.encode(input, &mut self.out);
        assert!(self.out.len() <= 2 * LIMITS.bytes, "the data is bounded");
        self.again.clear();
        let lax = codec.lax.encode(input, &mut self.again);
        if strict.is_ok() {
            assert!(lax.is_ok() && self.again == self.out, "what has no unknown field is the same either way");
        }
        if lax.is_err() {
            return Seen::Refused;
        }
        let (mut json, mut data) = (Vec::new(), Vec::new());
        if codec.decoder.decode(&self.again, &mut json).is_ok() {
            assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&json).is_ok(), "it is JSON");
            codec.encoder.encode(&json, &mut data).expect("what is decoded is encoded");
            assert!(data == self.again, "what is encoded, decoded and encoded is the same");
        }
        Seen::Accepted
    }
}
