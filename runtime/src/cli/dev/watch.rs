//! `sluice dev --watch`: runs again whenever something changes.

use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};

use super::Dev;
use crate::cli::output::tell;
use crate::cli::{WRONG_USE, WrongUse};
use crate::config::plugin_folders;
use crate::watch::{Scope, Watch};

/// Runs and watches until a signal ends it.
pub(super) fn run_and_watch(dev: Dev) -> anyhow::Result<u8> {
    if dev.records == Path::new("-") {
        return Err(
            WrongUse("--watch reads the records again for each run: name a file with --records".to_owned()).into()
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let (ended, mut end) = tokio::sync::oneshot::channel();
        // A run that is not over ends with the process: nothing of it is kept.
        std::thread::Builder::new().name("watch".to_owned()).spawn(move || {
            let _ = ended.send(run_for_ever(&dev));
        })?;
        tokio::select! {
            _ = interrupt.recv() => Ok(0),
            _ = terminate.recv() => Ok(0),
            error = &mut end => Err(error.unwrap_or_else(|_| anyhow::anyhow!("the watch panicked: please report this"))),
        }
    })
}

/// Ends only with an error.
fn run_for_ever(dev: &Dev) -> anyhow::Error {
    let watching = || {
        let mut watch = Watch::new()?;
        watch.file(&dev.pipeline)?;
        watch.file(&dev.records)?;
        let environment = |name: &str| std::env::var(name).ok();
        for folder in plugin_folders(&dev.pipeline, &environment, &dev.options()) {
            if folder.is_dir() {
                watch.folder(&folder)?;
            }
        }
        loop {
            let code = dev.run(|plan| plan.stages.iter().try_for_each(|stage| watch.file(&stage.path)));
            separate("waiting for a change; Ctrl-C ends");
            // What a broken pipeline lacks may be a plugin that no file has named yet.
            watch.wait(if code == WRONG_USE { Scope::Folders } else { Scope::Files })?;
            separate("something has changed");
        }
    };
    let result: anyhow::Result<std::convert::Infallible> = watching();
    match result {
        Err(error) => error,
    }
}

/// A line between two runs, with the time of day.
fn separate(what: &str) {
    tell(format_args!("-- {} UTC: {what} --", jiff::Timestamp::now().strftime("%H:%M:%S")));
}
