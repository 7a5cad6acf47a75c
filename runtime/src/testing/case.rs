//! A case: what goes in and what has to come of it, read from its shape and checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::file::{Entry, Expect, Fields, KIND, Letter};
use crate::config::{self, Json, Located, Planner, Position, Written, did_you_mean};
use crate::failure::Class;
use crate::record_text::{DevRecord, RecordError};

/// One test.
pub struct Case {
    /// Its name.
    pub name: String,
    /// Where it begins in the file: its first key.
    pub at: Position,
    /// What goes in.
    pub records: Vec<DevRecord>,
    /// What has to come of it; none: nobody has said yet.
    pub expected: Option<Expected>,
}

/// What has to come of a case.
#[derive(Default)]
pub struct Expected {
    /// Of each output its records; an output that is not named has none.
    pub outputs: BTreeMap<String, Vec<ExpectedRecord>>,
    /// The dead letters, in the order of the input.
    pub letters: Vec<ExpectedLetter>,
    /// Records that are dropped; none: as many as there are.
    pub dropped: Option<u64>,
    /// Counters; what is not named may count as it likes.
    pub metrics: BTreeMap<String, u64>,
    /// A part of what stops the pipeline; none: nothing does.
    pub error: Option<String>,
}

/// A record that has to come: what is not mentioned may be anything.
#[derive(Clone, Debug, Default)]
pub struct ExpectedRecord {
    /// The key; the inner none is null.
    pub key: Option<Option<Content>>,
    /// The value; the inner none is null.
    pub value: Option<Option<Content>>,
    /// All headers, in order.
    pub headers: Option<Headers>,
    /// The timestamp; the inner none: it has none.
    pub timestamp: Option<Option<i64>>,
}

/// Names and values, in order.
pub type Headers = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// The content of a field.
#[derive(Clone, Debug)]
pub enum Content {
    /// Exactly these bytes.
    Bytes(Vec<u8>),
    /// Any JSON that says the same.
    Json(Value),
}

/// A dead letter that has to come: what is not mentioned may be anything.
#[derive(Clone, Debug, Default)]
pub struct ExpectedLetter {
    /// The class.
    pub class: Option<Class>,
    /// The reason.
    pub reason: Option<Reason>,
    /// The stage's name.
    pub stage: Option<String>,
    /// Its record.
    pub record: ExpectedRecord,
}

/// What is said of a reason.
#[derive(Clone, Debug)]
pub enum Reason {
    /// It is this.
    Is(String),
    /// This is part of it.
    Contains(String),
}

/// What is written of a case, whichever file it stands in.
pub struct WrittenCase<'f> {
    /// Where it begins.
    pub at: Position,
    /// Its name.
    pub name: &'f Written<String>,
    /// What goes in.
    pub records: &'f [Located<Entry>],
    /// What has to come of it.
    pub expect: Option<&'f Expect>,
}

/// The outputs that a case can expect something of: their names, and whether what goes there comes out.
pub type Outputs = [(Arc<str>, bool)];

/// Reads the cases of one file.
pub struct Cases<'p, 'a> {
    planner: &'p mut Planner<'a>,
    lines: BTreeMap<String, usize>,
}

impl<'p, 'a> Cases<'p, 'a> {
    /// None read yet.
    pub fn new(planner: &'p mut Planner<'a>) -> Self {
        Cases { planner, lines: BTreeMap::new() }
    }

