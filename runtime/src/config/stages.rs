//! Stages: from what is written to what can be loaded.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::beside::Beside;
use super::error::Position;
use super::file;
use super::places::Places;
use super::plan::{Delivery, Grants, Hold, Limits, OnError, Stage, Then};
use super::planner::Planner;
use super::plugins::PluginPath;
use super::scalar::Size;
use super::topics;
use super::written::Written;

/// The least and the most time for a batch. Ticks of the epoch clock are in the order of the least.
const TIME: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(3600));
/// The least memory is one page of WebAssembly; the most is what 32 bits can address.
const MEMORY: (Size, Size) = (Size(64 << 10), Size(4 << 30));
/// The most calls after the first.
const MOST_RETRIES: usize = 1_000;
/// The longest wait before a retry.
const LONGEST_BACKOFF: Duration = Duration::from_secs(3600);

/// The stages of a file, and the first place that sends records to the DLQ.
pub(super) struct Stages {
    /// The chain, in order.
    pub chain: Vec<Stage>,
    /// The first stage whose failures go to the DLQ: how it is shown, and where.
    first_to_dlq: Option<(String, Position)>,
}

impl Stages {
    /// What a stage sends to the DLQ needs a topic.
    pub fn require_dlq(&self, planner: &mut Planner<'_>, has_dlq: bool) {
        if let (false, Some((stage, at))) = (has_dlq, &self.first_to_dlq) {
            let message = format!("stage {stage} sends what fails to the DLQ, and there is none");
            let help = "add dlq: { topic: NAME }, or on_error: { then: drop } or { then: stop } to the stage";
            planner.error_with_help(*at, message, help);
        }
    }
}

/// Reads `stages`. Without a plugin path plugins are left unresolved.
pub(super) fn stages(
    planner: &mut Planner<'_>,
    written: &[file::Stage],
    plugins: Option<&PluginPath>,
    delivery: Delivery,
) -> Stages {
    let mut stages = Stages { chain: Vec::new(), first_to_dlq: None };
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for (number, stage) in written.iter().enumerate() {
        planner.set_scope(format!("stages.{number}."));
        let name = topics::name(planner, "stages.name", &stage.name);
        let shown = name.as_ref().map_or_else(|| "\"?\"".to_owned(), |name| name.shown.clone());
        let name = name.map(|name| name.value).unwrap_or_default();
        if let Some(line) = names.insert(name.clone(), stage.name.at.line).filter(|_| !name.is_empty()) {
            planner.error(stage.name.at, format!("stages.name: {shown} is in line {line} already"));
        }
        let on_error = on_error(planner, &stage.on_error, delivery);
        if on_error.then == Then::Dlq && stages.first_to_dlq.is_none() {
            let at = stage.on_error.then.as_ref().map_or(stage.name.at, |then| then.at);
            stages.first_to_dlq = Some((shown, at));
        }
        let (plugin, path) = plugin(planner, stage, plugins);
        let config = stage.config.as_ref().map(|config| planner.json("config", &config.value));
        stages.chain.push(Stage {
            name: name.into(),
            plugin,
            plugin_at: Beside(stage.plugin.at),
            config_places: Beside(Places::of(stage)),
            path,
            config: config.unwrap_or_default().to_string(),
            limits: limits(planner, &stage.limits),
            grants: grants(planner, &stage.grants),
            on_error,
        });
    }
    planner.set_scope(String::new());
    stages
}

/// Reads `plugin`, and finds its file. Without a plugin path it is left unresolved.
pub(super) fn plugin(
    planner: &mut Planner<'_>,
    stage: &file::Stage,
    plugins: Option<&PluginPath>,
) -> (String, PathBuf) {
    let Some(plugin) = planner.read("plugin", &stage.plugin) else { return Default::default() };
    let Some(plugins) = plugins else { return (plugin.value, PathBuf::new()) };
    match plugins.find(&plugin.value) {
        Ok(path) => (plugin.value, path),
        Err(missing) => {
            let message = format!("plugin: {} {}", plugin.shown, missing.message);
            match missing.help {
                Some(help) => planner.error_with_help(plugin.at, message, help),
                None => planner.error(plugin.at, message),
            }
            Default::default()
        }
    }
}

/// Reads what a call may use.
pub(crate) fn limits(planner: &mut Planner<'_>, limits: &file::Limits) -> Limits {
    let time = Duration::from_secs(1);
    let memory = Size(256 << 20);
    Limits {
        time: planner.within_or("limits.time", limits.time.as_ref(), TIME.0..=TIME.1, time),
        memory: planner.within_or("limits.memory", limits.memory.as_ref(), MEMORY.0..=MEMORY.1, memory).0,
    }
}

/// Reads what a plugin may import.
pub(crate) fn grants(planner: &mut Planner<'_>, grants: &file::Grants) -> Grants {
    let mut env = Vec::new();
    for (number, written) in grants.env.iter().enumerate() {
        let Some(name) = planner.read("grants.env", written) else { continue };
        planner.record_item("grants.env", number, written);
        if name.value.is_empty() || name.value.contains(['=', '\0']) {
            planner.error(name.at, format!("grants.env: {} cannot name a variable", name.shown));
            continue;
        }
        if planner.env(&name.value).is_none() {
            planner.warn(name.at, format!("grants.env: {} is not set; the plugin will not see it", name.shown));
        }
        env.push(name.value);
    }
    Grants {
        clock: planner.read_or("grants.clock", grants.clock.as_ref(), false),
        random: planner.read_or("grants.random", grants.random.as_ref(), false),
        env,
    }
}

fn on_error(planner: &mut Planner<'_>, written: &file::OnError, delivery: Delivery) -> OnError {
    let bounds = Duration::ZERO..=LONGEST_BACKOFF;
    let (backoff, max_backoff) = (Duration::from_millis(100), Duration::from_secs(10));
    let backoff = planner.within_or("on_error.backoff", written.backoff.as_ref(), bounds.clone(), backoff);
    let max_backoff = planner.within_or("on_error.max_backoff", written.max_backoff.as_ref(), bounds, max_backoff);
    if backoff > max_backoff
        && let Some(at) =
            written.backoff.as_ref().map(|written| written.at).or(written.max_backoff.as_ref().map(|m| m.at))
    {
        let help = "backoff is the first wait and max_backoff (default 10s) the longest";
        planner.error_with_help(at, "on_error: backoff is longer than max_backoff", help);
    }
    let retries = planner.within_or("on_error.retries", written.retries.as_ref(), 0..=MOST_RETRIES, 3);
    OnError {
        retries: u32::try_from(retries).unwrap_or(u32::MAX),
        backoff,
        max_backoff,
        hold: hold(planner, written.hold.as_ref(), delivery),
        then: planner.read_or("on_error.then", written.then.as_ref(), Then::Dlq),
    }
}

fn hold(planner: &mut Planner<'_>, written: Option<&Written<Hold>>, delivery: Delivery) -> Hold {
    let hold = planner.read_or("on_error.hold", written, Hold::Partition);
    if let (Hold::Key, Delivery::ExactlyOnce, Some(written)) = (hold, delivery, written) {
        planner.error_with_help(
            written.at,
            "on_error.hold: key is for at_least_once alone, because a transaction commits nothing past a record that waits",
            "use hold: partition, which is the default, or delivery: at_least_once",
        );
    }
    hold
}
