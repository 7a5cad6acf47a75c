//! `sluice check`: validates pipeline files, plugins and the configuration of stages.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;

use super::output::{Output, tell};
use super::plan::warn;
use super::{FAILED, PluginPath, WRONG_USE, engine};
use crate::config;
use crate::config::plan::Plan;
use crate::formats::Formats;
use crate::kafka::TopicError;
use crate::kafka::librdkafka::Librdkafka;
use crate::pipeline::registry;
use crate::pipeline::topics::check_topics;
use crate::plugin::config_schema::config_schema;
use crate::ready::load_all;

const EXAMPLES: &str = "\
Examples:
  sluice check pipelines/
  sluice check --broker orders.yaml
  sluice check --print orders.yaml
  sluice check --schema orders.yaml > orders.schema.json";

/// Validate pipeline files, plugins and stage configuration.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Check {
    /// Pipeline files, and directories of them (*.yaml, *.yml)
    #[arg(required_unless_present = "schema")]
    paths: Vec<PathBuf>,
    /// Also ask the brokers whether the topics exist and may be used, and the registry for the schemas
    #[arg(long)]
    broker: bool,
    /// Print each pipeline as it is understood: with all defaults, and with `${...}` as written
    #[arg(long, conflicts_with = "schema")]
    print: bool,
    /// Print the JSON Schema of pipeline files, for editors, and do nothing else; with PATHS, also that of the `config`
    /// of each plugin that they name
    #[arg(long, conflicts_with = "broker")]
    schema: bool,
    #[command(flatten)]
    plugin_path: PluginPath,
}

impl Check {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        let mut out = Output::standard()?;
        let code = if self.schema { self.schema(&mut out) } else { self.check(&mut out) }?;
        out.flush()?;
        Ok(code)
    }

    fn schema(&self, out: &mut Output) -> anyhow::Result<u8> {
        let files = if self.paths.is_empty() { Vec::new() } else { config::find(&self.paths)? };
        let environment = |name: &str| std::env::var(name).ok();
        let mut schemas = Vec::new();
        for file in files {
            for (name, path) in config::named_plugins(&file, &environment, &self.plugin_path.options())? {
                let component = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                let schema = config_schema(&component).with_context(|| path.display().to_string())?;
                if let Some(schema) = schema {
                    schemas.push((name, serde_json::from_str(&schema)?));
                }
            }
        }
        out.write_json(&config::schema_with(&schemas))?;
        Ok(0)
    }

    fn check(&self, out: &mut Output) -> anyhow::Result<u8> {
        let loaded = load_all(&engine()?, &self.paths, &self.plugin_path.options())?;
        warn(&loaded.warnings);
        for (_, broken) in &loaded.broken {
            tell(broken);
        }
        let mut code = if loaded.broken.is_empty() { 0 } else { WRONG_USE };
        for ready in &loaded.ready {
            let (file, name) = (ready.plan.file.display(), &ready.plan.name);
            if self.broker
                && let Err(error) = check_topics(&Librdkafka, &ready.plan)
            {
                tell(format_args!("{file}: {error:#}"));
                // Brokers that do not answer say nothing about the file.
                let is_away = error.downcast_ref().is_some_and(TopicError::is_absence);
                code = code.max(if is_away { FAILED } else { WRONG_USE });
                continue;
            }
            if self.broker
                && let Err(why) = check_schemas(&ready.plan)
            {
                tell(format_args!("{file}: {why}"));
                code = code.max(FAILED);
                continue;
            }
            if self.print {
                print(&ready.plan, out)?;
            } else {
                writeln!(out, "{file}: ok (pipeline {name}, stages: {})", ready.plan.stages.len())?;
            }
        }
        Ok(code)
    }
}

/// Asks the registry for the schemas of the outputs. Registers nothing.
fn check_schemas(plan: &Plan) -> Result<(), String> {
    let registry = registry(plan, &Arc::default()).map_err(|error| format!("{error:#}"))?;
    Formats::new(&without_registration(plan), registry.as_ref()).map(|_| ())
}

/// Returns a plan that registers no schema: one that is to be registered may be anything that its file holds.
fn without_registration(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for output in &mut plan.outputs {
        for format in [&mut output.formats.key, &mut output.formats.value] {
            format.take_if(|format| format.register);
        }
    }
    plan
}

/// Writes a plan as a document of YAML, below the name of its file.
fn print(plan: &Plan, out: &mut Output) -> std::io::Result<()> {
    write!(out, "---\n# {}\n{}", plan.file.display(), config::print(plan))
}
