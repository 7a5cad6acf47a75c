//! The daemon: runs many pipelines in one process, obeys signals, and supervises what fails.

mod fleet;
mod ready_file;
mod restart;
mod service_manager;
mod signals;
mod status;
mod watched;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Interval, MissedTickBehavior, interval};

use self::fleet::Fleet;
use self::ready_file::ReadyFile;
use self::service_manager::ServiceManager;
pub use self::signals::Signals;
use self::watched::WatchedFiles;
use crate::admin::api::Problem;
use crate::admin::{AdminOptions, AdminServer, Registry, Request};
use crate::config::plan::Plan;
use crate::config::{Errors, PlanOptions};
use crate::plugin::Engine;
use crate::ready::{Loaded, Ready, load_all, load_one};
use crate::traces::finish_exports;

/// How often each pipeline's status is logged.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);

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
    /// Whether files are read again when one of them changes.
    pub watch: bool,
    /// The admin endpoint; none: nothing listens.
    pub admin: Option<AdminOptions>,
}

/// Whoever is told how the daemon stands, and the files that it depends on.
struct Outside {
    ready_file: Option<ReadyFile>,
    service_manager: ServiceManager,
    watched: Option<WatchedFiles>,
    admin: Option<AdminServer>,
}

/// What a reload has found.
type Reloaded = Result<Loaded, Errors>;

