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
    again: mpsc::Sender<notify::Result<notify::Event>>,
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
    // Directories in which files with one of these extensions count.
    listings: Vec<(PathBuf, &'static [&'static str])>,
}

/// Wakes whoever waits for a [`Watch`], as if something had changed.
pub struct WatchWaker(mpsc::Sender<notify::Result<notify::Event>>);

impl WatchWaker {
    /// Wakes whoever waits.
    pub fn wake(&self) {
        let lost = notify::Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
        // Sending fails where nobody waits any more.
        let _ = self.0.send(Ok(lost));
    }
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
        let again = sender.clone();
        let watcher = notify::recommended_watcher(move |event| _ = sender.send(event)).context(HELP)?;
        Ok(Watch { watcher, events, again, folders: Vec::new(), files: Vec::new(), listings: Vec::new() })
    }

    /// Returns what wakes whoever waits.
    pub fn waker(&self) -> WatchWaker {
        WatchWaker(self.again.clone())
    }

    /// Watches for files with one of these extensions directly in a folder: new ones, changed ones, and the end of one.
    ///
    /// # Errors
    /// The folder does not exist or cannot be watched.
    pub fn listing(&mut self, folder: &Path, extensions: &'static [&'static str]) -> anyhow::Result<()> {
        let folder = self.add(folder)?;
        self.listings.push((folder, extensions));
        Ok(())
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
    /// The folder does not exist or cannot be watched.
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
        let is_ours = |path: &PathBuf| scope == Scope::Folders || self.files.contains(path) || self.is_of_a_set(path);
        event.need_rescan() || is_change && event.paths.iter().any(is_ours)
    }
}

impl Watch {
    /// Returns whether a path is listed, or is the link by which Kubernetes exchanges all files of a mounted ConfigMap
    /// or Secret at once: they are links into the directory that `..data` is a link to.
    fn is_of_a_set(&self, path: &Path) -> bool {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return false };
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let is_listed = |(listed, extensions): &(PathBuf, &'static [&'static str])| {
            listed == folder && extensions.contains(&extension)
        };
        let has_ours = || {
            self.files.iter().any(|file| file.parent() == Some(folder))
                || self.listings.iter().any(|(listed, _)| listed == folder)
        };
        self.listings.iter().any(is_listed) || (name == DATA_LINK && has_ours())
    }
}

/// The name of the link by which Kubernetes exchanges the files of a volume.
const DATA_LINK: &str = "..data";

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
    fn the_exchange_of_a_mounted_volume_is_a_change_and_what_is_listed_may_be_new() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let version = |name: &str, text: &str| {
            fs::create_dir(path(name)).expect("it is made");
            fs::write(path(name).join("a.pem"), text).expect("it is written");
        };
        version("..1", "1");
        symlink("..1", path("..data")).expect("it is linked");
        symlink("..data/a.pem", path("a.pem")).expect("it is linked");
        let mut watch = Watch::new().expect("a watch");
        watch.file(&path("a.pem")).expect("it can be watched");
        version("..2", "2");
        symlink("..2", path("..tmp")).expect("it is linked");
        fs::rename(path("..tmp"), path("..data")).expect("it is exchanged");
        watch.wait(Scope::Files).expect("it has changed");
        watch.listing(folder.path(), &["yaml"]).expect("it can be watched");
        fs::write(path("new.yaml"), "").expect("it is written");
        watch.wait(Scope::Files).expect("it has changed");
        watch.waker().wake();
        watch.wait(Scope::Files).expect("it is woken");
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
