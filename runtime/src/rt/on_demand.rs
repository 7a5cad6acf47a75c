//! Threads on demand: a loop has a thread while it has something to do, and gives it back when it has had nothing for a
//! while, even where it is to look again at some moment. So that many idle pipelines share the few threads that they
//! need.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::thread::{Ending, message_of, start};
use super::{JoinHandle, Wakeup, simulation, timer};

/// How long a thread stays with a loop that has nothing to do.
const LINGER: Duration = Duration::from_millis(500);

/// What comes after one turn of a loop.
pub enum Turn<T> {
    /// Another, at once.
    Again,
    /// Another when the loop is woken, or at that moment.
    WaitUntil(Instant),
    /// Another when the loop is woken.
    Wait,
    /// Nothing: the loop has ended.
    Ended(T),
}

struct Task<T> {
    name: Arc<str>,
    wakeup: Wakeup,
    turn: Box<dyn FnMut() -> Turn<T> + Send>,
    ending: Arc<Ending<T>>,
}

/// Starts a loop: calls `turn` until it has ended. `wakeup` wakes it. The loop may go on in another thread after each
/// [`Turn::Wait`].
///
/// # Errors
/// The operating system gives no thread.
pub fn spawn_on_demand<T: Send + 'static>(
    name: &str,
    wakeup: Wakeup,
    turn: impl FnMut() -> Turn<T> + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let ending = Arc::new(Ending::default());
    let task = Task { name: name.into(), wakeup, turn: Box::new(turn), ending: ending.clone() };
    start(name, Box::new(move || run(task)))?;
    Ok(JoinHandle::new(ending))
}

fn run<T: Send + 'static>(mut task: Task<T>) {
    loop {
        // A panic is the end of the loop, and whatever it owns is dropped.
        match catch_unwind(AssertUnwindSafe(&mut task.turn)) {
            Ok(Turn::Again) => super::yield_point(),
            Ok(Turn::WaitUntil(deadline)) => {
                let lingers = super::now() + LINGER;
                if deadline <= lingers || simulation::is_simulated() {
                    task.wakeup.wait_until(Some(deadline));
                } else if !task.wakeup.wait_until(Some(lingers)) {
                    match timer::wake_at(deadline, &task.wakeup) {
                        Ok(()) => return park(task),
                        Err(_) => _ = task.wakeup.wait_until(Some(deadline)),
                    }
                }
            }
            Ok(Turn::Wait) if simulation::is_simulated() => _ = task.wakeup.wait_until(None),
            Ok(Turn::Wait) => {
                if !task.wakeup.wait_until(Some(super::now() + LINGER)) {
                    return park(task);
                }
            }
            Ok(Turn::Ended(value)) => {
                let Task { turn, ending, .. } = task;
                drop(turn);
                return ending.finish(Ok(value));
            }
            Err(panic) => {
                let Task { turn, ending, .. } = task;
                drop(turn);
                return ending.finish(Err(message_of(&*panic)));
            }
        }
    }
}

/// Gives the thread back. The loop gets another when it is woken.
fn park<T: Send + 'static>(task: Task<T>) {
    let wakeup = task.wakeup.clone();
    wakeup.park(Box::new(move || {
        let (name, ending) = (task.name.clone(), task.ending.clone());
        if let Err(error) = start(&name, Box::new(move || run(task))) {
            ending.finish(Err(format!("no thread to go on with: {error}")));
        }
    }));
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::ThreadId;

    use super::*;

    #[test]
    fn a_loop_that_is_woken_after_a_long_wait_goes_on_in_another_thread() {
        let (wakeup, turns) = (Wakeup::default(), Arc::new(AtomicUsize::new(0)));
        let threads: Arc<Mutex<Vec<ThreadId>>> = Arc::default();
        let turn = {
            let (turns, threads) = (turns.clone(), threads.clone());
            move || {
                threads.lock().unwrap().push(std::thread::current().id());
                if turns.fetch_add(1, Ordering::SeqCst) == 1 { Turn::Ended(7) } else { Turn::Wait }
            }
        };
        let handle = spawn_on_demand("test", wakeup.clone(), turn).unwrap();
        // Until it has given its thread back.
        while !wakeup.is_parked() {
            std::thread::yield_now();
        }
        wakeup.wake();
        assert_eq!(handle.join(), Ok(7));
        let threads = threads.lock().unwrap();
        assert_eq!(threads.len(), 2);
        assert_ne!(threads[0], threads[1]);
    }

    #[test]
    fn a_loop_that_looks_again_later_gives_its_thread_back_until_then() {
        let (wakeup, turns) = (Wakeup::default(), Arc::new(AtomicUsize::new(0)));
        let deadline = Instant::now() + 3 * LINGER;
        let turn = {
            let turns = turns.clone();
            move || match turns.fetch_add(1, Ordering::SeqCst) {
                0 => Turn::WaitUntil(deadline),
                _ => Turn::Ended(Instant::now()),
            }
        };
        let handle = spawn_on_demand("test", wakeup.clone(), turn).unwrap();
        while !wakeup.is_parked() {
            std::thread::yield_now();
        }
        assert_eq!(turns.load(Ordering::SeqCst), 1);
        assert!(handle.join().unwrap() >= deadline);
    }

    #[test]
    fn a_panic_ends_the_loop_and_is_told() {
        let turn = || -> Turn<()> { panic!("so much for that") };
        let handle = spawn_on_demand("test", Wakeup::default(), turn).unwrap();
        assert_eq!(handle.join(), Err("so much for that".to_owned()));
    }
}
