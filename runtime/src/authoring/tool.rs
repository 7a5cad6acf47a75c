//! The tools of languages: found or named with how to get them, and run with all that they say.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Runs a tool. What it says goes to standard error as it is: standard output is for results.
///
/// # Errors
/// It cannot be run, with `help` on how to get it, or it fails.
pub fn run(command: &mut Command, help: &str) -> Result<()> {
    let program = name(command);
    let status = match command.stdin(Stdio::null()).stdout(io::stderr()).status() {
        Ok(status) => status,
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!("{program} is not installed: {help}"),
        Err(error) => return Err(error).with_context(|| format!("cannot run {program}")),
    };
    if !status.success() {
        bail!("{program} has failed ({status})");
    }
    Ok(())
}

/// What a tool says on standard output; its errors go to standard error.
///
/// # Errors
/// As for [`run`].
pub fn output(command: &mut Command, help: &str) -> Result<String> {
    let program = name(command);
    let output = match command.stdin(Stdio::null()).stderr(Stdio::inherit()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!("{program} is not installed: {help}"),
        Err(error) => return Err(error).with_context(|| format!("cannot run {program}")),
    };
    if !output.status.success() {
        bail!("{program} has failed ({})", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{program} says what is not text"))
}

/// Whether a program is there and answers these arguments.
pub fn answers(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The nearest `wanted` in a folder or one above it: how Node.js looks for packages.
pub fn nearest(folder: &Path, wanted: &str) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(wanted)).find(|path| path.exists())
}

/// Says what is done, for something that takes a while.
pub fn say(what: &str) {
    eprintln!("  {what}");
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
