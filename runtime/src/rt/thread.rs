//! Threads that a simulation can take over.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Condvar, simulation};

/// A thread, to be waited for. Unlike the standard library's it can be waited for up to a moment, and says what a panic said.
pub struct JoinHandle<T>(Arc<Ending<T>>);

struct Ending<T> {
    result: Mutex<Option<Result<T, String>>>,
    ended: Condvar,
}

/// Starts a thread.
///
/// # Errors
/// The operating system gives no thread.
pub fn spawn<T: Send + 'static>(name: &str, body: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    let ending = Arc::new(Ending { result: Mutex::new(None), ended: Condvar::default() });
    let told = ending.clone();
    let run = move || {
        let result = catch_unwind(AssertUnwindSafe(body)).map_err(|panic| message_of(&*panic));
        *told.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        told.ended.notify_all();
    };
    match simulation::current() {
        Some(simulation) => simulation.spawn(name, Box::new(run)),
        None => _ = std::thread::Builder::new().name(name.to_owned()).spawn(run)?,
    }
    Ok(JoinHandle(ending))
}

/// What a panic said.
pub fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}

impl<T> JoinHandle<T> {
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
