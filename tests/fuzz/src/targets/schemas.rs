//! The texts of schemas, which come from a registry: damaged, deep and long ones; and JSON that a JSON Schema validates.

use fastrand::Rng;
use sluicebox::codec::avro::{self, Decoder, Encoder, Logical, UnknownFields};
use sluicebox::codec::{json_schema, protobuf};

use super::protobuf::SCHEMA;
use super::records::damaged;
use crate::change;
use crate::target::{Kind, Memory, Seen, Target};

pub const AVRO: Kind = Kind {
    name: "avro-schema",
    about: "Avro schemas",
    // A type is a word or two in its text, and a step of a plan for each way.
    memory: Memory { fixed: 256 << 10, per_byte: 2_000 },
    open: || Box::new(Avro),
};

pub const PROTOBUF: Kind = Kind {
    name: "protobuf-schema",
    about: "Protobuf schemas",
    // What Google publishes is part of each that imports it.
    memory: Memory { fixed: 8 << 20, per_byte: 8_000 },
    open: || Box::new(Protobuf),
};

pub const JSON: Kind = Kind {
    name: "json-schema",
    about: "JSON Schemas, and JSON that they validate",
    // A compiled pattern may take a megabyte, and its automaton one more.
    memory: Memory { fixed: 32 << 20, per_byte: 8_000 },
    open: || Box::new(Json),
};

const AVRO_TEXTS: [&str; 5] = [
    r#"{"type":"record","name":"a.R","aliases":["Q"],"fields":[{"name":"x","type":["null","a.R"],"default":null},{"name":"y","aliases":["z"],"type":{"type":"array","items":"long"},"default":[1,2]}]}"#,
    r#"["null",{"type":"enum","name":"E","symbols":["A","B"],"default":"A"},{"type":"fixed","name":"F","size":12,"logicalType":"duration"},{"type":"map","values":"E"}]"#,
    r#"{"type":"record","name":"T","namespace":"b","fields":[{"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2},"default":"\u0001"},{"name":"t","type":{"type":"long","logicalType":"timestamp-nanos"},"default":0},{"name":"r","type":{"type":"record","name":"Inner","fields":[{"name":"x","type":"int","default":1}]},"default":{}}]}"#,
    r#"{"type":"record","name":"N","fields":[{"name":"a","type":{"type":"record","name":"M","fields":[{"name":"n","type":{"type":"array","items":"N"}}]},"default":{"n":[]}}]}"#,
    "\"string\"",
];
const AVRO_TOKENS: [&str; 27] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\"type\":",
    "\"record\"",
    "\"name\":\"R\",",
    "\"fields\":[",
    "\"default\":",
    "\"items\":",
    "\"logicalType\":\"decimal\",",
    "\"precision\":4294967296,",
    "\"scale\":-1,",
    "\"size\":9223372036854775807,",
    "\"size\":1000000000,",
    "\"symbols\":[\"A\",\"A\"],",
    "\"namespace\":\"\",",
    "\"a.R\"",
    "null",
    "1e400",
    "{\"type\":\"array\",\"items\":",
    "[\"null\",",
    "é",
    "\0",
];
const PROTOBUF_TEXTS: [&str; 3] = [
    SCHEMA,
    "syntax = \"proto2\"; message A { required int32 x = 1 [default = 7]; extensions 100 to max; repeated group G = 2 { optional A a = 1; } }",
    "syntax = \"proto3\"; message B { message C { map<string, C> c = 1; } C c = 1; enum E { option allow_alias = true; X = 0; Y = 0; } reserved 5 to 9; }",
];
const PROTOBUF_TOKENS: [&str; 22] = [
    "{",
    "}",
    ";",
    "=",
    "\"",
    "message A {",
    "message Order { ",
    "enum E { X = 0; }",
    "oneof o {",
    "repeated ",
    "map<string, ",
    "import \"schema.proto\";",
    "import \"google/protobuf/any.proto\";",
    "import \"/etc/passwd\";",
    "= 536870912",
    "= -1",
    "reserved 1 to max;",
    "// ",
    "/*",
    "syntax = \"proto3\";",
    "[packed = true]",
    "é",
];
const JSON_TEXTS: [&str; 4] = [
    r##"{"type":"object","properties":{"a":{"type":"array","items":{"$ref":"#/definitions/x"},"uniqueItems":true}},"required":["a"],"definitions":{"x":{"anyOf":[{"type":"integer","minimum":1},{"pattern":"^a+b*$"}]}}}"##,
    r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"n":{"$anchor":"n","allOf":[{"$ref":"#n"}]}},"unevaluatedProperties":false,"prefixItems":[{"const":1}]}"##,
    r##"{"if":{"properties":{"a":{"enum":[1,null,"x"]}}},"then":{"maxProperties":2},"else":{"not":{}},"patternProperties":{"^[a-z]{1,9}$":{"format":"date-time"}}}"##,
    "true",
];
const JSON_TOKENS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\"$ref\":\"#\",",
    "\"$ref\":\"http://127.0.0.1:1/x\",",
    "\"$ref\":\"file:///etc/passwd\",",
    "\"$id\":\"http://h/a\",",
    "\"$dynamicRef\":\"#n\",",
    "\"pattern\":\"(a+)+$\",",
    "\"pattern\":\"a{1000}{1000}\",",
    "\"pattern\":\"(?=a)\",",
    "\"multipleOf\":0,",
    "\"multipleOf\":1e-320,",
    "\"maxItems\":-1,",
    "\"type\":\"integer\",",
    "\"allOf\":[",
    "\"not\":{",
    "true",
    "1e400",
    "é",
];

