//! Go: its own compiler, for WASI preview 1.

use anyhow::Result;

use super::environment::GO;
use super::{Made, Project};
use crate::authoring::tool;

const HELP: &str = "install Go 1.24 or newer from https://go.dev/dl";

pub fn build(project: &Project) -> Result<Made> {
    let module = project.made.join("module.wasm");
    let mut go = GO.command("go");
    go.current_dir(&project.folder);
    // A library is started once and then called; a program would end with its main.
    go.args(["build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w", "-o"]).arg(&module).arg(".");
    tool::run("compiling", &mut go, HELP)?;
    Ok(Made { name: project.folder_name()?, version: None, component: project.componentize(&module)? })
}
