//! Pipeline files for tests: written section by section into a folder that goes with the test.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::kafka::Kafka;
use crate::names::unique;

/// A temporary folder of pipeline files.
pub struct Folder(TempDir);

impl Folder {
    /// An empty one.
    ///
    /// # Panics
    /// It cannot be made.
    pub fn new() -> Folder {
        Folder(tempfile::Builder::new().prefix("sluicebox-test-").tempdir().expect("a temporary folder"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, over one of that name.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }
}

impl Default for Folder {
    fn default() -> Self {
        Folder::new()
    }
}

/// A pipeline of a test: names that no other has, and the sections of its file.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Its name, which is the name of its group too.
    pub name: String,
    /// The input topic.
    pub input: String,
    /// The topic of the output `default`.
    pub output: String,
    /// The dead-letter topic.
    pub dlq: String,
    sections: Map<String, Value>,
}

impl Pipeline {
    /// A pipeline that copies, with a dead-letter topic, on a Kafka; its topics are not created. The variable
    /// `SLUICE_TEST_DELIVERY` says what it promises.
    pub fn new(kafka: &Kafka, test: &str) -> Pipeline {
        let name = unique(test);
        let [input, output, dlq] = ["in", "out", "dlq"].map(|role| format!("{name}.{role}"));
        let mut pipeline = Pipeline { name, input, output, dlq, sections: Map::new() };
        pipeline.set("name", json!(pipeline.name));
        pipeline.set("kafka", json!({ "bootstrap.servers": kafka.bootstrap() }));
        pipeline.set("input", json!({ "topics": [pipeline.input] }));
        pipeline.set("outputs", json!({ "default": { "topic": pipeline.output } }));
        pipeline.set("dlq", json!({ "topic": pipeline.dlq }));
        if let Ok(delivery) = std::env::var("SLUICE_TEST_DELIVERY") {
            pipeline.set("delivery", json!(delivery));
        }
        pipeline
    }

    /// The same, with its three topics of so many partitions.
    pub fn with_topics(kafka: &Kafka, test: &str, partitions: i32) -> Pipeline {
        let pipeline = Pipeline::new(kafka, test);
        for topic in [&pipeline.input, &pipeline.output, &pipeline.dlq] {
            kafka.create_topic(topic, partitions, &[]);
        }
        pipeline
    }

    /// Sets a section.
    pub fn set(&mut self, section: &str, value: Value) -> &mut Pipeline {
        self.sections.insert(section.to_owned(), value);
        self
    }

    /// Sets a key of a section, which is made where it is missing.
    pub fn set_in(&mut self, section: &str, key: &str, value: Value) -> &mut Pipeline {
        self.sections.entry(section).or_insert_with(|| json!({}))[key] = value;
        self
    }

    /// Leaves a section out.
    pub fn remove(&mut self, section: &str) -> &mut Pipeline {
        self.sections.remove(section);
        self
    }

    /// Sets the one stage: a plugin with this configuration.
    pub fn stage(&mut self, plugin: &str, config: Value) -> &mut Pipeline {
        self.set("stages", json!([{ "name": "stage", "plugin": plugin, "config": config }]))
    }

    /// Sets a key of the first stage.
    pub fn set_stage(&mut self, key: &str, value: Value) -> &mut Pipeline {
        self.sections["stages"][0][key] = value;
        self
    }

    /// The file's text: YAML, with each section in flow style.
    pub fn yaml(&self) -> String {
        self.sections.iter().map(|(section, value)| format!("{section}: {value}\n")).collect()
    }

    /// Writes the file into a folder.
    pub fn write(&self, folder: &Folder) -> PathBuf {
        folder.write(&format!("{}.yaml", self.name), self.yaml())
    }
}
