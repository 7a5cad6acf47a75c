//! The daemon: runs many pipelines in one process, and obeys signals.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::kafka::librdkafka::Librdkafka;
use crate::pipeline::Pipeline;
use crate::plugin::Engine;
use crate::ready::{Ready, load_all};
use crate::counters::Totals;
use crate::status::{Phase, State};

/// How often each pipeline's status is logged.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);
/// How often it is looked whether every pipeline has its assignment, for `--ready-file`.
const READY_INTERVAL: Duration = Duration::from_millis(50);

/// Signals that come closer together are one: some supervisors signal the process and its group.
const SAME_SIGNAL: Duration = Duration::from_millis(10);

/// What happens to the others when a pipeline fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OnFailure {
    /// They go on.
    #[default]
    Continue,
    /// They drain and end too.
    Exit,
}

/// What the daemon runs, and how.
pub struct Daemon {
    /// Files and folders of pipelines.
    pub paths: Vec<PathBuf>,
    /// How to plan them.
    pub options: crate::config::PlanOptions,
    /// What happens to the others when a pipeline fails.
    pub on_failure: OnFailure,
    /// Written when every pipeline has its assignment.
    pub ready_file: Option<PathBuf>,
}

/// What runs, and what becomes of it.
struct Fleet {
    engine: Engine,
    running: BTreeMap<Arc<str>, Pipeline>,
    // Told to drain by a reload, and not ended yet.
    draining: BTreeSet<Arc<str>>,
    // Started when the pipeline of that name has ended.
    next: BTreeMap<Arc<str>, Ready>,
    ended: UnboundedSender<Arc<str>>,
    failed: bool,
    // All pipelines are being stopped.
    stopping: bool,
    // When a signal first said so.
    signalled: Option<Instant>,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Daemon {
    /// Runs until it is told to stop or nothing is left to run. Answers whether every pipeline ended well.
    ///
    /// # Errors
    /// Signal handlers or threads that cannot be made; a ready file that cannot be written.
    pub async fn run(&self, engine: Engine, pipelines: Vec<Ready>) -> anyhow::Result<bool> {
        let (ended, mut endings) = unbounded_channel();
        let mut fleet = Fleet {
            engine,
            running: BTreeMap::new(),
            next: BTreeMap::new(),
            ended,
            failed: false,
            draining: BTreeSet::new(),
            stopping: false,
            signalled: None,
        };
        let mut signals = Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        };
        for pipeline in pipelines {
            fleet.start(pipeline)?;
        }
        self.supervise(&mut fleet, &mut signals, &mut endings).await?;
        Ok(!fleet.failed)
    }

    async fn supervise(
        &self,
        fleet: &mut Fleet,
        signals: &mut Signals,
        endings: &mut UnboundedReceiver<Arc<str>>,
    ) -> anyhow::Result<()> {
        let (mut status, mut readiness) = (every(STATUS_INTERVAL), every(READY_INTERVAL));
        status.tick().await;
        let mut ready_file = self.ready_file.as_ref();
        while !fleet.running.is_empty() || !fleet.next.is_empty() {
            tokio::select! {
                Some(name) = endings.recv() => self.on_ended(fleet, &name)?,
                _ = signals.terminate.recv() => fleet.on_stop_signal("SIGTERM"),
                _ = signals.interrupt.recv() => fleet.on_stop_signal("SIGINT"),
                _ = signals.hang_up.recv() => self.reload(fleet)?,
                _ = status.tick() => fleet.log_status(),
                _ = readiness.tick(), if ready_file.is_some() => {
                    if let Some(path) = ready_file.take_if(|_| fleet.is_ready()) {
                        fleet.write_ready_file(path);
                    }
                }
            }
        }
        Ok(())
    }

    fn on_ended(&self, fleet: &mut Fleet, name: &Arc<str>) -> anyhow::Result<()> {
        let Some(pipeline) = fleet.running.remove(name) else { return Ok(()) };
        fleet.draining.remove(name);
        let stats = pipeline.stats.clone();
        let result = pipeline.join();
        log_status(name, &stats.state(), &stats.tally());
        match result {
            Ok(()) => tracing::info!(target: "daemon", pipeline = %name, "ended: everything delivered is committed"),
            Err(error) => {
                tracing::error!(target: "daemon", pipeline = %name, "{error}");
                fleet.failed = true;
                if self.on_failure == OnFailure::Exit {
                    fleet.stop();
                }
            }
        }
        match fleet.next.remove(name) {
            Some(next) if !fleet.stopping => fleet.start(next),
            _ => Ok(()),
        }
    }

