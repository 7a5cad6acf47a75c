//! The JSON Schema of pipeline files for editors, with the configurations of plugins in it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::file;
use crate::codec::json_schema::Schema;

/// Keywords whose value is a schema of a part of the instance.
const OF_PARTS: [&str; 4] = ["additionalProperties", "items", "unevaluatedItems", "unevaluatedProperties"];
/// Keywords whose value is a schema, and the instance's or of something that no `${...}` can stand for.
const OF_SAME: [&str; 2] = ["else", "then"];
/// Keywords whose value is a schema of which the opposite, or what follows from it, counts.
const OF_CONDITIONS: [&str; 4] = ["contains", "if", "not", "propertyNames"];
/// What is said about a value, and stays with it.
const ANNOTATIONS: [&str; 4] = ["default", "description", "examples", "title"];

/// The JSON Schema of a pipeline file with the schemas of plugins' configurations in it, each by the name of its plugin
/// as the files have it.
pub fn schema_with(plugins: &[(String, Value)]) -> Value {
    let mut by_name: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for (name, schema) in plugins {
        let schemas = by_name.entry(name).or_default();
        if !schemas.contains(&schema) {
            schemas.push(schema);
        }
    }
    let mut root = file::schema();
    let (mut rules, mut definitions) = (Vec::new(), Map::new());
    for (name, schemas) in by_name {
        let mut forms = Vec::new();
        let mut is_needed = true;
        for schema in schemas {
            let key = definition_name(name, definitions.len());
            let reference = format!("#/$defs/{key}");
            is_needed &= needs_config(schema);
            definitions.insert(key, adapted(schema, &reference));
            forms.push(json!({ "$ref": reference }));
        }
        let config = if forms.len() == 1 { forms.remove(0) } else { json!({ "anyOf": forms }) };
        let mut then = json!({ "properties": { "config": config } });
        if is_needed {
            then["required"] = json!(["config"]);
        }
        rules.push(json!({ "if": { "properties": { "plugin": { "const": name } } }, "then": then }));
    }
    if !rules.is_empty() {
        root["$defs"]["Stage"]["allOf"] = rules.into();
    }
    if let Some(all) = root.get_mut("$defs").and_then(Value::as_object_mut) {
        all.extend(definitions);
    }
    root
}

/// A name that needs no escape in a reference.
fn definition_name(plugin: &str, number: usize) -> String {
    let plain: String =
        plugin.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    format!("config.{number}.{plain}")
}

/// Whether a stage without a configuration is wrong.
fn needs_config(schema: &Value) -> bool {
    let is_wrong = |schema: &Schema| [json!({}), Value::Null].iter().all(|none| !schema.violations(none).is_empty());
    Schema::parse(&schema.to_string(), &[]).is_ok_and(|schema| is_wrong(&schema))
}

/// A plugin's schema as a part of a larger one, in which values may be written as `${VAR}`.
fn adapted(schema: &Value, place: &str) -> Value {
    let mut schema = schema.clone();
    if let Some(keywords) = schema.as_object_mut() {
        keywords.remove("$schema");
        keywords.remove("$id");
    }
    adapt(&mut schema, place, true);
    schema
}

/// Lets references lead to where the schema stands now, and variables stand for values.
fn adapt(schema: &mut Value, place: &str, variables: bool) {
    let Some(keywords) = schema.as_object_mut() else { return };
    for (keyword, value) in keywords.iter_mut() {
        match keyword.as_str() {
            "$ref" => {
                if let Some(path) = value.as_str().and_then(|reference| reference.strip_prefix('#')) {
                    *value = format!("{place}{path}").into();
                }
            }
            "properties" | "patternProperties" => {
                value.as_object_mut().into_iter().flatten().for_each(|(_, part)| adapt_part(part, place, variables));
            }
            "prefixItems" => {
                value.as_array_mut().into_iter().flatten().for_each(|part| adapt_part(part, place, variables));
            }
            "$defs" | "definitions" | "dependentSchemas" => {
                value.as_object_mut().into_iter().flatten().for_each(|(_, part)| adapt(part, place, variables));
            }
            "allOf" | "anyOf" | "oneOf" => {
                value.as_array_mut().into_iter().flatten().for_each(|part| adapt(part, place, variables));
            }
            keyword if OF_PARTS.contains(&keyword) => adapt_part(value, place, variables),
            keyword if OF_SAME.contains(&keyword) => adapt(value, place, variables),
            keyword if OF_CONDITIONS.contains(&keyword) => adapt(value, place, false),
            _ => {}
        }
    }
}

