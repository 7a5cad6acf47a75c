//! The ready file: there exactly while every pipeline is ready.

use std::io;
use std::path::PathBuf;

use anyhow::Context as _;

/// A file that says by being there that all is ready.
pub(super) struct ReadyFile {
    path: PathBuf,
    is_there: bool,
}

impl ReadyFile {
    /// A file that is not there.
    pub(super) fn new(path: PathBuf) -> ReadyFile {
        ReadyFile { path, is_there: false }
    }

    /// Writes or removes it, where that is not so already. What somebody else has removed, as those do who tidy up
    /// `/tmp`, is written again where that is possible.
    ///
    /// # Errors
    /// The file cannot be written or removed.
    pub(super) fn set(&mut self, is_ready: bool) -> anyhow::Result<()> {
        if is_ready == self.is_there {
            if is_ready && !self.path.exists() {
                // It was there: whoever waited for it has seen it.
                let _ = self.write();
            }
            return Ok(());
        }
        let changed = if is_ready { self.write() } else { self.remove() };
        changed.with_context(|| format!("--ready-file {}", self.path.display()))?;
        self.is_there = is_ready;
        Ok(())
    }

    fn write(&self) -> io::Result<()> {
        std::fs::write(&self.path, "ready\n")
    }

    fn remove(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            // Whoever removed it has done what was to be done.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_there_exactly_while_all_is_ready() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ready");
        let mut file = ReadyFile::new(path.clone());
        for is_ready in [false, true, true, false, true] {
            file.set(is_ready).unwrap();
            assert_eq!(path.exists(), is_ready);
        }
        std::fs::remove_file(&path).unwrap();
        file.set(true).unwrap();
        assert!(path.exists(), "it is written again");
        std::fs::remove_file(&path).unwrap();
        file.set(false).unwrap();
        let mut nowhere = ReadyFile::new(dir.path().join("no/ready"));
        assert!(nowhere.set(true).is_err());
    }
}
