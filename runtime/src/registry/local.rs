//! Schemas for commands that take records by hand: those of the registry where it answers, else those that `sluice
//! schema pull` has put into files.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use serde::Deserialize;

use super::{
    NewSchema, RegisteredSchema, Registry, RegistryError, RegistryErrorKind, SchemaId, SchemaKind, SchemaReference,
    Version,
};

/// The file of a folder that says which schema has which id.
pub const INDEX: &str = "index.json";

/// A registry that may be asked and files that stand in for it.
pub struct LocalSchemas {
    registry: Option<Arc<dyn Registry>>,
    folder: PathBuf,
    // By id: the places that a schema is registered at.
    index: BTreeMap<u32, Vec<Entry>>,
}

/// A schema in a file.
#[derive(Clone, Deserialize)]
struct Entry {
    subject: String,
    version: u32,
    #[serde(rename = "type")]
    kind: String,
    file: PathBuf,
    #[serde(default)]
    references: Vec<Reference>,
}

#[derive(Clone, Deserialize)]
struct Reference {
    name: String,
    subject: String,
    version: u32,
}

impl LocalSchemas {
    /// Returns the schemas of a registry and of a folder; none where there is neither.
    ///
    /// # Errors
    /// The folder's index cannot be read.
    pub fn new(registry: Option<Arc<dyn Registry>>, folder: &Path) -> anyhow::Result<Option<LocalSchemas>> {
        let path = folder.join(INDEX);
        let index = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
        };
        if registry.is_none() && index.is_none() {
            return Ok(None);
        }
        let index = match index {
            None => BTreeMap::new(),
            Some(text) => serde_json::from_str(&text).with_context(|| {
                format!("{} is no index of schemas; `sluice schema pull` writes it anew", path.display())
            })?,
        };
        Ok(Some(LocalSchemas { registry, folder: folder.to_owned(), index }))
    }

    /// Asks the registry, and where that has no answer, the files. An absent registry is no reason to wait here.
    fn ask<T>(
        &self,
        kind: RegistryErrorKind,
        what: &str,
        registry: impl FnOnce(&dyn Registry) -> Result<T, RegistryError>,
        files: impl FnOnce() -> Option<Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        let refusal = match self.registry.as_deref().map(registry) {
            Some(Ok(answer)) => return Ok(answer),
            Some(Err(error)) => format!("{error}; "),
            None => String::new(),
        };
        files().unwrap_or_else(|| {
            let index = self.folder.join(INDEX);
            let message = format!("{refusal}{} has no {what}: `sluice schema pull` fetches schemas", index.display());
            Err(RegistryError::new(kind, message))
        })
    }

    fn entries(&self) -> impl Iterator<Item = (u32, &Entry)> {
        self.index.iter().flat_map(|(id, entries)| entries.iter().map(|entry| (*id, entry)))
    }

    fn load(&self, id: u32, entry: &Entry) -> Result<RegisteredSchema, RegistryError> {
        let path = self.folder.join(&entry.file);
        let refused =
            |why: String| RegistryError::new(RegistryErrorKind::Refused, format!("{}: {why}", path.display()));
        let text = fs::read_to_string(&path).map_err(|error| refused(error.to_string()))?;
        let kind = SchemaKind::parse(&entry.kind).ok_or_else(|| refused(format!("a schema of type {}", entry.kind)))?;
        let reference = |reference: &Reference| {
            let Reference { name, subject, version } = reference.clone();
            SchemaReference { name, subject, version }
        };
        Ok(RegisteredSchema {
            id: Some(id),
            guid: None,
            version: Some(entry.version),
            kind,
            text,
            references: entry.references.iter().map(reference).collect(),
            has_rules: false,
        })
    }

    fn of_subject(&self, subject: &str) -> impl Iterator<Item = (u32, &Entry)> {
        self.entries().filter(move |(_, entry)| entry.subject == subject)
    }
}

impl Registry for LocalSchemas {
    fn schema(&self, id: SchemaId) -> Result<RegisteredSchema, RegistryError> {
        let ask = |registry: &dyn Registry| registry.schema(id);
        self.ask(RegistryErrorKind::UnknownSchema, &format!("schema {id}"), ask, || {
            let SchemaId::Number(number) = id else { return None };
            self.index.get(&number)?.first().map(|entry| self.load(number, entry))
        })
    }

    fn version(&self, subject: &str, version: Version) -> Result<RegisteredSchema, RegistryError> {
        let ask = |registry: &dyn Registry| registry.version(subject, version);
        self.ask(RegistryErrorKind::Refused, &format!("such version of \"{subject}\""), ask, || {
            let mut all = self.of_subject(subject);
            let found = match version {
                Version::Latest => all.max_by_key(|(_, entry)| entry.version),
                Version::Number(number) => all.find(|(_, entry)| entry.version == number),
            };
            found.map(|(id, entry)| self.load(id, entry))
        })
    }

