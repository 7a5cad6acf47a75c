//! The SDKs' own tests, each with its language's ordinary tool; the Rust SDK's are among those of the plugins'
//! workspace.

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::run;
use crate::workspace::Workspace;

/// The folder of an SDK, and what runs its tests there.
const SDKS: [(&str, &[&str]); 5] = [
    ("js", &["npm", "test", "--silent"]),
    ("assemblyscript", &["npm", "test", "--silent"]),
    ("python", &["python3", "-m", "unittest"]),
    ("go", &["go", "test", "./..."]),
    ("c", &["make", "--silent", "test"]),
];

/// Runs the tests of every SDK; the tools are those that the plugins are built with, and the C compiler that librdkafka
/// needs.
pub fn test(workspace: &Workspace) -> Result<()> {
    for (sdk, command) in SDKS {
        run::say("sdk", sdk);
        let (program, arguments) = command.split_first().context("a command has a program")?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(workspace.plugins().join("sdk").join(sdk));
        run::run(command.env("PYTHONDONTWRITEBYTECODE", "1"))?;
    }
    Ok(())
}
