//! From a plugin's name to its file.

use std::path::{Path, PathBuf};

use super::error::did_you_mean;
use super::expand::Env;

/// The variable that names folders of plugins, separated as in `PATH`.
const PATH_VARIABLE: &str = "SLUICE_PLUGIN_PATH";
/// The directory beside a pipeline file that is searched after those that were named.
const BESIDE: &str = "plugins";
/// The folder of a project that `sluice plugin build` puts the component into.
const BUILD: &str = "build";
/// How a component's file ends.
const EXTENSION: &str = "wasm";

/// The folder of the plugins that were installed with the program, seen from the folder that the program's own lies in.
const INSTALLED: &str = "lib/sluicebox/plugins";

/// The plugins that were installed with the program: `../lib/sluicebox/plugins` beside its folder. None where there are
/// none.
pub fn installed_plugins() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent()?.parent()?.join(INSTALLED);
    folder.is_dir().then_some(folder)
}

/// Where plugins are looked for.
pub(super) struct PluginPath {
    /// The pipeline file's folder.
    beside: PathBuf,
    /// Folders, in order.
    folders: Vec<PathBuf>,
}

/// Why there is no plugin of a name. Does not repeat the name, which may come from the environment.
pub(super) struct NoPlugin {
    /// What is wrong, to follow the name.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl PluginPath {
    /// The folders given, then those of the environment, then `plugins/` beside the file, then those installed with the
    /// program.
    pub fn new(file: &Path, given: &[PathBuf], env: Env<'_>) -> Self {
        let beside = file.parent().unwrap_or(Path::new("")).to_owned();
        let mut folders = given.to_vec();
        let variable = env(PATH_VARIABLE).unwrap_or_default();
        folders.extend(std::env::split_paths(&variable).filter(|folder| !folder.as_os_str().is_empty()));
        folders.push(beside.join(BESIDE));
        folders.extend(installed_plugins());
        PluginPath { beside, folders }
    }

    /// The pipeline file's folder.
    pub fn beside(&self) -> &Path {
        &self.beside
    }

    /// The folders, in order.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// The file of a plugin: a name, or a file relative to the pipeline's.
    pub fn find(&self, plugin: &str) -> Result<PathBuf, NoPlugin> {
        let no_plugin = |message: &str, help: Option<String>| Err(NoPlugin { message: message.to_owned(), help });
        if plugin.is_empty() {
            return no_plugin("is empty", None);
        }
        if plugin.contains("://") || plugin.contains("@sha256:") {
            let help = "give the name of a plugin in the plugin path, or a file".to_owned();
            return no_plugin("is a URL or an OCI reference, which isn't available yet", Some(help));
        }
        if plugin.contains('/') || plugin.ends_with(".wasm") {
            let path = self.beside.join(plugin);
            if path.is_file() {
                return Ok(path);
            }
            let project = path.parent().filter(|folder| folder.ends_with(BUILD)).and_then(Path::parent);
            let help = match project {
                Some(project) => {
                    let project = if project.as_os_str().is_empty() { Path::new(".") } else { project };
                    format!("build it with `sluice plugin build {}`", project.display())
                }
                None if plugin.contains('/') => {
                    "the path is relative to the pipeline file; `sluice plugin build` builds a plugin's project"
                        .to_owned()
                }
                None => "a name in the plugin path has no .wasm at its end".to_owned(),
            };
            return no_plugin(&format!("is no file ({} does not exist)", path.display()), Some(help));
        }
        let paths = self.folders.iter().map(|folder| folder.join(plugin).with_added_extension(EXTENSION));
        if let Some(path) = paths.into_iter().find(|path| path.is_file()) {
            return Ok(path);
        }
        let looked: Vec<String> = self.folders.iter().map(|folder| looked_in(folder)).collect();
        let known = self.known();
        let near = did_you_mean(plugin, known.iter().map(String::as_str));
        let help =
            near.unwrap_or_else(|| "put NAME.wasm into one of them, or name its directory with --plugin-path".into());
        no_plugin(&format!("is not among the plugins (looked in {})", looked.join("; ")), Some(help))
    }

    /// The names of all plugins in the folders.
    fn known(&self) -> Vec<String> {
        let entries = self.folders.iter().filter_map(|folder| folder.read_dir().ok()).flatten().flatten();
        let components =
            entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == EXTENSION));
        components.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
    }
}

fn looked_in(folder: &Path) -> String {
    let absent = if folder.is_dir() { "" } else { ", which does not exist" };
    format!("{}{absent}", folder.display())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder with plugins in three places, and its pipeline file.
    fn places() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        for (folder, plugins) in [("given", ["a", "b"]), ("env", ["b", "c"]), ("plugins", ["c", "filter-json"])] {
            fs::create_dir(root.path().join(folder)).unwrap();
            for plugin in plugins {
                fs::write(root.path().join(folder).join(plugin).with_extension("wasm"), "").unwrap();
            }
        }
        let file = root.path().join("p.yaml");
        (root, file)
    }

    fn found(plugin: &str) -> Result<String, NoPlugin> {
        let (root, file) = places();
        let variable = format!(":{}:", root.path().join("env").display());
        let env = |name: &str| (name == PATH_VARIABLE).then(|| variable.clone());
        let path = PluginPath::new(&file, &[root.path().join("given")], &env).find(plugin)?;
        Ok(path.strip_prefix(root.path()).unwrap().display().to_string())
    }

    #[test]
    fn a_name_is_found_in_the_first_folder_that_has_it() {
        for (name, path) in [("a", "given/a.wasm"), ("b", "given/b.wasm"), ("c", "env/c.wasm")] {
            assert_eq!(found(name).ok().unwrap(), path);
        }
        assert_eq!(found("filter-json").ok().unwrap(), "plugins/filter-json.wasm");
    }

    #[test]
    fn a_file_is_relative_to_the_pipeline() {
        assert_eq!(found("env/c.wasm").ok().unwrap(), "env/c.wasm");
        assert_eq!(found("./env/c.wasm").ok().unwrap(), "env/c.wasm");
        assert!(found("a.wasm").err().unwrap().help.unwrap().contains("no .wasm"));
        let help = found("mine/build/mine.wasm").err().unwrap().help.unwrap();
        assert!(help.starts_with("build it with `sluice plugin build ") && help.ends_with("/mine`"), "{help}");
    }

    #[test]
    fn a_missing_name_says_where_it_was_looked_for_and_suggests_a_near_one() {
        let missing = found("filter-jsn").err().unwrap();
        for folder in ["given", "env", "plugins"] {
            assert!(missing.message.contains(folder), "{}", missing.message);
        }
        assert_eq!(missing.help.unwrap(), "did you mean \"filter-json\"?");
    }

    #[test]
    fn urls_and_oci_references_are_not_available_yet() {
        for plugin in ["https://example.com/a.wasm", "oci://x/y:1", "ghcr.io/x/y@sha256:00"] {
            assert!(found(plugin).err().unwrap().message.contains("isn't available yet"), "{plugin}");
        }
    }
}
