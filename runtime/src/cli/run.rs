//! `sluice run`: the daemon.

use std::path::PathBuf;

use super::{FAILED, Planning, WRONG_USE, engine};
use crate::daemon::{Daemon, OnFailure};
use crate::ready::load_all;

/// The daemon: every pipeline in the files and folders.
#[derive(clap::Args)]
pub struct Run {
    /// Pipeline files, and folders of them (*.yaml, *.yml).
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    planning: Planning,
    /// What happens to the other pipelines when one cannot go on.
    #[arg(long, value_enum, default_value_t)]
    on_failure: OnFailure,
    /// Written when every pipeline has its assignment.
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
}

impl Run {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        let engine = engine()?;
        let options = self.planning.options(false);
        let loaded = match load_all(&engine, &self.paths, &options) {
            Ok(loaded) => loaded,
            Err(errors) => {
                eprintln!("{errors}");
                return Ok(WRONG_USE);
            }
        };
        for warning in &loaded.warnings {
            tracing::warn!(target: "config", "{warning}");
        }
        for (_, broken) in &loaded.broken {
            eprintln!("{broken}");
        }
        if !loaded.broken.is_empty() {
            return Ok(WRONG_USE);
        }
        let Run { paths, on_failure, ready_file, .. } = self;
        if let Some(path) = &ready_file {
            // One of an earlier run would say too much; and whether it can be written is better known now.
            if let Err(error) = std::fs::write(path, "").and_then(|()| std::fs::remove_file(path)) {
                eprintln!("--ready-file {}: {error}", path.display());
                return Ok(WRONG_USE);
            }
        }
        let daemon = Daemon { paths, options, on_failure, ready_file };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let all_well = runtime.block_on(daemon.run(engine, loaded.ready))?;
        Ok(if all_well { 0 } else { FAILED })
    }
}
