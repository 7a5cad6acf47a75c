//! `sluice completions` and `sluice man`: what shells and `man` read.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap_complete::Shell;

use super::command;
use super::output::Output;

const EXAMPLES: &str = "\
Examples:
  sluice completions bash > ~/.local/share/bash-completion/completions/sluice
  sluice completions zsh > \"${fpath[1]}/_sluice\"
  sluice completions fish > ~/.config/fish/completions/sluice.fish";

/// Generate shell completions.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

/// Write man pages into a directory.
#[derive(clap::Args)]
pub(super) struct Man {
    /// The directory, which must exist
    dir: PathBuf,
}

impl Completions {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command(), "sluice", &mut script);
        let mut out = Output::standard()?;
        out.write_all(&script)?;
        out.flush()?;
        Ok(0)
    }
}

impl Man {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        clap_mangen::generate_to(command(), &self.dir).with_context(|| self.dir.display().to_string())?;
        Ok(0)
    }
}
