//! What is logged: a filter that can be changed while the program runs, and a bound on how often one place may
//! complain.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::{EnvFilter, Registry};

use super::LOST;

/// Warnings and errors of one place in the code that are written within [`WINDOW`]; more are counted as lost.
const MOST: u32 = 100;
/// How long they count.
const WINDOW: Duration = Duration::from_secs(1);

static FILTER: OnceLock<Handle<EnvFilter, Registry>> = OnceLock::new();

/// Returns the filter as a layer; [`set_filter`] changes it.
pub fn filter_layer(filter: EnvFilter) -> reload::Layer<EnvFilter, Registry> {
    let (layer, handle) = reload::Layer::new(filter);
    // The first one is that of the program.
    let _ = FILTER.set(handle);
    layer
}

/// Changes what is logged.
///
/// # Errors
/// The text is no filter: why.
pub fn set_filter(filter: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| error.to_string())?;
    let handle = FILTER.get().ok_or("nothing is logged")?;
    handle.reload(filter).map_err(|error| error.to_string())
}

/// Keeps one place in the code from filling the log with its complaints.
#[derive(Default)]
pub struct RateLimit(Mutex<HashMap<Identifier, (Instant, u32)>>);

impl<S: Subscriber> Filter<S> for RateLimit {
    fn enabled(&self, _metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _context: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN || self.allows(metadata.callsite(), Instant::now()) {
            return true;
        }
        LOST.fetch_add(1, Ordering::Relaxed);
        false
    }
}

impl RateLimit {
    fn allows(&self, place: Identifier, now: Instant) -> bool {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = places.entry(place).or_insert((now, 0));
        if now.saturating_duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= MOST
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::{Layer as _, fmt};

    use super::*;

    #[test]
    fn one_place_cannot_fill_the_log() {
        let lines = std::sync::Arc::new(Mutex::new(Vec::new()));
        struct Lines(std::sync::Arc<Mutex<Vec<u8>>>);
        impl std::io::Write for Lines {
            fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(line);
                Ok(line.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let writer = lines.clone();
        let layer = fmt::layer().with_writer(move || Lines(writer.clone())).with_filter(RateLimit::default());
        let before = LOST.load(Ordering::Relaxed);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            for number in 0..MOST * 100 {
                tracing::warn!(number, "again");
            }
            tracing::warn!("another place");
        });
        let text = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
        assert!(text.lines().count() < MOST as usize * 100 && text.contains("another place"));
        assert!(LOST.load(Ordering::Relaxed) > before);
    }
}
