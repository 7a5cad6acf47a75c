//! The desk: what the endpoint keeps for those who look at records: scans of dead letters, replays, and how many
//! records may be explained at one time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Semaphore};

use super::api::Problem;
use super::replays::Replays;
use crate::config::plan::Plan;
use crate::dlq::recent::{Recent, recent};
use axum::http::StatusCode;

/// Records that are explained at one time.
const EXPLAINED: usize = 2;
/// How long what a scan has found is kept.
const KEPT: Duration = Duration::from_secs(30);

/// What the endpoint keeps for those who look at records.
pub struct Desk {
    /// Permits to explain a record.
    pub explaining: Arc<Semaphore>,
    /// Replays.
    pub replays: Replays,
    scans: Mutex<BTreeMap<String, (Instant, Arc<Recent>)>>,
}

impl Default for Desk {
    fn default() -> Desk {
        Desk { explaining: Arc::new(Semaphore::new(EXPLAINED)), replays: Replays::default(), scans: Mutex::default() }
    }
}

impl Desk {
    /// Returns a pipeline's recent dead letters: what was found a moment ago, or else what a scan finds now. There is
    /// one scan at a time; the next waits for it.
    ///
    /// # Errors
    /// The topic cannot be read.
    pub async fn recent(&self, plan: &Arc<Plan>, topic: &str) -> Result<Arc<Recent>, Problem> {
        let mut scans = self.scans.lock().await;
        scans.retain(|_, (read, _)| read.elapsed() < KEPT);
        if let Some((_, recent)) = scans.get(&*plan.name) {
            return Ok(recent.clone());
        }
        let (scanned, topic) = (plan.clone(), topic.to_owned());
        let found = tokio::task::spawn_blocking(move || recent(&scanned, &topic)).await;
        let found = found.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the scan has failed"))?;
        let found = Arc::new(found.map_err(|error| Problem::new(StatusCode::BAD_GATEWAY, format!("{error:#}")))?);
        scans.insert(plan.name.to_string(), (Instant::now(), found.clone()));
        Ok(found)
    }
}
