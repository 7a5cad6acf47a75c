//! Data, text and schemas that are made to do harm.

use std::fmt::Write as _;

use super::super::{Decoder, Encoder, Limits, Logical, Schema, UnknownFields};
use super::{decode, decoder, encode, encoder, schema};

/// An array or a map of more items than there are atoms to store them.
fn many(data: &mut Vec<u8>) {
    data.extend([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]);
}

#[test]
fn items_that_take_no_bytes_are_bounded() {
    for items in [
        r#""null""#,
        r#"{"type": "record", "name": "E", "fields": []}"#,
        r#"{"type": "fixed", "name": "Z", "size": 0}"#,
        r#"{"type": "array", "items": "null"}"#,
    ] {
        let of = schema(&format!(r#"{{"type": "array", "items": {items}}}"#));
        let mut data = Vec::new();
        many(&mut data);
        if items.contains("array") {
            many(&mut data);
        }
        let mut out = Vec::new();
        let limits = Limits { bytes: 10_000, ..Limits::default() };
        let decoder = Decoder::new(&of, None, Logical::Text, limits).expect("a schema reads what it writes");
        let error = decoder.decode(&data, &mut out).expect_err("it is too much").to_string();
        assert!(error.ends_with("expected at most 10000 bytes of JSON text, found more"), "{error}");
        assert!(out.len() < 11_000);
        // The same where the reader does not have it.
        let writer = schema(&format!(
            r#"{{"type": "record", "name": "R", "fields": [{{"name": "x", "type": {{"type": "array", "items": {items}}}}}]}}"#
        ));
        let reader = schema(r#"{"type": "record", "name": "R", "fields": []}"#);
        let decoder = Decoder::new(&writer, Some(&reader), Logical::Text, limits).expect("it is resolved");
        let error = decoder.decode(&data, &mut out).expect_err("it is too much").to_string();
        assert!(error.ends_with("expected at most 10000 values that the reader lacks, found more"), "{error}");
    }
}

/// Forty records, each with two of the one before: data of no bytes, and a text of 2^40 records.
fn doubled(inner: &str) -> String {
    let mut text = r#"{"type": "record", "name": "R0", "fields": []}"#.to_owned();
    for level in 1..20 {
        text = format!(
            r#"{{"type": "record", "name": "R{level}", "fields": [
                {{"name": "a", "type": {text}{inner}}}, {{"name": "b", "type": "R{}"{inner}}}]}}"#,
            level - 1
        );
    }
    let mut fields = format!(r#"{{"name": "x19", "type": {text}{inner}}}"#);
    for level in 20..40 {
        // Deeper than a text may be nested, so one after the other.
        let last = if level == 20 { "R19".to_owned() } else { format!("S{}", level - 1) };
        write!(
            fields,
            r#", {{"name": "x{level}", "type": {{"type": "record", "name": "S{level}", "fields": [
                {{"name": "a", "type": "{last}"{inner}}}, {{"name": "b", "type": "{last}"{inner}}}]}}{inner}}}"#
        )
        .expect("a String takes everything");
    }
    format!(r#"{{"type": "record", "name": "Whole", "fields": [{fields}]}}"#)
}

