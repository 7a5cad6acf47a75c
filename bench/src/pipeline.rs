//! The pipelines that parts run: order-status as in the example, and a copy beside it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cluster::Cluster;
use crate::feed;
use crate::program::Goal;
use crate::report::root;

/// The example that the stages are taken from.
const EXAMPLE: &str = "pipelines/order-status.yaml";

/// A plugin of 12 MB.
pub const JAVASCRIPT: &str = "order-enrich-js";

/// What to do where it is missing.
pub const HOW_TO_BUILD: &str =
    "install Node.js 20 or newer with npm, then run `cargo xtask bench start`, which builds it";

/// What a pipeline does to its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stages {
    /// Nothing.
    None,
    /// What the example does: three stages, which keep six of ten records.
    OrderStatus,
    /// That, and then a plugin that carries an interpreter.
    OrderStatusAndJavaScript,
}

/// A pipeline of a bench.
#[derive(Clone, Copy)]
pub struct Pipeline<'a> {
    /// Its name; its group, its output and its files are named so too.
    pub name: &'a str,
    /// The topic that it reads.
    pub input: &'a str,
    /// What it does.
    pub stages: Stages,
    /// More lines of the file, each with its end.
    pub settings: &'a str,
}

impl Stages {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Stages::None => "no stages",
            Stages::OrderStatus => "order-status",
            Stages::OrderStatusAndJavaScript => "order-status and a JavaScript plugin",
        }
    }
}

impl Pipeline<'_> {
    /// Makes the topics that it writes to.
    ///
    /// # Errors
    /// The broker's.
    pub fn create_output(&self, cluster: &Cluster) -> Result<()> {
        self.create_output_with(cluster, &[])
    }

    /// The same, with settings of the output's own.
    ///
    /// # Errors
    /// The broker's.
    pub fn create_output_with(&self, cluster: &Cluster, settings: &[(&str, &str)]) -> Result<()> {
        cluster.create_with(self.name, settings)?;
        if self.has_dead_letters() { cluster.create(&self.dead_letters()) } else { Ok(()) }
    }

    /// Removes the topics that it writes to.
    ///
    /// # Errors
    /// The broker's.
    pub fn delete_output(&self, cluster: &Cluster) -> Result<()> {
        cluster.delete(self.name)?;
        if self.has_dead_letters() { cluster.delete(&self.dead_letters()) } else { Ok(()) }
    }

    /// What it is to bring about at least once, from the first so many records of a feed.
    pub fn goal<'g>(&'g self, cluster: &'g Cluster, records: u64) -> Goal<'g> {
        let (group, output, input) = (self.name, self.name, self.input);
        let written = if self.stages == Stages::None { records } else { feed::kept_of(records) };
        Goal { cluster, input, group, output, dead_letters: None, records, written, transactions: false }
    }

    /// Writes the pipeline's file into a folder.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, cluster: &Cluster, folder: &Path) -> Result<PathBuf> {
        let file = folder.join(format!("{}.yaml", self.name));
        fs::write(&file, self.text(cluster)?).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }

    fn text(&self, cluster: &Cluster) -> Result<String> {
        let Pipeline { name, input, stages, settings } = self;
        let stages = match stages {
            Stages::None => "stages: []\n".to_owned(),
            Stages::OrderStatus => example_stages()?,
            Stages::OrderStatusAndJavaScript => {
                let config = "{ statuses: [shipped, delivered, cancelled] }";
                format!("{}  - {{ name: enrich, plugin: {JAVASCRIPT}, config: {config} }}\n", example_stages()?)
            }
        };
        let dead_letters = if self.has_dead_letters() {
            format!("dlq: {{ topic: {} }}\n", self.dead_letters())
        } else {
            String::new()
        };
        Ok(format!(
            "name: {name}\nkafka: {{ bootstrap.servers: \"{bootstrap}\" }}\ninput: {{ topics: [{input}] }}\n\
             outputs: {{ default: {{ topic: {name} }} }}\n{settings}{dead_letters}{stages}",
            bootstrap = cluster.bootstrap,
        ))
    }

    fn has_dead_letters(&self) -> bool {
        self.stages != Stages::None
    }

    fn dead_letters(&self) -> String {
        format!("{}-dlq", self.name)
    }
}

/// The program, told to run a pipeline file. Its plugins are found in the plugin path of the environment.
///
/// # Errors
/// The environment does not say where it is.
pub fn sluice_run(file: &Path) -> Result<Command> {
    let sluice = env::var_os("SLUICE_BIN").context("SLUICE_BIN is not set: run `cargo xtask bench`")?;
    let mut command = Command::new(sluice);
    command.arg("run").arg(file);
    Ok(command)
}

/// The lines of the example's stages.
///
/// # Errors
/// The example cannot be read.
pub fn example_stages() -> Result<String> {
    let text = fs::read_to_string(root().join(EXAMPLE)).with_context(|| format!("cannot read {EXAMPLE}"))?;
    let is_of_stages = |line: &&str| line.starts_with(' ');
    let lines: Vec<&str> =
        text.lines().skip_while(|line| *line != "stages:").skip(1).take_while(is_of_stages).collect();
    Ok(format!("stages:\n{}\n", lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_stages_are_found_and_nothing_behind_them() {
        let stages = example_stages().unwrap();
        assert!(stages.starts_with("stages:\n  - name: only-changes\n"), "{stages}");
        assert!(stages.ends_with("}\n") && !stages.contains("outputs"), "{stages}");
    }
}