/// A long one in so many; few, since they take long.
const LONG: u16 = 5000;

/// Something again and again, as long as a schema may be in a registry.
fn long(rng: &mut Rng, tokens: &[&str], input: &mut Vec<u8>) {
    if rng.u16(0..LONG) == 0 {
        let at = rng.usize(0..=input.len());
        let piece = change::token(rng, tokens).as_bytes();
        let longest = 1 + (1 << 20) / piece.len().max(1);
        input.splice(at..at, piece.repeat(rng.usize(0..longest)));
    }
}

struct Avro;

impl Target for Avro {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        damaged(rng, &AVRO_TEXTS, &AVRO_TOKENS, input);
        long(rng, &AVRO_TOKENS, input);
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        let text = String::from_utf8_lossy(input);
        let Ok(schema) = avro::Schema::parse(&text, &[]) else { return Seen::Refused };
        let limits = avro::Limits { bytes: 64 << 10, depth: 128 };
        let encoder = Encoder::new(&schema, UnknownFields::Drop, limits);
        let Ok(decoder) = Decoder::new(&schema, Some(&schema), Logical::Text, limits) else { return Seen::Refused };
        // What it makes of nothing much.
        for data in [&[][..], &[0; 64], &[2; 64], &[0xff; 64]] {
            let (mut json, mut again) = (Vec::new(), Vec::new());
            if decoder.decode(data, &mut json).is_ok() {
                assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&json).is_ok(), "it is JSON");
                if let Ok(encoder) = &encoder {
                    let _ = encoder.encode(&json, &mut again);
                }
            }
        }
        if let Ok(encoder) = &encoder {
            let _ = encoder.encode(b"{}", &mut Vec::new());
        }
        Seen::Accepted
    }
}

struct Protobuf;

impl Target for Protobuf {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        damaged(rng, &PROTOBUF_TEXTS, &PROTOBUF_TOKENS, input);
        long(rng, &PROTOBUF_TOKENS, input);
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        let text = String::from_utf8_lossy(input);
        let Ok(schema) = protobuf::Schema::parse(&text, &[], None) else { return Seen::Refused };
        for data in [&[][..], &[0x0a, 0], &[0x0a, 2, 0x0a, 0], &[0xff; 12]] {
            let mut json = Vec::new();
            if schema.decode(None, data, &mut json).is_ok() {
                assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&json).is_ok(), "it is JSON");
            }
        }
        Seen::Accepted
    }
}

struct Json;

impl Target for Json {
    fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
        damaged(rng, &JSON_TEXTS, &JSON_TOKENS, input);
        long(rng, &JSON_TOKENS, input);
    }

    fn read(&mut self, input: &[u8]) -> Seen {
        let text = String::from_utf8_lossy(input);
        let Ok(schema) = json_schema::Schema::parse(&text, &[]) else { return Seen::Refused };
        for json in [&b"{}"[..], br#"{"a":[1,"aab",{"a":{"a":[]}}],"b":null}"#, b"[[[1e300,\"a\"]]]", b"1.5", b"x"] {
            if let Err(error) = schema.validate(json) {
                assert!(error.len() < 4_000, "{} bytes of an error", error.len());
            }
        }
        Seen::Accepted
    }
}
