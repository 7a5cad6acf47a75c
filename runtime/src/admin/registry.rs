//! What the admin endpoint knows of the process: its pipelines as the daemon keeps them, and the way to ask the daemon.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::api::{Problem, Readiness, ReadinessOf, State};
use super::views;
use crate::config::plan::Plan;
use crate::counters::PipelineCounters;
use crate::pipeline::PipelineHandle;
use crate::plugin::{Engine, Plugin};
use crate::view::ViewCell;

/// A pipeline of the process. What it counts and shows outlives its restarts and reloads.
#[derive(Clone)]
pub struct Entry {
    /// The file that it came from.
    pub file: PathBuf,
    /// What it runs, or is to run.
    pub plan: Arc<Plan>,
    /// Its stages' plugins.
    pub plugins: Vec<Plugin>,
    /// What it counts.
    pub counters: Arc<PipelineCounters>,
    /// How it stands.
    pub view: Arc<ViewCell>,
    /// The way to its loop; none while it does not run.
    pub handle: Option<PipelineHandle>,
    /// Whether it was told to drain, or does not run.
    pub is_ending: bool,
}

/// What the daemon is asked to do.
pub enum Request {
    /// Read the file of this pipeline again, and run what it says.
    Reload {
        /// The pipeline's name.
        pipeline: Arc<str>,
        /// Told when that has begun, or why it has not.
        reply: oneshot::Sender<Result<(), Problem>>,
    },
}

/// The pipelines by name, as they stand at one moment.
type Entries = Arc<BTreeMap<Arc<str>, Entry>>;

/// The pipelines of the process, and the way to the daemon.
#[derive(Clone)]
pub struct Registry {
    entries: Arc<RwLock<Entries>>,
    requests: UnboundedSender<Request>,
    engine: Engine,
}

impl Registry {
    /// No pipelines yet. What is asked for is sent to `requests`.
    pub fn new(engine: Engine, requests: UnboundedSender<Request>) -> Registry {
        Registry { entries: Arc::default(), requests, engine }
    }

    /// Says which pipelines there are now.
    pub fn replace(&self, entries: BTreeMap<Arc<str>, Entry>) {
        *self.entries.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(entries);
    }

    /// Returns all pipelines, by name.
    pub fn all(&self) -> Arc<BTreeMap<Arc<str>, Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns a pipeline.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn get(&self, name: &str) -> Result<Entry, Problem> {
        let unknown = || Problem::not_found(format!("there is no pipeline \"{name}\""));
        self.all().get(name).cloned().ok_or_else(unknown)
    }

    /// Returns what loads and runs plugins.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Asks the daemon for something.
    pub fn ask(&self, request: Request) {
        // The daemon has ended where nobody listens, and whoever waits for a reply sees that.
        let _ = self.requests.send(request);
    }

    /// Returns whether every pipeline is ready. The ready file is there exactly while that holds.
    pub fn readiness(&self) -> Readiness {
        let of = |(name, entry): (&Arc<str>, &Entry)| {
            let state = views::state(&entry.view.get());
            // Its loop may not have been told yet.
            let state = if entry.is_ending && state.is_ready() { State::Draining } else { state };
            ReadinessOf { name: name.to_string(), state }
        };
        let pipelines: Vec<_> = self.all().iter().map(of).collect();
        Readiness { ready: pipelines.iter().all(|pipeline| pipeline.state.is_ready()), pipelines }
    }
}
