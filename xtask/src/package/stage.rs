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
/// Folders of the repository that come with the program.
const FOLDERS: [&str; 3] = ["pipelines", "deploy", "docs"];

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

    fn documents(&self, workspace: &Workspace) -> Result<()> {
        for name in ["README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE"] {
            let text = fs::read_to_string(workspace.root.join(name)).with_context(|| name)?;
            self.write(&format!("share/doc/sluicebox/{name}"), &text)?;
        }
        for name in FOLDERS {
            let to = self.place("share/doc/sluicebox/x")?.with_file_name("");
            run::run(Command::new("cp").arg("--recursive").arg(workspace.root.join(name)).arg(to))?;
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
