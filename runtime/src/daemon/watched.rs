//! The files that a daemon reads again when one of them changes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::config::plan::Plan;
use crate::config::{PlanOptions, plugin_folders};
use crate::watch::{Scope, Watch, WatchWaker};

/// How pipeline files end.
const PIPELINES: &[&str] = &["yaml", "yml"];
/// How plugins end.
const PLUGINS: &[&str] = &["wasm"];
/// How long to wait before a watch that has failed is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// What is watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Files {
    files: BTreeSet<PathBuf>,
    listings: BTreeSet<(PathBuf, &'static [&'static str])>,
}

/// Watches on a thread of its own.
pub(super) struct WatchedFiles {
    shared: Arc<Mutex<Shared>>,
    changes: UnboundedReceiver<()>,
}

#[derive(Default)]
struct Shared {
    files: Files,
    waker: Option<WatchWaker>,
}

impl WatchedFiles {
    /// Watches what paths and plans name.
    ///
    /// # Errors
    /// The system gives no watch or no thread.
    pub(super) fn start(paths: &[PathBuf], options: &PlanOptions, plans: &[&Plan]) -> anyhow::Result<WatchedFiles> {
        let files = Files::of(paths, options, plans);
        let first = files.watch()?;
        let shared = Arc::new(Mutex::new(Shared { files, waker: Some(first.waker()) }));
        let (sender, changes) = unbounded_channel();
        let watching = shared.clone();
        let thread = std::thread::Builder::new().name("watch".to_owned());
        thread.spawn(move || watch(first, &watching, &sender)).context("starting a thread that watches files")?;
        Ok(WatchedFiles { shared, changes })
    }

    /// Watches what paths and plans name now.
    pub(super) fn set(&mut self, paths: &[PathBuf], options: &PlanOptions, plans: &[&Plan]) {
        let files = Files::of(paths, options, plans);
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.files != files {
            shared.files = files;
            shared.waker.iter().for_each(WatchWaker::wake);
        }
    }

    /// Waits until something has changed.
    pub(super) async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Watches until nobody listens. A new watch is made for each change, because files may lie in other directories then.
fn watch(mut watch: Watch, shared: &Mutex<Shared>, changes: &UnboundedSender<()>) {
    loop {
        if let Err(error) = watch.wait(Scope::Files) {
            tracing::warn!(target: "daemon", "watching files: {error:#}");
        }
        watch = loop {
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            match shared.files.watch() {
                Ok(watch) => {
                    shared.waker = Some(watch.waker());
                    break watch;
                }
                Err(error) => {
                    drop(shared);
                    tracing::warn!(target: "daemon", "files cannot be watched: {error:#}; trying again");
                    std::thread::sleep(TRY_AGAIN);
                }
            }
        };
        // What changes from here on is seen by the new watch.
        if changes.send(()).is_err() {
            return;
        }
    }
}

impl Files {
    fn of(paths: &[PathBuf], options: &PlanOptions, plans: &[&Plan]) -> Files {
        let mut files = Files::default();
        for path in paths {
            match path.is_dir() {
                true => _ = files.listings.insert((path.clone(), PIPELINES)),
                false => _ = files.files.insert(path.clone()),
            }
        }
        let environment = |name: &str| std::env::var(name).ok();
        for plan in plans {
            files.files.insert(plan.file.clone());
            files.files.extend(plan.stages.iter().map(|stage| stage.path.clone()));
            files.files.extend(plan.as_written.0.files.iter().cloned());
            let folders = plugin_folders(&plan.file, &environment, options).into_iter().filter(|path| path.is_dir());
            files.listings.extend(folders.map(|folder| (folder, PLUGINS)));
        }
        files
    }

    fn watch(&self) -> anyhow::Result<Watch> {
        let mut watch = Watch::new()?;
        for (folder, extensions) in &self.listings {
            watch.listing(folder, extensions)?;
        }
        for file in &self.files {
            add(&mut watch, file)?;
        }
        Ok(watch)
    }
}

/// Watches a file, and where it is a link, what that is a link to.
fn add(watch: &mut Watch, file: &Path) -> anyhow::Result<()> {
    if file.is_dir() {
        // Of a directory of certificates everything counts.
        return watch.listing(file, &["pem", "crt", "cer", "key", "0"]);
    }
    watch.file(file)?;
    match file.canonicalize() {
        Ok(target) if target != *file => watch.file(&target),
        _ => Ok(()),
    }
}
