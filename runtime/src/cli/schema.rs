//! `sluice schema`: the schemas of a pipeline in its registry.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::output::{Output, tell};
use super::plan::without_plugins;
use super::{FAILED, WrongUse};
use crate::config::plan::{OutputSchema, Plan, Target};
use crate::formats::{Part, SchemaText};
use crate::pipeline::registry;
use crate::registry::{INDEX, RegisteredSchema, Registry, RegistryErrorKind, SchemaReference, Version};

const EXAMPLES: &str = "\
Examples:
  sluice schema list orders.yaml
  sluice schema pull orders.yaml orders-value
  sluice schema check orders.yaml";

/// Fetch, list and check the schemas of a pipeline
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Schema {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch schemas into files, with all that they refer to
    ///
    /// Writes DIR/SUBJECT/VERSION.avsc (.proto, .json), and DIR/index.json with their ids.
    Pull(Pull),
    /// List the subjects of the registry, with their versions
    List(Place),
    /// Check that the schema files of outputs are compatible with their subjects
    ///
    /// Nothing is registered.
    Check(Place),
}

#[derive(clap::Args)]
struct Place {
    /// The pipeline file, for its registry
    pipeline: PathBuf,
}

#[derive(clap::Args)]
struct Pull {
    #[command(flatten)]
    place: Place,
    /// Subjects to fetch [default: those of the pipeline's topics]
    subjects: Vec<String>,
    /// Directory to write to
    #[arg(long, value_name = "DIR", default_value = "schemas")]
    to: PathBuf,
}

impl Schema {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        let mut out = Output::standard()?;
        let code = match self.command {
            Command::Pull(pull) => pull.execute(&mut out),
            Command::List(place) => list(&place, &mut out),
            Command::Check(place) => check(&place, &mut out),
        }?;
        out.flush()?;
        Ok(code)
    }
}

impl Place {
    fn open(&self) -> anyhow::Result<(Plan, Arc<dyn Registry>)> {
        let plan = without_plugins(&self.pipeline)?;
        let file = self.pipeline.display();
        let registry = registry(&plan, &Arc::default())?;
        let registry = registry.ok_or_else(|| {
            WrongUse(format!("{file} has no registry; add schema_registry: {{ url: http://HOST:8081 }}"))
        })?;
        Ok((plan, registry))
    }
}

/// Returns the subjects of the topics that a pipeline names, by the way that most programs name them.
fn subjects(plan: &Plan) -> BTreeSet<String> {
    let mut subjects = BTreeSet::new();
    let input = &plan.input.formats;
    for topic in plan.input.topics.iter().filter(|topic| !topic.starts_with('^')) {
        for (part, format) in [(Part::Key, &input.key), (Part::Value, &input.value)] {
            if format.as_ref().is_some_and(|format| format.format.has_schema()) {
                subjects.insert(format!("{topic}-{}", part.as_str()));
            }
        }
    }
    for output in &plan.outputs {
        let Target::Topic(topic) = &output.target else { continue };
        for (part, format) in [(Part::Key, &output.formats.key), (Part::Value, &output.formats.value)] {
            let Some(format) = format.as_ref().filter(|format| format.format.has_schema()) else { continue };
            subjects.insert(format.subject.clone().unwrap_or_else(|| format!("{}-{}", topic.name, part.as_str())));
        }
    }
    subjects
}