    /// For what else stands in the file.
    pub fn planner(&mut self) -> &mut Planner<'a> {
        self.planner
    }

    /// Reads one.
    pub fn read(&mut self, written: &WrittenCase<'_>, outputs: &Outputs) -> Case {
        let name = written.name.text.clone();
        if name.trim().is_empty() || name.contains(char::is_control) {
            self.planner.error(written.name.at, "cases.name: a case needs a name, in one line");
        }
        if let Some(line) = self.lines.insert(name.clone(), written.name.at.line) {
            self.planner.error(written.name.at, format!("cases.name: \"{name}\" is in line {line} already"));
        }
        Case {
            name,
            at: written.at,
            records: written.records.iter().map(|record| self.record(record)).collect(),
            expected: written.expect.map(|expect| self.expected(expect, outputs)),
        }
    }

    fn record(&mut self, entry: &Located<Entry>) -> DevRecord {
        match &entry.value {
            Entry::Text(text) => DevRecord::plain(text.as_bytes()),
            Entry::Fields(fields) => self.fields(fields, entry.at).0,
            Entry::Other(what) => self.no_record(entry.at, what),
        }
    }

    fn no_record(&mut self, at: Position, what: &str) -> DevRecord {
        let message = format!("a record is text, or a mapping of its fields, and this is {what}");
        self.planner.error_with_help(at, message, "quote it to make it text; `{ value: null }` is a null value");
        DevRecord::default()
    }

    /// The record of these fields, and them as JSON.
    fn fields(&mut self, fields: &Fields, at: Position) -> (DevRecord, Map<String, Value>) {
        let named = [
            ("key", &fields.key),
            ("key_base64", &fields.key_base64),
            ("value", &fields.value),
            ("value_base64", &fields.value_base64),
            ("headers", &fields.headers),
            ("timestamp", &fields.timestamp),
        ];
        let given = named.into_iter().filter_map(|(name, json)| Some((name.to_owned(), plain(json.as_ref()?))));
        let given: Map<String, Value> = given.collect();
        let record = DevRecord::from_fields(&given).unwrap_or_else(|error| {
            let (RecordError::Json(message) | RecordError::Shape(message)) = error;
            self.planner.error(at, message);
            DevRecord::default()
        });
        (record, given)
    }

    fn expected_record(&mut self, entry: &Located<Entry>) -> ExpectedRecord {
        match &entry.value {
            Entry::Text(text) => {
                ExpectedRecord { value: Some(Some(Content::Bytes(text.clone().into_bytes()))), ..Default::default() }
            }
            Entry::Fields(fields) => self.mentioned(fields, entry.at),
            Entry::Other(what) => {
                self.no_record(entry.at, what);
                ExpectedRecord::default()
            }
        }
    }

    fn mentioned(&mut self, fields: &Fields, at: Position) -> ExpectedRecord {
        let (record, given) = self.fields(fields, at);
        let content = |name: &str, bytes: Option<Vec<u8>>| match given.get(name) {
            Some(json @ (Value::Object(_) | Value::Array(_))) => Some(Some(Content::Json(json.clone()))),
            None if !given.contains_key(&format!("{name}_base64")) => None,
            Some(_) | None => Some(bytes.map(Content::Bytes)),
        };
        ExpectedRecord {
            key: content("key", record.key),
            value: content("value", record.value),
            headers: given.contains_key("headers").then_some(record.headers),
            timestamp: given.contains_key("timestamp").then_some(record.timestamp),
        }
    }

    fn expected(&mut self, expect: &Expect, outputs: &Outputs) -> Expected {
        let mut expected =
            Expected { error: expect.error.as_ref().map(|error| error.text.clone()), ..Default::default() };
        for (name, records) in &expect.outputs.entries {
            self.output(name, outputs);
            let records = records.iter().map(|record| self.expected_record(record)).collect();
            expected.outputs.insert(name.text.clone(), records);
        }
        expected.letters = expect.dead_letters.iter().map(|letter| self.letter(letter)).collect();
        expected.dropped = expect
            .dropped
            .as_ref()
            .and_then(|dropped| self.planner.read("dropped", dropped))
            .map(|read| read.value as u64);
        for (name, count) in &expect.metrics.entries {
            if let Some(count) = self.planner.read("metrics", count) {
                expected.metrics.insert(name.text.clone(), count.value as u64);
            }
        }
        expected
    }

    fn output(&mut self, name: &Written<String>, outputs: &Outputs) {
        let known = outputs.iter().find(|(output, _)| **output == *name.text);
        match known {
            Some((_, true)) => {}
            Some((_, false)) => {
                let message = format!("outputs: what goes to \"{}\" is dropped, so nothing comes out there", name.text);
                self.planner.error_with_help(name.at, message, "expect `dropped: N`");
            }
            None => {
                let names: Vec<&str> = outputs.iter().map(|(name, _)| &**name).collect();
                let help = did_you_mean(&name.text, names.iter().copied());
                let help = help.unwrap_or_else(|| format!("the outputs are {}", names.join(", ")));
                self.planner.error_with_help(name.at, format!("outputs: there is no output \"{}\"", name.text), help);
            }
        }
    }

    fn letter(&mut self, written: &Located<Letter>) -> ExpectedLetter {
        let letter = &written.value;
        let fields = Fields {
            key: letter.key.clone(),
            key_base64: letter.key_base64.clone(),
            value: letter.value.clone(),
            value_base64: letter.value_base64.clone(),
            headers: letter.headers.clone(),
            timestamp: letter.timestamp.clone(),
        };
        let text = |written: &Option<Written<String>>| written.as_ref().map(|written| written.text.clone());
        if let (Some(_), Some(part)) = (&letter.reason, &letter.reason_contains) {
            self.planner.error(part.at, "dead_letters: `reason` and `reason_contains` cannot both be given");
        }
        ExpectedLetter {
            class: letter.class.as_ref().and_then(|class| self.class(class)),
            reason: text(&letter.reason).map(Reason::Is).or(text(&letter.reason_contains).map(Reason::Contains)),
            stage: text(&letter.stage),
            record: self.mentioned(&fields, written.at),
        }
    }

    fn class(&mut self, written: &Written<String>) -> Option<Class> {
        let class = Class::parse(&written.text);
        if class.is_none() {
            let words = Class::ALL.map(Class::as_str);
            let help = did_you_mean(&written.text, words);
            let help = help.unwrap_or_else(|| format!("the classes are {}", words.join(", ")));
            let message = format!("dead_letters.class: \"{}\" is no class of failures", written.text);
            self.planner.error_with_help(written.at, message, help);
        }
        class
    }
}

/// What is written, as it is: nothing in a record is expanded.
fn plain(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => (*value).into(),
        Json::Number(number) => number.clone().into(),
        Json::Text(text) => text.text.as_str().into(),
        Json::List(list) => list.iter().map(|item| plain(&item.value)).collect(),
        Json::Map(entries) => entries.iter().map(|(name, value)| (name.text.clone(), plain(value))).collect(),
    }
}

/// Whether a text can be read as a file of tests at all.
pub fn is_yaml(text: &str) -> bool {
    let source = config::source("tests".as_ref(), text);
    config::parse::<serde::de::IgnoredAny>(&source, &KIND).is_ok()
}

/// What JSON a text in YAML is; none where it is not valid.
pub fn json_in_yaml(text: &str) -> Option<Value> {
    let source = config::source("tests".as_ref(), text);
    config::parse::<Json>(&source, &KIND).ok().map(|json| plain(&json))
}
