//! `sluice plugin compile`: compile plugins beforehand, for other machines.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::print;
use crate::authoring::size;
use crate::cli::WrongUse;
use crate::plugin::{PrecompileError, Precompiler};

/// Compile plugins beforehand, for any processor of the level x86-64-v2
///
/// Set SLUICE_PRECOMPILED_DIR to the directory where they are used: the program then starts without compiling them.
/// They are for this version of the program; another one compiles again.
#[derive(clap::Args)]
pub struct Compile {
    /// Files, and directories of *.wasm
    #[arg(required = true)]
    plugins: Vec<PathBuf>,
    /// Directory to write to
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

impl Compile {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        let precompiler = Precompiler::new(&self.to)?;
        for plugin in files(&self.plugins)? {
            let compiled = precompiler.compile(&plugin).map_err(|error| match error {
                PrecompileError::Load(error) => WrongUse(error.to_string()).into(),
                PrecompileError::Write { .. } => anyhow::Error::from(error),
            })?;
            let bytes = fs::metadata(&compiled).with_context(|| compiled.display().to_string())?.len();
            let name = plugin.file_name().unwrap_or(plugin.as_os_str());
            print(&format!("{}  {}  {}\n", name.display(), size(bytes), compiled.display()))?;
        }
        Ok(0)
    }
}

/// The files that are named, and those of directories in the order of their names.
fn files(named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut found = plugins_in(path).with_context(|| path.display().to_string())?;
        if found.is_empty() {
            return Err(WrongUse(format!("{}: there is no *.wasm in this directory", path.display())).into());
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

fn plugins_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let is_plugin = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wasm");
    paths.filter(|path: &io::Result<PathBuf>| path.as_ref().map_or(true, is_plugin)).collect()
}
