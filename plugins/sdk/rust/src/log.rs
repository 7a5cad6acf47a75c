//! Messages into the host's log, which marks them with the pipeline and the stage.
//!
//! Bounded in length and rate by the host. In native tests they go to standard error.

use std::fmt::Display;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Level {
    /// Somebody has to look.
    Error,
    /// Somebody should look some time.
    Warn,
    /// Worth knowing.
    Info,
    /// For whoever hunts a fault.
    Debug,
}

/// Logs an error.
pub fn error(message: impl Display) {
    write(Level::Error, message);
}

/// Logs a warning.
pub fn warn(message: impl Display) {
    write(Level::Warn, message);
}

/// Logs what is worth knowing.
pub fn info(message: impl Display) {
    write(Level::Info, message);
}

/// Logs what helps to hunt a fault.
pub fn debug(message: impl Display) {
    write(Level::Debug, message);
}

/// Logs at a level.
pub fn write(level: Level, message: impl Display) {
    let message = message.to_string();
    #[cfg(target_arch = "wasm32")]
    crate::glue::log_write(level, &message);
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{level:?}: {message}");
}
