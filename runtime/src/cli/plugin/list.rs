//! `sluice plugin list`: the plugins that a pipeline can name.

use std::path::{Path, PathBuf};

use super::print;
use crate::authoring::{PluginFolders, table};
use crate::cli::output::tell;

#[derive(clap::Args)]
pub struct List {
    /// The pipeline file whose `plugins/` is searched last [default: `plugins/` in the current directory]
    #[arg(value_name = "PIPELINE")]
    pipeline: Option<PathBuf>,
    /// Directory of plugins (NAME.wasm), searched before SLUICE_PLUGIN_PATH and `plugins/`. May be given several times
    #[arg(long, value_name = "DIR")]
    plugin_path: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        let beside = self.pipeline.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        for missing in self.plugin_path.iter().filter(|folder| !folder.is_dir()) {
            tell(format_args!("warning: --plugin-path {}: there is no such directory", missing.display()));
        }
        let folders = PluginFolders::new(&self.plugin_path, beside);
        let plugins = folders.list();
        if self.json {
            return print(&format!("{}\n", serde_json::to_string_pretty(&plugins)?));
        }
        if plugins.is_empty() {
            tell(format_args!("there are no plugins (looked in {})", folders.shown()));
            return Ok(0);
        }
        print(&table(&plugins))
    }
}
