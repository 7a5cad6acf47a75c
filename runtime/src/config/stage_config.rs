//! What is wrong with a stage's `config:` by what its plugin says: the schema that it carries, and the error of its
//! `init`. Each finding points at the key that it is about.

use serde_json::Value;

use super::error::{Flaw, InnerPlace, Position, did_you_mean, without_space};
use super::places::step;
use super::plan::Stage;
use crate::codec::json_schema::{Fault, Schema, Violation};

/// Findings that are reported of one configuration; more are wrong with the first of their cause.
const MOST: usize = 20;

/// Validates a stage's configuration by its plugin's schema. A stage without one is as one with an empty map, where the
/// schema wants a map.
///
/// # Errors
/// The schema cannot be used: why.
pub fn check_config(stage: &Stage, schema: &str) -> Result<Vec<Flaw>, String> {
    let schema = Schema::parse(schema, &[])?;
    let config = parsed(stage);
    let nothing = Value::Object(serde_json::Map::new());
    [&config, &nothing].into_iter().try_for_each(|value| schema.check_work(value))?;
    let mut violations = schema.violations(&config);
    if config.is_null() && !violations.is_empty() {
        violations = schema.violations(&nothing);
    }
    let mut flaws = Vec::new();
    let mut misspelt = Vec::new();
    for violation in &violations {
        let flaw = flaw(stage, &config, violation);
        if violation.fault == Fault::UnknownKey && flaw.help.is_some() {
            misspelt.push(parent(&violation.at));
        }
        flaws.push((violation, flaw));
    }
    let is_of_other_kind = |at: &str| violations.iter().any(|own| own.fault == Fault::Type && own.at == at);
    // A key that is misspelt is not missing as well, and what is no map at all has no form of one.
    flaws.retain(|(violation, _)| match violation.fault {
        Fault::MissingKey => !misspelt.contains(&parent(&violation.at)),
        Fault::MissingForm => !misspelt.contains(&violation.at.as_str()),
        Fault::Value => !is_of_other_kind(&violation.at),
        Fault::UnknownKey | Fault::Type => true,
    });
    Ok(flaws.into_iter().take(MOST).map(|(_, flaw)| flaw).collect())
}

/// What a plugin's `init` says against its configuration, at the key that it names.
pub fn init_flaw(stage: &Stage, message: &str, whole: String) -> Flaw {
    let config = parsed(stage);
    let Some(pointer) = named_part(message, &config) else {
        return Flaw::new(stage.config_places.0.start(), whole);
    };
    let at = stage.config_places.0.find(&pointer);
    let names: Vec<&str> = expected_names(message).into_iter().flatten().collect();
    if let Some(known) = last_key(&pointer).and_then(|key| without_space(key, names.iter().copied())) {
        return no_space(stage, at, &shown(&config, &sibling(&pointer, known)), known);
    }
    let help = last_key(&pointer).and_then(|key| did_you_mean(key, names));
    let inner = config.pointer(&pointer).and_then(Value::as_str).and_then(|text| inner_place(text, &whole));
    Flaw { at, message: whole, help, inner }
}

/// What a message says of a place in a text: `...: line 2, column 3: what is wrong`, and on lines below, indented, the
/// text's line, a caret, and what to do.
fn inner_place(text: &str, message: &str) -> Option<InnerPlace> {
    let (before, rest) = message.split_once(": line ")?;
    let (line, rest) = rest.split_once(", column ")?;
    let (column, rest) = rest.split_once(": ")?;
    let at = Position { line: line.parse().ok()?, column: column.parse().ok()? };
    let mut lines = rest.lines();
    let message = format!("{before}: {}", lines.next()?);
    let below: Vec<&str> = lines.map(str::trim).collect();
    let caret = below.iter().position(|line| *line == "^");
    let help = below[caret.map_or(0, |caret| caret + 1)..].join("; ");
    Some(InnerPlace { text: text.to_owned(), at, message, help: Some(help).filter(|help| !help.is_empty()) })
}

