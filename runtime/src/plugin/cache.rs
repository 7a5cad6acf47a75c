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
/// The permission bit of a directory in which nobody can rename or delete what belongs to another user.
const STICKY: u32 = 0o1000;
/// The user that may change everything anyway.
const ROOT: u32 = 0;

/// Where compiled components are.
#[derive(Clone, Debug, Default)]
pub struct CacheDirs {
    /// Where they are kept; it is made where it is missing.
    pub own: Option<PathBuf>,
    /// Where others have been put beforehand; it is only read.
    pub precompiled: Option<PathBuf>,
    /// Whether the parents of the two are passed over: no other user can reach them.
    pub trust_parents: bool,
}

impl CacheDirs {
    /// Returns what the environment says: `SLUICE_CACHE_DIR`, else `$XDG_CACHE_HOME/sluicebox`, else
    /// `~/.cache/sluicebox`; `SLUICE_PRECOMPILED_DIR`; and `SLUICE_CACHE_TRUST`, which may be `parents`.
    pub fn from_env() -> CacheDirs {
        let value = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let folder = |name| value(name).map(PathBuf::from);
        let own = folder("SLUICE_CACHE_DIR")
            // The XDG specification says to ignore a relative path.
            .or_else(|| folder("XDG_CACHE_HOME").filter(|dir| dir.is_absolute()).map(|dir| dir.join("sluicebox")))
            .or_else(|| std::env::home_dir().map(|home| home.join(".cache").join("sluicebox")));
        let trust_parents = value("SLUICE_CACHE_TRUST").is_some_and(|value| value == "parents");
        CacheDirs { own, precompiled: folder("SLUICE_PRECOMPILED_DIR"), trust_parents }
    }
}

impl From<PathBuf> for CacheDirs {
    fn from(own: PathBuf) -> CacheDirs {
        CacheDirs { own: Some(own), ..CacheDirs::default() }
    }
}

/// Folders of compiled components. Loading one is trusting it as much as the program itself, so a folder and the files
/// in it must belong to this user (what is only read may be root's), and no other may write to them, or rename them
/// from above.
#[derive(Debug)]
pub(super) struct Cache {
    own: Option<PathBuf>,
    precompiled: Option<PathBuf>,
    user: u32,
    warned: AtomicBool,
}

/// Why a folder cannot serve as the cache.
#[derive(Debug, thiserror::Error)]
pub(super) enum CacheError {
    #[error("{dir}: {source}; set {variable} to a folder that this user can {act}")]
    Unusable { dir: PathBuf, source: io::Error, variable: &'static str, act: &'static str },
    #[error(
        "{dir}: belongs to another user or others may write to it, so what lies there cannot be trusted; \
         set SLUICE_CACHE_DIR to a folder of this user's own with mode 0700"
    )]
    Untrusted { dir: PathBuf },
    #[error(
        "{dir}: belongs to a user other than root and this one, or others may write to it, so what lies there cannot be \
         trusted; take that right away, as by `chmod go-w`, or unset SLUICE_PRECOMPILED_DIR"
    )]
    UntrustedPrecompiled { dir: PathBuf },
    #[error(
        "{dir}: other users may rename it, since {parent} belongs to one of them or they may write to it; take that right \
         away, as by `chmod go-w {parent}`, or set {variable} to another folder; where there are no other users, as in a \
         container, set SLUICE_CACHE_TRUST=parents"
    )]
    UntrustedParent { dir: PathBuf, parent: PathBuf, variable: &'static str },
}

/// What a folder is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Own,
    Precompiled,
}

impl Role {
    fn variable(self) -> &'static str {
        match self {
            Role::Own => "SLUICE_CACHE_DIR",
            Role::Precompiled => "SLUICE_PRECOMPILED_DIR",
        }
    }

    /// Returns whether no other user can have written what has this metadata.
    fn trusts(self, metadata: &Metadata, user: u32) -> bool {
        let is_ours = metadata.uid() == user || (self == Role::Precompiled && metadata.uid() == ROOT);
        is_ours && metadata.mode() & OTHERS_MAY_WRITE == 0
    }
}

impl Cache {
    /// Opens the folders that can be used; for each that cannot, a warning is logged. None where there is none.
    pub(super) fn open(dirs: &CacheDirs) -> Option<Cache> {
        // SAFETY: it only reads a number of this process, and cannot fail.
        let user = unsafe { libc::geteuid() };
        let usable = |dir: &Option<PathBuf>, role, without: &str| {
            let opened = open(dir.as_ref()?, role, user, dirs.trust_parents);
            opened.inspect_err(|error| tracing::warn!(target: "plugin", "{without}: {error}")).ok()
        };
        let own = usable(&dirs.own, Role::Own, "compiled plugins are not kept, each start compiles them again");
        let precompiled =
            usable(&dirs.precompiled, Role::Precompiled, "plugins that were compiled beforehand are not used");
        let is_any = own.is_some() || precompiled.is_some();
        is_any.then(|| Cache { own, precompiled, user, warned: AtomicBool::new(false) })
    }

