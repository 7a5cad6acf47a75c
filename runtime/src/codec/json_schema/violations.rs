//! What of a value does not fit a schema, in the words of whoever wrote the value, and without the value's texts.

use jsonschema::error::{TypeKind, ValidationError, ValidationErrorKind};
use jsonschema::{JsonType, JsonTypeSet};
use serde_json::Value;

use super::Schema;

/// Choices that a message lists; there may be hundreds.
const LISTED: usize = 12;
/// Characters of a message that the validator has worded.
const LONGEST: usize = 500;

/// One thing in a value that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The JSON Pointer of what is wrong: a key that is unknown or missing, or a value.
    pub at: String,
    /// What is wrong with it.
    pub why: String,
    /// What could have been meant in its place: keys for an unknown key, texts for a text.
    pub possible: Vec<String>,
    /// Of a text in the place of a map: the key under which the map would hold it, where there is one such.
    pub form: Option<String>,
    /// What kind of fault it is.
    pub fault: Fault,
}

/// What is wrong with a part of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A key that is not known.
    UnknownKey,
    /// A key that is missing.
    MissingKey,
    /// An object with none of several keys, of which it needs one.
    MissingForm,
    /// A value of another kind than the schema's: a text for a list.
    Type,
    /// Anything else.
    Value,
}

impl Violation {
    fn new(at: &str, fault: Fault, why: impl Into<String>) -> Violation {
        Violation { at: at.to_owned(), why: why.into(), possible: Vec::new(), form: None, fault }
    }
}

