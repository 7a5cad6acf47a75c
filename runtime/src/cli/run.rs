//! `sluice run`: runs pipelines until it is stopped.

use std::path::PathBuf;
use std::time::Duration;

use super::output::{set_patience, tell};
use super::{FAILED, PluginPath, WRONG_USE, WrongUse, engine};
use crate::config::PlanOptions;
use crate::daemon::{Daemon, OnFailure};
use crate::ready::load_all;

/// How long a daemon waits for whoever reads its standard error.
const PATIENCE: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  sluice run orders.yaml
  sluice run --instance \"$HOSTNAME\" --log-format json /etc/sluicebox";

/// Run pipelines until stopped.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Run {
    /// Pipeline files, and directories of them (*.yaml, *.yml)
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Static-membership name, unique among running instances; overrides `instance` in the files
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// What happens to the other pipelines when one fails
    #[arg(long, value_name = "ACTION", value_enum, default_value_t)]
    on_failure: OnFailure,
    /// File to create once every pipeline has its partitions assigned
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Read the files again when one of them changes, as at SIGHUP: pipeline files, plugins, certificates, keys, and
    /// files that `${file:PATH}` names
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    plugin_path: PluginPath,
}

impl Run {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        set_patience(PATIENCE);
        let engine = engine()?;
        let options = PlanOptions { instance: self.instance, ..self.plugin_path.options() };
        let loaded = load_all(&engine, &self.paths, &options)?;
        for warning in &loaded.warnings {
            tracing::warn!(target: "config", "{warning}");
        }
        for (_, broken) in &loaded.broken {
            tell(broken);
        }
        if !loaded.broken.is_empty() {
            return Ok(WRONG_USE);
        }
        let Run { paths, on_failure, ready_file, watch, .. } = self;
        if let Some(path) = &ready_file {
            // One of an earlier run would say too much; and whether it can be written is better known now.
            std::fs::write(path, "")
                .and_then(|()| std::fs::remove_file(path))
                .map_err(|error| WrongUse(format!("--ready-file {}: {error}", path.display())))?;
        }
        let daemon = Daemon { paths, options, on_failure, ready_file, watch };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let all_well = runtime.block_on(daemon.run(engine, loaded.ready))?;
        Ok(if all_well { 0 } else { FAILED })
    }
}
