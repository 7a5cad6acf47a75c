//! JSON Schema: JSON text that is validated, and otherwise left as it is.

mod violations;
mod work;

use jsonschema::{PatternOptions, Retrieve, Uri, Validator};
use serde::de::IgnoredAny;
use serde_json::Value;

pub use self::violations::{Fault, Violation};

/// Bytes that a compiled pattern of a schema may take.
const PATTERN: usize = 1 << 20;

/// A schema that JSON text is validated by.
pub struct Schema {
    schema: Value,
    validator: Validator,
}

impl Schema {
    /// Compiles a schema. `references` are what it may refer to, by name; nothing is fetched from anywhere else.
    ///
    /// # Errors
    /// It is no JSON Schema, refers to what is not there, or has a pattern that takes no linear time.
    pub fn parse(text: &str, references: &[(String, String)]) -> Result<Schema, String> {
        let schema: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        let patterns = PatternOptions::regex().size_limit(PATTERN).dfa_size_limit(PATTERN);
        let options =
            jsonschema::options().with_retriever(References(references.to_vec())).with_pattern_options(patterns);
        let validator = options.build(&schema).map_err(|error| match error.instance_path().as_str() {
            "" => format!("not a JSON Schema: {error}"),
            place => format!("not a JSON Schema: at {place}: {error}"),
        })?;
        Ok(Schema { schema, validator })
    }

    /// Validates JSON text.
    ///
    /// # Errors
    /// It is no JSON, or does not fit: the field and why.
    pub fn validate(&self, json: &[u8]) -> Result<(), String> {
        let value: Value = serde_json::from_slice(json).map_err(|error| format!("not JSON: {error}"))?;
        self.validator.validate(&value).map_err(|error| {
            let path = error.instance_path().to_string();
            // What is wrong is shown, but not all of a large value.
            let why: String = error.masked().to_string().chars().take(500).collect();
            if path.is_empty() { why } else { format!("{path}: {why}") }
        })
    }
}

/// Checks that bytes are JSON text.
///
/// # Errors
/// Where they are none.
pub fn check(json: &[u8]) -> Result<(), String> {
    serde_json::from_slice::<IgnoredAny>(json).map(|_| ()).map_err(|error| format!("not JSON: {error}"))
}

/// Answers with what a schema refers to, and fetches nothing.
struct References(Vec<(String, String)>);

impl Retrieve for References {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let wanted = uri.as_str().trim_end_matches('#');
        let is_it = |name: &str| wanted == name || wanted.ends_with(&format!("/{name}"));
        let found = self.0.iter().find(|(name, _)| is_it(name.trim_end_matches('#')));
        let (_, text) = found.ok_or_else(|| format!("\"{wanted}\" is not among the references of the schema"))?;
        Ok(serde_json::from_str(text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_names_the_field() {
        let text =
            r#"{"type":"object","properties":{"a":{"type":"array","items":{"type":"integer"}}},"required":["a"]}"#;
        let schema = Schema::parse(text, &[]).unwrap();
        assert_eq!(schema.validate(br#"{"a":[1,2],"b":12345678901234567890123}"#), Ok(()));
        let why = schema.validate(br#"{"a":[1,"x"]}"#).unwrap_err();
        assert!(why.starts_with("/a/1: ") && why.contains("integer"), "{why}");
        assert!(schema.validate(b"{}").unwrap_err().contains("\"a\""));
        assert!(schema.validate(b"{").unwrap_err().starts_with("not JSON"));
    }

    #[test]
    fn references_come_from_the_registry_alone() {
        let other = ("other.json".to_owned(), r#"{"type":"string"}"#.to_owned());
        let schema = Schema::parse(r#"{"$ref":"other.json"}"#, std::slice::from_ref(&other)).unwrap();
        assert!(schema.validate(b"1").is_err() && schema.validate(b"\"x\"").is_ok());
        let based = r#"{"$id":"http://h/a/top.json","$ref":"other.json"}"#;
        assert!(Schema::parse(based, &[other]).unwrap().validate(b"1").is_err());
        for name in ["http://127.0.0.1:1/x.json", "file:///etc/passwd"] {
            let why = Schema::parse(&format!(r#"{{"$ref":"{name}"}}"#), &[]).err().unwrap();
            assert!(why.contains(name) && why.contains("not among the references"), "{why}");
        }
        let why = Schema::parse(r#"{"$ref":"missing.json"}"#, &[]).err().unwrap();
        assert!(why.contains("missing.json"), "{why}");
    }

    #[test]
    fn patterns_take_linear_time() {
        let schema = Schema::parse(r#"{"pattern":"^(a+)+$"}"#, &[]).unwrap();
        let text = format!("\"{}!\"", "a".repeat(50_000));
        assert!(schema.validate(text.as_bytes()).is_err());
        assert!(Schema::parse(r#"{"pattern":"(?=a)b"}"#, &[]).is_err(), "a look-ahead takes no linear time");
    }
}
