//! Threads that a simulation can take over.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Condvar, simulation};

/// A thread, to be waited for. Unlike the standard library's handle it says what a panic said.
pub struct JoinHandle<T>(Arc<Ending<T>>);

/// What a thread ends with.
pub(super) struct Ending<T> {
    result: Mutex<Option<Result<T, String>>>,
    ended: Condvar,
}

impl<T> Default for Ending<T> {
    fn default() -> Self {
        Ending { result: Mutex::new(None), ended: Condvar::default() }
    }
}

impl<T> Ending<T> {
    /// The thread has ended, or panicked with this message.
    pub(super) fn finish(&self, result: Result<T, String>) {
        *self.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        self.ended.notify_all();
    }
}

/// Starts a thread.
///
/// # Errors
/// The operating system gives no thread.
pub fn spawn<T: Send + 'static>(name: &str, body: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    let ending = Arc::new(Ending::default());
    let told = ending.clone();
    start(
        name,
        Box::new(move || told.finish(catch_unwind(AssertUnwindSafe(body)).map_err(|panic| message_of(&*panic)))),
    )?;
    Ok(JoinHandle(ending))
}

/// Starts a thread that nobody waits for.
pub(super) fn start(name: &str, body: Box<dyn FnOnce() + Send>) -> io::Result<()> {
    match simulation::current() {
        Some(simulation) => simulation.spawn(name, body),
        None => _ = std::thread::Builder::new().name(name.to_owned()).spawn(body)?,
    }
    Ok(())
}

/// Returns what a panic said.
pub fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}

impl<T> JoinHandle<T> {
    pub(super) fn new(ending: Arc<Ending<T>>) -> JoinHandle<T> {
        JoinHandle(ending)
    }

    /// Waits for the thread's end.
    ///
    /// # Errors
    /// It panicked: what the panic said.
    pub fn join(self) -> Result<T, String> {
        let mut result = self.0.result.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(result) = result.take() {
                return result;
            }
            result = self.0.ended.wait_until(&self.0.result, result, None);
        }
    }

    /// Returns whether the thread has ended.
    pub fn is_finished(&self) -> bool {
        self.0.result.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}
