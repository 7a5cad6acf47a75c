//! Watches files, and reports when one of them has changed, however it was written.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::Context as _;
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

/// How long there must be no further event before a change counts as complete, because editors write in several steps.
const QUIET: Duration = Duration::from_millis(100);

/// Files and folders that are watched, from the moment when they are added.
pub struct Watch {
    watcher: RecommendedWatcher,
    events: Receiver<notify::Result<notify::Event>>,
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

/// Which changes are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Changes of the watched files.
    Files,
    /// Changes of anything in the watched folders, and in the folders of the watched files.
    Folders,
}

impl Watch {
    /// Creates a watch of nothing.
    ///
    /// # Errors
    /// The system's limit of watches is reached.
    pub fn new() -> anyhow::Result<Watch> {
        let (sender, events) = mpsc::channel();
        let watcher = notify::recommended_watcher(move |event| _ = sender.send(event)).context(HELP)?;
        Ok(Watch { watcher, events, folders: Vec::new(), files: Vec::new() })
    }

    /// Watches a file, which need not exist yet. The system watches its folder, so that a file that is renamed into its
    /// place counts as a change.
    ///
    /// # Errors
    /// Its folder does not exist or cannot be watched.
    pub fn file(&mut self, path: &Path) -> anyhow::Result<()> {
        let name = path.file_name().with_context(|| format!("{} is no file", path.display()))?;
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = self.add(folder)?.join(name);
        if !self.files.contains(&file) {
            self.files.push(file);
        }
        Ok(())
    }

    /// Watches what lies directly in a folder; see [`Scope::Folders`].
    ///
    /// # Errors
    /// It does not exist or cannot be watched.
    pub fn folder(&mut self, path: &Path) -> anyhow::Result<()> {
        self.add(path).map(|_| ())
    }

    fn add(&mut self, folder: &Path) -> anyhow::Result<PathBuf> {
        let cannot = || format!("{}: cannot be watched", folder.display());
        let folder = folder.canonicalize().with_context(cannot)?;
        if !self.folders.contains(&folder) {
            self.watcher.watch(&folder, RecursiveMode::NonRecursive).context(HELP).with_context(cannot)?;
            self.folders.push(folder.clone());
        }
        Ok(folder)
    }

    /// Waits until something that is watched has changed and nothing more happens to it. What has changed since the
    /// last time, or since it was added, counts at once.
    ///
    /// # Errors
    /// The system has stopped watching.
    pub fn wait(&mut self, scope: Scope) -> anyhow::Result<()> {
        let mut changed = false;
        loop {
            let event = if changed {
                self.events.recv_timeout(QUIET)
            } else {
                self.events.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match event {
                Ok(event) => changed |= self.matters(&event?, scope),
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the watch has ended"),
            }
        }
    }

    fn matters(&self, event: &notify::Event, scope: Scope) -> bool {
        // Reading a file does not change it.
        let is_change = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
            EventKind::Access(_) => false,
            EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => {
                true
            }
        };
        // If events were lost, anything may have happened.
        let is_ours = |path| scope == Scope::Folders || self.files.contains(path);
        event.need_rescan() || is_change && event.paths.iter().any(is_ours)
    }
}

/// What to do if the system refuses.
const HELP: &str = "the system gives no more watches: see fs.inotify.max_user_watches and max_user_instances";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_written_renamed_into_place_or_new_is_a_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "1").expect("it is written");
        let mut watch = Watch::new().expect("a watch");
        watch.file(&path("a")).expect("it can be watched");
        watch.file(&path("new")).expect("it need not be there");
        fs::write(path("a"), "2").expect("it is written");
        watch.wait(Scope::Files).expect("it has changed");
        fs::write(path("b"), "3").expect("it is written");
        fs::rename(path("b"), path("a")).expect("it is renamed");
        watch.wait(Scope::Files).expect("it has changed");
        fs::write(path("new"), "").expect("it is written");
        watch.wait(Scope::Files).expect("it has changed");
    }

    #[test]
    fn what_is_only_read_or_lies_beside_is_no_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "1").expect("it is written");
        let mut watch = Watch::new().expect("a watch");
        watch.file(&path("a")).expect("it can be watched");
        fs::read(path("a")).expect("it is read");
        fs::write(path("b"), "2").expect("it is written");
        // The events come in order: when the last one is there, so are those that do not matter.
        fs::write(path("a"), "3").expect("it is written");
        let mut matter = Vec::new();
        while !matter.contains(&true) {
            let event = watch.events.recv().expect("the watch goes on").expect("an event");
            matter.push(watch.matters(&event, Scope::Files));
            let of_b = event.paths.iter().any(|path| path.ends_with("b"));
            assert!(!of_b || !watch.matters(&event, Scope::Files), "{event:?}");
        }
        assert!(matter.contains(&false));
    }
}
