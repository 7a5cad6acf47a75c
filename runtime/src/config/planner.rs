//! What every step of planning shares: expansion, typing, and the findings so far.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::error::{Diagnostic, Errors, Position, Source, Warning};
use super::expand::{Env, Expanded, expand};
use super::json::{Json, Text};
use super::scalar::FromText;
use super::secret::{HIDDEN, names_secret};
use super::written::Written;

/// Collects findings while a file becomes a plan. Where a value cannot be had there is a finding, and planning goes on
/// with a default in its place, so that one run reports all that is wrong; a plan is handed out only without findings.
pub(crate) struct Planner<'a> {
    source: &'a Source<'a>,
    env: Env<'a>,
    errors: Vec<Diagnostic>,
    warnings: Vec<Warning>,
    // Before the keys of values that are recorded: `stages.0.`.
    scope: String,
    written: BTreeMap<String, String>,
    files: Vec<PathBuf>,
}

/// A typed value, and how it may be shown.
#[derive(Clone, Debug)]
pub(crate) struct Value<T> {
    /// The value.
    pub value: T,
    /// In quotes, and as it is written in the file: neither a secret nor anything of the environment is in it.
    pub shown: String,
    /// Whether any of it came by a `${...}`.
    pub replaced: bool,
    /// Where it is.
    pub at: Position,
}

impl<'a> Planner<'a> {
    /// Starts with no findings.
    pub fn new(source: &'a Source<'a>, env: Env<'a>) -> Self {
        let (scope, written, files) = (String::new(), BTreeMap::new(), Vec::new());
        Planner { source, env, errors: Vec::new(), warnings: Vec::new(), scope, written, files }
    }

    /// Says under which key values are recorded from here on: `stages.0.`, or nothing.
    pub fn set_scope(&mut self, scope: String) {
        self.scope = scope;
    }

    /// Records the text of a value in place of what it means. `key` is complete.
    pub fn record(&mut self, key: String, text: String) {
        self.written.insert(key, text);
    }

    /// Records the text of an item of a list, if it has a `${...}`.
    pub fn record_item(&mut self, key: &str, number: usize, written: &Written<String>) {
        if written.text.contains("${") {
            self.record(format!("{}{key}.{number}", self.scope), written.text.clone());
        }
    }

    /// The text of values that came by a `${...}` or were recorded, by their keys, and the files that they came of.
    pub fn written(&mut self) -> (BTreeMap<String, String>, Vec<PathBuf>) {
        (std::mem::take(&mut self.written), std::mem::take(&mut self.files))
    }

