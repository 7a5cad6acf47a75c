//! A running plugin: one Store, started for one stage of one worker.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use wasmtime::Store;

use super::answer::Answer;
use super::counters::Counters;
use super::error::{CallError, StartError};
use super::exports::Process;
use super::limits::Cut;
use super::load::Plugin;
use super::packed::{PackedProcess, Packer};
use super::records::RecordsProcess;
use super::state::State;
use super::trap;
use super::wire::{Config, Failure, Fields, WireManifest};
use crate::batch::{Arena, Record, Source};
use crate::config::plan::{Limits, Show};
use crate::record_text::DevRecord;

/// Bytes of a plugin's name, and of its version.
const MAX_LABEL: usize = 256;
/// Bytes of what a plugin says of why it cannot start or go on; the rest is cut.
const MAX_REASON: usize = 16 * 1024;

/// How often a plugin that has started before may take too long to start again.
const RESTART_TRIES: u32 = 5;

/// What an instance is started with.
#[derive(Clone, Debug)]
pub struct StageSetup {
    /// The pipeline's name.
    pub pipeline: Arc<str>,
    /// The stage's name.
    pub stage: Arc<str>,
    /// The stage's `config:` as JSON text; `null` where there is none.
    pub config: String,
    /// The names of the pipeline's outputs. [`OutputName::Declared`](super::OutputName::Declared) counts in these.
    pub outputs: Vec<Arc<str>>,
    /// What the start, and each call, may use.
    pub limits: Limits,
    /// Names and values of the variables that the stage is granted.
    pub env: Vec<(String, String)>,
    /// What is hidden of records in what the plugin says to the log.
    pub show: Show,
}

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The plugin's name, for people.
    pub name: String,
    /// The plugin's version, for people.
    pub version: String,
    /// The fields of a record that it reads.
    pub needs: Fields,
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Manifest { name, version, needs } = self;
        let names = [
            ("key", Fields::KEY),
            ("value", Fields::VALUE),
            ("headers", Fields::HEADERS),
            ("timestamp", Fields::TIMESTAMP),
            ("source", Fields::SOURCE),
        ];
        let needed: Vec<&str> =
            names.iter().filter(|(_, field)| needs.contain(*field)).map(|(name, _)| *name).collect();
        write!(f, "\"{}\" {} (needs: {})", name.escape_debug(), version.escape_debug(), needed.join(", "))
    }
}

/// A plugin at work. It belongs to one thread at a time.
pub struct Instance {
    plugin: Plugin,
    setup: Arc<StageSetup>,
    cancel: Arc<AtomicBool>,
    running: Running,
    packer: Packer,
    failed: bool,
}

/// What a restart replaces.
struct Running {
    store: Store<State>,
    process: ProcessFunction,
    manifest: Manifest,
}

enum ProcessFunction {
    Packed(PackedProcess),
    Records(RecordsProcess),
}

/// One call's records and what belongs to them.
pub(super) struct Call<'a> {
    pub(super) needs: Fields,
    pub(super) outputs: &'a [Arc<str>],
    pub(super) arena: &'a mut Arena,
    pub(super) sources: &'a [Source],
    pub(super) records: &'a [Record],
    pub(super) answer: &'a mut Answer,
}

/// Why a call gave no answer, before it is judged.
pub(super) enum Failed {
    /// wasmtime says so: a trap, or something it could not read from the plugin's memory.
    Engine(wasmtime::Error),
    /// The answer was read and breaks the interface.
    Answer(String),
    /// The plugin says so.
    Plugin(Failure),
}

impl Plugin {
    /// Starts an instance and calls its `init`, under the stage's limits. Setting `cancel` cuts off the start, and
    /// every later call, within a tick.
    ///
    /// # Errors
    /// What `init` says against the configuration, or how the start failed.
    pub fn instantiate(&self, setup: &StageSetup, cancel: Arc<AtomicBool>) -> Result<Instance, StartError> {
        let setup = Arc::new(setup.clone());
        let running = Running::start(self, &setup, Arc::clone(&cancel))?;
        let plugin = self.clone();
        Ok(Instance { plugin, setup, cancel, running, packer: Packer::default(), failed: false })
    }
}

