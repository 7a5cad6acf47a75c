//! The JSON Schema of a plugin's configuration, which a component may carry in a custom section.

use wasmparser::{Parser, Payload};

/// The custom section of a component that has the schema as JSON text.
pub const CONFIG_SCHEMA_SECTION: &str = "sluicebox:config-schema";
/// The longest schema, in bytes.
pub const MAX_CONFIG_SCHEMA: usize = 256 << 10;

/// The dialect: JSON Schema 2020-12.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Why a text is no schema of a configuration, or a component has none that can be read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each case is")]
pub enum ConfigSchemaError {
    #[error("the configuration's schema has {size} bytes, more than {MAX_CONFIG_SCHEMA}; shorten its descriptions")]
    TooLarge { size: usize },
    #[error("the configuration's schema is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    #[error("the configuration's schema is not a JSON object")]
    NotAnObject,
    #[error("the configuration's schema is written for {0}; write it for {DIALECT}")]
    OtherDialect(String),
    #[error("the component has more than one section {CONFIG_SCHEMA_SECTION}; build it again")]
    Several,
    #[error("the component cannot be read: {0}")]
    Component(#[from] wasmparser::BinaryReaderError),
}

/// Returns the schema that a component carries, as JSON text. `None`: it carries none.
///
/// # Errors
/// It is not a component, or what it carries is no schema.
pub fn config_schema(component: &[u8]) -> Result<Option<String>, ConfigSchemaError> {
    let (mut depth, mut found) = (0, None);
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            // The parts of a component have sections of their own.
            Payload::CustomSection(section) if depth == 1 && section.name() == CONFIG_SCHEMA_SECTION => {
                let text = check_config_schema(section.data())?;
                if found.replace(text).is_some() {
                    return Err(ConfigSchemaError::Several);
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Returns the text of a schema if it is JSON, an object, short enough and of the right dialect. Whether its keywords
/// make sense is not checked.
///
/// # Errors
/// The text is no such schema.
pub fn check_config_schema(bytes: &[u8]) -> Result<String, ConfigSchemaError> {
    if bytes.len() > MAX_CONFIG_SCHEMA {
        return Err(ConfigSchemaError::TooLarge { size: bytes.len() });
    }
    let schema: serde_json::Value = serde_json::from_slice(bytes)?;
    let Some(keywords) = schema.as_object() else { return Err(ConfigSchemaError::NotAnObject) };
    let dialect = keywords.get("$schema").map(|dialect| dialect.as_str().unwrap_or_default().trim_end_matches('#'));
    match dialect {
        None | Some(DIALECT) => Ok(String::from_utf8_lossy(bytes).into_owned()),
        Some(other) => Err(ConfigSchemaError::OtherDialect(format!("{other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(sections: &[&str]) -> Vec<u8> {
        let section = |text: &&str| format!("(@custom {CONFIG_SCHEMA_SECTION:?} {text:?})");
        wat::parse_str(format!("(component {})", sections.iter().map(section).collect::<String>())).unwrap()
    }

    #[test]
    fn a_schema_is_read_from_the_component_itself() {
        let schema = r#"{"type":"object"}"#;
        assert_eq!(config_schema(&component(&[schema])).unwrap().unwrap(), schema);
        assert_eq!(config_schema(&component(&[])).unwrap(), None);
        let inner = format!("(component (component (@custom {CONFIG_SCHEMA_SECTION:?} \"{{}}\")))");
        assert_eq!(config_schema(&wat::parse_str(inner).unwrap()).unwrap(), None);
        assert!(matches!(config_schema(&component(&["{}", "{}"])), Err(ConfigSchemaError::Several)));
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        let error = |text: &str| check_config_schema(text.as_bytes()).unwrap_err().to_string();
        assert!(error("{").contains("not JSON: EOF"));
        assert!(error("[]").contains("not a JSON object"));
        assert!(error(r#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#).contains("draft-07"));
        assert!(error(&format!("{{\"x\":\"{}\"}}", "x".repeat(MAX_CONFIG_SCHEMA))).contains("more than 262144"));
        assert!(check_config_schema(format!("{{\"$schema\":\"{DIALECT}\"}}").as_bytes()).is_ok());
    }
}