    /// The text of the file.
    pub fn text(&self) -> &'a str {
        self.source.text()
    }

    /// Reports an error.
    pub fn error(&mut self, at: Position, message: impl Into<String>) {
        self.errors.push(self.source.diagnostic(at, message));
    }

    /// Reports an error and says what to do.
    pub fn error_with_help(&mut self, at: Position, message: impl Into<String>, help: impl Into<String>) {
        self.errors.push(self.source.diagnostic(at, message).with_help(help));
    }

    /// Reports an error in a line that is not to be shown, and says what to do.
    pub fn error_unquoted(&mut self, at: Position, message: impl Into<String>, help: impl Into<String>) {
        self.errors.push(self.source.diagnostic(at, message).with_help(help).without_quote());
    }

    /// Reports an error that has no place in the file.
    pub fn error_of_file(&mut self, message: impl Into<String>) {
        self.errors.push(Diagnostic::of_file(self.source.file(), message));
    }

    /// Reports a warning.
    pub fn warn(&mut self, at: Position, message: impl Into<String>) {
        self.warnings.push(Warning(self.source.diagnostic(at, message)));
    }

    /// The value of an environment variable.
    pub fn env(&self, name: &str) -> Option<String> {
        (self.env)(name)
    }

    /// Whether anything is wrong so far.
    pub fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// The plan and the warnings, or all that is wrong.
    pub fn finish<T>(self, plan: T) -> Result<(T, Vec<Warning>), Errors> {
        match Errors::new(self.errors) {
            Some(errors) => Err(errors),
            None => Ok((plan, self.warnings)),
        }
    }

    /// Expands and types a scalar.
    pub fn read<T: FromText>(&mut self, key: &str, written: &Written<T>) -> Option<Value<T>> {
        let shown = if names_secret(key) { HIDDEN.to_owned() } else { format!("\"{}\"", written.text) };
        self.read_shown(key, written, shown)
    }

    /// The same for a text that is a secret, whatever its key is called.
    pub fn read_secret(&mut self, key: &str, written: &Written<String>) -> Option<Value<String>> {
        self.read_shown(key, written, HIDDEN.to_owned())
    }

    fn read_shown<T: FromText>(&mut self, key: &str, written: &Written<T>, shown: String) -> Option<Value<T>> {
        let expanded = self.expand(key, &written.text, written.at)?;
        if expanded.replaced {
            let key = format!("{}{}", self.scope, key.strip_prefix("stages.").unwrap_or(key));
            self.record(key, written.text.clone());
        }
        match T::from_text(&expanded.text) {
            Ok(value) => Some(Value { value, shown, replaced: expanded.replaced, at: written.at }),
            Err(mismatch) => {
                let expands = if expanded.replaced { " expands to what" } else { "" };
                let message = format!("{key}: {shown}{expands} is not {}", mismatch.expected);
                // A suggestion is made of the value, which is not shown if it came from the environment.
                let help = mismatch.help.filter(|_| !expanded.replaced && !names_secret(key));
                self.errors.push(self.source.diagnostic(written.at, message).with_help_if(help));
                None
            }
        }
    }

    /// Expands and types a scalar that may be missing.
    pub fn read_or<T: FromText>(&mut self, key: &str, written: Option<&Written<T>>, default: T) -> T {
        written.and_then(|written| self.read(key, written)).map_or(default, |read| read.value)
    }

    /// Expands and types a scalar that must lie within bounds. None: it is no such value.
    pub fn read_within<T>(&mut self, key: &str, written: &Written<T>, bounds: RangeInclusive<T>) -> Option<Value<T>>
    where
        T: FromText + PartialOrd,
    {
        let read = self.read(key, written)?;
        if !bounds.contains(&read.value) {
            let (low, high) = (bounds.start().shown(), bounds.end().shown());
            self.error(read.at, format!("{key}: {} is out of bounds; it may be {low} to {high}", read.shown));
            return None;
        }
        Some(read)
    }

    /// Like [`Planner::read_within`], for a scalar that may be missing.
    pub fn within_or<T>(&mut self, key: &str, written: Option<&Written<T>>, bounds: RangeInclusive<T>, default: T) -> T
    where
        T: FromText + PartialOrd,
    {
        written.and_then(|written| self.read_within(key, written, bounds)).map_or(default, |read| read.value)
    }

    /// Expands the strings of a JSON value. `key` names it in findings.
    pub fn json(&mut self, key: &str, json: &Json) -> serde_json::Value {
        match json {
            Json::Null => serde_json::Value::Null,
            Json::Bool(value) => (*value).into(),
            Json::Number(number) => number.clone().into(),
            Json::Text(text) => self.json_text(key, text),
            Json::List(list) => list.iter().map(|item| self.json(key, &item.value)).collect(),
            Json::Map(entries) => {
                entries.iter().map(|(name, value)| (name.text.clone(), self.json(&name.text, value))).collect()
            }
        }
    }

    /// A plain scalar becomes what YAML makes of the expanded text, a number or a boolean; a quoted one stays text.
    fn json_text(&mut self, key: &str, text: &Text) -> serde_json::Value {
        let Some(expanded) = self.expand(key, &text.text, text.at) else {
            return serde_json::Value::Null;
        };
        if expanded.replaced && text.is_plain(self.source.text()) {
            let typed = serde_json::from_str(&expanded.text).ok();
            if let Some(typed @ (serde_json::Value::Bool(_) | serde_json::Value::Number(_))) = typed {
                return typed;
            }
        }
        expanded.text.into()
    }

    fn expand(&mut self, key: &str, text: &str, at: Position) -> Option<Expanded> {
        let folder = self.source.file().parent().unwrap_or(Path::new(""));
        match expand(text, self.env, folder) {
            Ok(expanded) => {
                self.files.extend_from_slice(&expanded.files);
                Some(expanded)
            }
            Err(error) => {
                self.error_with_help(at, format!("{key}: {error}"), error.help());
                None
            }
        }
    }
}
