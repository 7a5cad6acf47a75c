//! The engine: wasmtime's configuration, the compile cache and the clock that time limits are counted in.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use wasmtime::{OptLevel, ProfilingStrategy};

use super::cache::{Cache, CacheDirs};
use super::clock::Clock;

/// With so many bytes of addresses, 4 GiB can be reserved for each of a few hundred instances.
const ROOM_FOR_RESERVATIONS: u64 = 1 << 40;
/// What a memory may grow by before it has to move, where the address space is short.
const ROOM_TO_GROW: u64 = 16 << 20;
/// The guard behind a memory, where the address space is short.
const SMALL_GUARD: u64 = 64 << 10;

/// Names what tells a profiler of the plugins' functions: `perfmap` has them written to `/tmp/perf-PID.map`, where
/// Linux' perf looks for them.
const PROFILE: &str = "SLUICE_PROFILE";

/// Compiles and runs plugins. One for a process; a clone is the same engine.
#[derive(Clone)]
pub struct Engine {
    pub(super) wasmtime: wasmtime::Engine,
    pub(super) cache: Option<Arc<Cache>>,
    pub(super) clock: Arc<Clock>,
    // Told of what takes long to compile, and after how long.
    pub(super) slow: Option<(Duration, Arc<OnSlow>)>,
}

/// Is told which plugin takes long to compile.
pub type OnSlow = dyn Fn(&Path) + Send + Sync;

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime does not run on this machine, or not as it was asked to.
    #[error("the WebAssembly engine does not start on this machine: {0}")]
    Configuration(String),
    /// There is no thread for the clock.
    #[error("the WebAssembly engine cannot start the thread that counts its time limits: {0}")]
    Thread(#[source] io::Error),
}

/// How much of the address space a linear memory takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reservation {
    /// All that it can ever address: 4 GiB, so that accesses need no check of their bounds.
    Whole,
    /// What it has, and a little to grow; accesses are checked.
    AsNeeded,
}

impl Engine {
    /// Starts the engine. Compiled plugins are kept in a directory of `cache`; without one, or with one that cannot be
    /// used (one warning is logged), every start compiles again.
    ///
    /// # Errors
    /// Where the machine can run no WebAssembly or no thread can be started.
    pub fn new(cache: &CacheDirs) -> Result<Engine, EngineError> {
        let limit = address_space_limit().filter(|limit| *limit < ROOM_FOR_RESERVATIONS);
        if let Some(limit) = limit {
            tracing::warn!(
                target: "plugin",
                "the address space of this process is limited to {} MiB (`ulimit -v`), which is too little to reserve 4 GiB \
                 for each plugin instance: plugins run slower, with their memory's bounds checked",
                limit >> 20
            );
        }
        Engine::with_reservation(cache, limit.map_or(Reservation::Whole, |_| Reservation::AsNeeded))
    }

    /// Tells of each plugin that has been compiled for so long, and is not done.
    #[must_use]
    pub fn telling(self, after: Duration, tell: Arc<OnSlow>) -> Engine {
        Engine { slow: Some((after, tell)), ..self }
    }

    /// Does what may take long with a plugin.
    pub(super) fn watched<T>(&self, plugin: &Path, work: impl FnOnce() -> T) -> T {
        let Some((after, tell)) = &self.slow else { return work() };
        let (done, over) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let watch = move || {
                if over.recv_timeout(*after) == Err(RecvTimeoutError::Timeout) {
                    tell(plugin);
                }
            };
            // Without a thread nothing is told.
            let _ = thread::Builder::new().name("slow".to_owned()).spawn_scoped(scope, watch);
            let result = work();
            drop(done);
            result
        })
    }

    pub(super) fn with_reservation(cache: &CacheDirs, reservation: Reservation) -> Result<Engine, EngineError> {
        let config = configuration(reservation)?;
        let wasmtime =
            wasmtime::Engine::new(&config).map_err(|error| EngineError::Configuration(format!("{error:#}")))?;
        let ticked = wasmtime.weak();
        let tick = move || ticked.upgrade().inspect(wasmtime::Engine::increment_epoch).is_some();
        let clock = Arc::new(Clock::start(tick).map_err(EngineError::Thread)?);
        Ok(Engine { wasmtime, cache: Cache::open(cache).map(Arc::new), clock, slow: None })
    }
}

/// Returns what decides how plugins are compiled and run, but the machine.
pub(super) fn configuration(reservation: Reservation) -> Result<wasmtime::Config, EngineError> {
    let mut config = wasmtime::Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .epoch_interruption(true)
        .wasm_simd(true)
        .cranelift_opt_level(OptLevel::Speed)
        .profiler(profiler(std::env::var_os(PROFILE))?);
    if reservation == Reservation::AsNeeded {
        // What moves when it grows takes its place twice for a moment.
        config
            .memory_reservation(0)
            .memory_reservation_for_growth(ROOM_TO_GROW)
            .memory_guard_size(SMALL_GUARD)
            .memory_may_move(true);
    }
    Ok(config)
}

/// Returns the bytes of addresses that this process may have, where that is limited.
fn address_space_limit() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call writes to `limit`, which lives.
    let is_known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) } == 0;
    (is_known && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

fn profiler(asked: Option<OsString>) -> Result<ProfilingStrategy, EngineError> {
    match asked.as_deref().map(OsStr::to_string_lossy).as_deref() {
        None | Some("") => Ok(ProfilingStrategy::None),
        Some("perfmap") => Ok(ProfilingStrategy::PerfMap),
        Some(other) => Err(EngineError::Configuration(format!("{PROFILE} is \"{other}\", and can only be perfmap"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_told_and_what_does_not_is_not() {
        let (told, heard) = mpsc::channel();
        let tell = Arc::new(move |plugin: &Path| told.send(plugin.to_owned()).unwrap());
        let engine = Engine::new(&CacheDirs::default()).unwrap();
        let slow = engine.clone().telling(Duration::from_millis(1), tell.clone());
        // Takes until it is told.
        let plugin = slow.watched(Path::new("jq.wasm"), || heard.recv().unwrap());
        assert_eq!(plugin, Path::new("jq.wasm"));
        let quick = engine.telling(Duration::from_secs(3600), tell);
        assert_eq!(quick.watched(Path::new("set.wasm"), || 7), 7);
        assert!(heard.try_recv().is_err(), "it was over before that");
    }

    #[test]
    fn a_profiler_is_told_of_plugins_only_where_that_is_asked_for() {
        assert_eq!(profiler(None).unwrap(), ProfilingStrategy::None);
        assert_eq!(profiler(Some(OsString::new())).unwrap(), ProfilingStrategy::None);
        assert_eq!(profiler(Some("perfmap".into())).unwrap(), ProfilingStrategy::PerfMap);
        assert!(profiler(Some("perf".into())).unwrap_err().to_string().contains("can only be perfmap"));
    }
}