/// A known key that has run together with its value.
fn no_space(stage: &Stage, at: Position, shown: &str, known: &str) -> Flaw {
    let message = format!("stage \"{}\": {shown}: a space is missing behind the colon", stage.name);
    Flaw { help: Some(format!("write {known}: VALUE")), ..Flaw::new(at, message) }
}

/// The pointer of a key beside another.
fn sibling(pointer: &str, key: &str) -> String {
    format!("{}/{}", parent(pointer), step(key))
}

fn parsed(stage: &Stage) -> Value {
    serde_json::from_str(&stage.config).unwrap_or_default()
}

fn flaw(stage: &Stage, config: &Value, violation: &Violation) -> Flaw {
    let places = &stage.config_places.0;
    let message = format!("stage \"{}\": {}: {}", stage.name, shown(config, &violation.at), violation.why);
    let word = match config.pointer(&violation.at) {
        // What is possible in place of a text is a text.
        Some(Value::String(text)) if violation.fault != Fault::UnknownKey => Some(text.as_str()),
        _ => violation.at.rsplit('/').next(),
    };
    let possible = || violation.possible.iter().map(String::as_str);
    let at = places.find(&violation.at);
    if violation.fault == Fault::UnknownKey
        && let Some(known) = word.and_then(|word| without_space(word, possible()))
    {
        return no_space(stage, at, &shown(config, &sibling(&violation.at, known)), known);
    }
    let help = violation.form.as_ref().map(|key| in_a_map(stage, config, violation, key));
    let help = help.or_else(|| word.and_then(|word| did_you_mean(word, possible())));
    Flaw { at, message, help, inner: None }
}

/// A value that stands in the place of a map, as the map would hold it. What a `${...}` stands for is not shown.
fn in_a_map(stage: &Stage, config: &Value, violation: &Violation, key: &str) -> String {
    let name = violation.at.rsplit('/').next().unwrap_or_default();
    let is_plain = |text: &&str| {
        let is_of_a_path = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
        text.starts_with(char::is_alphabetic) && text.chars().all(is_of_a_path)
    };
    let written = config.pointer(&violation.at).and_then(Value::as_str).filter(is_plain);
    let written = written.filter(|_| !stage.config_places.0.is_replaced(&violation.at)).unwrap_or("...");
    format!("write {name}: {{ {key}: {written} }}")
}

/// The pointer of what is around a part.
fn parent(pointer: &str) -> &str {
    pointer.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// A JSON Pointer as the SDKs write the place of an error: `config.routes.de`, `config.fields[0]`.
fn shown(config: &Value, pointer: &str) -> String {
    let (mut text, mut node) = ("config".to_owned(), Some(config));
    for part in pointer.split('/').skip(1) {
        let key = part.replace("~1", "/").replace("~0", "~");
        match node {
            Some(Value::Array(_)) => text += &format!("[{key}]"),
            _ => text += &format!(".{key}"),
        }
        node = node.and_then(|node| match node {
            Value::Array(items) => items.get(key.parse::<usize>().ok()?),
            node => node.get(&key),
        });
    }
    text
}

/// The part of a configuration that a message names, as a JSON Pointer: `config.routes.de: ...`, as the SDKs write it,
/// `routes.de: ...`, or a key in quotes.
fn named_part(message: &str, config: &Value) -> Option<String> {
    let by_convention = message.match_indices("config").filter_map(|(at, word)| {
        let (pointer, _) = walk(&message[at + word.len()..], config);
        Some(pointer).filter(|pointer| !pointer.is_empty())
    });
    let at_the_start = || {
        let (pointer, rest) = walk(message, config);
        Some(pointer).filter(|pointer| !pointer.is_empty() && rest.starts_with(':'))
    };
    let in_quotes = || {
        ['`', '"', '\''].into_iter().find_map(|quote| {
            message.split(quote).skip(1).step_by(2).find_map(|word| {
                let (pointer, rest) = walk(word, config);
                Some(pointer).filter(|pointer| !pointer.is_empty() && rest.is_empty())
            })
        })
    };
    by_convention.into_iter().next().or_else(at_the_start).or_else(in_quotes)
}

/// Follows a dotted path into a value as far as it leads. Returns where that is, and the rest of the text.
fn walk<'t>(text: &'t str, config: &Value) -> (String, &'t str) {
    let (mut pointer, mut rest, mut node) = (String::new(), text, config);
    loop {
        let (next, taken, part) = match node {
            Value::Object(entries) => {
                let tail = rest.strip_prefix('.').unwrap_or(rest);
                // Keys may have dots; the longest that fits is meant.
                let fits = |key: &str| {
                    let after = tail.strip_prefix(key).filter(|_| !key.is_empty())?;
                    let ends = after.chars().next().is_none_or(|c| !c.is_alphanumeric() && !"_-".contains(c));
                    ends.then_some(after)
                };
                let longest = entries.iter().filter_map(|(key, value)| Some((key, value, fits(key)?)));
                let Some((key, value, after)) = longest.max_by_key(|(key, ..)| key.len()) else { break };
                (value, after, step(key))
            }
            Value::Array(items) => {
                let Some((number, after)) = rest.strip_prefix('[').and_then(|tail| tail.split_once(']')) else { break };
                let Some(item) = number.parse::<usize>().ok().and_then(|number| items.get(number)) else { break };
                (item, after, number.to_owned())
            }
            _ => break,
        };
        pointer = format!("{pointer}/{part}");
        (node, rest) = (next, taken);
    }
    (pointer, rest)
}

