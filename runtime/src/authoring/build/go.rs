//! Go: its own compiler, for WASI preview 1.

use std::process::Command;

use anyhow::Result;

use super::{Made, Project};
use crate::authoring::tool;

const HELP: &str = "install Go 1.24 or newer from https://go.dev/dl";

pub fn build(project: &Project) -> Result<Made> {
    let module = project.made.join("module.wasm");
    let mut go = Command::new("go");
    go.current_dir(&project.folder).env("GOOS", "wasip1").env("GOARCH", "wasm");
    // A library: it is started once and called, where a program would end with its main.
    go.args(["build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w", "-o"]).arg(&module).arg(".");
    tool::run(&mut go, HELP)?;
    Ok(Made { name: project.folder_name()?, component: project.componentize(&module)? })
}
