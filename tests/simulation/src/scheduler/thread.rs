//! Simulated threads: coroutines, each with a stack of its own, and what each waits for.

use std::cell::RefCell;
use std::ptr::NonNull;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, Yielder};
use sluicebox::rt::WaitPoint;

use super::Nanos;
use crate::world;

pub(super) type Body = Coroutine<(), (), (), DefaultStack>;

/// A simulated process: the threads that die together in a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process(pub u32);

/// The process of the scenario itself.
pub const SCENARIO: Process = Process(0);

/// What a thread's stack holds. The pages that are not touched cost nothing.
const STACK: usize = 256 << 10;

thread_local! {
    // Making a stack costs system calls, so they are kept from history to history.
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

pub(super) enum State {
    Ready,
    Waiting { point: Point, deadline: Option<Nanos>, notified: bool },
    Ended,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    // Of the runtime's own condition variables.
    Runtime(WaitPoint),
    // For an answer of the simulated cluster.
    Reply,
}

pub(super) struct Thread {
    pub(super) name: String,
    pub(super) process: Process,
    pub(super) body: Option<Body>,
    pub(super) state: State,
    pub(super) not_before: Nanos,
    // Turns that it has taken without a wait.
    pub(super) turns: u32,
}

/// Names a thread that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadId(pub(super) usize);

impl Thread {
    /// A thread that has not begun. It needs a stack, which one that ended may have left.
    pub(super) fn new(process: Process, name: &str, not_before: Nanos, body: Box<dyn FnOnce()>) -> Thread {
        let stack = STACKS.with_borrow_mut(Vec::pop);
        let stack = stack.unwrap_or_else(|| DefaultStack::new(STACK).expect("memory for a simulated thread's stack"));
        let body = Coroutine::with_stack(stack, |yielder: &Yielder<(), ()>, ()| {
            world::scheduler().yielder.set(Some(NonNull::from(yielder)));
            body();
        });
        Thread { name: name.to_owned(), process, body: Some(body), state: State::Ready, not_before, turns: 0 }
    }

    /// When it can run; none while it waits without a deadline, and after its end.
    pub(super) fn next_turn(&self) -> Option<Nanos> {
        let at = match &self.state {
            State::Ready | State::Waiting { notified: true, .. } => 0,
            State::Waiting { deadline, .. } => (*deadline)?,
            State::Ended => return None,
        };
        Some(at.max(self.not_before))
    }
}

/// Keeps a stack for another thread. What a thread that has not ended holds is leaked, as in a process that is killed.
pub(super) fn recycle(mut body: Body) {
    if body.started() && !body.done() {
        // SAFETY: what lies on the stack is forgotten, not freed: nothing that outlives the coroutine points into its
        // stack, because threads share only what they own together.
        unsafe { body.force_reset() }
    }
    if body.done() {
        STACKS.with_borrow_mut(|stacks| stacks.push(body.into_stack()));
    }
}

pub(super) fn until(deadline: Option<Nanos>, now: Nanos) -> String {
    deadline.map_or_else(
        || "for ever".to_owned(),
        |deadline| format!("for {} ms more", deadline.saturating_sub(now) / 1_000_000),
    )
}
