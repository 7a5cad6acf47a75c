//! The program's own log, as part of the trace of a history.

use std::io::{self, Write};

use tracing::level_filters::LevelFilter;

use crate::world;

/// Lets the traces of histories hold what the program logs, down to `debug`. What was begun stays so for the process.
pub fn begin() {
    let log = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::DEBUG)
        .with_ansi(false)
        .with_writer(|| Line)
        .without_time()
        .finish();
    // Whoever asks a second time has what there is.
    _ = tracing::subscriber::set_global_default(log);
}

/// Takes one line of the log.
struct Line;

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        world::trace_log(String::from_utf8_lossy(bytes).trim());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
