//! What handlers share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};

use super::access::Access;
use super::desk::Desk;
use super::history::Histories;
use super::registry::Registry;
use super::routes::Latest;

/// How long pipelines may take to publish a view before the last one is good enough.
const PATIENCE: Duration = Duration::from_millis(100);
/// A view that was asked for less than this ago is good enough.
const FRESH: Duration = Duration::from_millis(100);
/// Streams of events at one time.
const STREAMS: usize = 64;

/// What handlers are given: `State(app): State<App>`.
pub type App = Arc<AppState>;

/// What handlers share.
pub struct AppState {
    /// The pipelines, and the way to the daemon.
    pub registry: Registry,
    /// Who may do what.
    pub access: Access,
    /// The last 15 minutes.
    pub histories: Histories,
    /// Partitions that `/metrics` shows one by one, over all pipelines.
    pub partitions: usize,
    /// What is kept for those who look at records.
    pub desk: Desk,
    /// Streams of events that may still begin.
    pub streams: Arc<Semaphore>,
    /// What readers of events are told of.
    pub latest: Latest,
    refreshed: Mutex<Option<Instant>>,
}

impl AppState {
    /// What handlers of one endpoint share.
    pub fn new(registry: Registry, access: Access, partitions: usize) -> AppState {
        let (histories, latest, refreshed) = Default::default();
        let streams = Arc::new(Semaphore::new(STREAMS));
        AppState { registry, access, histories, partitions, desk: Desk::default(), streams, latest, refreshed }
    }

    /// Asks all pipelines to publish a view, and waits until they have, but not for long.
    pub async fn refresh(&self) {
        let now = Instant::now();
        {
            let mut refreshed = self.refreshed.lock().unwrap_or_else(PoisonError::into_inner);
            if refreshed.is_some_and(|at| now - at < FRESH) {
                return;
            }
            *refreshed = Some(now);
        }
        let mut answers = Vec::new();
        for entry in self.registry.all().values() {
            if let Some(handle) = &entry.handle {
                let (reply, answer) = oneshot::channel();
                handle.refresh(move || _ = reply.send(()));
                answers.push(answer);
            }
        }
        let all = async {
            for answer in answers {
                // One that has ended has published its last view.
                let _ = answer.await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, all).await;
    }
}
