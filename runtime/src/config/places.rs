//! Where the parts of a stage's `config:` stand in its file, for what only the plugin or its schema can find out.

use std::collections::{BTreeMap, BTreeSet};

use super::error::Position;
use super::file;
use super::json::Json;

/// The places of a configuration's parts, by their JSON Pointers. A key stands for its value.
#[derive(Clone, Debug, Default)]
pub struct Places {
    start: Position,
    parts: BTreeMap<String, Position>,
    // Texts that hold a `${...}`.
    replaced: BTreeSet<String>,
}

impl Places {
    /// The places in a stage's configuration; of one that has none, its plugin.
    pub(super) fn of(stage: &file::Stage) -> Places {
        let mut places = Places { start: stage.config_at(), ..Places::default() };
        if let Some(config) = &stage.config {
            places.add(&mut String::new(), &config.value);
        }
        places
    }

    fn add(&mut self, pointer: &mut String, json: &Json) {
        let length = pointer.len();
        match json {
            Json::Map(entries) => {
                for (key, value) in entries {
                    pointer.push('/');
                    pointer.push_str(&step(&key.text));
                    self.parts.insert(pointer.clone(), key.at);
                    self.add(pointer, value);
                    pointer.truncate(length);
                }
            }
            Json::List(items) => {
                for (number, item) in items.iter().enumerate() {
                    pointer.push('/');
                    pointer.push_str(&number.to_string());
                    self.parts.insert(pointer.clone(), item.at);
                    self.add(pointer, &item.value);
                    pointer.truncate(length);
                }
            }
            Json::Text(text) if text.text.contains("${") => {
                self.replaced.insert(pointer.clone());
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => {}
        }
    }

    /// Where the configuration begins.
    pub fn start(&self) -> Position {
        self.start
    }

    /// Whether a text holds what a `${...}` stands for.
    pub fn is_replaced(&self, pointer: &str) -> bool {
        self.replaced.contains(pointer)
    }

    /// Where a part is; one that is not written is where the part around it is.
    pub fn find(&self, mut pointer: &str) -> Position {
        loop {
            if let Some(at) = self.parts.get(pointer) {
                return *at;
            }
            match pointer.rsplit_once('/') {
                Some((around, _)) => pointer = around,
                None => return self.start,
            }
        }
    }
}

/// A key as a step of a JSON Pointer.
pub(super) fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