    fn find(&self, subject: &str, schema: &NewSchema) -> Result<RegisteredSchema, RegistryError> {
        let ask = |registry: &dyn Registry| registry.find(subject, schema);
        self.ask(RegistryErrorKind::Refused, &format!("such schema of \"{subject}\""), ask, || {
            let loaded = self.of_subject(subject).map(|(id, entry)| self.load(id, entry));
            loaded.into_iter().find(|loaded| loaded.as_ref().is_ok_and(|loaded| loaded.text == schema.text))
        })
    }

    fn register(&self, subject: &str, _: &NewSchema) -> Result<u32, RegistryError> {
        let message = format!("nothing is registered under \"{subject}\" for records that are given by hand");
        Err(RegistryError::new(RegistryErrorKind::Refused, message))
    }

    fn incompatibilities(&self, subject: &str, schema: &NewSchema) -> Result<Vec<String>, RegistryError> {
        let ask = |registry: &dyn Registry| registry.incompatibilities(subject, schema);
        self.ask(RegistryErrorKind::Refused, "rules of compatibility", ask, || None)
    }

    fn subjects(&self) -> Result<Vec<String>, RegistryError> {
        let ask = |registry: &dyn Registry| registry.subjects();
        self.ask(RegistryErrorKind::Refused, "subjects", ask, || {
            let mut subjects: Vec<String> = self.entries().map(|(_, entry)| entry.subject.clone()).collect();
            subjects.sort();
            subjects.dedup();
            Some(Ok(subjects))
        })
    }

    fn versions(&self, subject: &str) -> Result<Vec<u32>, RegistryError> {
        let ask = |registry: &dyn Registry| registry.versions(subject);
        self.ask(RegistryErrorKind::Refused, &format!("subject \"{subject}\""), ask, || {
            let mut versions: Vec<u32> = self.of_subject(subject).map(|(_, entry)| entry.version).collect();
            versions.sort_unstable();
            (!versions.is_empty()).then_some(Ok(versions))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{TestRegistry, avro, error};
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a-value")).unwrap();
        fs::write(folder.path().join("a-value/1.avsc"), "\"int\"").unwrap();
        fs::write(folder.path().join("a-value/2.avsc"), "\"long\"").unwrap();
        let index = r#"{"7":[{"subject":"a-value","version":1,"type":"AVRO","file":"a-value/1.avsc","references":[]}],
            "9":[{"subject":"a-value","version":2,"type":"AVRO","file":"a-value/2.avsc"}]}"#;
        fs::write(folder.path().join(INDEX), index).unwrap();
        folder
    }

    #[test]
    fn files_stand_in_for_a_registry_that_is_not_there() {
        let folder = folder();
        let schemas = LocalSchemas::new(None, folder.path()).unwrap().unwrap();
        assert_eq!(schemas.schema(SchemaId::Number(7)).unwrap().text, "\"int\"");
        assert_eq!(schemas.version("a-value", Version::Latest).unwrap().id, Some(9));
        assert_eq!(schemas.version("a-value", Version::Number(1)).unwrap().id, Some(7));
        assert_eq!(schemas.versions("a-value").unwrap(), [1, 2]);
        assert_eq!(schemas.subjects().unwrap(), ["a-value"]);
        let unknown = schemas.schema(SchemaId::Number(8)).unwrap_err();
        assert_eq!(unknown.kind, RegistryErrorKind::UnknownSchema);
        assert!(unknown.message.contains("index.json has no schema 8: `sluice schema pull`"), "{unknown}");
        let new = NewSchema { kind: SchemaKind::Avro, text: "\"long\"".to_owned(), references: Vec::new() };
        assert_eq!(schemas.find("a-value", &new).unwrap().id, Some(9));
        assert_eq!(schemas.register("a-value", &new).unwrap_err().kind, RegistryErrorKind::Refused);
    }

    #[test]
    fn the_registry_is_asked_first_and_its_absence_is_no_wait() {
        let (folder, registry) = (folder(), Arc::new(TestRegistry::default()));
        registry.script(SchemaId::Number(7), vec![Ok(avro("\"string\""))]);
        for id in [8, 9] {
            registry.script(SchemaId::Number(id), vec![Err(error(RegistryErrorKind::Absent))]);
        }
        let schemas = LocalSchemas::new(Some(registry), folder.path()).unwrap().unwrap();
        assert_eq!(schemas.schema(SchemaId::Number(7)).unwrap().text, "\"string\"");
        assert_eq!(schemas.schema(SchemaId::Number(9)).unwrap().text, "\"long\"");
        let missing = schemas.schema(SchemaId::Number(8)).unwrap_err();
        assert_eq!(missing.kind, RegistryErrorKind::UnknownSchema);
        assert!(missing.message.starts_with("Absent; "), "{missing}");
    }

    #[test]
    fn a_folder_without_an_index_is_none_and_a_broken_index_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(LocalSchemas::new(None, folder.path()).unwrap().is_none());
        fs::write(folder.path().join(INDEX), "[]").unwrap();
        let why = LocalSchemas::new(None, folder.path()).err().unwrap().to_string();
        assert!(why.contains("index.json is no index of schemas"), "{why}");
    }
}
