//! `sluice plugin build`: from a project to a verified component. One file for each set of tools.

mod c;
mod go;
mod node;
mod python;
mod rust;
mod wat;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::component::{self, Real};
use super::language::Language;
use crate::config::plan::Grants;
use crate::plugin::{Engine, Import};

/// What is to be built.
#[derive(Clone, Debug)]
pub struct Request {
    /// The project.
    pub folder: PathBuf,
    /// Its language; none: as its files show.
    pub language: Option<Language>,
    /// Where the component goes; none: `build/NAME.wasm` in the project.
    pub output: Option<PathBuf>,
    /// What of WASI stays an import.
    pub real: Real,
}

/// What was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// The component.
    pub file: PathBuf,
    /// Its bytes.
    pub size: usize,
    /// `sha256:<hex>`.
    pub digest: String,
    /// What it imports.
    pub imports: Vec<Import>,
}

/// A project at hand.
struct Project {
    /// Its folder, absolute: tools are run in it.
    folder: PathBuf,
    /// What is made on the way: a folder in its `build/`.
    made: PathBuf,
    language: Language,
    real: Real,
}

/// What a language's tools made: the component's bytes, and the plugin's name.
struct Made {
    name: String,
    component: Vec<u8>,
}

/// Builds a project and verifies what came of it, which leaves it in the compile cache.
///
/// # Errors
/// A tool is missing, with how to get it; a tool has failed, and has said why on standard error; what came of it is no plugin.
pub fn build(request: &Request, engine: &Engine) -> Result<Built> {
    let folder = request.folder.canonicalize().with_context(|| request.folder.display().to_string())?;
    let language = request.language.map_or_else(|| Language::of(&folder), Ok)?;
    let build = folder.join("build");
    let project = Project { made: build.join("made"), folder, language, real: request.real };
    fs::create_dir_all(&project.made).with_context(|| format!("cannot make {}", project.made.display()))?;
    let made = match language {
        Language::Rust => rust::build(&project),
        Language::Js | Language::Ts => node::build_javascript(&project),
        Language::Assemblyscript => node::build_assemblyscript(&project),
        Language::Python => python::build(&project),
        Language::Go => go::build(&project),
        Language::C => c::build(&project),
        Language::Wat => wat::build(&project),
    }?;
    let component = component::with_producers(&made.component, language.name())?;
    let file = request.output.clone().unwrap_or_else(|| build.join(format!("{}.wasm", made.name)));
    write_if_changed(&file, &component)?;
    // Whatever it imports: what has to be granted is for its pipelines to say.
    let all = Grants { clock: true, random: true, env: vec!["ANY".to_owned()] };
    let plugin = engine.load(&file, &all)?;
    let digest = plugin.digest().to_owned();
    Ok(Built { file, size: component.len(), digest, imports: plugin.imports() })
}

impl Project {
    /// The name of the folder.
    fn folder_name(&self) -> Result<String> {
        let name = self.folder.file_name().and_then(|name| name.to_str());
        name.map(str::to_owned).with_context(|| format!("{}: a folder without a name", self.folder.display()))
    }

    /// The interface as files, in a folder.
    fn interface(&self) -> Result<PathBuf> {
        let folder = self.made.join("wit");
        component::write_interface(&folder)?;
        Ok(folder)
    }

    /// A component for the world `fast` of the module in a file.
    fn componentize(&self, module: &Path) -> Result<Vec<u8>> {
        let bytes = fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
        component::from_module(&bytes, "fast", self.real)
            .with_context(|| format!("{} cannot become a component", module.display()))
    }

    /// The sources in the folder itself and in `src` that end so, in order.
    fn sources(&self, extension: &str) -> Vec<PathBuf> {
        let folders = [self.folder.clone(), self.folder.join("src")];
        let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|is| is == extension)).collect();
        paths.sort();
        paths
    }
}

/// Writes a file in one step, so that nobody reads half of it, and only where its content changes.
fn write_if_changed(file: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(file).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        fs::create_dir_all(folder)?;
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        temporary.write_all(bytes)?;
        temporary.persist(file)?;
        // The temporary file is for its owner alone; a plugin may be read by a daemon of another user.
        fs::set_permissions(file, fs::Permissions::from_mode(0o644))
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}
