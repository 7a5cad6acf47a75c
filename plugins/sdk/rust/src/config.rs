//! Reads a stage's configuration, with errors for whoever wrote the pipeline file.

use serde::de::DeserializeOwned;

/// Reads the JSON text of a stage's `config:`. `null` (the pipeline file has none) is read as an empty object
/// where that fits. The error names the key: `config.one_of: expected a list, found the number 5`.
pub fn read<C: DeserializeOwned>(json: &str) -> Result<C, String> {
    let json = json.trim();
    if json == "null" {
        return read_exactly("{}").or_else(|error| read_exactly("null").map_err(|_| error));
    }
    if json.starts_with('[') && takes_a_map::<C>() {
        return Err("config: expected a map, found a list".into());
    }
    read_exactly(json)
}

fn read_exactly<C: DeserializeOwned>(json: &str) -> Result<C, String> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let mut path = error.path().to_string();
        let text = without_position(error.inner());
        let message = match missing(&text) {
            Some(key) => {
                path = if path == "." { key.to_owned() } else { format!("{path}.{key}") };
                "missing".to_owned()
            }
            None => reword(&text),
        };
        let dot = if path.starts_with('[') || path == "." { "" } else { "." };
        format!("config{dot}{}: {message}", path.trim_start_matches('.'))
    })
}

/// Whether a map is what the type is read from, if not an empty one. serde reads a struct from a list, too, which is
/// no way to write a configuration.
fn takes_a_map<C: DeserializeOwned>() -> bool {
    match serde_json::from_str::<C>("{}") {
        Ok(_) => true,
        Err(error) => !error.to_string().starts_with("invalid type: map"),
    }
}

/// serde's message without the position, which is one in a JSON text that the user has never seen.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}

/// The key that serde's message says is missing.
fn missing(text: &str) -> Option<&str> {
    text.strip_prefix("missing field `")?.strip_suffix('`')
}

/// serde's message in the user's words.
fn reword(text: &str) -> String {
    if let Some((_, expected)) = text.strip_prefix("unknown field `").and_then(|text| text.split_once("`, ")) {
        return unknown_key(expected);
    }
    let Some((found, expected)) = text
        .strip_prefix("invalid type: ")
        .or_else(|| text.strip_prefix("invalid value: "))
        .and_then(|text| text.rsplit_once(", expected "))
    else {
        return text.to_owned();
    };
    format!("expected {}, found {}", plain(expected), plain(found))
}

/// Of an unknown key; `expected` is serde's list of those that there are, each in backquotes. They are told by their names'
/// order, which is the same in every language.
fn unknown_key(expected: &str) -> String {
    let mut known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    known.sort_unstable();
    match known[..] {
        [] => "unknown key, there are none".to_owned(),
        [only] => format!("unknown key, expected {only}"),
        [ref first @ .., last] => format!("unknown key, expected {} or {last}", first.join(", ")),
    }
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
        "unit" => "null".into(),
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

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Empty {}

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
        assert_eq!(error::<Config>(r#"{"one_of": null}"#), "config.one_of: expected a list, found null");
        assert_eq!(error::<Config>(r#"{"one_of": {}}"#), "config.one_of: expected a list, found a map");
    }

    #[test]
    fn a_list_is_no_map_but_may_be_a_configuration_of_its_own() {
        assert_eq!(error::<Nested>("[true]"), "config: expected a map, found a list");
        assert_eq!(error::<Config>(" []"), "config: expected a map, found a list");
        assert_eq!(read::<Vec<u8>>("[1, 2]"), Ok(vec![1, 2]));
    }

    #[test]
    fn an_unknown_key_is_named_with_those_there_are() {
        assert_eq!(error::<Config>(r#"{"oneof": []}"#), "config.oneof: unknown key, expected nested or one_of");
        assert_eq!(error::<Nested>(r#"{"flags": 1}"#), "config.flags: unknown key, expected flag");
        assert_eq!(unknown_key("expected one of `b`, `a`, `c`"), "unknown key, expected a, b or c");
        assert_eq!(error::<Empty>(r#"{"a": 1}"#), "config.a: unknown key, there are none");
    }

    #[test]
    fn a_missing_key_is_named_where_it_is_missing() {
        assert_eq!(error::<Config>(r#"{"nested": {}}"#), "config.nested.flag: missing");
        assert_eq!(error::<Nested>("null"), "config.flag: missing");
    }

    #[test]
    fn no_configuration_is_an_empty_one() {
        let config: Config = read("null").expect("every key has a default");
        assert!(config.one_of.is_empty() && config.nested.is_none());
        read::<()>("null").expect("a plugin without configuration takes none");
        assert!(!read::<Nested>(r#"{"flag": false}"#).expect("the configuration is right").flag);
    }
}