impl Pull {
    fn execute(&self, out: &mut Output) -> anyhow::Result<u8> {
        let (plan, registry) = self.place.open()?;
        let wanted = if self.subjects.is_empty() { subjects(&plan) } else { self.subjects.iter().cloned().collect() };
        let mut files = Files { folder: &self.to, registry: &*registry, index: Map::new(), done: BTreeMap::new() };
        let mut missing = 0;
        for subject in &wanted {
            match registry.versions(subject) {
                Ok(versions) => {
                    for version in versions {
                        files.pull(subject, version)?;
                    }
                }
                Err(error) if error.kind == RegistryErrorKind::Refused => {
                    tell(format_args!("subject \"{subject}\": {error}"));
                    missing += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let count = files.done.len();
        files.write_index()?;
        writeln!(out, "{count} schemas in {}", self.to.display())?;
        Ok(if missing > 0 { FAILED } else { 0 })
    }
}

/// Schemas in files.
struct Files<'a> {
    folder: &'a Path,
    registry: &'a dyn Registry,
    index: Map<String, Value>,
    // The files by subject and version.
    done: BTreeMap<(String, u32), PathBuf>,
}

impl Files<'_> {
    /// Fetches a schema and what it refers to.
    fn pull(&mut self, subject: &str, version: u32) -> anyhow::Result<()> {
        let key = (subject.to_owned(), version);
        if self.done.contains_key(&key) {
            return Ok(());
        }
        let schema = self.registry.version(subject, Version::Number(version))?;
        let file = Path::new(&file_name(subject)).join(format!("{version}.{}", schema.kind.extension()));
        let path = self.folder.join(&file);
        let folder = path.parent().unwrap_or(self.folder);
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        fs::write(&path, &schema.text).with_context(|| format!("{} cannot be written", path.display()))?;
        self.done.insert(key, file.clone());
        self.add_to_index(subject, version, &schema, &file);
        for SchemaReference { subject, version, .. } in &schema.references {
            self.pull(subject, *version)?;
        }
        Ok(())
    }

    fn add_to_index(&mut self, subject: &str, version: u32, schema: &RegisteredSchema, file: &Path) {
        let Some(id) = schema.id else { return };
        let reference = |SchemaReference { name, subject, version }: &SchemaReference| json!({ "name": name, "subject": subject, "version": version });
        let entry = json!({
            "subject": subject,
            "version": version,
            "type": schema.kind.as_str(),
            "file": file.display().to_string(),
            "references": schema.references.iter().map(reference).collect::<Vec<_>>(),
        });
        let all = self.index.entry(id.to_string()).or_insert_with(|| json!([]));
        if let Some(all) = all.as_array_mut() {
            all.push(entry);
        }
    }

    fn write_index(&self) -> anyhow::Result<()> {
        let path = self.folder.join(INDEX);
        fs::create_dir_all(self.folder).with_context(|| format!("{} cannot be made", self.folder.display()))?;
        let text = serde_json::to_string_pretty(&self.index)?;
        fs::write(&path, text + "\n").with_context(|| format!("{} cannot be written", path.display()))
    }
}

/// Returns a subject as the name of a folder, which leads nowhere else.
fn file_name(subject: &str) -> String {
    let is_safe = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = subject.chars().map(|c| if is_safe(c) { c } else { '_' }).collect();
    if name.trim_matches('.').is_empty() { format!("_{name}") } else { name }
}

fn list(place: &Place, out: &mut Output) -> anyhow::Result<u8> {
    let (_, registry) = place.open()?;
    for subject in registry.subjects()? {
        let versions: Vec<String> = registry.versions(&subject)?.iter().map(u32::to_string).collect();
        let newest = registry.version(&subject, Version::Latest)?;
        let id = newest.id.map_or_else(String::new, |id| format!(", newest id {id}"));
        writeln!(out, "{subject}: {}, versions {}{id}", newest.kind.as_str(), versions.join(" "))?;
    }
    Ok(0)
}

fn check(place: &Place, out: &mut Output) -> anyhow::Result<u8> {
    let (plan, registry) = place.open()?;
    let (mut code, mut checked) = (0, 0);
    for output in &plan.outputs {
        let Target::Topic(topic) = &output.target else { continue };
        for (part, format) in [(Part::Key, &output.formats.key), (Part::Value, &output.formats.value)] {
            let Some(format) = format else { continue };
            let OutputSchema::File(file) = &format.schema else { continue };
            let Some(text) = SchemaText::of_file(file, format.format) else { continue };
            let (name, part) = (&output.name, part.as_str());
            text.encoder(format).map_err(|why| WrongUse(format!("{}: {why}", file.path.display())))?;
            let subject = text.subject(format, &topic.name, part).map_err(WrongUse)?;
            let flaws = registry.incompatibilities(&subject, &text.to_new())?;
            checked += 1;
            let file = file.path.display();
            if flaws.is_empty() {
                writeln!(out, "{file}: compatible with \"{subject}\" (output {name}, {part})")?;
                continue;
            }
            code = FAILED;
            writeln!(out, "{file}: not compatible with \"{subject}\" (output {name}, {part}):")?;
            for flaw in flaws {
                writeln!(out, "  {flaw}")?;
            }
        }
    }
    if checked == 0 {
        writeln!(out, "no output has a schema in a file: there is nothing to check")?;
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_folder_whatever_its_name() {
        for (subject, folder) in [("orders-value", "orders-value"), ("a/../b", "a_.._b"), ("..", "_.."), ("", "_")] {
            assert_eq!(file_name(subject), folder);
        }
    }
}
