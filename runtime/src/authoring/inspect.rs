//! `sluice plugin inspect`: a description of a built plugin.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;
use wasmparser::{Parser, Payload};

use super::usage::wrong_use;
use crate::config::plan::{Grants, Limits};
use crate::plugin::{CacheDirs, Engine, Interface, LoadError, memory_minimum};

/// The description of a plugin. The keys of its JSON are stable.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// The file.
    pub file: PathBuf,
    /// The interface and its version: `sluicebox:plugin@0.1.0`.
    pub interface: String,
    /// `packed` or `records`.
    pub form: &'static str,
    /// The names of its exports.
    pub exports: Vec<String>,
    /// The names of its imports.
    pub imports: Vec<String>,
    /// What a stage's `grants:` must have, if anything.
    pub grants: Vec<&'static str>,
    /// Size of the file in bytes.
    pub size: u64,
    /// `sha256:<hex>`.
    pub digest: String,
    /// Bytes of memory that an instance starts with.
    pub memory: u64,
    /// The time to compile it, in milliseconds.
    pub compile_ms: f64,
    /// The time to make an instance, in milliseconds, without its `init`.
    pub instantiate_ms: f64,
    /// The language it was written in, where the file says so.
    pub language: Option<String>,
    /// The tools that made it, with their versions, where the file says so.
    pub producers: Vec<String>,
    /// The JSON Schema of its configuration, where the file has one.
    pub config_schema: Option<serde_json::Value>,
}

/// Describes a plugin. To measure how long that takes, it is compiled without a cache.
///
/// # Errors
/// [`WrongUse`](super::WrongUse): the file is not a plugin. Otherwise it cannot be read or measured.
pub fn inspect(file: &Path) -> Result<Inspection> {
    let engine = Engine::new(&CacheDirs::default())?;
    let all = Grants { clock: true, random: true, env: vec!["ANY".to_owned()] };
    let started = Instant::now();
    let plugin = engine.load(file, &all).map_err(|error| match error {
        LoadError::Unreadable { .. } => error.into(),
        no_plugin => wrong_use(no_plugin.to_string()),
    })?;
    let compiled = started.elapsed();
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let made = made(&bytes)?;
    let (exports, imports) = (plugin.exports_by_name(), plugin.imports());
    let version = exports.iter().find_map(|export| export.strip_prefix("sluicebox:plugin/lifecycle@"));
    let limits = Limits { time: Duration::from_secs(10), memory: usize::MAX };
    Ok(Inspection {
        file: file.to_owned(),
        interface: format!("sluicebox:plugin@{}", version.unwrap_or_default()),
        form: match plugin.interface() {
            Interface::Packed => "packed",
            Interface::Records => "records",
        },
        grants: imports.iter().filter_map(|import| import.grant).collect::<BTreeSet<_>>().into_iter().collect(),
        imports: imports.into_iter().map(|import| import.name).collect(),
        exports,
        size: bytes.len() as u64,
        digest: plugin.digest().to_owned(),
        memory: memory_minimum(&bytes)?,
        compile_ms: milliseconds(compiled),
        instantiate_ms: milliseconds(plugin.time_to_instantiate(limits)?),
        language: made.language,
        producers: made.producers,
        config_schema: plugin.config_schema().map(serde_json::from_str).transpose()?,
    })
}

impl Inspection {
    /// The description for people, a line for each part.
    pub fn text(&self) -> String {
        let list =
            |names: &[String]| if names.is_empty() { "nothing".to_owned() } else { names.join("\n              ") };
        let grants = if self.grants.is_empty() { "nothing".to_owned() } else { self.grants.join("\n              ") };
        let rows = [
            ("interface", format!("{}, {}", self.interface, self.form)),
            ("exports", list(&self.exports)),
            ("imports", list(&self.imports)),
            ("to grant", grants),
            ("size", size(self.size)),
            ("digest", self.digest.clone()),
            ("memory", format!("{} at its start", size(self.memory))),
            ("compile", format!("{:.1} ms (once, then it is cached)", self.compile_ms)),
            ("instantiate", format!("{:.2} ms", self.instantiate_ms)),
            ("language", self.language.clone().unwrap_or_else(|| "the file does not say".to_owned())),
            ("made by", list(&self.producers)),
        ];
        let rows = rows.map(|(what, text)| format!("  {what:<11} {text}\n"));
        let schema =
            self.config_schema.as_ref().map(|schema| format!("  config      {schema:#}\n").replace('\n', "\n  "));
        let schema = schema.map(|schema| schema.trim_end().to_owned() + "\n").unwrap_or_default();
        format!("{}\n{}{schema}", self.file.display(), rows.concat())
    }
}

/// A number of bytes for people: in KiB below a MiB, in MiB from there on.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[derive(Default)]
struct Made {
    language: Option<String>,
    producers: Vec<String>,
}

/// What the `producers` sections say. Of the languages the component's own counts, with the version that a module in
/// it may tell; without one the first of a module's: an interpreter is written in another language than what it runs.
fn made(component: &[u8]) -> Result<Made> {
    let (mut made, mut own, mut depth) = (Made::default(), None, 0);
    let mut languages = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        let section = match payload? {
            Payload::Version { .. } => {
                depth += 1;
                continue;
            }
            Payload::End(_) => {
                depth -= 1;
                continue;
            }
            Payload::CustomSection(section) if section.name() == "producers" => section,
            _ => continue,
        };
        let producers = wasm_metadata::Producers::from_bytes(section.data(), section.data_offset())?;
        for (field, values) in producers.iter() {
            for (name, version) in values.iter() {
                let text = format!("{name} {version}").trim_end().to_owned();
                if field == "language" && depth == 1 {
                    own = Some(text);
                } else if field == "language" {
                    languages.push(text);
                } else if !made.producers.contains(&text) {
                    made.producers.push(text);
                }
            }
        }
    }
    let own = own.unwrap_or_default();
    made.language = languages.into_iter().find(|language| language.starts_with(&own));
    made.language = made.language.or_else(|| Some(own).filter(|own| !own.is_empty()));
    Ok(made)
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 100.0
}