    /// The compiled form of the component with this digest; none where this engine has to compile it. A file that is
    /// broken, not to be trusted or of another engine counts as none.
    pub(super) fn get(&self, engine: &wasmtime::Engine, digest: &str) -> Option<Component> {
        let read = |file: PathBuf, role| self.read(engine, &file, role);
        let precompiled = self.precompiled.as_ref().and_then(|dir| {
            // What was made for this very kind of processor may be quicker than what was made for all.
            let own_kind = read(file(dir, engine, digest), Role::Precompiled);
            own_kind.or_else(|| read(portable_file(dir, digest), Role::Precompiled))
        });
        precompiled.or_else(|| read(file(self.own.as_ref()?, engine, digest), Role::Own))
    }

    fn read(&self, engine: &wasmtime::Engine, file: &Path, role: Role) -> Option<Component> {
        let found = file.symlink_metadata().ok()?;
        if !found.is_file() || !role.trusts(&found, self.user) {
            self.warn(&format!("{}: not a file of this user's own, it is compiled again", file.display()));
            return None;
        }
        // SAFETY: the file must be what `put` wrote. Only this user, or root, can have written it: the file, its folder
        // and those above are theirs and no other may write to them. It is replaced by renaming alone, so what is
        // mapped does not change. wasmtime checks that it is of this version and configuration.
        match unsafe { Component::deserialize_file(engine, file) } {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::debug!(target: "plugin", "{}: {error:#}; it is compiled again", file.display());
                None
            }
        }
    }

    /// Keeps the compiled form of the component with this digest. Where that fails, a warning is logged once.
    pub(super) fn put(&self, engine: &wasmtime::Engine, digest: &str, component: &Component) {
        let Some(dir) = &self.own else { return };
        let file = file(dir, engine, digest);
        let bytes = component.serialize().map_err(io::Error::other);
        if let Err(error) = bytes.and_then(|bytes| write(dir, &file, &bytes)) {
            self.warn(&format!("{}: {error}; the compiled plugin is not kept", file.display()));
        }
    }

    fn warn(&self, message: &str) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(target: "plugin", "{message}");
        }
    }
}

/// Writes a file under another name and renames it, so that no other process ever sees a part of it.
pub(super) fn write(dir: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = tempfile::NamedTempFile::new_in(dir)?;
    new.write_all(bytes)?;
    // wasmtime checks a file's frame, not all its bytes: a rename must not outlive the contents in a crash.
    new.as_file().sync_all()?;
    new.persist(file)?;
    Ok(())
}

fn file(dir: &Path, engine: &wasmtime::Engine, digest: &str) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    dir.join(format!("{}-{:016x}.cwasm", digest.trim_start_matches("sha256:"), hasher.finish()))
}

/// Where the form is that any processor of the level x86-64-v2 runs. Its name says nothing of the engine that made it,
/// so one of another version of this program takes its place; an engine that cannot use it compiles.
pub(super) fn portable_file(dir: &Path, digest: &str) -> PathBuf {
    dir.join(format!("{}-x86-64-v2.cwasm", digest.trim_start_matches("sha256:")))
}

/// Opens a folder, and makes it where it is missing and this user's own. Returns its path without symbolic links, which
/// others could change.
fn open(dir: &Path, role: Role, user: u32, trust_parents: bool) -> Result<PathBuf, CacheError> {
    let variable = role.variable();
    let act = if role == Role::Own { "write to" } else { "read" };
    let unusable = |source| CacheError::Unusable { dir: dir.to_owned(), source, variable, act };
    if role == Role::Own {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable)?;
        tempfile::tempfile_in(dir).map_err(unusable)?;
    }
    let dir = dir.canonicalize().map_err(unusable)?;
    if !role.trusts(&dir.metadata().map_err(unusable)?, user) {
        return Err(match role {
            Role::Own => CacheError::Untrusted { dir },
            Role::Precompiled => CacheError::UntrustedPrecompiled { dir },
        });
    }
    for parent in dir.ancestors().skip(1).filter(|_| !trust_parents) {
        if !keeps_entries(&parent.metadata().map_err(unusable)?, user) {
            let parent = parent.to_owned();
            return Err(CacheError::UntrustedParent { dir, parent, variable });
        }
    }
    Ok(dir)
}

/// Returns whether no other user can put another entry in the place of one of this user's or of root's in a folder with
/// this metadata.
fn keeps_entries(metadata: &Metadata, user: u32) -> bool {
    let is_ours = metadata.uid() == user || metadata.uid() == ROOT;
    is_ours && (metadata.mode() & OTHERS_MAY_WRITE == 0 || metadata.mode() & STICKY != 0)
}
