//! Turns: which thread goes on next, until none is left.

use std::cmp::Reverse;
use std::panic::{AssertUnwindSafe, catch_unwind};

use corosensei::CoroutineResult;
use sluicebox::rt::message_of;

use super::thread::{Point, State, Thread, recycle};
use super::{Halt, Nanos, Scheduler};

/// How often a thread may turn without a wait.
const MOST_TURNS: u32 = 20_000;

impl Scheduler {
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

    pub(super) fn suspend(&self, point: Point, deadline: Option<Nanos>) -> bool {
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

    /// The thread that runs has turned once more, or waits. The history ends where it never does.
    pub(super) fn count_turns(&self, count: impl Fn(u32) -> u32) {
        let inner = &mut *self.inner.borrow_mut();
        let Some(thread) = inner.current.map(|current| &mut inner.threads[current]) else { return };
        thread.turns = count(thread.turns);
        if thread.turns == MOST_TURNS {
            inner.panics.push(format!("{} turns in a circle without a wait", thread.name));
            self.is_stopped.set(true);
        }
    }
}
