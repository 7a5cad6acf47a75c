//! Standard output and standard error of commands: a reader that has gone ends nothing with a panic.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::sync::OnceLock;
use std::time::Duration;

use clap::ColorChoice;

use crate::log;

/// Bytes that are collected before they are written.
const BUFFER: usize = 8 << 10;

static COLOR: OnceLock<ColorChoice> = OnceLock::new();
static PATIENCE: OnceLock<Duration> = OnceLock::new();

/// Says when colors are used; the first call counts.
pub(super) fn set_color(choice: ColorChoice) {
    let _ = COLOR.set(choice);
}

/// Says that [`tell`] waits no longer than this for whoever reads standard error; the first call counts.
pub(super) fn set_patience(patience: Duration) {
    let _ = PATIENCE.set(patience);
}

/// Whether to use colors on an output that is or is not a terminal.
pub(super) fn uses_color(is_terminal: bool) -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match COLOR.get().unwrap_or(&ColorChoice::Auto) {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            is_terminal && !is_set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

/// Writes a message to standard error; one that cannot be written is lost.
pub(super) fn tell(message: impl Display) {
    log::say(message, PATIENCE.get().copied());
}

/// Standard output. Once its reader has closed it, whatever is written is dropped without an error. Any other error
/// names standard output.
pub(super) struct Output {
    file: File,
    buffer: Vec<u8>,
    is_terminal: bool,
    is_closed: bool,
}

impl Output {
    /// Standard output of the process.
    ///
    /// # Errors
    /// There are no more file descriptors.
    pub(super) fn standard() -> io::Result<Output> {
        let stdout = io::stdout();
        let file = File::from(stdout.as_fd().try_clone_to_owned()?);
        Ok(Output { file, buffer: Vec::new(), is_terminal: stdout.is_terminal(), is_closed: false })
    }

    /// Whether it is a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Whether its reader has closed it, as far as is known: only writing finds out.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Writes a value as JSON on several lines.
    pub(super) fn write_json(&mut self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        Ok(writeln!(self, "{text}")?)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER || (self.is_terminal && bytes.contains(&b'\n')) {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = if self.is_closed { Ok(()) } else { self.file.write_all(&self.buffer) };
        self.buffer.clear();
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.is_closed = true,
            Err(error) => {
                return Err(io::Error::new(error.kind(), format!("standard output cannot be written: {error}")));
            }
            Ok(()) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::fd::OwnedFd;

    use super::*;

    fn to(file: File) -> Output {
        Output { file, buffer: Vec::new(), is_terminal: false, is_closed: false }
    }

    #[test]
    fn a_reader_that_has_gone_is_noticed_and_is_no_error() {
        let (reader, writer) = io::pipe().unwrap();
        let mut output = to(File::from(OwnedFd::from(writer)));
        drop(reader);
        writeln!(output, "a line").unwrap();
        output.flush().unwrap();
        assert!(output.is_closed());
        writeln!(output, "another").unwrap();
        output.flush().unwrap();
    }

    #[test]
    fn a_full_device_is_an_error_that_names_standard_output() {
        let mut output = to(OpenOptions::new().write(true).open("/dev/full").unwrap());
        writeln!(output, "a line").unwrap();
        let error = output.flush().unwrap_err().to_string();
        assert!(error.starts_with("standard output cannot be written: No space left"), "{error}");
    }
}