impl Instance {
    /// Has the plugin process some of a batch's records. On success `answer` holds a verdict for each, and what it
    /// points to lies in `arena`; on an error both hold what they held before, `answer` emptied.
    ///
    /// Where the plugin [`needs`](Instance::needs) headers, the caller has to keep back records with a header name that
    /// is not UTF-8.
    ///
    /// # Errors
    /// After all but [`CallError::Retry`] and [`CallError::Fatal`] the instance has [`failed`](Instance::has_failed)
    /// and must be restarted before the next call.
    ///
    /// # Panics
    /// Where the instance has failed, or is given headers that it cannot be given.
    pub fn process(
        &mut self,
        arena: &mut Arena,
        sources: &[Source],
        records: &[Record],
        answer: &mut Answer,
    ) -> Result<(), CallError> {
        assert!(!self.failed, "an instance that failed is restarted before it is called again");
        answer.clear();
        if records.is_empty() {
            return Ok(());
        }
        let Running { store, process, manifest } = &mut self.running;
        let ticking = self.plugin.clock().begin_call();
        start_call(store);
        let call = Call { needs: manifest.needs, outputs: &self.setup.outputs, arena, sources, records, answer };
        let called = match process {
            ProcessFunction::Packed(process) => process.call(store, &mut self.packer, call),
            ProcessFunction::Records(process) => process.call(store, call),
        };
        drop(ticking);
        let log = &mut store.data_mut().log;
        log.tell_held(|mask, hidden| {
            records.iter().for_each(|record| mask.collect(&DevRecord::from_batch(arena, record), hidden));
        });
        log.report_suppressed(Instant::now());
        called.map_err(|failed| {
            answer.clear();
            let error = judge(store.data(), failed);
            self.failed = !matches!(error, CallError::Retry(_) | CallError::Fatal(_));
            error
        })
    }

    /// Replaces a failed instance by a fresh one of the same plugin and setup. Counters and the bound on log messages
    /// go on.
    ///
    /// # Errors
    /// As [`Plugin::instantiate`], or the plugin says something else of itself than it did when it was first started;
    /// the instance stays failed.
    pub fn restart(&mut self) -> Result<(), StartError> {
        let fresh = self.start_again()?;
        self.check_manifest(&fresh.manifest)?;
        let mut old = std::mem::replace(&mut self.running, fresh);
        let (old, new) = (old.store.data_mut(), self.running.store.data_mut());
        old.counters.add_all(&new.counters);
        std::mem::swap(&mut old.counters, &mut new.counters);
        std::mem::swap(&mut old.log, &mut new.log);
        self.failed = false;
        Ok(())
    }

    /// Starts a fresh instance. The plugin has started in time before, so a start that takes too long is more likely
    /// the fault of a machine that is short of processors: it gets several tries, each with the whole time in ticks.
    fn start_again(&self) -> Result<Running, StartError> {
        let start = || Running::start(&self.plugin, &self.setup, Arc::clone(&self.cancel));
        let mut tries = RESTART_TRIES;
        loop {
            tries -= 1;
            match start() {
                Err(StartError::Time { .. }) if tries > 0 => {}
                result => return result,
            }
        }
    }

    /// Checks that a plugin that was started again is the one that its stage was set up for: the host has checked
    /// records against what the first instance said that it reads.
    fn check_manifest(&self, fresh: &Manifest) -> Result<(), StartError> {
        let first = &self.running.manifest;
        if fresh == first {
            return Ok(());
        }
        let reason = format!(
            "after a restart it is {fresh}, and it was {first}: a plugin's `init` has to say the same of itself each time, \
             whatever the clock or randomness give it"
        );
        Err(StartError::Manifest { stage: self.setup.stage.to_string(), plugin: self.plugin.path().to_owned(), reason })
    }

    /// Whether the last call failed in a way that asks for a restart.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// The plugin it is an instance of.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// What the plugin says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.running.manifest
    }

    /// The fields of a record that the plugin reads.
    pub fn needs(&self) -> Fields {
        self.running.manifest.needs
    }

    /// Bytes of linear memory that it has now.
    pub fn memory(&self) -> usize {
        self.running.store.data().memory.used()
    }

    /// What the plugin has counted since it was first started.
    pub fn counters(&self) -> &Counters {
        &self.running.store.data().counters
    }
}