    /// Reads all files again: what changed is drained and started anew, what is new is started, what is gone is
    /// drained, what is broken goes on as it was.
    fn reload(&self, fleet: &mut Fleet) -> anyhow::Result<()> {
        if fleet.stopping {
            return Ok(());
        }
        tracing::info!(target: "daemon", "SIGHUP: reading the pipeline files again");
        let loaded = match load_all(&fleet.engine, &self.paths, &self.options) {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::error!(target: "daemon", "the paths cannot be read, everything goes on as it was: {error}");
                return Ok(());
            }
        };
        for (file, error) in &loaded.broken {
            tracing::error!(
                target: "daemon", file = %file.display(),
                "this file is broken, its pipeline goes on as it was if it runs:\n{error}"
            );
        }
        let gone: Vec<_> = fleet.running.values().filter(|running| !loaded.keeps(running)).collect();
        for name in gone.iter().map(|running| running.plan.name.clone()).collect::<Vec<_>>() {
            tracing::info!(target: "daemon", pipeline = %name, "its file is gone: draining");
            fleet.next.remove(&name);
            fleet.drain(&name);
        }
        for ready in loaded.ready {
            let name = ready.plan.name.clone();
            match fleet.running.get(&name) {
                None => {
                    tracing::info!(target: "daemon", pipeline = %name, "new: starting");
                    fleet.start(ready)?;
                }
                Some(running) if ready.is_what_runs_in(running) && !fleet.draining.contains(&name) => {}
                Some(_) => {
                    tracing::info!(target: "daemon", pipeline = %name, "changed: draining, then starting anew");
                    fleet.drain(&name);
                    fleet.next.insert(name, ready);
                }
            }
        }
        Ok(())
    }
}

impl Fleet {
    fn start(&mut self, Ready { plan, plugins }: Ready) -> anyhow::Result<()> {
        let (ended, name) = (self.ended.clone(), plan.name.clone());
        let told = name.clone();
        let pipeline = Pipeline::start(Arc::new(Librdkafka), plan, plugins, move || {
            // The daemon has ended where nobody listens.
            let _ = ended.send(told);
        })?;
        self.running.insert(name, pipeline);
        Ok(())
    }

    /// Without the file whoever waits for it waits for ever, so everything is stopped in order.
    fn write_ready_file(&mut self, path: &Path) {
        if let Err(error) = std::fs::write(path, "ready\n") {
            tracing::error!(target: "daemon", "--ready-file {}: {error}: draining", path.display());
            self.failed = true;
            self.stop();
        }
    }

    fn drain(&mut self, name: &Arc<str>) {
        if let Some(running) = self.running.get(name) {
            running.stop();
            self.draining.insert(name.clone());
        }
    }

    fn on_stop_signal(&mut self, name: &str) {
        match self.signalled {
            Some(since) if since.elapsed() < SAME_SIGNAL => return,
            Some(_) => {
                tracing::warn!(target: "daemon", "{name} again: stopping at once, what is in flight stays uncommitted");
                // Nothing is flushed or left in order: that is what the second signal asks for.
                std::process::exit(1);
            }
            None => self.signalled = Some(Instant::now()),
        }
        tracing::info!(target: "daemon", "{name}: draining");
        self.stop();
    }

    fn stop(&mut self) {
        self.stopping = true;
        self.next.clear();
        self.running.values().for_each(Pipeline::stop);
    }

    fn is_ready(&self) -> bool {
        let mut states = self.running.values().map(|pipeline| pipeline.stats.state().phase);
        self.next.is_empty() && states.all(|phase| matches!(phase, Phase::Running | Phase::Paused))
    }

    fn log_status(&self) {
        for (name, pipeline) in &self.running {
            log_status(name, &pipeline.stats.state(), &pipeline.stats.tally());
        }
    }
}

fn log_status(pipeline: &str, state: &State, tally: &Totals) {
    let State { phase, partitions, lag, breaker, held, .. } = state;
    let Totals { records, out, dead_letters, dropped } = tally;
    tracing::info!(
        target: "status", pipeline, state = phase.as_str(), partitions,
        lag = lag.map_or_else(|| "unknown".to_owned(), |lag| lag.to_string()),
        breaker = if breaker.is_some() { "open" } else { "closed" },
        records_in = records, records_out = out, dead_letters, dropped, held,
        "{}", breaker.as_deref().unwrap_or("status")
    );
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
