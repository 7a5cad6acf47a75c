//! The daemon: runs many pipelines in one process, obeys signals, and supervises what fails.

mod fleet;
mod ready_file;
mod restart;
mod service_manager;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Interval, MissedTickBehavior, interval};

use self::fleet::Fleet;
use self::ready_file::ReadyFile;
use self::service_manager::ServiceManager;
use crate::config::{Errors, PlanOptions};
use crate::plugin::Engine;
use crate::ready::{Loaded, Ready, load_all};

/// How often each pipeline's status is logged.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);
/// Signals that come closer together are one: some supervisors signal the process and its group.
const SAME_SIGNAL: Duration = Duration::from_millis(10);

/// What happens when a pipeline fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OnFailure {
    /// The other pipelines keep running.
    #[default]
    Continue,
    /// The other pipelines are drained, and the program exits.
    Exit,
    /// The other pipelines keep running, and the one that failed is started again where that may help, after 1 s at
    /// first and 5 min at most.
    Restart,
}

/// What the daemon runs, and how.
pub struct Daemon {
    /// Files and folders of pipelines.
    pub paths: Vec<PathBuf>,
    /// How to plan them.
    pub options: PlanOptions,
    /// What happens when a pipeline fails.
    pub on_failure: OnFailure,
    /// A file that is there exactly while every pipeline is ready.
    pub ready_file: Option<PathBuf>,
}

/// Whoever is told how the daemon stands.
struct Outside {
    ready_file: Option<ReadyFile>,
    service_manager: ServiceManager,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    // When one first asked for a stop.
    stop_asked: Option<Instant>,
}

/// What a reload has found.
type Reloaded = Result<Loaded, Errors>;

impl Daemon {
    /// Runs until it is told to stop or nothing is left to run. Returns whether no pipeline has failed.
    ///
    /// # Errors
    /// Signal handlers or threads that cannot be made; a ready file that cannot be written; a `NOTIFY_SOCKET` that is
    /// no socket of this machine.
    pub async fn run(&self, engine: Engine, pipelines: Vec<Ready>) -> anyhow::Result<bool> {
        let (ended, mut endings) = unbounded_channel();
        let changed = Arc::new(Notify::new());
        let mut fleet = Fleet::new(self.on_failure, ended, changed.clone());
        let mut outside = Outside {
            ready_file: self.ready_file.clone().map(ReadyFile::new),
            service_manager: ServiceManager::from_environment()?,
        };
        let mut signals = Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            stop_asked: None,
        };
        for pipeline in pipelines {
            fleet.start(pipeline)?;
        }
        // Brokers are not waited for: that nothing is assigned yet is no reason to restart the service.
        outside.service_manager.ready();
        let result = self.supervise(&engine, &mut fleet, &mut signals, &mut endings, &changed, &mut outside).await;
        outside.service_manager.stopping();
        if let Some(file) = &mut outside.ready_file {
            file.set(false)?;
        }
        result?;
        Ok(!fleet.has_failed())
    }

    async fn supervise(
        &self,
        engine: &Engine,
        fleet: &mut Fleet,
        signals: &mut Signals,
        endings: &mut UnboundedReceiver<Arc<str>>,
        changed: &Notify,
        outside: &mut Outside,
    ) -> anyhow::Result<()> {
        let mut status = every(STATUS_INTERVAL);
        status.tick().await;
        let mut keep_alive = outside.service_manager.keep_alive_interval().map(every);
        // Loading may take minutes of compiling, so it runs beside this loop.
        let (loaded, mut reloads) = unbounded_channel::<Reloaded>();
        let mut reloading = Reloading::No;
        while fleet.is_alive() {
            outside.tell(fleet);
            let restart_due = fleet.next_restart();
            tokio::select! {
                Some(name) = endings.recv() => fleet.on_ended(&name)?,
                _ = signals.terminate.recv() => signals.on_stop("SIGTERM", fleet),
                _ = signals.interrupt.recv() => signals.on_stop("SIGINT", fleet),
                _ = signals.hang_up.recv() => {
                    outside.service_manager.reloading();
                    if reloading.ask() {
                        self.load_beside(engine, &loaded);
                    }
                }
                Some(result) = reloads.recv() => {
                    fleet.on_reloaded(result)?;
                    if reloading.done() {
                        self.load_beside(engine, &loaded);
                    } else {
                        outside.service_manager.ready();
                    }
                }
                () = changed.notified() => {}
                () = sleep_until(restart_due), if restart_due.is_some() => fleet.restart_due()?,
                _ = status.tick() => fleet.log_status(),
                () = tick(&mut keep_alive) => {
                    if fleet.turns() {
                        outside.service_manager.keep_alive();
                    }
                }
            }
        }
        Ok(())
    }

    fn load_beside(&self, engine: &Engine, loaded: &tokio::sync::mpsc::UnboundedSender<Reloaded>) {
        tracing::info!(target: "daemon", "SIGHUP: reading the pipeline files again");
        let (engine, paths, options, loaded) =
            (engine.clone(), self.paths.clone(), self.options.clone(), loaded.clone());
        tokio::task::spawn_blocking(move || {
            // The daemon has ended where nobody listens.
            let _ = loaded.send(load_all(&engine, &paths, &options));
        });
    }
}

impl Outside {
    /// Tells how the pipelines stand, where that has changed.
    fn tell(&mut self, fleet: &mut Fleet) {
        if let Some(file) = &mut self.ready_file
            && let Err(error) = file.set(fleet.is_ready())
        {
            // Without the file whoever waits for it waits indefinitely, so everything is stopped in order.
            fleet.fail(&format!("{error}: draining"));
        }
        if fleet.is_stopping() {
            self.service_manager.stopping();
        }
        self.service_manager.set_status(fleet.summary());
    }
}

/// Whether files are being read again, and whether that was asked for once more meanwhile.
enum Reloading {
    No,
    Once,
    Again,
}

impl Reloading {
    /// Somebody asks for a reload. Returns whether it is to begin now.
    fn ask(&mut self) -> bool {
        let begins = matches!(self, Reloading::No);
        *self = if begins { Reloading::Once } else { Reloading::Again };
        begins
    }

    /// A reload is over. Returns whether another is to begin now.
    fn done(&mut self) -> bool {
        let again = matches!(self, Reloading::Again);
        *self = if again { Reloading::Once } else { Reloading::No };
        again
    }
}

impl Signals {
    fn on_stop(&mut self, name: &str, fleet: &mut Fleet) {
        match self.stop_asked {
            Some(since) if since.elapsed() < SAME_SIGNAL => return,
            Some(_) => {
                tracing::warn!(target: "daemon", "{name} again: stopping at once, what is in flight stays uncommitted");
                // Nothing is flushed or left in order: that is what the second signal asks for.
                std::process::exit(1);
            }
            None => self.stop_asked = Some(Instant::now()),
        }
        tracing::info!(target: "daemon", "{name}: draining");
        fleet.stop();
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    if let Some(deadline) = deadline {
        tokio::time::sleep_until(deadline.into()).await;
    }
}

/// The next tick; never where there is no interval.
async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => _ = interval.tick().await,
        None => std::future::pending().await,
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
