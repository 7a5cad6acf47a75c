//! `sluice plugin build`: from a project to a verified component. There is one file for each set of tools.

mod c;
mod environment;
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
use super::usage::wrong_use;
use super::{VERSION_SECTION, schema, size, tool};
use crate::config::plan::Grants;
use crate::plugin::{Engine, Import};

/// What to build.
#[derive(Clone, Debug)]
pub struct Request {
    /// The project's folder.
    pub folder: PathBuf,
    /// Its language. `None`: the one that its files show.
    pub language: Option<Language>,
    /// Where the component goes. `None`: `build/NAME.wasm` in the project.
    pub output: Option<PathBuf>,
    /// Which parts of WASI stay imports.
    pub real: Real,
}

/// A built plugin.
#[derive(Clone, Debug)]
pub struct Built {
    /// The component.
    pub file: PathBuf,
    /// Its size in bytes.
    pub size: usize,
    /// `sha256:<hex>`.
    pub digest: String,
    /// What it imports.
    pub imports: Vec<Import>,
}

/// A project that is being built.
pub(super) struct Project {
    /// Its folder, absolute. Tools run in it.
    pub folder: PathBuf,
    /// The folder for intermediate files, in its `build/`.
    pub made: PathBuf,
    language: Language,
    real: Real,
}

/// What the tools of a language made: the bytes of the component, and the plugin's name.
struct Made {
    name: String,
    /// `None`: only the plugin's own code knows it.
    version: Option<String>,
    component: Vec<u8>,
}

/// Builds a project and loads the result as a host does, which leaves it in the compile cache. Each step is announced
/// on standard error.
///
/// # Errors
/// [`WrongUse`](super::WrongUse): there is no such project. Otherwise a tool is missing, with how to get it; a tool
/// failed, and printed why on standard error; or the result is not a plugin.
pub fn build(request: &Request, engine: &Engine) -> Result<Built> {
    let no_folder = |error| wrong_use(format!("{}: {error}", request.folder.display()));
    let folder = request.folder.canonicalize().map_err(no_folder)?;
    let language = request.language.map_or_else(|| Language::of(&folder), Ok)?;
    let build = folder.join("build");
    let project = Project { made: build.join("made"), folder, language, real: request.real };
    fs::create_dir_all(&project.made).with_context(|| format!("cannot make {}", project.made.display()))?;
    schema::forget(&project)?;
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
    let component = match &made.version {
        Some(version) => component::with_section(component, VERSION_SECTION, version.as_bytes()),
        None => component,
    };
    let component = schema::with_schema(component, &project)?;
    let file = request.output.clone().unwrap_or_else(|| build.join(format!("{}.wasm", made.name)));
    write_if_changed(&file, &component)?;
    // Any import is allowed here: what has to be granted is for the pipelines that use the plugin to say.
    let all = Grants { clock: true, random: true, env: vec!["ANY".to_owned()] };
    let detail = format!("{} ({})", file.display(), size(component.len() as u64));
    let plugin = tool::step("compiling to machine code", &detail, || Ok(engine.load(&file, &all)?))?;
    let digest = plugin.digest().to_owned();
    Ok(Built { file, size: component.len(), digest, imports: plugin.imports() })
}

impl Project {
    /// The name of the folder.
    fn folder_name(&self) -> Result<String> {
        let name = self.folder.file_name().and_then(|name| name.to_str());
        name.map(str::to_owned).with_context(|| format!("{}: a folder without a name", self.folder.display()))
    }

    /// Writes the interface to a folder, and returns the folder.
    fn interface(&self) -> Result<PathBuf> {
        let folder = self.made.join("wit");
        component::write_interface(&folder)?;
        Ok(folder)
    }

    /// Makes a component for the world `fast` from the module in a file.
    fn componentize(&self, module: &Path) -> Result<Vec<u8>> {
        let bytes = fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
        component::from_module(&bytes, "fast", self.real)
            .with_context(|| format!("{} cannot become a component", module.display()))
    }

    /// The source files with this extension in the project's folder and in its `src`, in order.
    fn sources(&self, extension: &str) -> Vec<PathBuf> {
        let folders = [self.folder.clone(), self.folder.join("src")];
        let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|is| is == extension)).collect();
        paths.sort();
        paths
    }
}

/// Writes a file in one step, so that no reader sees half of it, and only if its content changes.
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
