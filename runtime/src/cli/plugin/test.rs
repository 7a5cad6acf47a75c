//! `sluice plugin test`: the tests of one plugin.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::output::tell;
use crate::cli::test::Reporting;
use crate::cli::{WRONG_USE, engine};
use crate::config::{Diagnostic, Errors};
use crate::testing::{PluginSource, Suite};

/// Where a plugin's project has its tests.
const TESTS: &str = "tests.yaml";
/// Where `sluice plugin build` puts the component.
const BUILD: &str = "build";

/// Run the tests of a plugin: DIR/tests.yaml on the component in DIR/build
#[derive(clap::Args)]
pub struct Test {
    /// The project's directory
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// The component to test instead of the one in DIR/build
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// The tests to run instead of DIR/tests.yaml
    #[arg(long, value_name = "FILE")]
    tests: Option<PathBuf>,
    #[command(flatten)]
    reporting: Reporting,
}

impl Test {
    pub(crate) fn execute(self) -> anyhow::Result<u8> {
        let tests = self.tests.clone().unwrap_or_else(|| self.folder.join(TESTS));
        let plugin = self.plugin.clone().map_or_else(|| built(&self.folder), Ok);
        let engine = engine()?;
        let suite =
            plugin.and_then(|plugin| Suite::of_plugin(&engine, &PluginSource { plugin: &plugin, tests: &tests }));
        match suite {
            Ok((suite, warnings)) => {
                for warning in warnings {
                    tell(format_args!("warning: {warning}"));
                }
                self.reporting.run(&[suite])
            }
            Err(errors) => {
                tell(errors);
                Ok(WRONG_USE)
            }
        }
    }
}

/// The one component that was built in a folder.
fn built(folder: &Path) -> Result<PathBuf, Errors> {
    let build = folder.join(BUILD);
    let entries = fs::read_dir(&build).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut components: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "wasm")).collect();
    components.sort();
    match components.as_slice() {
        [component] => Ok(component.clone()),
        [] => {
            let help = format!("build it with `sluice plugin build {}`, or name it with --plugin", folder.display());
            Err(Diagnostic::of_file(&build, "there is no plugin (*.wasm) here").with_help(help).into())
        }
        several => {
            let names: Vec<_> = several.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy())).collect();
            let message = format!("there are several plugins here: {}", names.join(", "));
            Err(Diagnostic::of_file(&build, message).with_help("name one with --plugin").into())
        }
    }
}
