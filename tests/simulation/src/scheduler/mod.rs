//! The scheduler: runs every thread of a history as a coroutine on one thread of the operating system, in an order that
//! a seed decides, by a clock that it moves itself.

mod runtime;
mod thread;
mod timer;
mod turns;

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ptr::NonNull;
use std::rc::Rc;
use std::time::Instant;

use corosensei::Yielder;
use sluicebox::rt::WaitPoint;

use self::thread::{Body, Point, State, Thread, recycle, until};
pub use self::thread::{Process, SCENARIO, ThreadId};
use self::timer::Timer;

/// Nanoseconds of virtual time since the history began.
pub type Nanos = u64;
/// The wall clock at the beginning of each history.
pub const EPOCH_MS: i64 = 1_767_225_600_000;

/// How threads take turns; drawn for each history, because different faults show under different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Of 1,000 resumed threads, how many are held up for a while first.
    pub stalls_per_mille: u32,
    /// The longest time that one is held up.
    pub longest_stall: Nanos,
    /// The longest time that a thread takes from one wait to the next.
    pub longest_slice: Nanos,
    /// Of 1,000 waits, how many end without a reason.
    pub spurious_per_mille: u32,
}

/// Why a history came to no end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// Nobody can run and nothing is due: who waits.
    Deadlock(Vec<String>),
    /// More steps than a history may take: who has not ended.
    Steps(Vec<String>),
    /// It was stopped.
    Stopped,
}

struct Inner {
    now: Nanos,
    rng: fastrand::Rng,
    style: Style,
    threads: Vec<Thread>,
    timers: BinaryHeap<Reverse<Timer>>,
    timer_count: u64,
    current: Option<usize>,
    steps: u64,
    hash: u64,
    panics: Vec<String>,
}

/// One history's scheduler.
pub struct Scheduler {
    base: Instant,
    inner: RefCell<Inner>,
    is_stopped: Cell<bool>,
    // Threads of processes that were killed.
    dying: RefCell<Vec<Body>>,
    // Of the thread that runs.
    yielder: Cell<Option<NonNull<Yielder<(), ()>>>>,
}

impl Scheduler {
    /// A scheduler whose choices follow from `seed`.
    pub fn new(seed: u64, style: Style) -> Rc<Scheduler> {
        Rc::new(Scheduler {
            base: Instant::now(),
            inner: RefCell::new(Inner {
                now: 0,
                rng: fastrand::Rng::with_seed(seed),
                style,
                threads: Vec::new(),
                timers: BinaryHeap::new(),
                timer_count: 0,
                current: None,
                steps: 0,
                hash: seed,
                panics: Vec::new(),
            }),
            is_stopped: Cell::new(false),
            dying: RefCell::new(Vec::new()),
            yielder: Cell::new(None),
        })
    }

    /// Returns the virtual time.
    pub fn time(&self) -> Nanos {
        self.inner.borrow().now
    }

    /// Returns a moment of the runtime's as virtual time.
    pub fn nanos_of(&self, moment: Instant) -> Nanos {
        moment.saturating_duration_since(self.base).as_nanos() as Nanos
    }

    /// Returns what tells this history from another: equal for two runs of the same history.
    pub fn hash(&self) -> u64 {
        self.inner.borrow().hash
    }

    /// Returns how many turns were taken.
    pub fn steps(&self) -> u64 {
        self.inner.borrow().steps
    }

    /// Returns what threads said that ended in a panic without catching it.
    pub fn panics(&self) -> Vec<String> {
        self.inner.borrow().panics.clone()
    }

    /// Calls `action` after a while, on no thread: it must not wait.
    pub fn after(&self, delay: Nanos, action: impl FnOnce() + 'static) {
        let mut inner = self.inner.borrow_mut();
        inner.timer_count += 1;
        let (at, number) = (inner.now + delay, inner.timer_count);
        inner.timers.push(Reverse(Timer { at, number, action: Box::new(action) }));
    }

    /// Starts a thread of a process.
    pub fn start(self: &Rc<Self>, process: Process, name: &str, body: impl FnOnce() + 'static) {
        self.add(process, name, Box::new(body));
    }

