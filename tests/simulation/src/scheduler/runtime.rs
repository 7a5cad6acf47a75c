//! What the runtime asks of its threads and its clock, answered by the scheduler.

use std::time::{Duration, Instant};

use sluicebox::rt::{Simulation, WaitPoint};

use super::thread::{Point, State};
use super::{EPOCH_MS, Scheduler};

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
