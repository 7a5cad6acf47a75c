//! The engine: wasmtime's configuration, the compile cache and the clock that time limits are counted in.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::{OptLevel, ProfilingStrategy};

use super::cache::Cache;
use super::clock::Clock;

/// Names what tells a profiler of the plugins' functions: `perfmap` has them written to `/tmp/perf-PID.map`, where
/// Linux' perf looks for them.
const PROFILE: &str = "SLUICE_PROFILE";

/// Compiles and runs plugins. One for a process; a clone is the same engine.
#[derive(Clone)]
pub struct Engine {
    pub(super) wasmtime: wasmtime::Engine,
    pub(super) cache: Option<Arc<Cache>>,
    pub(super) clock: Arc<Clock>,
}

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

impl Engine {
    /// Starts the engine. Compiled plugins are kept in `cache_dir`; without one, or with one that cannot be used
    /// (one warning is logged), every start compiles again.
    ///
    /// # Errors
    /// Where the machine can run no WebAssembly or no thread can be started.
    pub fn new(cache_dir: Option<PathBuf>) -> Result<Engine, EngineError> {
        let mut config = wasmtime::Config::new();
        config
            .wasm_component_model(true)
            .concurrency_support(false)
            .epoch_interruption(true)
            .wasm_simd(true)
            .cranelift_opt_level(OptLevel::Speed)
            .profiler(profiler(std::env::var_os(PROFILE))?);
        let wasmtime =
            wasmtime::Engine::new(&config).map_err(|error| EngineError::Configuration(format!("{error:#}")))?;
        let ticked = wasmtime.weak();
        let tick = move || ticked.upgrade().inspect(wasmtime::Engine::increment_epoch).is_some();
        let clock = Arc::new(Clock::start(tick).map_err(EngineError::Thread)?);
        let cache = cache_dir.and_then(|dir| match Cache::open(&dir) {
            Ok(cache) => Some(Arc::new(cache)),
            Err(error) => {
                tracing::warn!("compiled plugins are not kept, each start compiles them again: {error}");
                None
            }
        });
        Ok(Engine { wasmtime, cache, clock })
    }
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
    fn a_profiler_is_told_of_plugins_only_where_that_is_asked_for() {
        assert_eq!(profiler(None).unwrap(), ProfilingStrategy::None);
        assert_eq!(profiler(Some(OsString::new())).unwrap(), ProfilingStrategy::None);
        assert_eq!(profiler(Some("perfmap".into())).unwrap(), ProfilingStrategy::PerfMap);
        assert!(profiler(Some("perf".into())).unwrap_err().to_string().contains("can only be perfmap"));
    }
}
