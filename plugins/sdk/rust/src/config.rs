//! Reads a stage's configuration, with errors for whoever wrote the pipeline file.

use serde::de::DeserializeOwned;

/// Reads the JSON text of a stage's `config:`. `null` (the pipeline file has none) is read as an empty object
/// where that fits. The error names the key: `config.one_of: expected a list, found the number 5`.
pub fn read<C: DeserializeOwned>(json: &str) -> Result<C, String> {
    if json.trim() != "null" {
        return read_exactly(json);
    }
    read_exactly("{}").or_else(|error| read_exactly("null").map_err(|_| error))
}

fn read_exactly<C: DeserializeOwned>(json: &str) -> Result<C, String> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let dot = if path.starts_with('[') || path == "." { "" } else { "." };
        format!("config{dot}{}: {}", path.trim_start_matches('.'), reword(error.inner()))
    })
}

/// serde's message without the position (in a JSON text that the user has never seen), and in the user's words.
fn reword(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&position).unwrap_or(&text);
    let Some((found, expected)) = text
        .strip_prefix("invalid type: ")
        .or_else(|| text.strip_prefix("invalid value: "))
        .and_then(|text| text.split_once(", expected "))
    else {
        return text.to_owned();
    };
    format!("expected {}, found {}", plain(expected), plain(found))
}

/// serde's words for a type, as someone would say them who knows YAML and not Rust.
fn plain(words: &str) -> String {
    let numbers = ["integer ", "floating point "];
    if let Some(number) = numbers.iter().find_map(|prefix| words.strip_prefix(prefix)) {
        return format!("the number {}", number.trim_matches('`'));
    }
    match words {
        "a sequence" | "sequence" => "a list".into(),
        "map" => "a map".into(),
        "null" => "nothing".into(),
        _ if words.starts_with("struct ") => "a map".into(),
        _ if words.starts_with("boolean ") => words["boolean ".len()..].trim_matches('`').into(),
        _ if words.starts_with("string ") => format!("the text {}", &words["string ".len()..]),
        _ => words.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[serde(default)]
        one_of: Vec<String>,
        #[serde(default)]
        nested: Option<Nested>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nested {
        flag: bool,
    }

    fn error<C: DeserializeOwned + std::fmt::Debug>(json: &str) -> String {
        read::<C>(json).expect_err("the configuration is wrong")
    }

    #[test]
    fn a_wrong_type_names_the_key_what_it_should_be_and_what_it_is() {
        assert_eq!(error::<Config>(r#"{"one_of": 5}"#), "config.one_of: expected a list, found the number 5");
        assert_eq!(error::<Config>(r#"{"one_of": [true]}"#), "config.one_of[0]: expected a string, found true");
        assert_eq!(error::<Config>("5"), "config: expected a map, found the number 5");
        assert_eq!(
            error::<Config>(r#"{"nested": {"flag": "yes"}}"#),
            "config.nested.flag: expected a boolean, found the text \"yes\""
        );
    }

    #[test]
    fn an_unknown_key_is_named_with_those_there_are() {
        assert_eq!(
            error::<Config>(r#"{"oneof": []}"#),
            "config.oneof: unknown field `oneof`, expected `one_of` or `nested`"
        );
    }

    #[test]
    fn a_missing_key_is_named_where_it_is_missing() {
        assert_eq!(error::<Config>(r#"{"nested": {}}"#), "config.nested: missing field `flag`");
        assert_eq!(error::<Nested>("null"), "config: missing field `flag`");
    }

    #[test]
    fn no_configuration_is_an_empty_one() {
        let config: Config = read("null").expect("every key has a default");
        assert!(config.one_of.is_empty() && config.nested.is_none());
        read::<()>("null").expect("a plugin without configuration takes none");
        assert!(!read::<Nested>(r#"{"flag": false}"#).expect("the configuration is right").flag);
    }
}
