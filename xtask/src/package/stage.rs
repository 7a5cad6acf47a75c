//! The stage: all files of a package as they are installed below a prefix. The tarball is the stage itself.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{sbom, version};
use crate::run;
use crate::workspace::Workspace;

/// Where completions of each shell are looked for.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/sluice"),
    ("zsh", "share/zsh/site-functions/_sluice"),
    ("fish", "share/fish/vendor_completions.d/sluice.fish"),
];
/// Plugins that are there for benchmarks alone.
const NOT_SHIPPED: [&str; 1] = ["identity.wasm"];
/// What of the repository comes with the program, as git's patterns: examples, `docs`, and all that their pages link to,
/// in the same places to one another, so that the links hold.
const DOCUMENTS: [&str; 13] = [
    "*.md",
    ":!plugins/identity",
    ":!runtime",
    ":!tests",
    "LICENSE",
    "deny.toml",
    "bench/plots",
    "deploy",
    "docs",
    "pipelines",
    "plugins/examples",
    "wit",
    // A folder of SDKs is no part of the examples: `sluice plugin new` writes them.
    ":!plugins/examples/*/sdk",
];

/// A folder with `bin`, `lib` and `share`.
pub struct Stage {
    root: PathBuf,
    name: String,
}

impl Stage {
    /// Fills a folder, which is emptied first.
    pub fn make(workspace: &Workspace, program: &Path, folder: &Path) -> Result<Stage> {
        let name = format!("sluicebox-{}-x86_64-linux", version());
        let stage = Stage { root: folder.join(&name), name };
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        stage.program(program)?;
        stage.plugins(workspace)?;
        stage.completions_and_manual(program)?;
        stage.documents(workspace)?;
        stage.write("share/doc/sluicebox/sbom.cdx.json", &sbom::cyclonedx(workspace)?)?;
        stage.sums()?;
        Ok(stage)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn program(&self, program: &Path) -> Result<()> {
        let file = self.place("bin/sluice")?;
        fs::copy(program, &file).with_context(|| program.display().to_string())?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
        // Symbols of functions stay: a panic names them.
        run::run(Command::new("strip").arg("--strip-debug").arg(&file))
    }

    fn plugins(&self, workspace: &Workspace) -> Result<()> {
        let folder = workspace.plugin_path();
        for project in shipped(workspace)? {
            let name = format!("{project}.wasm");
            if !NOT_SHIPPED.contains(&name.as_str()) {
                let to = self.place(&format!("lib/sluicebox/plugins/{name}"))?;
                fs::copy(folder.join(&name), &to).with_context(|| name)?;
            }
        }
        Ok(())
    }

    /// Written by the program itself.
    fn completions_and_manual(&self, sluice: &Path) -> Result<()> {
        for (shell, file) in COMPLETIONS {
            self.write(file, &run::output(Command::new(sluice).args(["completions", shell]))?)?;
        }
        let folder = self.root.join("share/man/man1");
        fs::create_dir_all(&folder)?;
        run::run(Command::new(sluice).arg("man").arg(&folder))
    }

    /// Files that git knows: builds and tests leave others beside them.
    fn documents(&self, workspace: &Workspace) -> Result<()> {
        let mut list = Command::new("git");
        list.current_dir(&workspace.root).args(["ls-files", "--"]).args(DOCUMENTS);
        for file in run::output(&mut list)?.lines() {
            let to = self.place(&format!("share/doc/sluicebox/{file}"))?;
            fs::copy(workspace.root.join(file), &to).with_context(|| file.to_owned())?;
        }
        Ok(())
    }

    /// The sums of all files, for `sha256sum --check`.
    fn sums(&self) -> Result<()> {
        let mut find = Command::new("sh");
        find.current_dir(&self.root)
            .args(["-c", "find . -type f ! -name SHA256SUMS | LC_ALL=C sort | xargs sha256sum"]);
        let sums = run::output(&mut find)?;
        let mut text = String::new();
        for line in sums.lines() {
            writeln!(text, "{}", line.replacen("./", "", 1))?;
        }
        self.write("SHA256SUMS", &text)
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        fs::write(self.place(file)?, text).with_context(|| file.to_owned())
    }

    /// A file's path, with the folders above it.
    fn place(&self, file: &str) -> Result<PathBuf> {
        let path = self.root.join(file);
        fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
        Ok(path)
    }
}

/// The names of the plugins that come with the program: projects directly in the folder of plugins.
fn shipped(workspace: &Workspace) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(workspace.plugins())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if workspace.plugin_path().join(&name).with_extension("wasm").exists() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::links;

    #[test]
    fn every_link_of_a_packages_pages_leads_to_a_file_of_the_package() {
        let folder = tempfile::tempdir().expect("a folder");
        let stage = Stage { root: folder.path().to_owned(), name: String::new() };
        stage.documents(&Workspace::find().expect("the repository")).expect("the documents are copied");
        links::check(&folder.path().join("share/doc/sluicebox")).expect("no link is dead");
        assert!(folder.path().join("share/doc/sluicebox/plugins/jq/README.md").exists());
    }
}