    fn add(&self, process: Process, name: &str, body: Box<dyn FnOnce()>) {
        let mut inner = self.inner.borrow_mut();
        let not_before = inner.now;
        inner.threads.push(Thread::new(process, name, not_before, body));
    }

    /// The process of the thread that runs; the scenario's where none does.
    pub fn current_process(&self) -> Process {
        let inner = self.inner.borrow();
        inner.current.map_or(SCENARIO, |current| inner.threads[current].process)
    }

    /// The thread that runs.
    ///
    /// # Panics
    /// None does.
    pub fn current_thread(&self) -> ThreadId {
        ThreadId(self.inner.borrow().current.expect("only a simulated thread waits for an answer"))
    }

    /// Ends the wait of a thread for an answer.
    pub fn unpark(&self, thread: ThreadId) {
        if let State::Waiting { point: Point::Reply, notified, .. } =
            &mut self.inner.borrow_mut().threads[thread.0].state
        {
            *notified = true;
        }
    }

    /// Waits until [`Scheduler::unpark`] or a moment.
    pub fn park(&self, deadline: Option<Nanos>) {
        self.suspend(Point::Reply, deadline);
    }

    /// Ends all threads of a process where they stand, as a crash does: no destructor runs.
    pub fn kill(&self, process: Process) {
        let mut bodies = Vec::new();
        let inner = &mut *self.inner.borrow_mut();
        for (index, thread) in inner.threads.iter_mut().enumerate().filter(|(_, thread)| thread.process == process) {
            assert!(inner.current != Some(index), "a thread cannot kill its own process");
            thread.state = State::Ended;
            bodies.extend(thread.body.take());
        }
        // What a thread owns that has not begun yet is dropped with it, and may come back here.
        self.dying.borrow_mut().extend(bodies);
    }

    /// No thread of a process runs for a while.
    pub fn freeze(&self, process: Process, time: Nanos) {
        let inner = &mut *self.inner.borrow_mut();
        let until = inner.now + time;
        for thread in inner.threads.iter_mut().filter(|thread| thread.process == process) {
            thread.not_before = thread.not_before.max(until);
        }
    }

    /// Frozen threads may run again.
    pub fn thaw(&self) {
        let inner = &mut *self.inner.borrow_mut();
        inner.threads.iter_mut().for_each(|thread| thread.not_before = thread.not_before.min(inner.now));
    }

    /// How late a thread may be for no fault of its own.
    pub fn stalls(&self) -> Nanos {
        let style = self.inner.borrow().style;
        // Several in a row, of several threads, one after the other.
        if style.stalls_per_mille > 0 { 4 * style.longest_stall } else { 0 }
    }

    /// Whether a process has threads.
    pub fn is_alive(&self, process: Process) -> bool {
        let inner = self.inner.borrow();
        inner.threads.iter().any(|thread| thread.process == process && !matches!(thread.state, State::Ended))
    }

    /// The names of all threads that have not ended, and what they wait for. Wait points are numbered here, since their
    /// own numbers are given out once a process and so differ between two runs of a history.
    pub fn waiting(&self) -> Vec<String> {
        let inner = self.inner.borrow();
        let mut points: Vec<WaitPoint> = Vec::new();
        let alive = inner.threads.iter().filter(|thread| !matches!(thread.state, State::Ended));
        alive
            .map(|thread| match &thread.state {
                State::Waiting { point: Point::Reply, deadline, .. } => {
                    format!("{}: for an answer, {}", thread.name, until(*deadline, inner.now))
                }
                State::Waiting { point: Point::Runtime(point), deadline, .. } => {
                    let number = points.iter().position(|other| other == point).unwrap_or_else(|| {
                        points.push(*point);
                        points.len() - 1
                    });
                    format!("{}: at wait point {number}, {}", thread.name, until(*deadline, inner.now))
                }
                State::Ready | State::Ended => format!("{}: ready", thread.name),
            })
            .collect()
    }

    /// Ends the history at once.
    pub fn stop(&self) {
        self.is_stopped.set(true);
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        for thread in &mut self.inner.get_mut().threads {
            if let Some(body) = thread.body.take() {
                recycle(body);
            }
        }
    }
}
