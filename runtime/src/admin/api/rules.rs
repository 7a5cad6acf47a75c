//! What a request has to keep to beyond the types of its fields: said in the document as JSON Schema, and held.

use schemars::Schema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::failure::Class;
use crate::show::object;

/// The largest offset.
pub(crate) const MOST: i64 = i64::MAX;

/// What the log's filter looks like: levels, or targets and levels, with commas between.
pub(super) const FILTER: &str = "^([A-Za-z_][A-Za-z0-9_:]*=)?(off|error|warn|info|debug|trace)\
                                 (,([A-Za-z_][A-Za-z0-9_:]*=)?(off|error|warn|info|debug|trace))*$";

/// Reads a field that may be absent, but is never null: one way to say that something is not asked for.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The same for an object, which is read by the names of its fields alone.
pub(super) fn given_object<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    object(deserializer).map(Some)
}

/// Returns whether a text is a filter as [`FILTER`] has it.
pub(crate) fn is_filter(text: &str) -> bool {
    let is_level = |level: &str| ["off", "error", "warn", "info", "debug", "trace"].contains(&level);
    let is_target = |target: &str| {
        target.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && target.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
    };
    text.split(',').all(|directive| match directive.split_once('=') {
        Some((target, level)) => is_target(target) && is_level(level),
        None => is_level(directive),
    })
}

/// An explanation is of one record, which is named in one of three ways.
pub(super) fn one_record(schema: &mut Schema) {
    let mut properties = match schema.remove("properties") {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    let mut way = |names: &[&str]| {
        let own: Map<String, Value> = names.iter().filter_map(|name| properties.remove_entry(*name)).collect();
        json!({ "type": "object", "properties": own, "required": names, "additionalProperties": false })
    };
    let ways = [way(&["topic", "partition", "offset"]), way(&["dead_letter"]), way(&["record"])];
    for word in ["type", "additionalProperties"] {
        schema.remove(word);
    }
    schema.insert("oneOf".to_owned(), json!(ways));
}

/// An offset is one of a partition.
pub(super) fn offset_with_partition(schema: &mut Schema) {
    schema.insert("dependentRequired".to_owned(), json!({ "offset": ["partition"] }));
}

/// The words of the classes.
pub(super) fn class_words(schema: &mut Schema) {
    schema.insert("enum".to_owned(), json!(Class::ALL.map(Class::as_str)));
}

#[cfg(test)]
mod tests {
    use super::super::{ExplainRequest, ReplayRequest};
    use super::*;

    #[test]
    fn a_filter_has_levels_and_targets_and_nothing_else() {
        for filter in ["info", "info,kafka=debug", "source=trace,off", "sluicebox::source=warn"] {
            assert!(is_filter(filter), "{filter}");
        }
        for filter in ["", "loud", "INFO", "info,", "=info", "a b=info", "info\n", "a[b]=info", "a=info=info", "🅮"] {
            assert!(!is_filter(filter), "{filter}");
        }
    }

    #[test]
    fn what_is_not_asked_for_is_absent_and_never_null() {
        assert!(serde_json::from_str::<ReplayRequest>("{}").is_ok());
        assert!(serde_json::from_str::<ReplayRequest>(r#"{"limit":null}"#).is_err());
        assert!(serde_json::from_str::<ExplainRequest>(r#"{"record":{"value":"x"},"topic":null}"#).is_err());
    }

    #[test]
    fn the_document_names_each_way_to_name_a_record() {
        let schema = schemars::schema_for!(ExplainRequest).to_value();
        let ways = schema["oneOf"].as_array().unwrap();
        let required: Vec<_> = ways.iter().map(|way| way["required"].as_array().unwrap().len()).collect();
        assert_eq!(required, [3, 1, 1], "{schema}");
        for way in ways {
            let named: Vec<_> = way["properties"].as_object().unwrap().keys().collect();
            assert_eq!(named.len(), way["required"].as_array().unwrap().len(), "{way}");
        }
    }
}
