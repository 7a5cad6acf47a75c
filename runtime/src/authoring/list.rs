//! `sluice plugin list`: the plugins that a pipeline can name.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wasmparser::{Parser, Payload};

use super::inspect::size;
use super::{VERSION_SECTION, usage};
use crate::config::installed_plugins;

/// The variable that names folders of plugins, separated as in `PATH`.
const PATH_VARIABLE: &str = "SLUICE_PLUGIN_PATH";
/// Characters of a version that are shown.
const LONGEST_VERSION: usize = 64;
/// The folder beside a pipeline file that is searched after those that were named.
const BESIDE: &str = "plugins";

/// A plugin that a pipeline can name. The keys of its JSON are stable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// What a pipeline calls it.
    pub name: String,
    /// The plugin's version, where the component says it.
    pub version: Option<String>,
    /// Size of the file in bytes.
    pub size: u64,
    /// The component.
    pub file: PathBuf,
    /// What named the folder: `--plugin-path`, `SLUICE_PLUGIN_PATH`, `plugins/`, or `installed` with the program.
    pub found_by: &'static str,
    /// Why it cannot be used, as far as a look at the file shows it.
    pub error: Option<String>,
}

/// The folders that are searched for plugins, in order.
#[derive(Clone, Debug)]
pub struct PluginFolders(Vec<(&'static str, PathBuf)>);

impl PluginFolders {
    /// The folders of the command line, then those of the environment, then `plugins/` beside a pipeline file, then the
    /// plugins that were installed with the program.
    pub fn new(given: &[PathBuf], beside: &Path) -> PluginFolders {
        let mut folders: Vec<_> = given.iter().map(|folder| ("--plugin-path", folder.clone())).collect();
        let variable = env::var_os(PATH_VARIABLE).unwrap_or_default();
        let named = env::split_paths(&variable).filter(|folder| !folder.as_os_str().is_empty());
        folders.extend(named.map(|folder| (PATH_VARIABLE, folder)));
        folders.push(("plugins/", beside.join(BESIDE)));
        folders.extend(installed_plugins().map(|folder| ("installed", folder)));
        PluginFolders(folders)
    }

    /// The file of a plugin: a file's path, or the name of a plugin in one of the folders.
    ///
    /// # Errors
    /// [`WrongUse`](super::WrongUse): there is neither.
    pub fn find(&self, plugin: &str) -> anyhow::Result<PathBuf> {
        let mut files = self.0.iter().map(|(_, folder)| folder.join(plugin).with_added_extension("wasm"));
        let found =
            Some(PathBuf::from(plugin)).filter(|file| file.exists()).or_else(|| files.find(|file| file.is_file()));
        found.ok_or_else(|| {
            usage::wrong_use(format!(
                "{plugin}: there is no such file, and no plugin of that name (looked in {})\n\
                 help: `sluice plugin list` shows the plugins that can be named",
                self.shown()
            ))
        })
    }

    /// The plugins in the folders, by name. Of several with one name only the first is listed, which is the one that
    /// a pipeline gets.
    pub fn list(&self) -> Vec<Listed> {
        let mut found: BTreeMap<String, Listed> = BTreeMap::new();
        for (found_by, folder) in &self.0 {
            // A folder that is not there has no plugins.
            for file in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
                let name = file.file_stem().and_then(OsStr::to_str).map(str::to_owned);
                if let Some(name) = name.filter(|_| is_component_file(&file)) {
                    found.entry(name.clone()).or_insert_with(|| listed(name, &file, found_by));
                }
            }
        }
        found.into_values().collect()
    }

    /// The folders, for people.
    pub fn shown(&self) -> String {
        self.0.iter().map(|(_, folder)| folder.display().to_string()).collect::<Vec<_>>().join(", ")
    }
}

fn is_component_file(file: &Path) -> bool {
    file.extension().is_some_and(|is| is == "wasm") && file.is_file()
}

fn listed(name: String, file: &Path, found_by: &'static str) -> Listed {
    let bytes = fs::read(file);
    let size = bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
    let version = bytes.map_err(|error| error.to_string()).and_then(|bytes| version(&bytes));
    let (version, error) = match version {
        Ok(version) => (version, None),
        Err(error) => (None, Some(error)),
    };
    Listed { name, version, size, file: file.to_owned(), found_by, error }
}

/// The version that a component says it has, or why it is no component.
fn version(bytes: &[u8]) -> Result<Option<String>, String> {
    if !Parser::is_component(bytes) {
        return Err("not a WebAssembly component".to_owned());
    }
    let (mut depth, mut found) = (0, None);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| error.to_string())? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::CustomSection(section) if depth == 1 && section.name() == VERSION_SECTION => {
                // It is for people, and may come from anyone: no control characters for a terminal, and no end of text.
                let text = String::from_utf8_lossy(section.data());
                found = Some(text.chars().filter(|c| !c.is_control()).take(LONGEST_VERSION).collect());
            }
            _ => {}
        }
    }
    Ok(found)
}

/// A table with a line for each plugin.
pub fn table(plugins: &[Listed]) -> String {
    let head = ["NAME", "VERSION", "SIZE", "FOUND BY", "FILE"].map(str::to_owned);
    let rows = plugins.iter().map(|plugin| {
        let version = plugin.version.clone().unwrap_or_else(|| "-".to_owned());
        let note = plugin.error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
        let file = format!("{}{note}", plugin.file.display());
        [plugin.name.clone(), version, size(plugin.size), plugin.found_by.to_owned(), file]
    });
    let rows: Vec<[String; 5]> = [head].into_iter().chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..4).map(width).collect();
    let line = |row: &[String; 5]| {
        let cells = widths.iter().zip(row).map(|(width, cell)| format!("{cell:<width$}  "));
        format!("{}{}\n", cells.collect::<String>(), row[4])
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authoring::component::with_section;

    #[test]
    fn plugins_are_listed_by_name_and_the_first_folder_wins() {
        let root = tempfile::tempdir().unwrap();
        let component = with_section(wat::parse_str("(component)").unwrap(), VERSION_SECTION, b"1.2\x1b.3");
        for (folder, name, bytes) in [
            ("given", "a", &component[..]),
            ("given", "text", b"no component"),
            ("plugins", "a", b""),
            ("plugins", "b", b"\0asm"),
        ] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
            fs::write(root.path().join(folder).join(name).with_extension("wasm"), bytes).unwrap();
        }
        let folders = [("--plugin-path", "given"), ("SLUICE_PLUGIN_PATH", "nowhere"), ("plugins/", "plugins")];
        let folders = PluginFolders(folders.map(|(what, name)| (what, root.path().join(name))).to_vec());
        let plugins = folders.list();
        let found: Vec<_> =
            plugins.iter().map(|plugin| (&plugin.name[..], plugin.found_by, plugin.version.as_deref())).collect();
        assert_eq!(
            found,
            [("a", "--plugin-path", Some("1.2.3")), ("b", "plugins/", None), ("text", "--plugin-path", None)]
        );
        assert!(plugins[0].error.is_none() && plugins[2].error.is_some(), "{plugins:?}");
        assert_eq!(folders.find("b").unwrap(), root.path().join("plugins/b.wasm"));
        assert!(folders.find("c").unwrap_err().is::<crate::authoring::WrongUse>());
        assert!(table(&plugins).starts_with("NAME  VERSION  SIZE"), "{}", table(&plugins));
    }
}
