//! What is taken for a schema.

use super::super::{Reference, Schema};
use super::{decode, schema, there_and_back};

#[test]
fn names_are_found_by_namespace() {
    let of = schema(
        r#"{"type": "record", "name": "a.b.R", "fields": [
            {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["X"]}},
            {"name": "f", "type": {"type": "enum", "name": "E", "namespace": "c", "symbols": ["Y"]}},
            {"name": "g", "type": {"type": "record", "name": "d.S", "fields": [{"name": "h", "type": ["null", "a.b.E", "c.E"]}]}},
            {"name": "i", "type": "E"}, {"name": "j", "type": "c.E"}]}"#,
    );
    assert_eq!(of.name(), Some("a.b.R"));
    let json = r#"{"e":"X","f":"Y","g":{"h":{"c.E":"Y"}},"i":"X","j":"Y"}"#;
    assert_eq!(there_and_back(&of, json).as_deref(), Ok(json));
}

#[test]
fn references_define_types_for_what_comes_after_them() {
    let price = Reference {
        name: "price",
        text: r#"{"type": "record", "name": "Price", "namespace": "shop", "fields": [{"name": "cents", "type": "long"}]}"#,
    };
    let line = Reference {
        name: "line",
        text: r#"{"type": "record", "name": "shop.Line", "fields": [{"name": "price", "type": "Price"}]}"#,
    };
    let text = r#"{"type": "array", "items": ["null", "shop.Line"]}"#;
    let of = Schema::parse(text, &[price, line, price]).expect("all types are there");
    assert_eq!(decode(&of, &[4, 0, 2, 6, 0]).as_deref(), Ok(r#"[null,{"price":{"cents":3}}]"#));
    let error = Schema::parse(text, &[line]).expect_err("Price is missing");
    assert_eq!(error.to_string(), r#"reference "line": shop.Line: price: unknown type "Price""#);
    let other = Reference { name: "other", text: r#"{"type": "fixed", "name": "shop.Price", "size": 1}"# };
    let error = Schema::parse(text, &[price, other]).expect_err("Price is there twice");
    assert_eq!(error.to_string(), r#"reference "other": the type "shop.Price" is defined twice"#);
}

#[test]
fn a_wrong_schema_says_what_is_wrong() {
    for (text, expected) in [
        ("{", "not JSON: EOF while parsing an object at line 1 column 1"),
        ("5", "a schema is a name, an object or an array, not 5"),
        ("{}", "a schema has no \"type\""),
        (r#""Nope""#, "unknown type \"Nope\""),
        (r#"["null", "null"]"#, "a union holds \"null\" twice"),
        (r#"["null", ["int"]]"#, "a union holds a union"),
        (r#"[{"type": "array", "items": "int"}, {"type": "array", "items": "long"}]"#, "a union holds \"array\" twice"),
        (r#"{"type": "array"}"#, "the array has no \"items\""),
        (r#"{"type": "record", "fields": []}"#, "a record, an enum or a fixed has no \"name\""),
        (r#"{"type": "record", "name": "R"}"#, "R: the record has no list of \"fields\""),
        (r#"{"type": "record", "name": "R", "fields": [{"name": "a"}]}"#, "R: the field \"a\" has no \"type\""),
        (
            r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "map"}}]}"#,
            "R: a: the map has no \"values\"",
        ),
        (
            r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "a", "type": "int"}]}"#,
            "R: two fields have the name \"a\"",
        ),
        (r#"{"type": "fixed", "name": "F", "size": -1}"#, "F: the fixed has no \"size\" from 0 to 2147483647"),
        (r#"{"type": "enum", "name": "E", "symbols": ["A", "A"]}"#, "E: two symbols are \"A\""),
        (
            r#"{"type": "enum", "name": "E", "symbols": ["A"], "default": "B"}"#,
            "E: the default \"B\" is none of the symbols",
        ),
    ] {
        let error = Schema::parse(text, &[]).expect_err(text);
        assert_eq!(error.to_string(), expected);
    }
}
