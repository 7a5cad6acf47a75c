//! The JSON form of each type, and what is said where a value has another.

use super::super::{Decoder, Encoder, Limits, Logical, UnknownFields};
use super::{decode, encode, schema, there_and_back};

/// Each is the text of a schema, the data and the JSON text that stands for it.
const FORMS: [(&str, &[u8], &str); 49] = [
    (r#""null""#, &[], "null"),
    (r#""boolean""#, &[1], "true"),
    (r#""int""#, &[0xff, 0xff, 0xff, 0xff, 0x0f], "-2147483648"),
    (r#""long""#, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], "9223372036854775807"),
    (r#""float""#, &[0xcd, 0xcc, 0xcc, 0x3d], "0.1"),
    (r#""double""#, &[0, 0, 0, 0, 0, 0, 0, 0x80], "-0.0"),
    (r#""double""#, &[1, 0, 0, 0, 0, 0, 0, 0], "5e-324"),
    (r#""double""#, &[0, 0, 0, 0, 0, 0, 0xf8, 0x7f], "\"NaN\""),
    (r#""double""#, &[0, 0, 0, 0, 0, 0, 0xf0, 0xff], "\"-Infinity\""),
    (r#""float""#, &[0, 0, 0x80, 0x7f], "\"Infinity\""),
    (r#""string""#, b"\x0ca\"\n\xc3\xa9\x01", r#""a\"\né\u0001""#),
    (r#""bytes""#, &[6, 0xff, 0xfe, 0xfd], "\"//79\""),
    (r#"{"type": "fixed", "name": "F", "size": 2}"#, &[1, 2], "\"AQI=\""),
    (r#"{"type": "fixed", "name": "F", "size": 0}"#, &[], "\"\""),
    (r#"{"type": "enum", "name": "E", "symbols": ["A", "B"]}"#, &[2], "\"B\""),
    (r#"{"type": "array", "items": "int"}"#, &[4, 2, 4, 0], "[1,2]"),
    (r#"{"type": "array", "items": "null"}"#, &[6, 0], "[null,null,null]"),
    (r#"{"type": "array", "items": "int"}"#, &[0], "[]"),
    (r#"{"type": "map", "values": "int"}"#, &[2, 2, b'"', 4, 0], r#"{"\"":2}"#),
    (r#"{"type": "map", "values": "int"}"#, &[0], "{}"),
    (r#"{"type": "record", "name": "R", "fields": []}"#, &[], "{}"),
    (
        r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "null"}]}"#,
        &[2],
        r#"{"a":1,"b":null}"#,
    ),
    (r#"{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}"#, &[4, 4, 0xce], "\"12.30\""),
    (
        r#"{"type": "fixed", "name": "F", "size": 4, "logicalType": "decimal", "precision": 4, "scale": 2}"#,
        &[0xff, 0xff, 0xff, 0xff],
        "\"-0.01\"",
    ),
    (r#"{"type": "bytes", "logicalType": "big-decimal"}"#, &[8, 4, 4, 0xce, 4], "\"12.30\""),
    (r#"{"type": "int", "logicalType": "date"}"#, &[0xe4, 0xc4, 2], "\"2026-11-29\""),
    (r#"{"type": "int", "logicalType": "date"}"#, &[0xff, 0xff, 0xff, 0xff, 0x0f], "-2147483648"),
    (r#"{"type": "int", "logicalType": "time-millis"}"#, &[2], "\"00:00:00.001\""),
    (r#"{"type": "long", "logicalType": "time-micros"}"#, &[2], "\"00:00:00.000001\""),
    (r#"{"type": "long", "logicalType": "timestamp-millis"}"#, &[2], "\"1970-01-01T00:00:00.001Z\""),
    (r#"{"type": "long", "logicalType": "timestamp-micros"}"#, &[1], "\"1969-12-31T23:59:59.999999Z\""),
    (r#"{"type": "long", "logicalType": "timestamp-nanos"}"#, &[2], "\"1970-01-01T00:00:00.000000001Z\""),
    (r#"{"type": "long", "logicalType": "local-timestamp-millis"}"#, &[2], "\"1970-01-01T00:00:00.001\""),
    (r#"{"type": "long", "logicalType": "local-timestamp-micros"}"#, &[2], "\"1970-01-01T00:00:00.000001\""),
    (r#"{"type": "long", "logicalType": "local-timestamp-nanos"}"#, &[2], "\"1970-01-01T00:00:00.000000001\""),
    (
        r#"{"type": "fixed", "name": "F", "size": 12, "logicalType": "duration"}"#,
        &[1, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
        r#"{"months":1,"days":2,"millis":4294967295}"#,
    ),
    (
        r#"{"type": "fixed", "name": "F", "size": 16, "logicalType": "uuid"}"#,
        &[0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff],
        "\"00112233-4455-6677-8899-aabbccddeeff\"",
    ),
    (
        r#"{"type": "string", "logicalType": "uuid"}"#,
        b"\x4800112233-4455-6677-8899-AABBCCDDEEFF",
        "\"00112233-4455-6677-8899-AABBCCDDEEFF\"",
    ),
    // What a logical type does not fit on stays what it is.
    (r#"{"type": "string", "logicalType": "date"}"#, &[2, b'x'], "\"x\""),
    (r#"{"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3}"#, &[2, 0xff], "\"/w==\""),
    // Unions whose branches cannot be confused.
    (r#"["null", "string"]"#, &[0], "null"),
    (r#"["null", "string"]"#, &[2, 2, b'x'], "\"x\""),
    (
        r#"["int", "string", {"type": "map", "values": "boolean"}]"#,
        &[4, 2, 6, b'm', b'a', b'p', 1, 0],
        r#"{"map":true}"#,
    ),
    (
        r#"["null", {"type": "map", "values": ["null", "string"]}]"#,
        &[2, 2, 6, b'm', b'a', b'p', 2, 2, b'x', 0],
        r#"{"map":"x"}"#,
    ),
    // And those whose branches can.
    (r#"["null", "int", "long"]"#, &[4, 2], r#"{"long":1}"#),
    (r#"["null", "int", "long"]"#, &[0], "null"),
    (r#"["string", "bytes"]"#, &[2, 2, 0], r#"{"bytes":"AA=="}"#),
    (r#"["double", "string"]"#, &[2, 6, b'N', b'a', b'N'], r#"{"string":"NaN"}"#),
    (
        r#"["null", {"type": "map", "values": {"type": "map", "values": "int"}}]"#,
        &[2, 2, 6, b'm', b'a', b'p', 0, 0],
        r#"{"map":{"map":{}}}"#,
    ),
];

#[test]
fn each_type_has_its_json_form_both_ways() {
    for (text, data, json) in FORMS {
        let schema = schema(text);
        assert_eq!(decode(&schema, data).as_deref(), Ok(json), "{text}");
        assert_eq!(encode(&schema, json).as_deref(), Ok(data), "{text}");
    }
}

#[test]
fn raw_leaves_numbers_of_time_as_they_are_and_is_read_again() {
    let of = schema(
        r#"{"type": "record", "name": "R", "fields": [
            {"name": "d", "type": {"type": "int", "logicalType": "date"}},
            {"name": "t", "type": ["null", {"type": "long", "logicalType": "timestamp-nanos"}]},
            {"name": "x", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}}]}"#,
    );
    let raw = Decoder::new(&of, None, Logical::Raw, Limits::default()).expect("a schema reads what it writes");
    let json = r#"{"d":1,"t":-2,"x":"12.30"}"#;
    let data = encode(&of, json).expect("it fits");
    let mut out = Vec::new();
    raw.decode(&data, &mut out).expect("it fits");
    assert_eq!(out, json.as_bytes());
    assert_eq!(
        decode(&of, &data).expect("it fits"),
        r#"{"d":"1970-01-02","t":"1969-12-31T23:59:59.999999998Z","x":"12.30"}"#
    );
}

#[test]
fn a_tag_is_taken_where_none_is_needed() {
    let of =
        schema(r#"["null", "string", {"type": "record", "name": "a.R", "fields": [{"name": "x", "type": "int"}]}]"#);
    assert_eq!(there_and_back(&of, r#"{"string": "x"}"#).as_deref(), Ok("\"x\""));
    assert_eq!(there_and_back(&of, r#" { "a.R" : { "x" : 1 } } "#).as_deref(), Ok(r#"{"x":1}"#));
    assert_eq!(there_and_back(&of, r#"{"\u0061.R":{"\u0078":1}}"#).as_deref(), Ok(r#"{"x":1}"#));
    assert_eq!(there_and_back(&of, r#"{"x":1}"#).as_deref(), Ok(r#"{"x":1}"#));
    let error = encode(&of, r#"{"string": "x", "y": 1}"#).expect_err("it has two fields");
    assert_eq!(error, "expected null or string or a.R, found an object with more than one field");
}

#[test]
fn a_record_that_could_be_taken_for_a_tag_is_tagged() {
    let of = schema(
        r#"{"type": "record", "name": "Node", "fields": [{"name": "Node", "type": ["null", "Node"], "default": null}]}"#,
    );
    // Two nodes inside of one, and one inside of one.
    assert_eq!(decode(&of, &[2, 2, 0]).as_deref(), Ok(r#"{"Node":{"Node":{"Node":{"Node":{"Node":null}}}}}"#));
    for data in [&[0][..], &[2, 0], &[2, 2, 0], &[2, 2, 2, 0]] {
        let json = decode(&of, data).expect("it fits");
        assert_eq!(encode(&of, &json).as_deref(), Ok(data), "{json}");
    }
}

#[test]
fn a_value_without_tag_is_taken_where_one_branch_has_its_kind() {
    let of = schema(r#"["null", "int", "long", "string"]"#);
    assert_eq!(there_and_back(&of, "\"x\"").as_deref(), Ok(r#"{"string":"x"}"#));
    let error = encode(&of, "5").expect_err("two branches have numbers");
    assert_eq!(error, r#"expected null or {"int": ...} or {"long": ...} or {"string": ...}, found a number"#);
}

#[test]
fn fields_may_come_in_any_order_and_be_missing_where_the_schema_says_so() {
    let of = schema(
        r#"{"type": "record", "name": "R", "fields": [
            {"name": "a", "type": "int"},
            {"name": "b", "type": "string", "default": "B"},
            {"name": "c", "type": {"type": "array", "items": "R"}, "default": []},
            {"name": "d", "type": ["int", "null"]},
            {"name": "e", "type": "bytes", "default": "\u00ff"}]}"#,
    );
    let whole = |a: i32, c: &str| format!(r#"{{"a":{a},"b":"B","c":[{c}],"d":null,"e":"/w=="}}"#);
    assert_eq!(there_and_back(&of, r#"{"a":1}"#), Ok(whole(1, "")));
    assert_eq!(there_and_back(&of, r#"{"d":null,"a":1}"#), Ok(whole(1, "")));
    assert_eq!(there_and_back(&of, r#"{"e":"/w==","d":null,"c":[],"b":"B","a":1}"#), Ok(whole(1, "")));
    let inner = format!("{},{}", whole(2, ""), whole(3, &whole(4, "")));
    assert_eq!(there_and_back(&of, r#"{"c":[{"a":2},{"c":[{"b":"B","a":4}],"a":3}],"a":1}"#), Ok(whole(1, &inner)));
    let many: Vec<String> = (0..100).map(|a| whole(a, "")).collect();
    assert_eq!(there_and_back(&of, &whole(0, &many.join(","))), Ok(whole(0, &many.join(","))));
    let error = encode(&of, r#"{"b":"x","c":[]}"#).expect_err("a field is missing");
    assert_eq!(error, "a: expected a value, found none and no default");
    let error = encode(&of, r#"{"a":1,"c":[],"c":[]}"#).expect_err("a field is there twice");
    assert_eq!(error, "c: expected the field once, found it again");
    let error = encode(&of, r#"{"a":1,"a":2}"#).expect_err("a field is there twice");
    assert_eq!(error, "a: expected the field once, found it again");
}

#[test]
fn a_field_that_the_schema_lacks_is_an_error_or_left_out() {
    let of = schema(r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}"#);
    let error = encode(&of, r#"{"z":{"y":[1]},"a":1}"#).expect_err("z is unknown");
    assert_eq!(error, "z: expected a field of R, found one that it does not have");
    let lax = Encoder::new(&of, UnknownFields::Drop, Limits::default()).expect("the defaults are small");
    for json in [r#"{"z":{"y":[1]},"a":1}"#, r#"{"a":1,"z":null}"#] {
        let mut out = vec![7];
        lax.encode(json.as_bytes(), &mut out).expect("it fits");
        assert_eq!(out, [7, 2]);
    }
}

#[test]
fn an_error_names_the_field_and_what_was_expected_and_found() {
    let of = schema(
        r#"{"type": "record", "name": "Order", "fields": [{"name": "customer", "type": {"type": "record", "name": "C",
            "fields": [{"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "L", "fields": [
                {"name": "price", "type": "int"},
                {"name": "tags", "type": {"type": "map", "values": ["null", "boolean"]}, "default": {}}]}}}]}}]}"#,
    );
    let order = |line: &str| format!(r#"{{"customer":{{"lines":[{{"price":1}},{line}]}}}}"#);
    for (line, expected) in [
        (r#"{"price":"x"}"#, "customer.lines[1].price: expected an int, found text"),
        (r#"{"price":3000000000}"#, "customer.lines[1].price: expected an int, found a number of more than 32 bits"),
        (
            r#"{"price":1.5}"#,
            "customer.lines[1].price: expected an int, found a fraction or a number of more than 64 bits",
        ),
        ("{}", "customer.lines[1].price: expected a value, found none and no default"),
        ("7", "customer.lines[1]: expected an object for L, found a number"),
        (
            r#"{"price":1,"tags":{"a.b":5}}"#,
            r#"customer.lines[1].tags["a.b"]: expected null or boolean, found a number"#,
        ),
        (r#"{"price":1,"prise":5}"#, "customer.lines[1].prise: expected a field of L, found one that it does not have"),
    ] {
        assert_eq!(encode(&of, &order(line)), Err(expected.to_owned()));
    }
    let error = decode(&of, &[4, 2, 0]).expect_err("it is cut");
    assert_eq!(error, "customer.lines[1].price: expected a number, found the end of the data");
    let error = decode(&of, &[2, 2, 2, 2, b'k', 2, 7, 0, 0]).expect_err("7 is no boolean");
    assert_eq!(error, r#"customer.lines[0].tags["k"]: expected a boolean, found the byte 0x07"#);
    let error = decode(&of, &[0, 0]).expect_err("a byte is left");
    assert_eq!(error, "expected the end of the data, found 1 more bytes");
}

#[test]
fn numbers_and_text_that_would_change_are_refused() {
    for (text, json, found) in [
        (r#""double""#, "1e400", "expected a double, found a number beyond its range"),
        (r#""float""#, "1e39", "expected a float, found a number beyond its range"),
        (r#""double""#, "\"nan\"", "expected a double, found text other than NaN, Infinity and -Infinity"),
        (r#""bytes""#, "\"AA\"", "expected base64 text, found other text"),
        (
            r#"{"type": "fixed", "name": "F", "size": 3}"#,
            "\"AA==\"",
            "expected base64 text of 3 bytes, found text of another size",
        ),
        (
            r#"{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}"#,
            "\"1.234\"",
            "expected a decimal number of at most 4 digits, 2 of them behind the point, found one of 1 digits before the point \
             and 3 behind it",
        ),
        (
            r#"{"type": "int", "logicalType": "date"}"#,
            "\"2026-02-30\"",
            "expected a date as in \"2026-11-29\", found other text",
        ),
        (r#"{"type": "enum", "name": "E", "symbols": ["A"]}"#, "\"a\"", "expected a symbol of E, found another text"),
    ] {
        assert_eq!(encode(&schema(text), json), Err(found.to_owned()), "{text}");
    }
}

#[test]
fn what_says_the_same_in_other_words_is_taken() {
    let decimal = schema(r#"{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}"#);
    for json in ["\"12.30\"", "\"12.3\"", "12.3", "1.23e1"] {
        assert_eq!(there_and_back(&decimal, json).as_deref(), Ok("\"12.30\""));
    }
    assert_eq!(there_and_back(&schema(r#""long""#), "1e3").as_deref(), Ok("1000"));
    assert_eq!(there_and_back(&schema(r#""int""#), "-5.0").as_deref(), Ok("-5"));
    assert_eq!(there_and_back(&schema(r#""bytes""#), r#""\/\/79""#).as_deref(), Ok("\"//79\""));
    assert_eq!(there_and_back(&schema(r#""string""#), r#""\u00e9\ud83d\ude00\/\b""#).as_deref(), Ok("\"é😀/\\u0008\""));
}