fn adapt_part(schema: &mut Value, place: &str, variables: bool) {
    adapt(schema, place, variables);
    let Some(keywords) = schema.as_object_mut().filter(|keywords| variables && takes_no_variable(keywords)) else {
        return;
    };
    let mut rest = std::mem::take(keywords);
    for annotation in ANNOTATIONS {
        keywords.extend(rest.shift_remove_entry(annotation));
    }
    keywords.insert("anyOf".to_owned(), json!([rest, { "type": "string", "pattern": "\\$\\{" }]));
}

/// Whether a schema is of a value that can be written as `${VAR}`, and refuses that.
fn takes_no_variable(keywords: &Map<String, Value>) -> bool {
    let is_type = |name: &str| match keywords.get("type") {
        Some(Value::String(only)) => only == name,
        Some(Value::Array(all)) => all.iter().any(|one| one == name),
        _ => false,
    };
    let may_be_scalar = match keywords.get("type") {
        Some(_) => ["boolean", "integer", "number", "string"].into_iter().any(is_type),
        None => true,
    };
    let constrains = |keyword: &&String| !ANNOTATIONS.contains(&keyword.as_str()) && *keyword != "type";
    let is_open = keywords.keys().find(constrains).is_none() && (is_type("string") || !keywords.contains_key("type"));
    may_be_scalar && !is_open
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin() -> Value {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "limit": { "type": "integer", "description": "How many." },
                "style": { "$ref": "#/$defs/Style" },
                "text": { "type": "string" },
                "fields": { "type": "array", "items": { "type": "string", "minLength": 1 } },
            },
            "required": ["limit"],
            "additionalProperties": false,
            "$defs": { "Style": { "enum": ["all", "email"] } },
        })
    }

    fn accepts(plugins: &[(String, Value)], stage: Value) -> bool {
        let schema = Schema::parse(&schema_with(plugins).to_string(), &[]).unwrap();
        let file = json!({
            "name": "x", "kafka": {}, "input": { "topics": ["a"] }, "outputs": { "default": { "topic": "b" } },
            "stages": [stage],
        });
        schema.violations(&file).is_empty()
    }

    #[test]
    fn the_configuration_of_a_plugin_that_is_named_is_described() {
        let plugins = [("mask".to_owned(), plugin()), ("./a b/x.wasm".to_owned(), plugin())];
        for name in ["mask", "./a b/x.wasm"] {
            let stage = |config: Value| json!({ "name": "s", "plugin": name, "config": config });
            for right in [
                json!({ "limit": 1, "style": "all", "text": "x", "fields": ["a"] }),
                json!({ "limit": "${LIMIT}", "style": "${STYLE:-all}", "text": "${X}", "fields": ["${F}"] }),
            ] {
                assert!(accepts(&plugins, stage(right.clone())), "{right}");
            }
            for wrong in [
                json!({ "limit": "one" }),
                json!({ "limit": 1, "style": "none" }),
                json!({ "limit": 1, "other": 1 }),
                json!({ "limit": 1, "fields": "${F}" }),
                json!({ "limit": 1, "fields": [""] }),
                json!({}),
            ] {
                assert!(!accepts(&plugins, stage(wrong.clone())), "{wrong}");
            }
            assert!(!accepts(&plugins, json!({ "name": "s", "plugin": name })), "it needs a configuration");
        }
        let other = json!({ "name": "s", "plugin": "other", "config": { "any": 1 } });
        assert!(accepts(&plugins, other));
    }

    #[test]
    fn a_plugin_that_needs_no_configuration_may_have_none() {
        let mut schema = plugin();
        schema.as_object_mut().unwrap().remove("required");
        assert!(accepts(&[("mask".to_owned(), schema)], json!({ "name": "s", "plugin": "mask" })));
    }

    #[test]
    fn two_plugins_of_one_name_are_both_possible() {
        let other = json!({ "type": "object", "required": ["b"] });
        let plugins = [("mask".to_owned(), plugin()), ("mask".to_owned(), other)];
        for config in [json!({ "limit": 1 }), json!({ "b": 1 })] {
            assert!(accepts(&plugins, json!({ "name": "s", "plugin": "mask", "config": config })));
        }
        assert!(!accepts(&plugins, json!({ "name": "s", "plugin": "mask", "config": { "c": 1 } })));
    }

    #[test]
    fn without_plugins_it_is_the_schema_of_the_file_alone() {
        assert_eq!(schema_with(&[]), file::schema());
    }
}