#[test]
fn records_that_take_no_bytes_are_bounded() {
    let of = schema(&doubled(""));
    let error = decode(&of, &[]).expect_err("it is too much");
    assert!(error.ends_with("expected at most 16777216 bytes of JSON text, found more"), "{error}");
    let reader = schema(r#"{"type": "record", "name": "Whole", "fields": []}"#);
    let decoder = Decoder::new(&of, Some(&reader), Logical::Text, Limits::default()).expect("it is resolved");
    assert!(decoder.decode(&[], &mut Vec::new()).is_err());
}

#[test]
fn defaults_that_have_no_end_are_bounded() {
    let of = schema(&doubled(r#", "default": {}"#));
    assert!(encode(&of, "{}").is_err(), "the defaults are too many");
    let of = schema(r#"{"type": "record", "name": "R", "fields": [{"name": "r", "type": "R", "default": {}}]}"#);
    let error = encode(&of, "{}").expect_err("the default has no end");
    assert_eq!(
        error,
        "r: expected a value, found none and a default that does not fit: it is nested more than 100 deep"
    );
    let writer = schema(r#"{"type": "record", "name": "R", "fields": []}"#);
    assert!(Decoder::new(&writer, Some(&of), Logical::Text, Limits::default()).is_err());
}

#[test]
fn recursion_is_bounded_both_ways() {
    let of = schema(r#"{"type": "record", "name": "R", "fields": [{"name": "r", "type": ["null", "R"]}]}"#);
    let deep =
        |depth: usize| (vec![2; depth], format!("{}null{}", r#"{"r":"#.repeat(depth + 1), "}".repeat(depth + 1)));
    let (mut data, json) = deep(127);
    data.push(0);
    assert_eq!(decode(&of, &data).as_deref(), Ok(&*json));
    assert_eq!(encode(&of, &json), Ok(data));
    for depth in [128, 1_000, 100_000] {
        let (data, json) = deep(depth);
        let error = decode(&of, &data).expect_err("it is too deep");
        assert!(
            error.ends_with("r: expected at most 128 objects and arrays inside one another, found more"),
            "{error}"
        );
        assert!(encode(&of, &json).is_err());
    }
    let list = schema(
        r#"{"type": "record", "name": "R", "fields": [{"name": "r", "type": {"type": "array", "items": "R"}}]}"#,
    );
    assert!(decode(&list, &[2; 100_000]).is_err());
    let reader = schema(r#"{"type": "record", "name": "R", "fields": []}"#);
    let decoder = Decoder::new(&list, Some(&reader), Logical::Text, Limits::default()).expect("it is resolved");
    assert!(decoder.decode(&[2; 100_000], &mut Vec::new()).is_err());
}

#[test]
fn types_that_refer_to_one_another_a_long_way_take_no_stack() {
    let mut fields = r#"{"name": "f0", "type": {"type": "record", "name": "T0", "fields": []}}"#.to_owned();
    for level in 1..20_000 {
        write!(
            fields,
            r#", {{"name": "f{level}", "type": ["null", {{"type": "record", "name": "T{level}", "fields": [
                {{"name": "x", "type": "T{}"}}]}}], "default": null}}"#,
            level - 1
        )
        .expect("a String takes everything");
    }
    let text = format!(r#"["null", {{"type": "record", "name": "R", "fields": [{fields}]}}, "T19999"]"#);
    assert!(text.len() > 1 << 20);
    let of = schema(&text);
    assert_eq!(decode(&of, &[0]).as_deref(), Ok("null"));
    assert!(decode(&of, &[4]).is_err(), "it is too deep");
    assert_eq!(encode(&of, r#"{"R":{"f0":{}}}"#).map(|data| data.len()), Ok(20_000));
    let resolved = Decoder::new(&of, Some(&of), Logical::Text, Limits::default()).expect("it reads itself");
    let mut out = Vec::new();
    resolved.decode(&[0], &mut out).expect("null fits");
    assert_eq!(out, b"null");
}

#[test]
fn schemas_of_a_megabyte_are_read_or_refused() {
    let deep = |open: &str, close: &str| format!("{}\"null\"{}", open.repeat(20_000), close.repeat(20_000));
    for text in [
        deep(r#"{"type": "array", "items": "#, "}"),
        deep(r#"{"type": "#, "}"),
        deep("[", "]"),
        "[".repeat(1 << 20),
        format!("\"{}\"", "x".repeat(1 << 20)),
    ] {
        assert!(Schema::parse(&text, &[]).is_err());
    }
    let symbols: Vec<String> = (0..100_000).map(|symbol| format!("\"S{symbol}\"")).collect();
    let of = schema(&format!(r#"{{"type": "enum", "name": "E", "symbols": [{}]}}"#, symbols.join(",")));
    assert_eq!(super::there_and_back(&of, "\"S99999\"").as_deref(), Ok("\"S99999\""));
    let branches: Vec<String> =
        (0..20_000).map(|branch| format!(r#"{{"type": "fixed", "name": "F{branch}", "size": 1}}"#)).collect();
    let of = schema(&format!("[{}]", branches.join(",")));
    assert_eq!(super::there_and_back(&of, r#"{"F19999":"AA=="}"#).as_deref(), Ok(r#"{"F19999":"AA=="}"#));
}

#[test]
fn schemas_that_multiply_one_another_are_bounded() {
    // Any writer's record is read as any reader's: a thousand times a thousand, each with a field of a long name.
    let names: Vec<String> = (0..300).map(|name| format!("\"N{name}\"")).collect();
    let side = |prefix: &str, aliases: &str| {
        let mut fields = Vec::new();
        for name in 0..300 {
            fields.push(format!(
                r#"{{"name": "d{name}", "type": ["null", {{"type": "record", "name": "{prefix}{name}", "aliases": [{aliases}],
                    "fields": [{{"name": "{}", "type": "int"}}]}}]}}"#,
                "long".repeat(300)
            ));
        }
        for name in 0..300 {
            let all: Vec<String> = (0..300).map(|other| format!("\"{prefix}{}\"", (name + other) % 300)).collect();
            fields.push(format!(r#"{{"name": "u{name}", "type": [{}]}}"#, all.join(",")));
        }
        format!(r#"{{"type": "record", "name": "R", "fields": [{}]}}"#, fields.join(","))
    };
    let (writer, reader) = (schema(&side("N", "")), schema(&side("M", &names.join(","))));
    let error = Decoder::new(&writer, Some(&reader), Logical::Text, Limits::default()).expect_err("it is too much");
    assert!(error.to_string().contains("larger than 64 MiB"), "{error}");
}

#[test]
fn the_result_is_bounded_whatever_makes_it_grow() {
    let limits = Limits { bytes: 1_000, ..Limits::default() };
    let decoded = |text: &str, data: &[u8]| {
        let of = schema(text);
        let decoder = Decoder::new(&of, None, Logical::Text, limits).expect("a schema reads what it writes");
        let mut out = vec![0; 100];
        let result = decoder.decode(data, &mut out);
        assert!(out.len() < 20_000, "{text}");
        result.is_ok()
    };
    let sized = |size: usize| {
        let mut data = Vec::new();
        super::super::wire::put_long(size as i64, &mut data);
        data.resize(data.len() + size, 1);
        data
    };
    assert!(decoded(r#""string""#, &sized(100)));
    assert!(!decoded(r#""string""#, &sized(999)), "control characters take six");
    assert!(!decoded(r#""bytes""#, &sized(999)));
    assert!(!decoded(r#"{"type": "bytes", "logicalType": "decimal", "precision": 5000, "scale": 5000}"#, &[0]));
    let of = schema(
        r#"{"type": "array", "items": {"type": "record", "name": "R", "fields": [
        {"name": "x", "type": "string", "default": "0123456789012345678901234567890123456789"}]}}"#,
    );
    let encoder = Encoder::new(&of, UnknownFields::Error, limits).expect("the defaults are small");
    let mut out = Vec::new();
    assert!(encoder.encode(format!("[{}{{}}]", "{},".repeat(20)).as_bytes(), &mut out).is_ok());
    assert!(encoder.encode(format!("[{}{{}}]", "{},".repeat(99)).as_bytes(), &mut out).is_err());
}

#[test]
fn every_cut_and_every_changed_byte_is_an_error_or_a_value() {
    let of = schema(
        r#"{"type": "record", "name": "R", "fields": [
            {"name": "a", "type": ["null", "string", "R"]}, {"name": "b", "type": {"type": "map", "values": "double"}},
            {"name": "c", "type": {"type": "bytes", "logicalType": "big-decimal"}},
            {"name": "d", "type": {"type": "array", "items": {"type": "enum", "name": "E", "symbols": ["X", "Y"]}}}]}"#,
    );
    let json = r#"{"a":{"a":"é","b":{},"c":"1.5","d":[]},"b":{"x":1.5},"c":"-12E5","d":["X","Y"]}"#;
    let data = encode(&of, json).expect("it fits");
    let (decoder, encoder) = (decoder(&of), encoder(&of));
    let mut out = Vec::new();
    for cut in 0..data.len() {
        assert!(decoder.decode(&data[..cut], &mut out).is_err(), "{cut}");
    }
    for at in 0..data.len() {
        for byte in 0..=255 {
            let mut damaged = data.clone();
            damaged[at] = byte;
            out.clear();
            if decoder.decode(&damaged, &mut out).is_ok() {
                let mut again = Vec::new();
                encoder.encode(&out, &mut again).expect("what is decoded is encoded");
            }
        }
    }
    for cut in 0..json.len() {
        assert!(encoder.encode(&json.as_bytes()[..cut], &mut out).is_err(), "{cut}");
    }
}
