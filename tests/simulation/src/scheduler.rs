//! The scheduler: runs every thread of a history as a coroutine on one thread of the operating system, in an order that a
//! seed decides, by a clock that it moves itself.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::rc::Rc;
use std::time::{Duration, Instant};

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use sluicebox::rt::{Simulation, WaitPoint, message_of};

use crate::world;

/// Nanoseconds of virtual time since the history began.
pub type Nanos = u64;
/// A simulated process: the threads that die together in a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process(pub u32);

/// The process of the scenario itself.
pub const SCENARIO: Process = Process(0);
/// The wall clock at the beginning of each history.
pub const EPOCH_MS: i64 = 1_767_225_600_000;
/// What a thread's stack holds. The pages that are not touched cost nothing.
const STACK: usize = 256 << 10;
/// How often a thread may turn without a wait.
const MOST_TURNS: u32 = 20_000;

type Body = Coroutine<(), (), (), DefaultStack>;
type Action = Box<dyn FnOnce()>;

thread_local! {
    // Making a stack costs system calls, so they are kept from history to history.
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

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

enum State {
    Ready,
    Waiting { point: Point, deadline: Option<Nanos>, notified: bool },
    Ended,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Point {
    // Of the runtime's own condition variables.
    Runtime(WaitPoint),
    // For an answer of the simulated cluster.
    Reply,
}

struct Thread {
    name: String,
    process: Process,
    body: Option<Body>,
    state: State,
    not_before: Nanos,
    // Turns that it has taken without a wait.
    turns: u32,
}

struct Timer {
    at: Nanos,
    number: u64,
    action: Action,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Timer) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Timer) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Timer) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// Names a thread that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadId(usize);

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
        let stack = STACKS.with_borrow_mut(Vec::pop);
        let stack = stack.unwrap_or_else(|| DefaultStack::new(STACK).expect("memory for a simulated thread's stack"));
        let body = Coroutine::with_stack(stack, |yielder: &Yielder<(), ()>, ()| {
            world::scheduler().yielder.set(Some(NonNull::from(yielder)));
            body();
        });
        let mut inner = self.inner.borrow_mut();
        let not_before = inner.now;
        inner.threads.push(Thread {
            name: name.to_owned(),
            process,
            body: Some(body),
            state: State::Ready,
            not_before,
            turns: 0,
        });
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

    /// The names of all threads that have not ended, and what they wait for.
    pub fn waiting(&self) -> Vec<String> {
        let inner = self.inner.borrow();
        let alive = inner.threads.iter().filter(|thread| !matches!(thread.state, State::Ended));
        alive
            .map(|thread| match &thread.state {
                State::Waiting { point: Point::Reply, deadline, .. } => {
                    format!("{}: for an answer, {}", thread.name, until(*deadline, inner.now))
                }
                State::Waiting { point: Point::Runtime(point), deadline, .. } => {
                    format!("{}: at {point:?}, {}", thread.name, until(*deadline, inner.now))
                }
                State::Ready | State::Ended => format!("{}: ready", thread.name),
            })
            .collect()
    }

    /// Ends the history at once.
    pub fn stop(&self) {
        self.is_stopped.set(true);
    }

    /// Runs all threads until each has ended.
    ///
    /// # Errors
    /// See [`Halt`].
    pub fn run(&self, most_steps: u64) -> Result<(), Halt> {
        let mut ready = Vec::new();
        loop {
            self.run_due_timers();
            let dying = self.dying.take();
            dying.into_iter().for_each(recycle);
            if self.is_stopped.get() {
                return Err(Halt::Stopped);
            }
            let index = {
                let inner = &mut *self.inner.borrow_mut();
                if inner.steps >= most_steps {
                    let names = inner.threads.iter().filter(|thread| !matches!(thread.state, State::Ended));
                    return Err(Halt::Steps(names.map(|thread| thread.name.clone()).collect()));
                }
                ready.clear();
                let now = inner.now;
                let can_run = |thread: &Thread| thread.next_turn().is_some_and(|at| at <= now);
                ready.extend((0..inner.threads.len()).filter(|index| can_run(&inner.threads[*index])));
                match ready.len() {
                    0 => None,
                    count => Some(ready[inner.rng.usize(..count)]),
                }
            };
            match index {
                Some(index) if self.holds_up(index) => {}
                Some(index) => self.resume(index),
                None if self.is_over() => return Ok(()),
                None if self.skip_to_next() => {}
                None => return Err(Halt::Deadlock(self.waiting())),
            }
        }
    }

    fn run_due_timers(&self) {
        loop {
            let action = {
                let mut inner = self.inner.borrow_mut();
                match inner.timers.peek() {
                    Some(Reverse(timer)) if timer.at <= inner.now => inner.timers.pop().map(|timer| timer.0.action),
                    Some(_) | None => None,
                }
            };
            let Some(action) = action else { return };
            action();
        }
    }

    /// A thread that could run does not get its turn for a while.
    fn holds_up(&self, index: usize) -> bool {
        let inner = &mut *self.inner.borrow_mut();
        inner.steps += 1;
        inner.hash = (inner.hash ^ (index as u64) ^ inner.now).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        if inner.style.stalls_per_mille == 0 || inner.rng.u32(..1000) >= inner.style.stalls_per_mille {
            return false;
        }
        inner.threads[index].not_before = inner.now + inner.rng.u64(..=inner.style.longest_stall);
        true
    }

    fn resume(&self, index: usize) {
        let mut body = {
            let inner = &mut *self.inner.borrow_mut();
            inner.current = Some(index);
            let thread = &mut inner.threads[index];
            if !matches!(thread.state, State::Waiting { .. }) {
                thread.state = State::Ready;
            }
            thread.body.take().expect("a thread that has not ended has a body")
        };
        let before = self.yielder.take();
        let result = catch_unwind(AssertUnwindSafe(|| body.resume(())));
        self.yielder.set(before);
        let inner = &mut *self.inner.borrow_mut();
        inner.current = None;
        inner.now += 1 + inner.rng.u64(..=inner.style.longest_slice);
        let thread = &mut inner.threads[index];
        match result {
            Ok(CoroutineResult::Yield(())) => thread.body = Some(body),
            Ok(CoroutineResult::Return(())) => {
                thread.state = State::Ended;
                recycle(body);
            }
            Err(panic) => {
                thread.state = State::Ended;
                inner.panics.push(format!("{}: {}", thread.name, message_of(&*panic)));
                recycle(body);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.inner.borrow().threads.iter().all(|thread| matches!(thread.state, State::Ended))
    }

    /// Moves the clock to what comes next. Returns whether something does.
    fn skip_to_next(&self) -> bool {
        let inner = &mut *self.inner.borrow_mut();
        let turns = inner.threads.iter().filter_map(Thread::next_turn);
        let timers = inner.timers.peek().map(|timer| timer.0.at);
        let Some(next) = turns.chain(timers).min() else { return false };
        inner.now = inner.now.max(next);
        true
    }

    fn suspend(&self, point: Point, deadline: Option<Nanos>) -> bool {
        let (index, yielder) = {
            let inner = &mut *self.inner.borrow_mut();
            let index = inner.current.expect("only a simulated thread may wait");
            let spurious = point != Point::Reply && inner.rng.u32(..1000) < inner.style.spurious_per_mille;
            inner.threads[index].state = State::Waiting { point, deadline, notified: spurious };
            (index, self.yielder.get().expect("a simulated thread that runs has a way to its scheduler"))
        };
        // SAFETY: the yielder lies on the stack of the coroutine that runs, which this is called on.
        unsafe { yielder.as_ref() }.suspend(());
        // Others have run meanwhile.
        self.yielder.set(Some(yielder));
        let inner = &mut *self.inner.borrow_mut();
        matches!(
            std::mem::replace(&mut inner.threads[index].state, State::Ready),
            State::Waiting { notified: true, .. }
        )
    }
}

impl Scheduler {
    /// The thread that runs has turned once more, or waits. The history ends where it never does.
    fn count_turns(&self, count: impl Fn(u32) -> u32) {
        let inner = &mut *self.inner.borrow_mut();
        let Some(thread) = inner.current.map(|current| &mut inner.threads[current]) else { return };
        thread.turns = count(thread.turns);
        if thread.turns == MOST_TURNS {
            inner.panics.push(format!("{} turns in a circle without a wait", thread.name));
            self.is_stopped.set(true);
        }
    }
}

impl Thread {
    /// When it can run; none while it waits without a deadline, and after its end.
    fn next_turn(&self) -> Option<Nanos> {
        let at = match &self.state {
            State::Ready | State::Waiting { notified: true, .. } => 0,
            State::Waiting { deadline, .. } => (*deadline)?,
            State::Ended => return None,
        };
        Some(at.max(self.not_before))
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

impl Simulation for Scheduler {
    fn now(&self) -> Instant {
        self.base + Duration::from_nanos(self.time())
    }

    fn unix_ms(&self) -> i64 {
        EPOCH_MS + (self.time() / 1_000_000) as i64
    }

    fn wait(&self, point: WaitPoint, deadline: Option<Instant>) -> bool {
        self.count_turns(|_| 0);
        self.suspend(Point::Runtime(point), deadline.map(|deadline| self.nanos_of(deadline)))
    }

    fn notify(&self, point: WaitPoint) {
        for thread in &mut self.inner.borrow_mut().threads {
            if let State::Waiting { point: at, notified, .. } = &mut thread.state
                && *at == Point::Runtime(point)
            {
                *notified = true;
            }
        }
    }

    fn yield_point(&self) {
        self.count_turns(|turns| turns + 1);
        let switches = {
            let inner = &mut *self.inner.borrow_mut();
            // Whoever turns in a circle takes time too.
            inner.now += 1 + inner.rng.u64(..=inner.style.longest_slice);
            inner.current.is_some() && inner.rng.u8(..4) == 0
        };
        if switches {
            let now = self.time();
            self.park(Some(now));
        }
    }

    fn spawn(&self, name: &str, body: Box<dyn FnOnce()>) {
        self.add(self.current_process(), name, body);
    }
}

/// Keeps a stack for another thread. What a thread that has not ended holds is leaked, as in a process that is killed.
fn recycle(mut body: Body) {
    if body.started() && !body.done() {
        // SAFETY: what lies on the stack is forgotten, not freed: nothing that outlives the coroutine points into its stack,
        // because threads share only what they own together.
        unsafe { body.force_reset() }
    }
    if body.done() {
        STACKS.with_borrow_mut(|stacks| stacks.push(body.into_stack()));
    }
}

fn until(deadline: Option<Nanos>, now: Nanos) -> String {
    deadline.map_or_else(
        || "for ever".to_owned(),
        |deadline| format!("for {} ms more", deadline.saturating_sub(now) / 1_000_000),
    )
}
