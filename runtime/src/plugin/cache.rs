//! The compile cache: compiled components on disk, so that a second start takes milliseconds.

use std::fs::{DirBuilder, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use wasmtime::component::Component;

/// Permission bits that let others change a file.
const OTHERS_MAY_WRITE: u32 = 0o022;

/// A folder of compiled components. Loading one is trusting it as much as the program itself, so the folder and the
/// files in it must belong to this user, and no other may write to them.
#[derive(Debug)]
pub(super) struct Cache {
    dir: PathBuf,
    user: u32,
    warned: AtomicBool,
}

/// Why a folder cannot serve as the cache.
#[derive(Debug, thiserror::Error)]
pub(super) enum CacheError {
    #[error("{dir}: {source}; set SLUICE_CACHE_DIR to a folder that this user can write to")]
    Unusable { dir: PathBuf, source: io::Error },
    #[error(
        "{dir}: belongs to another user or others may write to it, so what lies there cannot be trusted; \
         set SLUICE_CACHE_DIR to a folder of this user's own with mode 0700"
    )]
    Untrusted { dir: PathBuf },
}

/// The folder for compiled plugins: `$SLUICE_CACHE_DIR`, else `$XDG_CACHE_HOME/sluicebox`, else `~/.cache/sluicebox`.
/// None where none of them is set.
pub fn default_cache_dir() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("SLUICE_CACHE_DIR")
        // The XDG specification says to ignore a relative path.
        .or_else(|| folder("XDG_CACHE_HOME").filter(|dir| dir.is_absolute()).map(|dir| dir.join("sluicebox")))
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache").join("sluicebox")))
}

impl Cache {
    /// Opens a folder, and makes it where it is missing.
    pub(super) fn open(dir: &Path) -> Result<Cache, CacheError> {
        let unusable = |source| CacheError::Unusable { dir: dir.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable)?;
        // A file of our own says both that the folder can be written to and who we are.
        let user = tempfile::tempfile_in(dir).and_then(|file| file.metadata()).map_err(unusable)?.uid();
        if !trusted(&dir.metadata().map_err(unusable)?, user) {
            return Err(CacheError::Untrusted { dir: dir.to_owned() });
        }
        Ok(Cache { dir: dir.to_owned(), user, warned: AtomicBool::new(false) })
    }

    /// The compiled form of the component with this digest; none where this engine has to compile it. A file that is
    /// broken, not ours or of another engine counts as none.
    pub(super) fn get(&self, engine: &wasmtime::Engine, digest: &str) -> Option<Component> {
        let file = self.file(engine, digest);
        let found = file.symlink_metadata().ok()?;
        if !found.is_file() || !trusted(&found, self.user) {
            self.warn(&format!("{}: not a file of this user's own, it is compiled again", file.display()));
            return None;
        }
        // SAFETY: the file must be what `put` wrote. Only this user can have written it: the file and its folder
        // are this user's and no other may write to them. It is replaced by renaming alone, so what is mapped
        // does not change. wasmtime checks that it is of this version and configuration.
        match unsafe { Component::deserialize_file(engine, &file) } {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::debug!("{}: {error:#}; it is compiled again", file.display());
                None
            }
        }
    }

    /// Keeps the compiled form of the component with this digest. Where that fails, a warning is logged once.
    pub(super) fn put(&self, engine: &wasmtime::Engine, digest: &str, component: &Component) {
        let file = self.file(engine, digest);
        if let Err(error) = component.serialize().map_err(io::Error::other).and_then(|bytes| self.write(&file, &bytes))
        {
            self.warn(&format!("{}: {error}; the compiled plugin is not kept", file.display()));
        }
    }

    /// Writes a file under another name and renames it, so that no other process ever sees a part of it.
    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut new = tempfile::NamedTempFile::new_in(&self.dir)?;
        new.write_all(bytes)?;
        // wasmtime checks a file's frame, not all its bytes: a rename must not outlive the contents in a crash.
        new.as_file().sync_all()?;
        new.persist(file)?;
        Ok(())
    }

    fn file(&self, engine: &wasmtime::Engine, digest: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.dir.join(format!("{}-{:016x}.cwasm", digest.trim_start_matches("sha256:"), hasher.finish()))
    }

    fn warn(&self, message: &str) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!("{message}");
        }
    }
}

/// Whether only this user can have written what has this metadata.
fn trusted(metadata: &Metadata, user: u32) -> bool {
    metadata.uid() == user && metadata.mode() & OTHERS_MAY_WRITE == 0
}
