//! What can go wrong with a plugin: at load, at start, in a call.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::config_schema::ConfigSchemaError;

/// Why a file cannot serve as a plugin.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each case and field is")]
pub enum LoadError {
    #[error("{}: there is no such plugin file; build the plugin, or name the file where it lies", path.display())]
    Missing { path: PathBuf },
    #[error("{}: the plugin file cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}: the plugin file has more than {limit} bytes; build the plugin for release, without debug information", path.display())]
    TooLarge { path: PathBuf, limit: u64 },
    #[error(
        "{}: compiling it would take too long: the component {what}: {size}, more than {limit}; build it of fewer and smaller ones",
        path.display()
    )]
    TooMuch { path: PathBuf, what: &'static str, size: u64, limit: u64 },
    #[error(
        "{}: this is not WebAssembly (it begins with {found}); a plugin is a WebAssembly component: \
         build one with `sluice plugin build`",
        path.display()
    )]
    NotWasm { path: PathBuf, found: String },
    #[error(
        "{}: this is a core module, not a component: build it with `sluice plugin build`",
        path.display()
    )]
    CoreModule { path: PathBuf },
    #[error("{}: the component does not compile: {reason}; build it again", path.display())]
    Invalid { path: PathBuf, reason: String },
    #[error("{}: {source}", path.display())]
    ConfigSchema { path: PathBuf, source: ConfigSchemaError },
    #[error(
        "{}: the plugin speaks `{}`, this host speaks 0.1.x: build it with the SDK that belongs to this release",
        path.display(),
        short(found)
    )]
    WrongVersion { path: PathBuf, found: String },
    #[error("{}: the plugin imports what it is not granted: {}", path.display(), list(imports))]
    Ungranted { path: PathBuf, imports: Vec<Ungranted> },
    #[error(
        "{}: the plugin exports neither packed nor records (found: {}); build it for world `fast` or `simple` \
         of sluicebox:plugin@0.1.0",
        path.display(),
        found_list(found)
    )]
    NoProcess { path: PathBuf, found: Vec<String> },
    #[error(
        "{}: the plugin does not export lifecycle (found: {}); build it for world `fast` or `simple` \
         of sluicebox:plugin@0.1.0",
        path.display(),
        found_list(found)
    )]
    NoLifecycle { path: PathBuf, found: Vec<String> },
    #[error(
        "{}: `{name}` has other types than this host's interface: {reason}; build it with the `sluicebox.wit` \
         that belongs to this release",
        path.display()
    )]
    WrongTypes { path: PathBuf, name: String, reason: String },
}

/// An import that the plugin is not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ungranted {
    /// The import as the component names it, with the function where its interface is granted but not that.
    pub import: String,
    /// What in the pipeline file grants it; none: nothing does.
    pub grant: Option<&'static str>,
}

/// Imports or exports that an error names; a runtime that was built without stubs has dozens.
const NAMED: usize = 8;
/// Bytes of a name in an error.
const MAX_NAME: usize = 256;

fn list(imports: &[Ungranted]) -> ListOfImports<'_> {
    ListOfImports(imports)
}

struct ListOfImports<'a>(&'a [Ungranted]);

impl fmt::Display for ListOfImports<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Ungranted { import, grant }) in self.0.iter().take(NAMED).enumerate() {
            let separator = if number == 0 { "" } else { ", " };
            let import = short(import);
            match grant {
                Some(yaml) => write!(f, "{separator}`{import}` (the stage grants it with `{yaml}`)")?,
                None => write!(f, "{separator}`{import}` (nothing grants it)")?,
            }
        }
        if self.0.len() > NAMED {
            write!(f, " and {} more", self.0.len() - NAMED)?;
        }
        f.write_str("; what a language's runtime imports only to start is to be answered by stubs inside the component")
    }
}

fn found_list(found: &[String]) -> String {
    if found.is_empty() {
        return "no exports".to_owned();
    }
    let mut list = found.iter().take(NAMED).map(|name| short(name)).collect::<Vec<_>>().join(", ");
    if found.len() > NAMED {
        list += &format!(" and {} more", found.len() - NAMED);
    }
    list
}

/// The start of a name: a component's may be as long as it likes.
fn short(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME)]
}

/// Why a stage does not start. Each names the stage, and the plugin's file where its configuration is not the cause.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each case and field is")]
pub enum StartError {
    /// The plugin's own words on its configuration.
    #[error("stage \"{stage}\": {message}")]
    Init { stage: String, message: String },
    #[error("stage \"{stage}\": {}: the plugin failed in its init: {reason}", plugin.display())]
    Trap { stage: String, plugin: PathBuf, reason: String },
    #[error(
        "stage \"{stage}\": {}: the plugin's init took longer than {limit:?}; raise `limits: {{ time: ... }}`",
        plugin.display()
    )]
    Time { stage: String, plugin: PathBuf, limit: Duration },
    #[error(
        "stage \"{stage}\": {}: the plugin's init needs more memory than {} bytes; raise `limits: {{ memory: ... }}`",
        plugin.display(),
        limit
    )]
    Memory { stage: String, plugin: PathBuf, limit: usize },
    #[error("stage \"{stage}\": {}: the plugin's manifest: {reason}", plugin.display())]
    Manifest { stage: String, plugin: PathBuf, reason: String },
    #[error("stage \"{stage}\": {}: the start was cancelled", plugin.display())]
    Cancelled { stage: String, plugin: PathBuf },
}

/// Why a call gave no answer. After all but `Retry` and `Fatal` the instance has to be restarted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The plugin trapped: what happened, the innermost functions, and the plugin's last error of this call.
    #[error("{0}")]
    Trap(String),
    /// The call took longer than the stage's `limits.time`.
    #[error("the call took longer than the stage's time limit")]
    Time,
    /// The call failed, and in it the stage's `limits.memory` had refused memory.
    #[error("the call needed more memory than the stage's memory limit")]
    Memory,
    /// The answer breaks the interface: how.
    #[error("the plugin's answer breaks the interface: {0}")]
    Answer(String),
    /// The plugin asks for the whole batch to be called again.
    #[error("{0}")]
    Retry(String),
    /// The plugin asks for the pipeline to stop.
    #[error("{0}")]
    Fatal(String),
    /// The call was cut off because the stage was cancelled.
    #[error("the call was cancelled")]
    Cancelled,
}
