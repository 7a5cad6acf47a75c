//! Building plugins: those of the repository, and a single one that lies anywhere.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::cargo::{self, Package};
use crate::component;
use crate::fingerprint;
use crate::run;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

/// Builds every plugin of the repository to `NAME.wasm` in the plugin path; takes milliseconds where nothing changed.
pub fn build(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    let started = Instant::now();
    let folder = workspace.plugin_path();
    let stamp = workspace.memory().join("plugins");
    let inputs = inputs(workspace, toolchain)?;
    if fs::read_to_string(&stamp).is_ok_and(|text| text == inputs.clone() + &outputs(&folder)) {
        run::say("plugins", &format!("unchanged in {}", folder.display()));
        return Ok(());
    }

    let packages = cargo::packages(&workspace.plugins().join("Cargo.toml"))?;
    let plugins: Vec<&Package> = packages.iter().filter(|package| package.is_plugin()).collect();
    let mut command = cargo_build(workspace, toolchain);
    command.current_dir(workspace.plugins());
    for plugin in &plugins {
        command.args(["--package", &plugin.name]);
    }
    let mut changed = 0;
    for module in cargo::build_modules(&mut command)? {
        let plugin = package_of(&plugins, &module.manifest)?;
        let bytes = componentize(workspace, plugin, &module.file)?;
        changed += usize::from(component::write_if_changed(&wasm_file(&folder, &plugin.name), &bytes)?);
    }
    remove_others(&folder, &plugins)?;
    fs::create_dir_all(workspace.memory())?;
    fs::write(&stamp, inputs + &outputs(&folder)).with_context(|| format!("cannot write {}", stamp.display()))?;
    let took = started.elapsed().as_secs_f64();
    run::say("plugins", &format!("{} in {}, {changed} changed ({took:.1} s)", plugins.len(), folder.display()));
    Ok(())
}

/// Builds the plugin crate in `crate_folder` to `NAME.wasm` beside its manifest and says what it is.
pub fn build_crate(workspace: &Workspace, crate_folder: &Path) -> Result<()> {
    let manifest = crate_folder.join("Cargo.toml");
    let manifest = manifest.canonicalize().with_context(|| format!("no crate: {}", manifest.display()))?;
    let packages = cargo::packages(&manifest)?;
    let plugin = package_of(&packages.iter().collect::<Vec<_>>(), &manifest)?;
    if !plugin.is_plugin() {
        bail!("{}: not a plugin; it needs `[lib]` with `crate-type = [\"cdylib\"]`", manifest.display());
    }
    let mut command = cargo_build(workspace, &Toolchain::provide(workspace)?);
    command.arg("--manifest-path").arg(&manifest).args(["--package", &plugin.name]);
    let modules = cargo::build_modules(&mut command)?;
    let module = modules.iter().find(|module| module.manifest == manifest).context("cargo built no module")?;
    let bytes = componentize(workspace, plugin, &module.file)?;
    let file = wasm_file(crate_folder, &plugin.name);
    component::write_if_changed(&file, &bytes)?;

    println!("{}", file.display());
    println!("  size     {} bytes", bytes.len());
    println!("  digest   {}", component::digest(&bytes));
    for import in component::imports(&bytes)? {
        println!("  imports  {import}");
    }
    Ok(())
}

/// A build whose state lies in the target folder, for crates elsewhere too.
fn cargo_build(workspace: &Workspace, toolchain: &Toolchain) -> Command {
    let mut command = toolchain.cargo_build();
    command.env("CARGO_TARGET_DIR", workspace.target.join("plugins-wasm"));
    command
}

fn wasm_file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.wasm"))
}

fn package_of<'a>(packages: &[&'a Package], manifest: &Path) -> Result<&'a Package> {
    let found = packages.iter().find(|package| package.manifest_path == manifest);
    found.copied().with_context(|| format!("{}: the manifest of no package", manifest.display()))
}

fn componentize(workspace: &Workspace, plugin: &Package, module: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    component::from_module(bytes, &workspace.wit(), plugin.world()?)
        .with_context(|| format!("plugin {}: its module cannot become a component", plugin.name))
}

/// Everything that the plugins are made from, this program included.
fn inputs(workspace: &Workspace, toolchain: &Toolchain) -> Result<String> {
    let own = env::current_exe().context("cannot find this program's file")?;
    let files = fingerprint::of(&[&workspace.plugins(), &workspace.wit(), &own])?;
    Ok(toolchain.identity()? + &files)
}

/// The state of what was built; empty where nothing was.
fn outputs(folder: &Path) -> String {
    fingerprint::of(&[folder]).unwrap_or_default()
}

/// Removes what earlier builds made of plugins that are gone.
fn remove_others(folder: &Path, plugins: &[&Package]) -> Result<()> {
    let wanted: BTreeSet<PathBuf> = plugins.iter().map(|plugin| wasm_file(folder, &plugin.name)).collect();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|is| is == "wasm") && !wanted.contains(&path) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}
