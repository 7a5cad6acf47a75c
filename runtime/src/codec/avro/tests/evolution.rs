//! A reader's schema that differs from the writer's.

use super::super::{Decoder, Limits, Logical};
use super::{decode, encode, schema};

/// What data of one schema, from JSON text, is as another; or why it is not.
fn read(writer: &str, json: &str, reader: &str) -> Result<String, String> {
    let (writer, reader) = (schema(writer), schema(reader));
    let data = encode(&writer, json).unwrap_or_else(|error| panic!("{json}: {error}"));
    let decoder = Decoder::new(&writer, Some(&reader), Logical::Text, Limits::default());
    let mut out = Vec::new();
    decoder.map_err(|error| error.to_string())?.decode(&data, &mut out).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).expect("JSON text is UTF-8"))
}

fn record(fields: &str) -> String {
    format!(r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#)
}

#[test]
fn numbers_and_texts_are_read_as_wider_ones() {
    for (writer, json, reader, expected) in [
        (r#""int""#, "5", r#""long""#, "5"),
        (r#""int""#, "5", r#""float""#, "5.0"),
        (r#""int""#, "5", r#""double""#, "5.0"),
        (r#""long""#, "5", r#""float""#, "5.0"),
        (r#""long""#, "9007199254740993", r#""double""#, "9007199254740992.0"),
        (r#""float""#, "0.1", r#""double""#, "0.10000000149011612"),
        (r#""float""#, "\"NaN\"", r#""double""#, "\"NaN\""),
        (r#""string""#, "\"a\"", r#""bytes""#, "\"YQ==\""),
        (r#""bytes""#, "\"YQ==\"", r#""string""#, "\"a\""),
        (r#""int""#, "1", r#"{"type": "int", "logicalType": "date"}"#, "\"1970-01-02\""),
        (r#"{"type": "int", "logicalType": "date"}"#, "\"1970-01-02\"", r#""long""#, "1"),
        (r#"{"type": "array", "items": "int"}"#, "[1]", r#"{"type": "array", "items": ["null", "double"]}"#, "[1.0]"),
        (r#"{"type": "map", "values": "int"}"#, r#"{"a":1}"#, r#"{"type": "map", "values": "long"}"#, r#"{"a":1}"#),
    ] {
        assert_eq!(read(writer, json, reader).as_deref(), Ok(expected), "{writer} as {reader}");
    }
    for (writer, json, reader, expected) in [
        (r#""long""#, "5", r#""int""#, "expected int, found long in the writer's schema"),
        (r#""double""#, "5", r#""float""#, "expected float, found double in the writer's schema"),
        (
            r#""null""#,
            "null",
            r#"["int", "string"]"#,
            "expected a branch of the reader's union, found null in the writer's schema",
        ),
    ] {
        assert_eq!(read(writer, json, reader), Err(expected.to_owned()));
    }
}

#[test]
fn fields_are_matched_by_name_and_alias_and_filled_by_defaults() {
    let writer = record(
        r#"{"name": "gone", "type": {"type": "array", "items": {"type": "map", "values": ["null", "string", "R"]}}},
           {"name": "a", "type": "int"}, {"name": "old", "type": "string"}, {"name": "also", "type": "null"}"#,
    );
    let json =
        r#"{"gone":[{"x":null,"y":"z","w":{"R":{"gone":[],"a":1,"old":"","also":null}}}],"a":1,"old":"o","also":null}"#;
    let reader = record(
        r#"{"name": "new", "aliases": ["older", "old"], "type": "string"}, {"name": "a", "type": ["null", "long"]},
           {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}, "default": "B"},
           {"name": "l", "type": {"type": "array", "items": "R"}, "default": []},
           {"name": "s", "type": {"type": "record", "name": "S", "fields": [
               {"name": "x", "type": "bytes", "default": "\u0000"}, {"name": "y", "type": ["null", "S"], "default": null}]},
               "default": {"y": {"x": "\u0001"}}}"#,
    );
    assert_eq!(
        read(&writer, json, &reader).as_deref(),
        Ok(r#"{"a":1,"new":"o","e":"B","l":[],"s":{"x":"AA==","y":{"x":"AQ==","y":null}}}"#)
    );
    let none = record(r#"{"name": "d", "type": "int", "default": 7}"#);
    assert_eq!(read(&writer, json, &none).as_deref(), Ok(r#"{"d":7}"#));
    assert_eq!(read(&writer, json, &record("")).as_deref(), Ok("{}"));
    assert_eq!(
        read(&writer, json, &record(r#"{"name": "d", "type": "int"}"#)),
        Err("R.d: expected a value, found none in the writer's schema and no default".to_owned())
    );
    assert_eq!(
        read(&writer, json, &record(r#"{"name": "a", "type": "string"}"#)),
        Err("R.a: expected string, found int in the writer's schema".to_owned())
    );
}

#[test]
fn an_alias_does_not_take_what_has_its_own_name() {
    let writer = record(r#"{"name": "a", "type": "int"}, {"name": "b", "type": "int"}"#);
    let reader = record(r#"{"name": "a", "type": "int"}, {"name": "c", "aliases": ["a", "b"], "type": "int"}"#);
    assert_eq!(read(&writer, r#"{"a":1,"b":2}"#, &reader).as_deref(), Ok(r#"{"a":1,"c":2}"#));
}

#[test]
fn records_enums_and_fixed_are_matched_by_name() {
    let enum_of = |name: &str, rest: &str| format!(r#"{{"type": "enum", "name": "{name}", {rest}}}"#);
    let writer = enum_of("a.E", r#""symbols": ["A", "B"]"#);
    assert_eq!(read(&writer, "\"B\"", &enum_of("b.E", r#""symbols": ["B"]"#)).as_deref(), Ok("\"B\""));
    assert_eq!(
        read(&writer, "\"A\"", &enum_of("E", r#""symbols": ["B", "C"], "default": "C""#)).as_deref(),
        Ok("\"C\"")
    );
    assert_eq!(
        read(&writer, "\"A\"", &enum_of("E", r#""symbols": ["B"]"#)),
        Err("expected a symbol of E, found \"A\"".to_owned())
    );
    assert_eq!(
        read(&writer, "\"B\"", &enum_of("F", r#""symbols": ["B"], "aliases": ["a.E"]"#)).as_deref(),
        Ok("\"B\"")
    );
    assert_eq!(
        read(&writer, "\"B\"", &enum_of("F", r#""symbols": ["B"]"#)),
        Err("expected enum F, found enum a.E in the writer's schema".to_owned())
    );
    let fixed = |size| format!(r#"{{"type": "fixed", "name": "F", "size": {size}}}"#);
    assert_eq!(read(&fixed(1), "\"AA==\"", &fixed(1)).as_deref(), Ok("\"AA==\""));
    assert_eq!(
        read(&fixed(1), "\"AA==\"", &fixed(2)),
        Err("expected fixed F of 2 bytes, found fixed F of 1 bytes in the writer's schema".to_owned())
    );
}

#[test]
fn unions_are_resolved_branch_by_branch() {
    // A writer's branch goes to the reader's same type, before one that is only wider.
    assert_eq!(read(r#"["null", "int"]"#, "5", r#"["double", "long", "int"]"#).as_deref(), Ok(r#"{"int":5}"#));
    assert_eq!(read(r#"["null", "int"]"#, "5", r#"["null", "long"]"#).as_deref(), Ok("5"));
    assert_eq!(read(r#""int""#, "5", r#"["string", "long", "double"]"#).as_deref(), Ok(r#"{"long":5}"#));
    assert_eq!(read(r#"["null", "int"]"#, "5", r#""long""#).as_deref(), Ok("5"));
    // A branch that the reader lacks is an error only where a value has it.
    assert_eq!(
        read(r#"["null", "int"]"#, "null", r#""long""#),
        Err("expected long, found null in the writer's schema".to_owned())
    );
    let lines =
        |of: &str| format!(r#"{{"type": "record", "name": "{of}", "fields": [{{"name": "x", "type": "int"}}]}}"#);
    let (writer, reader) =
        (format!("[{}, {}]", lines("A"), lines("B")), format!("[\"null\", {}, {}]", lines("B"), lines("A")));
    assert_eq!(read(&writer, r#"{"B":{"x":1}}"#, &reader).as_deref(), Ok(r#"{"B":{"x":1}}"#));
}

#[test]
fn decimals_are_read_with_the_scale_that_they_were_written_with() {
    let decimal = |precision, scale| {
        format!(r#"{{"type": "bytes", "logicalType": "decimal", "precision": {precision}, "scale": {scale}}}"#)
    };
    assert_eq!(read(&decimal(4, 2), "\"12.30\"", &decimal(9, 2)).as_deref(), Ok("\"12.30\""));
    assert_eq!(
        read(&decimal(4, 2), "\"12.30\"", &decimal(9, 3)),
        Err("expected a decimal of scale 3, found one of scale 2".to_owned())
    );
}

#[test]
fn recursion_is_resolved() {
    let writer = record(r#"{"name": "next", "type": ["null", "R"]}, {"name": "gone", "type": "string"}"#);
    let reader =
        record(r#"{"name": "next", "type": ["R", "null"]}, {"name": "d", "type": "boolean", "default": true}"#);
    let json = r#"{"next":{"next":{"next":null,"gone":"x"},"gone":"y"},"gone":"z"}"#;
    assert_eq!(
        read(&writer, json, &reader).as_deref(),
        Ok(r#"{"next":{"next":{"next":null,"d":true},"d":true},"d":true}"#)
    );
}

#[test]
fn the_same_schema_as_reader_changes_nothing() {
    let text = record(
        r#"{"name": "u", "type": ["null", "int", "long", {"type": "fixed", "name": "F", "size": 1}]},
           {"name": "m", "type": {"type": "map", "values": ["null", "R"]}}"#,
    );
    let json = r#"{"u":{"F":"AA=="},"m":{"a":null,"b":{"u":null,"m":{}}}}"#;
    let data = encode(&schema(&text), json).expect("it fits");
    assert_eq!(decode(&schema(&text), &data).as_deref(), Ok(json));
    assert_eq!(read(&text, json, &text).as_deref(), Ok(json));
}
