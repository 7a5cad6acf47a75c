//! `sluice check`: everything that can be known before start.

use std::path::PathBuf;

use super::{Planning, WRONG_USE, engine};
use crate::config;
use crate::kafka::librdkafka::Librdkafka;
use crate::pipeline::topics::check_topics;
use crate::ready::load_all;

/// Everything that can be known before start: YAML, plugins, grants, limits.
#[derive(clap::Args)]
pub struct Check {
    /// Pipeline files, and folders of them (*.yaml, *.yml).
    #[arg(required_unless_present = "schema")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    planning: Planning,
    /// Ask the brokers too: do the topics exist, may they be read.
    #[arg(long)]
    broker: bool,
    /// Print the JSON Schema of a pipeline file, for editors, and do nothing else.
    #[arg(long)]
    schema: bool,
}

impl Check {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        if self.schema {
            println!("{}", serde_json::to_string_pretty(&config::schema())?);
            return Ok(0);
        }
        let loaded = match load_all(&engine()?, &self.paths, &self.planning.options(false)) {
            Ok(loaded) => loaded,
            Err(errors) => {
                eprintln!("{errors}");
                return Ok(WRONG_USE);
            }
        };
        for warning in &loaded.warnings {
            eprintln!("{warning}");
        }
        for (_, broken) in &loaded.broken {
            eprintln!("{broken}");
        }
        let mut well = loaded.broken.is_empty();
        for ready in &loaded.ready {
            let (file, name) = (ready.plan.file.display(), &ready.plan.name);
            if self.broker
                && let Err(error) = check_topics(&Librdkafka, &ready.plan)
            {
                eprintln!("{file}: {error}");
                well = false;
                continue;
            }
            println!("{file}: ok (pipeline {name}, stages: {})", ready.plan.stages.len());
        }
        Ok(if well { 0 } else { WRONG_USE })
    }
}
