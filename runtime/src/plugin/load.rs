//! Loading: from a file to a plugin that can be started.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmparser::Parser;
use wasmtime::component::{Component, InstancePre};

use super::clock::Clock;
use super::config_schema::config_schema;
use super::engine::Engine;
use super::error::LoadError;
use super::exports::{Exports, Process};
use super::grants;
use super::log::Said;
use super::post_return::process_may_free_its_answer;
use super::state::State;
use super::unfolded::unfold;
use crate::config::plan::Grants;

/// Bytes of a plugin file. The largest that language runtimes make have 20 MB.
const MAX_FILE: u64 = 128 << 20;
/// Instances, aliases and functions of a component that is put together. The largest that tools make have some hundred.
const MAX_PARTS: u64 = 100_000;
/// Bytes of one function. Compiling takes time and memory out of proportion to it: 1 MiB of branches took minutes. The
/// largest function of SpiderMonkey's interpreter has 168 KiB.
const MAX_FUNCTION: u64 = 512 << 10;

/// A component that is compiled, checked and linked to what it is granted. A clone is the same plugin.
#[derive(Clone)]
pub struct Plugin(Arc<Loaded>);

struct Loaded {
    path: PathBuf,
    digest: String,
    linked: InstancePre<State>,
    exports: Exports,
    frees_answer: bool,
    config_schema: Option<String>,
    clock: Arc<Clock>,
    said: Arc<Said>,
}

/// Which form of the interface a plugin speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// One arena and one index for a batch.
    Packed,
    /// Typed records.
    Records,
}

impl Engine {
    /// Loads a plugin: reads the file, compiles it (or takes it from the cache), and checks what it exports and that
    /// all it imports is granted.
    ///
    /// # Errors
    /// Each names the file, what was found and what to do.
    pub fn load(&self, path: &Path, grants: &Grants) -> Result<Plugin, LoadError> {
        let invalid = |reason| LoadError::Invalid { path: path.to_owned(), reason };
        let Source { bytes, digest } = Source::read(path)?;
        let component = self.compile(path, &bytes, &digest).map_err(|error| invalid(format!("{error:#}")))?;
        let frees_answer = process_may_free_its_answer(&bytes).map_err(|error| invalid(error.to_string()))?;

        let config_schema =
            config_schema(&bytes).map_err(|source| LoadError::ConfigSchema { path: path.to_owned(), source })?;

        let exports = Exports::find(&component, path)?;
        let linker = grants::link(&component, grants, path)?;
        let linked = linker.instantiate_pre(&component).map_err(|error| LoadError::WrongTypes {
            path: path.to_owned(),
            name: "an import".to_owned(),
            reason: format!("{error:#}"),
        })?;
        let (path, clock, said) = (path.to_owned(), self.clock.clone(), Arc::default());
        Ok(Plugin(Arc::new(Loaded { path, digest, linked, exports, frees_answer, config_schema, clock, said })))
    }

    fn compile(&self, path: &Path, bytes: &[u8], digest: &str) -> wasmtime::Result<Component> {
        if let Some(component) = self.cache.as_ref().and_then(|cache| cache.get(&self.wasmtime, digest)) {
            return Ok(component);
        }
        let component = self.watched(path, || Component::from_binary(&self.wasmtime, bytes))?;
        if let Some(cache) = &self.cache {
            cache.put(&self.wasmtime, digest, &component);
        }
        Ok(component)
    }
}

/// A component as it lies in its file, which can be compiled within bounds.
pub(super) struct Source {
    pub(super) bytes: Vec<u8>,
    /// `sha256:<hex>` of the bytes.
    pub(super) digest: String,
}

impl Source {
    /// Reads a plugin's file. What cannot be one, or would take too long to compile, is an error.
    pub(super) fn read(path: &Path) -> Result<Source, LoadError> {
        let bytes = read(path)?;
        if Parser::is_core_wasm(&bytes) {
            return Err(LoadError::CoreModule { path: path.to_owned() });
        }
        if !Parser::is_component(&bytes) {
            return Err(LoadError::NotWasm { path: path.to_owned(), found: beginning(&bytes) });
        }
        // Before it is compiled, which takes as long as it takes.
        let unfolded =
            unfold(&bytes).map_err(|error| LoadError::Invalid { path: path.to_owned(), reason: error.to_string() })?;
        for (what, size, limit) in [
            ("is put together of parts", unfolded.parts, MAX_PARTS),
            ("has a function of bytes", unfolded.function, MAX_FUNCTION),
        ] {
            if size > limit {
                return Err(LoadError::TooMuch { path: path.to_owned(), what, size, limit });
            }
        }
        let digest = digest(&bytes);
        Ok(Source { bytes, digest })
    }
}

impl Plugin {
    /// The file it came from, as it was named.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// `sha256:<hex>` of the file.
    pub fn digest(&self) -> &str {
        &self.0.digest
    }

    /// The JSON Schema of its configuration, where it carries one. It is JSON; whether it is a schema is not known.
    pub fn config_schema(&self) -> Option<&str> {
        self.0.config_schema.as_deref()
    }

    /// Which form of the interface it speaks.
    pub fn interface(&self) -> Interface {
        match self.0.exports.process {
            Process::Packed(_) => Interface::Packed,
            Process::Records(_) => Interface::Records,
        }
    }

    pub(super) fn linked(&self) -> &InstancePre<State> {
        &self.0.linked
    }

    /// The clock that counts the time of its calls: it ticks while one is under way.
    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// What its instances have said at their starts.
    pub(super) fn said(&self) -> Arc<Said> {
        Arc::clone(&self.0.said)
    }

    pub(super) fn exports(&self) -> &Exports {
        &self.0.exports
    }

    /// Whether an answer is gone once the call has returned.
    pub(super) fn frees_answer(&self) -> bool {
        self.0.frees_answer
    }
}

/// The bytes of a plugin file. Anything but a file could be without end, or never begin.
fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => LoadError::Missing { path: path.to_owned() },
        _ => LoadError::Unreadable { path: path.to_owned(), source },
    };
    if !path.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("it is no regular file")));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(LoadError::TooLarge { path: path.to_owned(), limit: MAX_FILE });
    }
    Ok(bytes)
}

fn digest(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a string takes all that is written");
    }
    text
}

/// The first bytes of a file, for an error.
fn beginning(bytes: &[u8]) -> String {
    const SHOWN: usize = 16;
    match bytes {
        [] => "nothing, it is empty".to_owned(),
        bytes => format!("\"{}\"", bytes[..bytes.len().min(SHOWN)].escape_ascii()),
    }
}
