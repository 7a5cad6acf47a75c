//! How much work it is to validate a value by a schema of somebody else's: a schema may lead in a circle, or double its
//! work with each reference. Counted before the validator begins, which does not count.

use serde_json::{Map, Value};

use super::Schema;

/// Pairs of a schema and a value that are looked at.
const MOST: u32 = 1_000_000;
/// Schemas inside one another, and values.
const DEEPEST: u32 = 512;

/// Keywords with a schema for the value itself.
const OF_SAME: [&str; 4] = ["else", "if", "not", "then"];
/// Keywords with a list of schemas for the value itself.
const LISTS_OF_SAME: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Keywords with a schema for each entry of an object.
const OF_ENTRIES: [&str; 2] = ["additionalProperties", "unevaluatedProperties"];
/// Keywords with a schema for each item of a list.
const OF_ITEMS: [&str; 3] = ["contains", "items", "unevaluatedItems"];

impl Schema {
    /// Checks that validating a value by this schema is over soon. References have to lead to a place in the schema.
    ///
    /// # Errors
    /// Why it is not known to be.
    pub fn check_work(&self, value: &Value) -> Result<(), String> {
        Work { root: &self.schema, left: MOST }.look(&self.schema, value, 0)
    }
}

struct Work<'s> {
    root: &'s Value,
    left: u32,
}

impl<'s> Work<'s> {
    fn look(&mut self, schema: &'s Value, value: &Value, depth: u32) -> Result<(), String> {
        let Some(keywords) = schema.as_object() else { return Ok(()) };
        self.left = self.left.checked_sub(1).ok_or("validating by it takes too much work")?;
        if depth > DEEPEST {
            return Err("it refers to itself in a circle, or is too deep".to_owned());
        }
        if depth > 0 && keywords.contains_key("$id") {
            return Err("it has an $id inside; write one schema, with $defs".to_owned());
        }
        for keyword in ["$ref", "$dynamicRef"] {
            if let Some(reference) = keywords.get(keyword) {
                let target = self.target(reference)?;
                self.look(target, value, depth + 1)?;
            }
        }
        let of_same = OF_SAME.iter().filter_map(|keyword| keywords.get(*keyword));
        let lists = LISTS_OF_SAME.iter().filter_map(|keyword| keywords.get(*keyword)?.as_array()).flatten();
        let dependent = keywords.get("dependentSchemas").and_then(Value::as_object).into_iter().flatten();
        for schema in of_same.chain(lists).chain(dependent.map(|(_, schema)| schema)) {
            self.look(schema, value, depth + 1)?;
        }
        match value {
            Value::Object(entries) => self.look_at_entries(keywords, entries, depth),
            Value::Array(items) => self.look_at_items(keywords, items, depth),
            _ => Ok(()),
        }
    }

    fn look_at_entries(
        &mut self,
        keywords: &'s Map<String, Value>,
        entries: &Map<String, Value>,
        depth: u32,
    ) -> Result<(), String> {
        let map = |keyword: &str| keywords.get(keyword).and_then(Value::as_object);
        let (properties, patterns) = (map("properties"), map("patternProperties"));
        for (key, value) in entries {
            let own = properties.and_then(|properties| properties.get(key));
            let patterns = patterns.into_iter().flatten().map(|(_, schema)| schema);
            let others = OF_ENTRIES.iter().filter_map(|keyword| keywords.get(*keyword));
            for schema in own.into_iter().chain(patterns).chain(others) {
                self.look(schema, value, depth + 1)?;
            }
            if let Some(names) = keywords.get("propertyNames") {
                self.look(names, &Value::String(String::new()), depth + 1)?;
            }
        }
        Ok(())
    }

    fn look_at_items(&mut self, keywords: &'s Map<String, Value>, items: &[Value], depth: u32) -> Result<(), String> {
        let first = keywords.get("prefixItems").and_then(Value::as_array);
        for (number, item) in items.iter().enumerate() {
            let own = first.and_then(|first| first.get(number));
            for schema in own.into_iter().chain(OF_ITEMS.iter().filter_map(|keyword| keywords.get(*keyword))) {
                self.look(schema, item, depth + 1)?;
            }
        }
        Ok(())
    }

    /// The schema that a reference leads to.
    fn target(&self, reference: &Value) -> Result<&'s Value, String> {
        let text = reference.as_str().unwrap_or_default();
        let path = text.strip_prefix('#').filter(|path| path.is_empty() || path.starts_with('/'));
        let found = path.and_then(|path| self.root.pointer(path));
        found.ok_or_else(|| format!("it refers to {text:?}; references have to be like #/$defs/NAME, within it"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: Value, value: Value) -> Result<(), String> {
        Schema::parse(&schema.to_string(), &[]).unwrap().check_work(&value)
    }

    #[test]
    fn a_schema_that_refers_to_itself_for_parts_of_a_value_is_fine() {
        let tree = json!({ "$defs": { "tree": { "properties": { "children": { "items": { "$ref": "#/$defs/tree" } } } } },
            "$ref": "#/$defs/tree" });
        check(tree, json!({ "children": [{ "children": [{}, {}] }] })).unwrap();
    }

    #[test]
    fn a_circle_and_work_that_doubles_are_refused_before_they_are_done() {
        assert!(check(json!({ "$ref": "#" }), json!(1)).unwrap_err().contains("circle"));
        let mut definitions = Map::new();
        for n in 0..40 {
            let next = json!({ "$ref": format!("#/$defs/d{}", n + 1) });
            definitions.insert(format!("d{n}"), json!({ "allOf": [next, next] }));
        }
        definitions.insert("d40".to_owned(), json!(true));
        let doubling = json!({ "$defs": definitions, "$ref": "#/$defs/d0" });
        assert!(check(doubling, json!(1)).unwrap_err().contains("too much work"));
        let both = json!({ "items": { "anyOf": [{ "$ref": "#" }, { "$ref": "#" }] } });
        let mut nested = json!([]);
        for _ in 0..40 {
            nested = json!([nested]);
        }
        assert!(check(both, nested).unwrap_err().contains("too much work"));
    }

    #[test]
    fn references_that_cannot_be_followed_are_refused() {
        let anchor = json!({ "$defs": { "a": { "$anchor": "here" } }, "$ref": "#here" });
        assert!(check(anchor, json!(1)).unwrap_err().contains("#/$defs/NAME"));
        let inner = json!({ "properties": { "a": { "$id": "http://h/a" } } });
        assert!(check(inner, json!({ "a": 1 })).unwrap_err().contains("$id"));
    }
}
