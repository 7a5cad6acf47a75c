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
        None => {
            std::thread::Builder::new().name(name.to_owned()).spawn(move || {
                accept_traps();
                body();
            })?;
        }
    }
    Ok(())
}

/// The signals by which the processor tells of what a thread has done. A trap of a plugin is one of them.
const TRAPS: [libc::c_int; 5] = [libc::SIGILL, libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGTRAP];

/// Lets this thread be told of its traps, which ends the whole process where they are blocked. A thread inherits that
/// from the one that starts it, and those of librdkafka, whose callbacks wake loops, block all signals.
fn accept_traps() {
    // SAFETY: the set is this function's own, and made before it is read; the mask is this thread's.
    unsafe {
        let mut traps = std::mem::zeroed();
        libc::sigemptyset(&raw mut traps);
        TRAPS.iter().for_each(|signal| _ = libc::sigaddset(&raw mut traps, *signal));
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const traps, std::ptr::null_mut());
    }
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
    /// The thread panicked: what the panic said.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks signals of this thread, none of them where `all` is not said, and returns which traps are blocked then.
    fn block(all: bool) -> Vec<libc::c_int> {
        // SAFETY: both sets are this function's own; the mask is this thread's.
        unsafe {
            let (mut signals, mut blocked) = (std::mem::zeroed(), std::mem::zeroed());
            if all {
                libc::sigfillset(&raw mut signals)
            } else {
                libc::sigemptyset(&raw mut signals)
            };
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals, std::ptr::null_mut());
            libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut blocked);
            TRAPS.into_iter().filter(|signal| libc::sigismember(&raw const blocked, *signal) == 1).collect()
        }
    }

    #[test]
    fn a_thread_is_told_of_its_traps_whoever_starts_it() {
        let blocked = std::thread::spawn(|| {
            assert_eq!(block(true), TRAPS, "as in the threads of librdkafka");
            spawn("test", || block(false)).unwrap().join().unwrap()
        });
        assert!(blocked.join().unwrap().is_empty());
    }
}
