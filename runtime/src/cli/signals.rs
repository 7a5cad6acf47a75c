//! SIGTERM and SIGINT of commands that end in order.

use tokio::signal::unix::{SignalKind, signal};

/// Calls `told` at each signal, on a thread of its own, until it returns false.
///
/// # Errors
/// A handler or a thread that cannot be made.
pub(super) fn on_signals(mut told: impl FnMut() -> bool + Send + 'static) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut terminate, mut interrupt) = {
        let _context = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        loop {
            runtime.block_on(async {
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            });
            if !told() {
                return;
            }
        }
    })?;
    Ok(())
}
