//! The JSON Schema and the parser agree.

use regex::Regex;
use serde_json::Value;

use super::{FULL, LEAST, planned};
use crate::config::file::schema;

/// Whether a value fits a schema, for the keywords that ours uses; any other is a failure of the test.
fn fits(root: &Value, schema: &Value, value: &Value) -> bool {
    let Value::Object(keywords) = schema else { return schema.as_bool().unwrap() };
    let all = |rules: &Value| rules.as_array().unwrap().iter().filter(|rule| fits(root, rule, value)).count();
    keywords.iter().all(|(keyword, rule)| match keyword.as_str() {
        "$schema" | "$defs" | "title" | "description" | "default" | "examples" | "format" => true,
        "$ref" => fits(root, root.pointer(rule.as_str().unwrap().strip_prefix('#').unwrap()).unwrap(), value),
        "anyOf" => all(rule) > 0,
        "oneOf" => all(rule) == 1,
        "type" => rule.as_str().map_or_else(
            || rule.as_array().unwrap().iter().any(|kind| is(value, kind.as_str().unwrap())),
            |kind| is(value, kind),
        ),
        "enum" => rule.as_array().unwrap().contains(value),
        "const" => rule == value,
        "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
        "pattern" => value.as_str().is_none_or(|text| Regex::new(rule.as_str().unwrap()).unwrap().is_match(text)),
        "required" => value
            .as_object()
            .is_none_or(|object| rule.as_array().unwrap().iter().all(|key| object.contains_key(key.as_str().unwrap()))),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| fits(root, rule, item))),
        "properties" => value.as_object().is_none_or(|object| {
            object.iter().all(|(key, value)| rule.get(key).is_none_or(|rule| fits(root, rule, value)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|object| {
            let known = |key: &str| keywords.get("properties").is_some_and(|known| known.get(key).is_some());
            object.iter().all(|(key, value)| known(key) || fits(root, rule, value))
        }),
        other => panic!("the schema uses {other}, which this test does not know"),
    })
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no such type: {other}"),
    }
}

fn accepts(text: &str) -> bool {
    let schema = schema();
    let file: Value = serde_yaml::from_str_with_options(text, serde_yaml::options! { strict_booleans: true }).unwrap();
    fits(&schema, &schema, &file)
}

#[test]
fn the_schema_describes_itself_and_every_key() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["title"], "Sluicebox pipeline");
    for (key, property) in schema["properties"].as_object().unwrap() {
        assert!(property["description"].is_string(), "{key}");
    }
}

#[test]
fn the_schema_accepts_what_the_plan_accepts() {
    for text in [
        FULL,
        LEAST,
        &format!("{LEAST}breaker: off\nworkers: 3\ndrain: 5s\n"),
        &format!("{LEAST}batch: {{ max_bytes: 4096 }}\ndelivery: \"${{D:-exactly_once}}\"\n"),
        &format!("{LEAST}producer: {{ linger.ms: 0.5, enable.idempotence: true }}\n"),
    ] {
        assert!(planned(text).is_ok() && accepts(text), "{text}");
    }
}

#[test]
fn the_schema_refuses_what_has_the_wrong_shape() {
    for wrong in [
        "workers: [1]",
        "workers: two",
        "unknown: 1",
        "delivery: twice",
        "dlq: {}",
        "batch: { max_record: 1 }",
        "breaker: on",
        "stages: [{ name: a }]",
        "consumer: { fetch.min.bytes: [1] }",
    ] {
        let text = format!("{LEAST}{wrong}\n");
        assert!(planned(&text).is_err() && !accepts(&text), "{wrong}");
    }
    for output in ["{}", "{ topic: a, drop: true }"] {
        let text = LEAST.replace("{ topic: b }", output);
        assert!(planned(&text).is_err() && !accepts(&text), "{output}");
    }
}

#[test]
fn the_example_pipelines_fit_the_schema() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../pipelines");
    let examples = crate::config::find(&[folder.into()]).unwrap();
    assert!(examples.len() >= 2, "{examples:?}");
    for example in examples {
        assert!(accepts(&std::fs::read_to_string(&example).unwrap()), "{}", example.display());
    }
}
