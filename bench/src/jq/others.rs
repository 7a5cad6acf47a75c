//! The programs `jq` and `jaq` at work on a file.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::usage::reap;

/// Another program that runs jq programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Other {
    pub name: &'static str,
    /// How to get it.
    pub source: &'static str,
}

/// Those that the plugin is compared with.
pub const OTHERS: [Other; 2] =
    [Other { name: "jq", source: "apt-get install jq" }, Other { name: "jaq", source: "cargo install jaq" }];

impl Other {
    /// Checks that the program is there; what it calls itself.
    ///
    /// # Errors
    /// It is not on the PATH; the error says how to get it.
    pub fn version(self) -> Result<String> {
        let output = Command::new(self.name).arg("--version").output();
        let output = output.with_context(|| format!("there is no program {}: {}", self.name, self.source))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// What it makes of each line of a file: all results of a line in one list.
    ///
    /// # Errors
    /// It fails, or writes what is not JSON.
    pub fn results(self, program: &str, input: &Path) -> Result<Vec<Vec<Value>>> {
        let output = self.command(&format!("[{program}]"), input)?.output()?;
        let text = String::from_utf8(output.stdout)?;
        ensure!(
            output.status.success(),
            "{} fails on {program}: {}",
            self.name,
            String::from_utf8_lossy(&output.stderr)
        );
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// Processor time that it takes for a file; none where it cannot run the program.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn time(self, program: &str, input: &Path) -> Result<Option<Duration>> {
        let child = self.command(program, input)?.stdout(Stdio::null()).spawn()?;
        loop {
            if let Some((status, usage)) = reap(&child)? {
                return Ok((status == 0).then(|| usage.total()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn command(self, program: &str, input: &Path) -> Result<Command> {
        let input = File::open(input).with_context(|| format!("cannot read {}", input.display()))?;
        let mut command = Command::new(self.name);
        command.args(["-c", program]).stdin(input);
        Ok(command)
    }
}