fn last_key(pointer: &str) -> Option<&str> {
    pointer.rsplit('/').next()
}

/// The names that a message has behind `expected` of something that is unknown.
fn expected_names(message: &str) -> Option<impl Iterator<Item = &str>> {
    let (before, expected) = message.split_once("expected ")?;
    let is_name = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let words = expected.split(move |c| !is_name(c)).filter(|word| !word.is_empty() && *word != "or");
    before.contains("unknown").then_some(words)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_of_an_sdk_leads_to_the_deepest_part_that_is_written() {
        let config = json!({ "routes": { "de": "a", "a.b": "c", "a": {} }, "fields": [{ "x": 1 }] });
        for (message, pointer) in [
            ("config.routes.de: there is no such output", "/routes/de"),
            ("config.routes.a.b: there is no such output", "/routes/a.b"),
            ("config.fields[0].x: expected a string, found the number 1", "/fields/0/x"),
            ("config.fields[0].y: missing", "/fields/0"),
            ("config.routes: there is no route", "/routes"),
            ("the start failed: config.routes.de is odd", "/routes/de"),
            ("routes.de: there is no such output", "/routes/de"),
            ("there is no output for `routes.de`", "/routes/de"),
            ("unknown field \"routes\"", "/routes"),
        ] {
            assert_eq!(named_part(message, &config).as_deref(), Some(pointer), "{message}");
        }
        for message in
            ["config: nothing is set", "config.other: missing", "it is routes that are wrong", "fields0: x", ""]
        {
            assert_eq!(named_part(message, &config), None, "{message}");
        }
    }

    #[test]
    fn what_is_expected_in_place_of_an_unknown_key_is_read_from_the_message() {
        for message in [
            "config.sufix: unknown key, expected prefix or suffix",
            "unknown field `sufix`, expected one of `prefix`, `suffix`",
        ] {
            let near = did_you_mean("sufix", expected_names(message).unwrap());
            assert_eq!(near.unwrap(), "did you mean \"suffix\"?", "{message}");
        }
        assert!(expected_names("config.n: expected a number, found a string").is_none());
    }

    #[test]
    fn a_place_is_written_as_the_sdks_write_it() {
        let config = json!({ "a/b": [{ "c": 1 }] });
        assert_eq!(shown(&config, "/a~1b/0/c"), "config.a/b[0].c");
        assert_eq!(shown(&config, "/x/0"), "config.x.0");
        assert_eq!(shown(&Value::Null, ""), "config");
    }
}
