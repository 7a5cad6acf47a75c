//! What a program says with `debug` and `stderr`, into the host's log.

use log::{Level, LevelFilter, Log, Metadata};
use sluicebox_plugin::log as host;

struct HostLog;

impl Log for HostLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("jaq")
    }

    fn log(&self, record: &log::Record<'_>) {
        let level = match record.level() {
            Level::Error => host::Level::Error,
            Level::Warn => host::Level::Warn,
            Level::Info => host::Level::Info,
            Level::Debug | Level::Trace => host::Level::Debug,
        };
        host::write(level, record.args());
    }

    fn flush(&self) {}
}

/// Sends what jaq logs to the host.
pub(crate) fn connect() {
    if log::set_logger(&HostLog).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
}
