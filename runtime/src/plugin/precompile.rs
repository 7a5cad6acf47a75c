//! Compiling plugins beforehand, on one machine for all: what a folder that is only read is filled with.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::cache;
use super::engine::{self, EngineError, Reservation};
use super::error::LoadError;
use super::load::Source;

/// What it compiles for, in wasmtime's words.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The instructions of the level x86-64-v2, in Cranelift's words: every server since 2009 has them, and wasmtime asks
/// the processor for each before it runs what was compiled with it.
const INSTRUCTIONS: [&str; 6] = ["has_cmpxchg16b", "has_popcnt", "has_sse3", "has_ssse3", "has_sse41", "has_sse42"];

/// Compiles plugins for every processor of the level x86-64-v2, into a folder for [`CacheDirs::precompiled`].
///
/// [`CacheDirs::precompiled`]: super::CacheDirs::precompiled
pub struct Precompiler {
    engine: wasmtime::Engine,
    dir: PathBuf,
}

/// Why a plugin is not compiled beforehand.
#[derive(Debug, thiserror::Error)]
pub enum PrecompileError {
    /// The file is no component, or does not compile.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The result is not kept.
    #[error("{}: {source}", file.display())]
    Write {
        /// Where it should be.
        file: PathBuf,
        /// Why it is not.
        source: io::Error,
    },
}

impl Precompiler {
    /// A compiler for a folder, which is made where it is missing.
    ///
    /// # Errors
    /// Where the machine can run no WebAssembly.
    pub fn new(dir: &Path) -> Result<Precompiler, EngineError> {
        let mut config = engine::configuration(Reservation::Whole)?;
        let refused = |error: wasmtime::Error| EngineError::Configuration(format!("{error:#}"));
        // With a target wasmtime does not take what this machine's processor has besides.
        config.target(TARGET).map_err(refused)?;
        for instruction in INSTRUCTIONS {
            // SAFETY: an engine refuses what was compiled with instructions that its processor lacks.
            unsafe { config.cranelift_flag_enable(instruction) };
        }
        let engine = wasmtime::Engine::new(&config).map_err(refused)?;
        Ok(Precompiler { engine, dir: dir.to_owned() })
    }

    /// Compiles a plugin, and returns the file that the result is in. Other users may read it.
    ///
    /// # Errors
    /// Each names the file, and what to do.
    pub fn compile(&self, plugin: &Path) -> Result<PathBuf, PrecompileError> {
        let source = Source::read(plugin)?;
        let compiled = self
            .engine
            .precompile_component(&source.bytes)
            .map_err(|error| LoadError::Invalid { path: plugin.to_owned(), reason: format!("{error:#}") })?;
        let file = cache::portable_file(&self.dir, &source.digest);
        fs::create_dir_all(&self.dir)
            .and_then(|()| cache::write(&self.dir, &file, &compiled))
            .and_then(|()| fs::set_permissions(&file, fs::Permissions::from_mode(0o644)))
            .map_err(|source| PrecompileError::Write { file: file.clone(), source })?;
        Ok(file)
    }
}