impl Schema {
    /// Returns everything in a value that does not fit, in the order of the schema.
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        let mut found = Vec::new();
        for error in self.validator.iter_errors(value) {
            self.describe(&error, &mut found);
        }
        found
    }

    fn describe(&self, error: &ValidationError<'_>, found: &mut Vec<Violation>) {
        let at = error.instance_path().as_str();
        let mut say = |why: String| found.push(Violation::new(at, Fault::Value, why));
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                let known = self.known_keys(error);
                let expected = match known.is_empty() {
                    true => "there are none".to_owned(),
                    false => format!("expected {}", one_of(known.iter().map(String::as_str))),
                };
                found.extend(unexpected.iter().map(|key| Violation {
                    at: format!("{at}/{}", escaped(key)),
                    why: format!("unknown key, {expected}"),
                    possible: known.clone(),
                    form: None,
                    fault: Fault::UnknownKey,
                }));
            }
            ValidationErrorKind::Required { property } => {
                let key = property.as_str().unwrap_or_default();
                found.push(Violation::new(&format!("{at}/{}", escaped(key)), Fault::MissingKey, "missing"));
            }
            ValidationErrorKind::Type { kind } => {
                let why = format!("expected {}, found {}", expected_type(kind), kind_of(error.instance()));
                found.push(Violation { form: self.form(error), ..Violation::new(at, Fault::Type, why) });
            }
            ValidationErrorKind::Enum { options } => found.push(choice(at, options.as_array().map(Vec::as_slice))),
            ValidationErrorKind::Constant { expected_value } => {
                found.push(choice(at, Some(std::slice::from_ref(&**expected_value))));
            }
            ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
                self.describe_branches(error, context, found);
            }
            ValidationErrorKind::OneOfMultipleValid { .. } => match self.given(error)[..] {
                [ref first @ .., last] if !first.is_empty() => {
                    let why = format!("give only one of {} and {last}", first.join(", "));
                    found.push(Violation::new(&format!("{at}/{}", escaped(last)), Fault::Value, why));
                }
                _ => say(format!("fits several forms of which only one is allowed{}", self.description(error))),
            },
            ValidationErrorKind::Minimum { limit } => say(format!("must be at least {limit}")),
            ValidationErrorKind::Maximum { limit } => say(format!("must be at most {limit}")),
            ValidationErrorKind::ExclusiveMinimum { limit } => say(format!("must be more than {limit}")),
            ValidationErrorKind::ExclusiveMaximum { limit } => say(format!("must be less than {limit}")),
            ValidationErrorKind::MinLength { limit: 1 } => say("must not be empty".to_owned()),
            ValidationErrorKind::MinLength { limit } => say(format!("must have at least {limit} characters")),
            ValidationErrorKind::MaxLength { limit } => say(format!("must have at most {limit} characters")),
            ValidationErrorKind::MinItems { limit: 1 } => {
                say("the list is empty; it needs at least one item".to_owned());
            }
            ValidationErrorKind::MinItems { limit } => say(format!("the list must have at least {limit} items")),
            ValidationErrorKind::MaxItems { limit } => say(format!("the list must have at most {limit} items")),
            ValidationErrorKind::MinProperties { limit } => say(format!("must have at least {limit} of its keys")),
            ValidationErrorKind::MaxProperties { limit } => say(format!("must have at most {limit} keys")),
            ValidationErrorKind::Pattern { pattern } => say(format!("must match the regular expression {pattern}")),
            ValidationErrorKind::UniqueItems => say("the list has an item twice".to_owned()),
            ValidationErrorKind::Not { .. } => say(format!("is excluded by the schema{}", self.description(error))),
            // What is rare says it in the validator's words, without the value.
            _ => say(error.masked().to_string().chars().take(LONGEST).collect()),
        }
    }

    /// Of several forms that all do not fit: what is wrong with the one that was meant, where that can be told.
    fn describe_branches(
        &self,
        error: &ValidationError<'_>,
        branches: &[Vec<ValidationError<'static>>],
        found: &mut Vec<Violation>,
    ) {
        let at = error.instance_path().as_str();
        let is_of_other_kind = |branch: &Vec<ValidationError<'static>>| {
            let is_here = |error: &ValidationError<'_>| error.instance_path().as_str() == at;
            branch.iter().any(|error| {
                let kind = error.kind();
                is_here(error) && matches!(kind, ValidationErrorKind::Type { .. } | ValidationErrorKind::FalseSchema)
            })
        };
        let meant: Vec<_> = branches.iter().filter(|branch| !is_of_other_kind(branch)).collect();
        // The form with the fewest faults, if there is one of which that can be said.
        let fewest = meant.iter().map(|branch| branch.len()).min().unwrap_or_default();
        let mut nearest = meant.iter().filter(|branch| branch.len() == fewest);
        if let (Some(branch), None) = (nearest.next(), nearest.next()) {
            for error in branch.iter() {
                self.describe(error, found);
            }
            return;
        }
        let mut types = JsonTypeSet::empty();
        for error in branches.iter().flatten().filter(|error| error.instance_path().as_str() == at) {
            if let ValidationErrorKind::Type { kind } = error.kind() {
                types = add(types, kind);
            }
        }
        let keys = required(branches);
        found.push(if meant.is_empty() && types.iter().next().is_some() {
            let expected = expected_type(&TypeKind::Multiple(types));
            let form = branches.iter().flatten().find_map(|branch| self.form(branch));
            let why = format!("expected {expected}, found {}", kind_of(error.instance()));
            Violation { form, ..Violation::new(at, Fault::Type, why) }
        } else if keys.is_empty() {
            let description = self.description(error);
            Violation::new(at, Fault::Value, format!("fits none of the forms that it may have{description}"))
        } else {
            Violation::new(at, Fault::MissingForm, format!("give {}", one_of(keys.iter().copied())))
        });
    }

    /// The key of a map that takes a text, where a text stands in the map's place: the first of those of which one has
    /// to be given, or the only one that has to be.
    fn form(&self, error: &ValidationError<'_>) -> Option<String> {
        let ValidationErrorKind::Type { kind } = error.kind() else { return None };
        let is_map = add(JsonTypeSet::empty(), kind).iter().any(|kind| kind == JsonType::Object);
        let schema = self.parent(error).filter(|_| is_map && error.instance().is_string())?;
        let required = match schema.get("oneOf") {
            Some(forms) => forms.get(0)?.get("required")?,
            None => schema.get("required").filter(|required| required.get(1).is_none())?,
        };
        let key = required.get(0)?.as_str()?;
        let takes_text = schema.get("properties")?.get(key)?.get("type")? == "string";
        takes_text.then(|| key.to_owned())
    }

    /// The keys that the schema has where a key is unknown.
    fn known_keys(&self, error: &ValidationError<'_>) -> Vec<String> {
        let properties = self.parent(error).and_then(|parent| parent.get("properties")?.as_object());
        let mut known: Vec<String> = properties.into_iter().flatten().map(|(key, _)| key.clone()).collect();
        known.sort_unstable();
        known
    }

    /// The keys that are given, of those of which each form wants its own.
    fn given(&self, error: &ValidationError<'_>) -> Vec<&str> {
        let forms = self.parent(error).and_then(|parent| parent.get("oneOf")?.as_array());
        let keys = forms.into_iter().flatten().filter_map(|form| form.get("required")?.as_array()?.first()?.as_str());
        keys.filter(|key| error.instance().get(*key).is_some()).collect()
    }

    /// The description of the schema that does not fit, which may say more.
    fn description(&self, error: &ValidationError<'_>) -> String {
        let description = self.parent(error).and_then(|parent| parent.get("description")?.as_str());
        description.map(|text| format!(" ({})", text.chars().take(LONGEST).collect::<String>())).unwrap_or_default()
    }

    /// The schema whose keyword does not fit.
    fn parent(&self, error: &ValidationError<'_>) -> Option<&Value> {
        let path = error.schema_path().as_str();
        let (path, _keyword) = path.rsplit_once('/')?;
        let mut node = &self.schema;
        for step in path.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            node = match node {
                Value::Array(list) => list.get(step.parse::<usize>().ok()?)?,
                // A path may go through a reference.
                node if step == "$ref" => self.schema.pointer(node.get("$ref")?.as_str()?.strip_prefix('#')?)?,
                node => node.get(&step)?,
            };
        }
        Some(node)
    }
}

