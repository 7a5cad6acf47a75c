//! The last 15 minutes of each pipeline, kept in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::api::{History, Point};
use super::registry::{Entry, Registry};

/// The time between two points.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);
/// How many points are kept: 15 minutes.
const POINTS: usize = 180;

/// Points of all pipelines.
#[derive(Default)]
pub struct Histories(Mutex<BTreeMap<Arc<str>, VecDeque<Point>>>);

impl Histories {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, VecDeque<Point>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a point for each pipeline; forgets those that are gone.
    pub(super) fn add(&self, registry: &Registry) {
        let (all, time) = (registry.all(), jiff::Timestamp::now().to_string());
        let mut histories = self.lock();
        histories.retain(|name, _| all.contains_key(name));
        for (name, entry) in all.iter() {
            let points = histories.entry(name.clone()).or_default();
            if points.len() == POINTS {
                points.pop_front();
            }
            points.push_back(point(entry, time.clone()));
        }
    }

    /// Returns the points of a pipeline, the oldest first.
    pub fn get(&self, name: &str) -> History {
        let points = self.lock().get(name).map(|points| points.iter().cloned().collect()).unwrap_or_default();
        History { interval_seconds: INTERVAL.as_secs_f64(), points }
    }
}

fn point(entry: &Entry, time: String) -> Point {
    let (view, totals, now) = (entry.view.get(), entry.counters.totals(), Instant::now());
    let workers: Vec<_> = entry.counters.workers().iter().map(|clock| clock.times(now)).collect();
    let stage = |stage: &crate::config::plan::Stage| {
        let nanoseconds = entry.counters.stage(&stage.name).nanoseconds.get();
        (stage.name.to_string(), nanoseconds as f64 / 1e9)
    };
    Point {
        time,
        input_records: view.counts.input_records(),
        output_records: totals.out,
        dead_letters: totals.dead_letters,
        lag: view.lag(),
        stage_seconds: entry.plan.stages.iter().map(stage).collect(),
        idle_seconds: workers.iter().map(|times| times.idle.as_secs_f64()).sum(),
        produce_wait_seconds: workers.iter().map(|times| times.produce_wait.as_secs_f64()).sum(),
    }
}
