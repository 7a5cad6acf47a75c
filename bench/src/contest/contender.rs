//! Who takes part: a program, and the pipeline file that it works by.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sluicebox::config::{PlanOptions, load};

use super::job::{Job, STATUSES};
use super::peer::Peer;
use super::run::Run;
use crate::report::root;

/// The pipeline whose stages the job order-status is made of.
const EXAMPLE: &str = "pipelines/order-status.yaml";

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// The program written by hand.
    Native,
    /// `sluice run`.
    Sluice {
        /// Through which stages.
        stages: Stages,
        /// Whether it delivers exactly once.
        exactly_once: bool,
    },
    /// Somebody else's.
    Peer(Peer),
}

/// How `sluice run` is started.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    /// Another build of the program.
    pub program: Option<PathBuf>,
    /// Whether it is looked at while it runs.
    pub is_watched: bool,
}

/// What stages a pipeline has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stages {
    /// So many that keep every record.
    Identity(usize),
    /// Those of the example: three of the plugins that come with the program.
    Example,
    /// The same work as one plugin, written in Rust with the SDK.
    OnePlugin,
    /// The same work as one stage of SQL.
    Sql,
}

impl Contender {
    /// Its name in tables.
    pub fn name(self, job: Job) -> String {
        match self {
            Contender::Native if job == Job::Copy => "native copy loop".to_owned(),
            Contender::Native => "native".to_owned(),
            Contender::Sluice { stages, exactly_once } => {
                let delivery = if exactly_once { "exactly once" } else { "at least once" };
                format!("sluice, {}, {delivery}", stages.name())
            }
            Contender::Peer(peer) => peer.name().to_owned(),
        }
    }

    /// Whether it writes in transactions.
    pub fn exactly_once(self) -> bool {
        match self {
            Contender::Native => false,
            Contender::Sluice { exactly_once, .. } => exactly_once,
            Contender::Peer(peer) => peer.exactly_once(),
        }
    }

    /// Whether it ends by itself once its work is done.
    pub fn ends(self) -> bool {
        self == Contender::Native
    }

    /// What runs it; the program and `sluice` work by a pipeline file.
    ///
    /// # Errors
    /// It is not there.
    pub fn command(self, run: &Run<'_>, pipeline: &Path) -> Result<Command> {
        match self {
            Contender::Native => {
                let mut command = Command::new(env::current_exe()?);
                command.args(["native", &run.job.argument()]).arg(pipeline).arg(run.records.to_string());
                Ok(command)
            }
            Contender::Sluice { .. } => {
                let mut command = run.launch.command()?;
                command.arg("run").arg(pipeline);
                Ok(command)
            }
            Contender::Peer(peer) => peer.command(run),
        }
    }

    /// The pipeline file; the native program takes topics and librdkafka's settings from it.
    ///
    /// # Errors
    /// The example cannot be read.
    pub fn pipeline(self, run: &Run<'_>) -> Result<String> {
        let stages = match self {
            Contender::Sluice { stages, .. } => stages.list()?,
            Contender::Native | Contender::Peer(_) => Vec::new(),
        };
        let mut kafka = run.properties.clone();
        kafka.insert("bootstrap.servers".to_owned(), run.cluster.bootstrap.clone());
        let mut pipeline = json!({
            "name": run.name,
            "delivery": if self.exactly_once() { "exactly_once" } else { "at_least_once" },
            "kafka": kafka,
            "input": { "topics": [run.input] },
            "stages": stages,
            "outputs": { "default": { "topic": run.name } },
        });
        if let Some(topic) = run.dead_letters() {
            pipeline["dlq"] = json!({ "topic": topic });
        }
        if let Some(url) = run.registry {
            pipeline["schema_registry"] = json!({ "url": url });
            pipeline["input"]["value"] = json!({ "format": "avro" });
            pipeline["outputs"]["default"]["value"] = json!({ "format": "avro", "schema": "latest" });
        }
        Ok(pipeline.to_string())
    }
}

impl Launch {
    /// What is behind a contender's name.
    pub fn name(&self) -> &'static str {
        match self {
            Launch { program: Some(_), .. } => ", another build",
            Launch { is_watched: true, .. } => ", watched",
            Launch { .. } => "",
        }
    }

    fn command(&self) -> Result<Command> {
        let program = match &self.program {
            Some(program) => program.into(),
            None => env::var_os("SLUICE_BIN").context("SLUICE_BIN is not set: run `cargo xtask bench`")?,
        };
        Ok(Command::new(program))
    }
}

impl Stages {
    fn name(self) -> String {
        match self {
            Stages::Identity(0) => "no stages".to_owned(),
            Stages::Identity(1) => "one identity stage".to_owned(),
            Stages::Identity(count) => format!("{count} identity stages"),
            Stages::Example => "three plugins".to_owned(),
            Stages::OnePlugin => "one Rust plugin".to_owned(),
            Stages::Sql => "one SQL stage".to_owned(),
        }
    }

    fn list(self) -> Result<Vec<Value>> {
        let identity = |number| json!({ "name": format!("identity-{number}"), "plugin": "identity", "on_error": { "then": "stop" } });
        match self {
            Stages::Identity(count) => Ok((0..count).map(identity).collect()),
            Stages::Example => example(),
            Stages::OnePlugin => {
                let config = json!({ "statuses": STATUSES });
                Ok(vec![json!({ "name": "enrich", "plugin": "order-enrich-rust", "config": config })])
            }
            Stages::Sql => {
                let statuses = STATUSES.map(|status| format!("'{status}'")).join(", ");
                let query = format!(
                    "SELECT * EXCEPT (internal_note) REPLACE (jsonb_set(customer, '{{email}}', \
                     to_jsonb(mask_email(customer.email))) AS customer), quantity * price_cents AS total_cents \
                     FROM input WHERE status IN ({statuses})"
                );
                Ok(vec![json!({ "name": "orders", "plugin": "sql", "config": { "query": query } })])
            }
        }
    }
}

fn example() -> Result<Vec<Value>> {
    let (plan, _) = load(&root().join(EXAMPLE), &|name| env::var(name).ok(), &PlanOptions::default())?;
    let stage = |stage: &sluicebox::config::plan::Stage| -> Result<Value> {
        let config: Value = serde_json::from_str(&stage.config)?;
        Ok(json!({ "name": &*stage.name, "plugin": stage.plugin, "config": config }))
    };
    plan.stages.iter().map(stage).collect()
}