/// A value that is none of those that are possible.
fn choice(at: &str, options: Option<&[Value]>) -> Violation {
    let options = options.unwrap_or_default();
    let texts: Vec<String> = options.iter().map(Value::to_string).collect();
    let possible = options.iter().filter_map(|option| Some(option.as_str()?.to_owned())).collect();
    let why = format!("expected {}", one_of(texts.iter().map(String::as_str)));
    Violation { possible, ..Violation::new(at, Fault::Value, why) }
}

/// The keys without which forms do not fit, where that is all that is wrong with each.
fn required<'b>(branches: &'b [Vec<ValidationError<'static>>]) -> Vec<&'b str> {
    let key = |branch: &'b Vec<ValidationError<'static>>| match branch.as_slice() {
        [only] => match only.kind() {
            ValidationErrorKind::Required { property } => property.as_str(),
            _ => None,
        },
        _ => None,
    };
    branches.iter().map(key).collect::<Option<_>>().unwrap_or_default()
}

fn add(types: JsonTypeSet, kind: &TypeKind) -> JsonTypeSet {
    match kind {
        TypeKind::Single(kind) => types.insert(*kind),
        TypeKind::Multiple(kinds) => kinds.iter().fold(types, JsonTypeSet::insert),
    }
}

fn expected_type(kind: &TypeKind) -> String {
    // That a key may be null helps nobody who wrote something else.
    let all: Vec<JsonType> = add(JsonTypeSet::empty(), kind).iter().collect();
    let names = all.iter().filter(|kind| all.len() == 1 || **kind != JsonType::Null);
    one_of(names.map(|kind| type_name(*kind)).collect::<Vec<_>>().into_iter())
}

fn type_name(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Null => "null",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Number => "a number",
        JsonType::String => "a string",
        JsonType::Array => "a list",
        JsonType::Object => "a map",
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

/// Names as a sentence has them: `a, b or c`; of many the first.
fn one_of<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = names.len().saturating_sub(LISTED);
    let listed: Vec<&str> = names.take(LISTED).collect();
    match &listed[..] {
        [] => "nothing".to_owned(),
        [only] => (*only).to_owned(),
        all if more > 0 => format!("{} or one of {more} more", all.join(", ")),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

/// A key as a step of a JSON Pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn violations(schema: &Value, value: &Value) -> Vec<(String, String)> {
        let schema = Schema::parse(&schema.to_string(), &[]).unwrap();
        schema.violations(value).into_iter().map(|violation| (violation.at, violation.why)).collect()
    }

    fn only(schema: Value, value: Value) -> (String, String) {
        let found = violations(&schema, &value);
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().unwrap()
    }

    fn pair(at: &str, why: &str) -> (String, String) {
        (at.to_owned(), why.to_owned())
    }

    #[test]
    fn an_unknown_key_is_named_with_those_that_there_are_also_behind_a_reference() {
        let schema = json!({
            "type": "object",
            "properties": { "a": { "$ref": "#/$defs/inner" }, "b": true },
            "additionalProperties": false,
            "$defs": { "inner": { "properties": { "x/y": true, "z": true }, "additionalProperties": false } },
        });
        assert_eq!(only(schema.clone(), json!({ "c": 1 })), pair("/c", "unknown key, expected a or b"));
        let inner = only(schema.clone(), json!({ "a": { "x/x": 1 } }));
        assert_eq!(inner, pair("/a/x~1x", "unknown key, expected x/y or z"));
        let parsed = Schema::parse(&schema.to_string(), &[]).unwrap();
        assert_eq!(parsed.violations(&json!({ "a": { "q": 1 } }))[0].possible, ["x/y", "z"]);
    }

    #[test]
    fn values_are_described_without_being_shown() {
        let secret = "hunter2";
        for (schema, why) in [
            (json!({ "type": "integer" }), "expected a whole number, found a string"),
            (json!({ "type": ["array", "null"] }), "expected a list, found a string"),
            (json!({ "enum": ["all", "email"] }), "expected \"all\" or \"email\""),
            (json!({ "const": 7 }), "expected 7"),
            (json!({ "minLength": 9 }), "must have at least 9 characters"),
            (json!({ "pattern": "^a" }), "must match the regular expression ^a"),
            (
                json!({ "anyOf": [{ "type": "integer" }, { "type": "boolean" }] }),
                "expected true or false or a whole number, found a string",
            ),
        ] {
            assert_eq!(only(schema, json!(secret)), pair("", why));
        }
        let format = only(json!({ "not": { "type": "string" }, "description": "no texts" }), json!(secret));
        assert_eq!(format.1, "is excluded by the schema (no texts)");
        assert_eq!(only(json!({ "minimum": 3 }), json!(2)).1, "must be at least 3");
        assert_eq!(only(json!({ "required": ["a"] }), json!({})), pair("/a", "missing"));
    }

    #[test]
    fn of_several_forms_the_one_that_was_meant_is_judged() {
        let option = json!({ "anyOf": [{ "type": "object", "required": ["field"] }, { "type": "null" }] });
        assert_eq!(only(option.clone(), json!({})), pair("/field", "missing"));
        assert_eq!(only(option, json!(5)).1, "expected a map, found a number");
        let either = json!({ "oneOf": [{ "required": ["equals"] }, { "required": ["matches"] }] });
        assert_eq!(only(either.clone(), json!({})).1, "give equals or matches");
        let both = only(either, json!({ "equals": 1, "matches": 1 }));
        assert_eq!(both, pair("/matches", "give only one of equals and matches"));
    }

    #[test]
    fn of_a_text_in_the_place_of_a_map_the_key_is_told_that_would_hold_it() {
        let map = json!({
            "type": "object",
            "properties": { "field": { "type": "string" }, "value": { "type": "string" } },
            "oneOf": [{ "required": ["field"] }, { "required": ["value"] }],
        });
        let form = |schema: Value, value: Value| {
            Schema::parse(&schema.to_string(), &[]).unwrap().violations(&value).remove(0).form
        };
        assert_eq!(form(map.clone(), json!("a.b")).as_deref(), Some("field"));
        let option = json!({ "anyOf": [{ "$ref": "#/$defs/map" }, { "type": "null" }], "$defs": { "map": map } });
        assert_eq!(form(option.clone(), json!("a.b")).as_deref(), Some("field"));
        assert_eq!(form(option, json!(5)), None);
        let two = json!({ "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a", "b"] });
        assert_eq!(form(two, json!("x")), None);
    }

    #[test]
    fn everything_that_is_wrong_is_found_at_once() {
        let schema =
            json!({ "properties": { "a": { "type": "string" }, "b": { "type": "string" } }, "required": ["c"] });
        let found = violations(&schema, &json!({ "a": 1, "b": 2 }));
        let places: Vec<&str> = found.iter().map(|(at, _)| at.as_str()).collect();
        assert_eq!(places.len(), 3, "{found:?}");
        assert!(["/a", "/b", "/c"].iter().all(|at| places.contains(at)), "{found:?}");
    }
}
