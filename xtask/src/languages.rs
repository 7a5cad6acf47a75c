//! The tools of the plugins' languages: what this machine has to have, and packages that all projects share.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::fingerprint;
use crate::run;
use crate::system;
use crate::workspace::Workspace;

/// A tool that is not the project's to install in a version of its own.
struct Tool {
    what: &'static str,
    program: &'static str,
    version: &'static str,
    by_hand: &'static str,
    /// Debian's packages, where they are new enough.
    packages: &'static [&'static str],
}

const TOOLS: [Tool; 4] = [
    Tool {
        what: "no Go",
        program: "go",
        version: "version",
        by_hand: "install Go 1.24 or newer from https://go.dev/dl",
        packages: &[],
    },
    Tool {
        what: "no Node.js",
        program: "node",
        version: "--version",
        by_hand: "install Node.js 20 or newer from https://nodejs.org (Debian: apt-get install nodejs npm)",
        packages: &["nodejs", "npm"],
    },
    Tool {
        what: "no npm",
        program: "npm",
        version: "--version",
        by_hand: "install npm, which comes with Node.js (Debian: apt-get install npm)",
        packages: &["npm"],
    },
    Tool {
        what: "no Python",
        program: "python3",
        version: "--version",
        by_hand: "install Python 3.10 or newer (Debian: apt-get install python3 python3-venv)",
        packages: &["python3", "python3-venv"],
    },
];

const CHROMIUM: Tool = Tool {
    what: "no Chromium",
    program: "chromium",
    version: "--version",
    by_hand: "install Chromium (Debian: apt-get install chromium)",
    packages: &["chromium"],
};

/// Finds the tools, installs what may be installed, and puts the packages that projects share where they look for them.
pub fn provide(workspace: &Workspace) -> Result<()> {
    for tool in &TOOLS {
        tool.provide()?;
    }
    node_packages(workspace)?;
    python_environment(workspace)
}

/// The browser and the packages that the page is tested with.
pub fn provide_browser(workspace: &Workspace) -> Result<()> {
    CHROMIUM.provide()?;
    install_packages(workspace, &workspace.root.join("tests").join("page"), "what the page is tested with")
}

/// The same for JavaScript alone.
pub fn provide_javascript(workspace: &Workspace) -> Result<()> {
    for tool in TOOLS.iter().filter(|tool| ["node", "npm"].contains(&tool.program)) {
        tool.provide()?;
    }
    node_packages(workspace)
}

impl Tool {
    fn provide(&self) -> Result<()> {
        let is_there = || run::succeeds(Command::new(self.program).arg(self.version));
        if is_there() {
            return Ok(());
        }
        if self.packages.is_empty() {
            bail!("{}: {}", self.what, self.by_hand);
        }
        system::require_install_rights(self.what, self.by_hand)?;
        system::apt_update()?;
        system::apt_install(self.packages).context(self.by_hand)?;
        if !is_there() {
            bail!("{}: {}", self.what, self.by_hand);
        }
        Ok(())
    }
}

/// One `node_modules` for all projects of the repository: Node.js looks for packages in the folders above, too.
fn node_packages(workspace: &Workspace) -> Result<()> {
    let what = "what JavaScript, TypeScript and AssemblyScript are built with";
    install_packages(workspace, &workspace.plugins(), what)
}

/// Installs what a folder's `package.json` names, where that has changed.
fn install_packages(workspace: &Workspace, folder: &Path, what: &str) -> Result<()> {
    let manifest = folder.join("package.json");
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let stamp = workspace.memory().join(format!("node-packages-{name}"));
    let state = fingerprint::of(&[&manifest])?;
    if folder.join("node_modules").is_dir() && fs::read_to_string(&stamp).is_ok_and(|known| known == state) {
        return Ok(());
    }
    run::say("npm", &format!("installing {what}"));
    let options = ["install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"];
    run::run(Command::new("npm").current_dir(folder).args(options))?;
    fs::create_dir_all(workspace.memory())?;
    fs::write(&stamp, state).with_context(|| format!("cannot write {}", stamp.display()))
}

/// One virtual environment, which `sluice plugin build` fills with what it needs.
fn python_environment(workspace: &Workspace) -> Result<()> {
    let folder = workspace.plugins().join(".venv");
    if folder.join("bin").join("python").exists() {
        return Ok(());
    }
    run::say("python", "making a virtual environment");
    run::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
}
