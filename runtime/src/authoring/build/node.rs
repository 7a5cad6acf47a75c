//! JavaScript, TypeScript and AssemblyScript: tools from npm, run by Node.js.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::environment::{NODE, NPM};
use super::{Made, Project};
use crate::authoring::language::Language;
use crate::authoring::{tool, wrong_use};

const HELP: &str = "install Node.js 20 or newer with npm from https://nodejs.org";

/// The files of the program that bundles the sources and makes a component of them.
const SCRIPTS: [(&str, &str); 3] = [
    ("componentize.mjs", include_str!("../javascript/componentize.mjs")),
    ("findings.mjs", include_str!("../javascript/findings.mjs")),
    ("regexps.mjs", include_str!("../javascript/regexps.mjs")),
];

/// Options that npm would otherwise take from the user's settings, and with which it would install nothing, leave the
/// tools out, or install into the machine's own packages.
const NPM_INSTALL: [&str; 11] = [
    "install",
    "--include=dev",
    "--include=optional",
    "--include=peer",
    "--location=project",
    "--no-global",
    "--no-dry-run",
    "--no-package-lock-only",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
];

pub fn build_javascript(project: &Project) -> Result<Made> {
    let Package { name, version } = Package::read(&project.folder)?;
    install(
        &project.folder,
        &["@bytecodealliance/componentize-js", "acorn", "esbuild", "regexpu-core", "sluicebox-plugin"],
    )?;
    if project.language == Language::Ts {
        check_types(&project.folder)?;
    }
    // The scripts lie in the project, where Node.js finds its packages.
    for (name, text) in SCRIPTS {
        let script = project.made.join(name);
        fs::write(&script, text).with_context(|| format!("cannot write {}", script.display()))?;
    }
    let component = project.made.join("component.wasm");
    let mut node = NODE.command("node");
    node.current_dir(&project.folder).arg(project.made.join("componentize.mjs")).arg(entry(project)?);
    node.arg(project.interface()?).arg("fast").arg(&component);
    for (granted, grant) in [(project.real.clock, "clock"), (project.real.random, "random")] {
        if granted {
            node.args(["--grant", grant]);
        }
    }
    tool::run("making the component", &mut node, HELP)?;
    let component = fs::read(&component).with_context(|| format!("cannot read {}", component.display()))?;
    Ok(Made { name, version, component })
}

pub fn build_assemblyscript(project: &Project) -> Result<Made> {
    let Package { name, version } = Package::read(&project.folder)?;
    install(&project.folder, &["assemblyscript", "sluicebox-plugin-assemblyscript"])?;
    let module = project.made.join("module.wasm");
    let mut asc = NODE.command("node");
    asc.current_dir(&project.folder).arg(package(&project.folder, "assemblyscript")?.join("bin").join("asc.js"));
    asc.args(["assembly/index.ts", "--config"]).arg(assemblyscript_config(&project.folder)?);
    asc.arg("--outFile").arg(&module);
    tool::run("compiling", &mut asc, HELP)?;
    Ok(Made { name, version, component: project.componentize(&module)? })
}

/// The compiler's options: those of the project, which extend the SDK's, or those of the SDK, which export a plugin
/// as the interface wants it.
fn assemblyscript_config(folder: &Path) -> Result<PathBuf> {
    let own = folder.join("asconfig.json");
    if own.is_file() {
        return Ok(own);
    }
    Ok(package(folder, "sluicebox-plugin-assemblyscript")?.join("asconfig.json"))
}

/// Checks types with TypeScript's compiler, because esbuild only removes them.
fn check_types(folder: &Path) -> Result<()> {
    let mut tsc = NODE.command("node");
    tsc.current_dir(folder).arg(package(folder, "typescript")?.join("bin").join("tsc")).arg("--noEmit");
    tool::run("checking types", &mut tsc, HELP)
}

/// The plugin's main file.
fn entry(project: &Project) -> Result<PathBuf> {
    let candidates = ["src/plugin.ts", "src/plugin.js", "plugin.ts", "plugin.js"].map(|file| project.folder.join(file));
    let found = candidates.into_iter().find(|file| file.is_file());
    found.ok_or_else(|| wrong_use(format!("{}: there is no src/plugin.js or src/plugin.ts", project.folder.display())))
}

/// Installs the project's packages, unless Node.js finds all that the build needs, in the project or above.
fn install(folder: &Path, wanted: &[&str]) -> Result<()> {
    if wanted.iter().all(|name| package(folder, name).is_ok()) {
        return Ok(());
    }
    tool::run("installing packages", NPM.command("npm").current_dir(folder).args(NPM_INSTALL), HELP)?;
    wanted.iter().try_for_each(|name| package(folder, name).map(|_| ()))
}

fn package(folder: &Path, name: &str) -> Result<PathBuf> {
    let found = tool::nearest(folder, &format!("node_modules/{name}"));
    found.with_context(|| {
        format!(
            "{}: the build needs the npm package {name}, which is not installed\n\
             help: run `npm install --save-dev {name}` in the project",
            folder.display()
        )
    })
}

/// What a plugin takes from its package.json.
#[derive(Deserialize)]
struct Package {
    name: String,
    version: Option<String>,
}

impl Package {
    fn read(folder: &Path) -> Result<Package> {
        let file = folder.join("package.json");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut package: Package = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
        // Without the scope of `@scope/name`.
        package.name = package.name.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(package)
    }
}