impl Daemon {
    /// Runs until it is told to stop or nothing is left to run. Returns whether no pipeline has failed.
    ///
    /// # Errors
    /// Threads that cannot be made; a ready file that cannot be written; a `NOTIFY_SOCKET` that is no socket of this
    /// machine.
    pub async fn run(&self, engine: Engine, pipelines: Vec<Ready>, mut signals: Signals) -> anyhow::Result<bool> {
        let (ended, endings) = unbounded_channel();
        let changed = Arc::new(Notify::new());
        let mut fleet = Fleet::new(self.on_failure, ended, changed.clone());
        let ready_file = self.ready_file.clone().map(ReadyFile::new);
        let service_manager = ServiceManager::from_environment()?;
        let (sender, requests) = unbounded_channel();
        let registry = Registry::new(engine.clone(), sender);
        // Before anything runs: an address that is taken starts nothing.
        let admin = self.admin.as_ref().map(|options| AdminServer::start(options, registry.clone())).transpose()?;
        let watched = match self.watch {
            true => {
                let plans: Vec<&Plan> = pipelines.iter().map(|ready| &*ready.plan).collect();
                Some(WatchedFiles::start(&self.paths, &self.options, &plans)?)
            }
            false => None,
        };
        for pipeline in pipelines {
            fleet.start(pipeline)?;
        }
        let mut outside = Outside { ready_file, service_manager, watched, admin };
        let mut inbox = Inbox { endings, requests, changed: &changed };
        // Brokers are not waited for: that nothing is assigned yet is no reason to restart the service.
        outside.service_manager.ready();
        let result = self.supervise(&engine, &mut fleet, &mut signals, &mut inbox, &registry, &mut outside);
        let result = result.await;
        finish_exports();
        drop(outside.admin.take());
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
        inbox: &mut Inbox<'_>,
        registry: &Registry,
        outside: &mut Outside,
    ) -> anyhow::Result<()> {
        let mut status = every(STATUS_INTERVAL);
        status.tick().await;
        let mut keep_alive = outside.service_manager.keep_alive_interval().map(every);
        // Loading may take minutes of compiling, so it runs beside this loop.
        let (loaded, mut reloads) = unbounded_channel::<Reloaded>();
        let (one_loaded, mut one_reloads) = unbounded_channel::<OneReloaded>();
        let mut reloading = Reloading::No;
        while fleet.is_alive() {
            registry.replace(fleet.entries());
            outside.tell(fleet, registry.readiness().ready);
            let restart_due = fleet.next_restart();
            tokio::select! {
                Some(name) = inbox.endings.recv() => fleet.on_ended(&name)?,
                Some(request) = inbox.requests.recv() => self.on_request(engine, request, registry, &one_loaded),
                Some(reloaded) = one_reloads.recv() => apply_one(fleet, reloaded)?,
                _ = signals.terminate.recv() => signals.on_stop("SIGTERM", fleet),
                _ = signals.interrupt.recv() => signals.on_stop("SIGINT", fleet),
                _ = signals.hang_up.recv() => {
                    if let Some(admin) = &outside.admin {
                        admin.read_tokens_again();
                    }
                    outside.service_manager.reloading();
                    if reloading.ask() {
                        self.load_beside("SIGHUP", engine, &loaded);
                    }
                }
                () = change_of(&mut outside.watched) => {
                    if reloading.ask() {
                        self.load_beside("a file has changed", engine, &loaded);
                    }
                }
                Some(result) = reloads.recv() => {
                    self.apply(fleet, outside, result)?;
                    if reloading.done() {
                        self.load_beside("something has changed meanwhile", engine, &loaded);
                    } else {
                        outside.service_manager.ready();
                    }
                }
                () = inbox.changed.notified() => {}
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

    /// The pipeline files have been read again.
    fn apply(&self, fleet: &mut Fleet, outside: &mut Outside, reloaded: Reloaded) -> anyhow::Result<()> {
        if let (Some(watched), Ok(loaded)) = (&mut outside.watched, &reloaded) {
            let plans: Vec<&Plan> = loaded.ready.iter().map(|ready| &*ready.plan).collect();
            watched.set(&self.paths, &self.options, &plans);
        }
        fleet.on_reloaded(reloaded)
    }

    /// Somebody asks for something over the admin endpoint.
    fn on_request(
        &self,
        engine: &Engine,
        request: Request,
        registry: &Registry,
        loaded: &UnboundedSender<OneReloaded>,
    ) {
        let Request::Reload { pipeline, reply } = request;
        tracing::info!(target: "daemon", pipeline = %pipeline, "reload: reading the pipeline file again");
        let (engine, options, loaded) = (engine.clone(), self.options.clone(), loaded.clone());
        let entry = registry.get(&pipeline);
        tokio::task::spawn_blocking(move || {
            let ready = entry.and_then(|entry| {
                let loaded = load_named(&engine, &entry.file, &options, &pipeline);
                loaded.inspect_err(|_| entry.counters.reloads("failed").add(1))
            });
            // The daemon has ended where nobody listens.
            let _ = loaded.send((ready, reply));
        });
    }

    fn load_beside(&self, why: &str, engine: &Engine, loaded: &UnboundedSender<Reloaded>) {
        tracing::info!(target: "daemon", "{why}: reading the pipeline files again");
        let (engine, paths, options, loaded) =
            (engine.clone(), self.paths.clone(), self.options.clone(), loaded.clone());
        tokio::task::spawn_blocking(move || {
            // The daemon has ended where nobody listens.
            let _ = loaded.send(load_all(&engine, &paths, &options));
        });
    }
}

/// What the daemon is told.
struct Inbox<'a> {
    endings: UnboundedReceiver<Arc<str>>,
    requests: UnboundedReceiver<Request>,
    changed: &'a Notify,
}

/// What the reload of one pipeline has found, and who waits for it.
type OneReloaded = (Result<Ready, Problem>, tokio::sync::oneshot::Sender<Result<(), Problem>>);

/// The file of one pipeline has been read again for somebody who waits for the answer, unless the daemon ends of it.
fn apply_one(fleet: &mut Fleet, (result, reply): OneReloaded) -> anyhow::Result<()> {
    let answer = match result {
        Ok(ready) => Ok(fleet.on_reloaded_one(ready)?),
        Err(problem) => Err(problem),
    };
    // Whoever asked may have gone.
    let _ = reply.send(answer);
    Ok(())
}

fn load_named(engine: &Engine, file: &Path, options: &PlanOptions, name: &str) -> Result<Ready, Problem> {
    let broken = |detail: String| Problem::new(axum::http::StatusCode::CONFLICT, detail);
    let (ready, _) = load_one(engine, file, options)
        .map_err(|errors| broken(format!("the file is broken, the pipeline goes on as it was: {errors}")))?;
    if &*ready.plan.name != name {
        return Err(broken(format!(
            "the file names the pipeline \"{}\" now: send SIGHUP to have all files read again",
            ready.plan.name
        )));
    }
    Ok(ready)
}

impl Outside {
    /// Tells how the pipelines stand, where that has changed.
    fn tell(&mut self, fleet: &mut Fleet, is_ready: bool) {
        if let Some(file) = &mut self.ready_file
            && let Err(error) = file.set(is_ready)
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

/// Waits until a watched file has changed; for ever where none is watched.
async fn change_of(watched: &mut Option<WatchedFiles>) {
    match watched {
        Some(watched) => watched.changed().await,
        None => std::future::pending().await,
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
