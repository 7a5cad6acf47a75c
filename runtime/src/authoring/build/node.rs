//! JavaScript, TypeScript and AssemblyScript: tools from npm, run by Node.js.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::{Made, Project};
use crate::authoring::language::Language;
use crate::authoring::tool;

const HELP: &str = "install Node.js 20 or newer with npm from https://nodejs.org";
/// Bundles the sources and makes a component of them.
const SCRIPT: &str = include_str!("../componentize.mjs");

pub fn build_javascript(project: &Project) -> Result<Made> {
    let name = package_name(&project.folder)?;
    install(&project.folder, &["@bytecodealliance/componentize-js", "sluicebox-plugin"])?;
    if project.language == Language::Ts {
        check_types(&project.folder)?;
    }
    // In the project, so that Node.js finds its packages.
    let script = project.made.join("componentize.mjs");
    fs::write(&script, SCRIPT).with_context(|| format!("cannot write {}", script.display()))?;
    let component = project.made.join("component.wasm");
    let mut node = Command::new("node");
    node.current_dir(&project.folder).arg(&script).arg(entry(project)?);
    node.arg(project.interface()?).arg("fast").arg(&component);
    for (granted, grant) in [(project.real.clock, "clock"), (project.real.random, "random")] {
        if granted {
            node.args(["--grant", grant]);
        }
    }
    tool::run(&mut node, HELP)?;
    let component = fs::read(&component).with_context(|| format!("cannot read {}", component.display()))?;
    Ok(Made { name, component })
}

pub fn build_assemblyscript(project: &Project) -> Result<Made> {
    let name = package_name(&project.folder)?;
    install(&project.folder, &["assemblyscript", "sluicebox-plugin-assemblyscript"])?;
    let module = project.made.join("module.wasm");
    let mut asc = Command::new("node");
    asc.current_dir(&project.folder).arg(package(&project.folder, "assemblyscript")?.join("bin").join("asc.js"));
    asc.args(["assembly/index.ts", "--config"]).arg(assemblyscript_config(&project.folder)?);
    asc.arg("--outFile").arg(&module);
    tool::run(&mut asc, HELP)?;
    Ok(Made { name, component: project.componentize(&module)? })
}

/// The compiler's options: the SDK's, which export a plugin as the interface has it; the project's own, which extend those, where it has
/// any.
fn assemblyscript_config(folder: &Path) -> Result<PathBuf> {
    let own = folder.join("asconfig.json");
    if own.is_file() {
        return Ok(own);
    }
    Ok(package(folder, "sluicebox-plugin-assemblyscript")?.join("asconfig.json"))
}

/// Types are the compiler's to check; what makes the component only takes them away.
fn check_types(folder: &Path) -> Result<()> {
    let mut tsc = Command::new("node");
    tsc.current_dir(folder).arg(package(folder, "typescript")?.join("bin").join("tsc")).arg("--noEmit");
    tool::run(&mut tsc, HELP)
}

/// The plugin's main file.
fn entry(project: &Project) -> Result<PathBuf> {
    let candidates = ["src/plugin.ts", "src/plugin.js", "plugin.ts", "plugin.js"].map(|file| project.folder.join(file));
    let found = candidates.into_iter().find(|file| file.is_file());
    found.with_context(|| format!("{}: no src/plugin.js or src/plugin.ts", project.folder.display()))
}

/// Installs the project's packages unless Node.js finds those that it is built with, in the project or above.
fn install(folder: &Path, wanted: &[&str]) -> Result<()> {
    if wanted.iter().all(|name| package(folder, name).is_ok()) {
        return Ok(());
    }
    tool::say("npm install");
    tool::run(
        Command::new("npm").current_dir(folder).args(["install", "--no-audit", "--no-fund", "--loglevel=error"]),
        HELP,
    )
}

fn package(folder: &Path, name: &str) -> Result<PathBuf> {
    let found = tool::nearest(folder, &format!("node_modules/{name}"));
    found.with_context(|| format!("{}: npm has not installed {name}: is it in package.json?", folder.display()))
}

fn package_name(folder: &Path) -> Result<String> {
    #[derive(Deserialize)]
    struct Package {
        name: String,
    }
    let file = folder.join("package.json");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let package: Package = serde_json::from_str(&text).with_context(|| format!("{}: no name", file.display()))?;
    // Without the scope of `@scope/name`.
    Ok(package.name.rsplit('/').next().unwrap_or_default().to_owned())
}