impl Running {
    fn start(plugin: &Plugin, setup: &StageSetup, cancel: Arc<AtomicBool>) -> Result<Running, StartError> {
        let mut store = Store::new(plugin.linked().engine(), State::new(setup, cancel));
        store.limiter(|state| &mut state.memory);
        store.epoch_deadline_callback(|mut store| Ok(store.data_mut().deadline.tick()));
        // What an answer takes on the host is bounded by what it may take in the plugin.
        store.set_hostcall_fuel(setup.limits.memory);
        let _ticking = plugin.clock().begin_call();
        store.data_mut().log.begin_start(plugin.said());
        start_call(&mut store);
        let (process, answer) = init(plugin, setup, &mut store)
            .map_err(|error| start_error(plugin, setup, judge(store.data(), Failed::Engine(error))))?;
        store.data_mut().log.end_start();
        let (stage, path) = (setup.stage.to_string(), plugin.path().to_owned());
        let manifest = answer.map_err(|message| {
            let message = cut(message);
            StartError::Init { stage: stage.clone(), message }
        })?;
        for (what, label) in [("name", &manifest.name), ("version", &manifest.version)] {
            if label.len() > MAX_LABEL {
                let reason = format!("its {what} has {} bytes, more than {MAX_LABEL}", label.len());
                return Err(StartError::Manifest { stage, plugin: path, reason });
            }
        }
        let manifest = Manifest { name: manifest.name, version: manifest.version, needs: Fields::from(manifest.needs) };
        Ok(Running { store, process, manifest })
    }
}

fn init(
    plugin: &Plugin,
    setup: &StageSetup,
    store: &mut Store<State>,
) -> wasmtime::Result<(ProcessFunction, Result<WireManifest, String>)> {
    let exports = plugin.exports();
    let instance = plugin.linked().instantiate(&mut *store)?;
    let process = match exports.process {
        Process::Packed(export) => ProcessFunction::Packed(if plugin.frees_answer() {
            PackedProcess::Copied(instance.get_typed_func(&mut *store, export)?)
        } else {
            PackedProcess::InPlace(instance.get_typed_func(&mut *store, export)?)
        }),
        Process::Records(export) => {
            ProcessFunction::Records(RecordsProcess(instance.get_typed_func(&mut *store, export)?))
        }
    };
    let outputs: Vec<&str> = setup.outputs.iter().map(|name| &**name).collect();
    let config = Config { stage: &setup.stage, json: &setup.config, outputs: &outputs };
    let init = instance.get_typed_func::<(Config<'_>,), (Result<WireManifest, String>,)>(&mut *store, exports.init)?;
    let (answer,) = init.call(store, (config,))?;
    Ok((process, answer))
}

/// A call starts with its whole time; the first tick comes at the clock's next.
fn start_call(store: &mut Store<State>) {
    store.data_mut().start_call();
    store.set_epoch_deadline(1);
}

fn judge(state: &State, failed: Failed) -> CallError {
    let error = match failed {
        Failed::Plugin(Failure::Retry(reason)) => return CallError::Retry(cut(reason)),
        Failed::Plugin(Failure::Fatal(reason)) => return CallError::Fatal(cut(reason)),
        Failed::Answer(reason) => CallError::Answer(cut(reason)),
        Failed::Engine(error) if trap::is_trap(&error) => {
            CallError::Trap(cut(trap::describe(&error, state.log.last_error())))
        }
        Failed::Engine(error) => CallError::Answer(cut(format!("{error:#}"))),
    };
    match state.deadline.cut() {
        Some(Cut::Cancelled) => CallError::Cancelled,
        // A plugin that was refused memory may fail in any way; the memory is what has to be raised.
        Some(Cut::Time) | None if state.memory.refused() => CallError::Memory,
        Some(Cut::Time) => CallError::Time,
        None => error,
    }
}

fn start_error(plugin: &Plugin, setup: &StageSetup, error: CallError) -> StartError {
    let (stage, plugin) = (setup.stage.to_string(), plugin.path().to_owned());
    match error {
        CallError::Time => StartError::Time { stage, plugin, limit: setup.limits.time },
        CallError::Memory => StartError::Memory { stage, plugin, limit: setup.limits.memory },
        CallError::Cancelled => StartError::Cancelled { stage, plugin },
        CallError::Trap(reason) | CallError::Answer(reason) | CallError::Retry(reason) | CallError::Fatal(reason) => {
            StartError::Trap { stage, plugin, reason }
        }
    }
}

fn cut(mut reason: String) -> String {
    reason.truncate(reason.floor_char_boundary(MAX_REASON));
    reason
}
