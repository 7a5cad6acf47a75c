//! Replays that the endpoint has started: each on a thread of its own, with plugin instances, memory and a producer of
//! its own, one at a time for each pipeline.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use jiff::Timestamp;

use super::api::{Problem, Replay, ReplayState};
use crate::dlq::replay::{self, Control, Options, Summary};
use crate::dlq::select::Selection;
use crate::ready::Ready;
use crate::source::{Command, Event};

/// Replays that are remembered.
const REMEMBERED: usize = 100;
/// How long the process waits at its end for the transactions of replays.
const LAST_TRANSACTION: Duration = Duration::from_secs(5);

/// All replays since the process has started, the last ones.
#[derive(Default)]
pub struct Replays(Mutex<VecDeque<Arc<Running>>>);

/// One replay.
pub struct Running {
    pipeline: Arc<str>,
    view: Mutex<Replay>,
    control: Mutex<Option<Control>>,
    stop: AtomicBool,
}

impl Replays {
    /// Starts a replay of a pipeline's dead letters.
    ///
    /// # Errors
    /// Another one of the pipeline runs; a thread cannot be made.
    pub fn start(&self, ready: Ready, options: Options, selection: Selection) -> Result<Replay, Problem> {
        let mut all = self.all();
        is_free(&all, &ready.plan.name)?;
        let started = Timestamp::now();
        let view = Replay {
            id: format!("{}-{}", ready.plan.name, started.as_millisecond()),
            state: ReplayState::Starting,
            dry_run: options.dry_run,
            started_at: started.to_string(),
            ended_at: None,
            replayed: 0,
            failed_again: 0,
            dropped: 0,
            already: 0,
            left: 0,
            error: None,
        };
        let running = Arc::new(Running {
            pipeline: ready.plan.name.clone(),
            view: Mutex::new(view.clone()),
            control: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let own = running.clone();
        let spawned = thread::Builder::new().name(format!("{}/replay", ready.plan.name)).spawn(move || {
            let result = own.run(ready, options, selection);
            own.end(result);
        });
        spawned.map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        all.push_front(running);
        all.truncate(REMEMBERED);
        Ok(view)
    }

    /// Returns whether a replay of a pipeline may start, as far as this process knows.
    ///
    /// # Errors
    /// Another one runs.
    pub fn is_free(&self, pipeline: &str) -> Result<(), Problem> {
        is_free(&self.all(), pipeline)
    }

    /// Returns the replays of a pipeline, the newest first.
    pub fn of(&self, pipeline: &str) -> Vec<Replay> {
        self.all().iter().filter(|one| *one.pipeline == *pipeline).map(|one| one.view()).collect()
    }

    /// Returns a replay.
    ///
    /// # Errors
    /// There is none with this id.
    pub fn get(&self, pipeline: &str, id: &str) -> Result<Arc<Running>, Problem> {
        let all = self.all();
        let found = all.iter().find(|one| *one.pipeline == *pipeline && one.view().id == id);
        found.cloned().ok_or_else(|| Problem::not_found(format!("pipeline \"{pipeline}\" has no replay \"{id}\"")))
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<Arc<Running>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_free(all: &VecDeque<Arc<Running>>, pipeline: &str) -> Result<(), Problem> {
    let Some(other) = all.iter().find(|one| *one.pipeline == *pipeline && one.is_running()) else { return Ok(()) };
    let detail = format!("replay {} of this pipeline runs: wait for its end, or stop it", other.view().id);
    Err(Problem::new(StatusCode::CONFLICT, detail))
}

/// What is open is committed or aborted before the process ends, as far as that can be waited for.
impl Drop for Replays {
    fn drop(&mut self) {
        let running: Vec<_> = self.all().iter().filter(|one| one.is_running()).cloned().collect();
        running.iter().for_each(|one| one.stop());
        let deadline = Instant::now() + LAST_TRANSACTION;
        while running.iter().any(|one| one.is_running()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Running {
    /// Returns how it stands.
    pub fn view(&self) -> Replay {
        self.lock().clone()
    }

    /// Tells it to stop after the transaction that is open; the second time, at once.
    pub fn stop(&self) {
        let again = self.stop.swap(true, Ordering::AcqRel);
        if let Some(control) = &*self.control.lock().unwrap_or_else(PoisonError::into_inner) {
            control.events.send(Event::Command(Command::Stop { asked: Instant::now() }));
            if again {
                control.cut_off.store(true, Ordering::Release);
            }
        }
        let mut view = self.lock();
        if matches!(view.state, ReplayState::Starting | ReplayState::Running) {
            view.state = ReplayState::Stopping;
        }
    }

    fn is_running(&self) -> bool {
        matches!(self.lock().state, ReplayState::Starting | ReplayState::Running | ReplayState::Stopping)
    }

    fn lock(&self) -> MutexGuard<'_, Replay> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replays to the end. Returns whether it was told to stop before that.
    fn run(self: &Arc<Running>, ready: Ready, options: Options, selection: Selection) -> anyhow::Result<bool> {
        let (mut replay, scan, control) = replay::Replay::start(ready, options, selection)?;
        *self.control.lock().unwrap_or_else(PoisonError::into_inner) = Some(control);
        if self.stop.load(Ordering::Acquire) {
            replay.close();
            return Ok(true);
        }
        {
            let mut view = self.lock();
            if view.state == ReplayState::Starting {
                view.state = ReplayState::Running;
            }
        }
        let own = self.clone();
        replay.on_progress(move |summary| own.count(summary));
        let result = replay.run(scan.silent());
        self.count(replay.summary());
        let was_stopped = replay.was_stopped();
        replay.close();
        result.map(|()| was_stopped)
    }

    fn count(&self, summary: &Summary) {
        let mut view = self.lock();
        view.replayed = summary.replayed;
        view.failed_again = summary.failed_again;
        view.dropped = summary.dropped;
        view.already = summary.already;
        view.left = summary.left();
    }

    fn end(&self, result: anyhow::Result<bool>) {
        let mut view = self.lock();
        view.ended_at = Some(Timestamp::now().to_string());
        (view.state, view.error) = match result {
            Ok(false) => (ReplayState::Done, None),
            Ok(true) => (ReplayState::Stopped, None),
            Err(error) => (ReplayState::Failed, Some(format!("{error:#}"))),
        };
        tracing::info!(
            target: "dlq", pipeline = %self.pipeline, replay = view.id, replayed = view.replayed,
            failed_again = view.failed_again, left = view.left, error = view.error.as_deref(), "a replay has ended"
        );
    }
}
