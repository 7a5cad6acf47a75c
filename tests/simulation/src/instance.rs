//! Instances of the program under test: each a process that starts, stops, dies and is started again.

use std::rc::Rc;

use crate::network::{MS, SECOND};
use crate::scenario::Setup;
use crate::scheduler::{Nanos, Process};
use crate::world::{self, World};

/// How long after its drain deadline an instance may still take to end.
const ALLOWANCE: Nanos = 4 * SECOND;
/// How long until one is started again that has ended with an error.
const RESTART: Nanos = SECOND;

/// Why an instance has ended that was not told to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What it says.
    pub text: String,
    /// Which kind of error it is.
    pub kind: FailureKind,
}

/// Kinds of errors that end an instance, by what has to have happened for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It could not drain in time.
    Drain,
    /// Its last transaction was aborted.
    Aborted,
    /// An offset is gone.
    OffsetLost,
    /// A right is missing, or was for too long.
    Rights,
    /// A plugin or thread has panicked.
    Panic,
    /// A result cannot be written.
    Undeliverable,
    /// A record ends the pipeline, as configured.
    Record,
    /// The circuit breaker does, as configured.
    Breaker,
    /// A topic is not there.
    Topic,
    /// Another process has its name.
    Fenced,
    /// Nothing may lead to any other.
    Other,
}

/// A running instance: how to tell it to stop, and how to wait for its end.
pub struct Running {
    /// Tells it to stop. Must not wait.
    pub stop: Rc<dyn Fn()>,
    /// Returns whether nothing of it is under way. Must not wait.
    pub is_at_rest: Rc<dyn Fn() -> bool>,
    /// Waits for its end.
    pub join: Box<dyn FnOnce() -> Result<(), Failure>>,
}

/// A program that a scenario is played with.
pub trait Program {
    /// Starts an instance, on a thread of its process; `name` is that of the instance, if it has one.
    fn start(&self, setup: &Setup, name: Option<String>) -> Running;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Down,
    Running,
    Stopping {
        since: Nanos,
        pause: Option<Nanos>,
    },
    /// It has ended for good.
    Over,
}

/// One instance over its lives.
pub struct Instance {
    state: State,
    process: Process,
    stop: Option<Rc<dyn Fn()>>,
    is_at_rest: Option<Rc<dyn Fn() -> bool>>,
    // No thread of it ran up to then.
    frozen_until: Nanos,
}

/// All instances of a history.
#[derive(Default)]
pub struct Instances {
    all: Vec<Instance>,
    program: Option<Rc<dyn Program>>,
    setup: Option<Rc<Setup>>,
    processes: u32,
    // Failures that have their reason in the scenario.
    allowed: Vec<FailureKind>,
    // Those that come again with each start.
    lasting: Vec<FailureKind>,
    is_quiet: bool,
    is_ending: bool,
}

impl Instances {
    /// Instances of a program.
    pub fn new(
        count: usize,
        program: Rc<dyn Program>,
        setup: Rc<Setup>,
        allowed: Vec<FailureKind>,
        lasting: Vec<FailureKind>,
    ) -> Instances {
        let down =
            || Instance { state: State::Down, process: Process(0), stop: None, is_at_rest: None, frozen_until: 0 };
        let all = (0..count).map(|_| down()).collect();
        let (program, setup) = (Some(program), Some(setup));
        Instances { all, program, setup, processes: 0, allowed, lasting, is_quiet: false, is_ending: false }
    }

    /// From here on none is started.
    pub fn end(&mut self) {
        self.is_ending = true;
    }

    /// Whether each has ended, whatever for.
    pub fn are_down(&self) -> bool {
        self.all.iter().all(|instance| matches!(instance.state, State::Down | State::Over))
    }

    /// Up to when no thread of a process runs, or ran.
    pub fn frozen_until(&self, process: Process) -> Nanos {
        let of_it = self.all.iter().find(|instance| instance.process == process);
        of_it.map_or(0, |instance| instance.frozen_until)
    }

    /// Whether one has ended for good.
    pub fn is_any_over(&self) -> bool {
        self.all.iter().any(|instance| instance.state == State::Over)
    }

    /// Whether nothing is under way in any that is not down.
    pub fn are_at_rest(&self) -> bool {
        self.all.iter().all(|instance| match instance.state {
            State::Down | State::Over => true,
            State::Running => instance.is_at_rest.as_ref().is_some_and(|is_at_rest| is_at_rest()),
            State::Stopping { .. } => false,
        })
    }

    /// Nothing is under way in any: whoever is told to stop from here on has no reason not to drain in time.
    pub fn be_quiet(&mut self) {
        self.is_quiet = true;
    }
}

impl World {
    /// Starts an instance that is down.
    pub fn start_instance(&mut self, number: usize) {
        let instances = &mut self.instances;
        if instances.is_ending {
            return;
        }
        let Some(instance) = instances.all.get_mut(number).filter(|instance| instance.state == State::Down) else {
            return;
        };
        instances.processes += 1;
        let process = Process(instances.processes);
        (instance.state, instance.process, instance.stop, instance.is_at_rest) = (State::Running, process, None, None);
        let (Some(program), Some(setup)) = (instances.program.clone(), instances.setup.clone()) else { return };
        let name = setup.named.then(|| format!("i{number}"));
        self.trace(format_args!("instance {number} starts as process {}", process.0));
        self.scheduler.start(process, &format!("instance {number}"), move || {
            let Running { stop, is_at_rest, join } = program.start(&setup, name);
            let stops = world::with(|world| {
                let instance = &mut world.instances.all[number];
                (instance.stop, instance.is_at_rest) = (Some(stop.clone()), Some(is_at_rest));
                matches!(instance.state, State::Stopping { .. })
            });
            if stops {
                stop();
            }
            let result = join();
            world::with(|world| world.instance_ended(number, process, result));
        });
    }

    /// Tells an instance to stop; it is started again after `pause`, if there is one.
    pub fn stop_instance(&mut self, number: usize, pause: Option<Nanos>) {
        let since = self.now();
        let Some(instance) = self.instances.all.get_mut(number) else { return };
        if instance.state != State::Running {
            return;
        }
        instance.state = State::Stopping { since, pause };
        let stop = instance.stop.clone();
        self.trace(format_args!("instance {number} is told to stop"));
        if let Some(stop) = stop {
            self.tell(move || stop());
        }
        let drain = self.instances.setup.as_ref().map_or(0, |setup| setup.drain * MS);
        let time = drain + ALLOWANCE + self.scheduler.stalls();
        self.expect_end(number, State::Stopping { since, pause }, since, time);
    }

    /// An instance has to leave this state within so much time, which counts from when it is not frozen any more.
    fn expect_end(&mut self, number: usize, state: State, from: Nanos, time: Nanos) {
        let from = from.max(self.instances.all[number].frozen_until);
        let wait = (from + time).saturating_sub(self.now());
        self.after(wait, move |world| {
            let instance = &world.instances.all[number];
            if instance.state != state {
                return;
            }
            if instance.frozen_until > from {
                return world.expect_end(number, state, from, time);
            }
            let waiting = world.scheduler.waiting().join("; ");
            world.checker.violate(format!("instance {number} was told to stop and has not ended in time: {waiting}"));
            world.stop_if_violated();
        });
    }

    /// Kills an instance; it is started again after `pause`.
    pub fn crash_instance(&mut self, number: usize, pause: Nanos) {
        let Some(&Instance { state, process, .. }) = self.instances.all.get(number) else { return };
        if matches!(state, State::Down | State::Over) {
            return;
        }
        self.count("crash");
        self.trace(format_args!("instance {number} dies"));
        self.end_process(number, process);
        self.after(pause, move |world| world.start_instance(number));
    }

    /// No thread of an instance runs for a while.
    pub fn freeze_instance(&mut self, number: usize, time: Nanos) {
        let until = self.now() + time;
        if let Some(instance) = self.instances.all.get_mut(number) {
            instance.frozen_until = instance.frozen_until.max(until);
            let process = instance.process;
            self.count("freeze");
            self.scheduler.freeze(process, time);
        }
    }

    fn end_process(&mut self, number: usize, process: Process) {
        self.scheduler.kill(process);
        self.clients.kill(process);
        let instance = &mut self.instances.all[number];
        (instance.state, instance.stop) = (State::Down, None);
    }

    fn instance_ended(&mut self, number: usize, process: Process, result: Result<(), Failure>) {
        let state = self.instances.all[number].state;
        self.trace(format_args!("instance {number} has ended: {result:?}"));
        let mut next = match state {
            State::Stopping { pause, .. } => pause,
            State::Running | State::Down | State::Over => Some(RESTART),
        };
        let mut is_over = false;
        match &result {
            Ok(()) if state == State::Running => {
                self.checker.violate(format!("instance {number} has ended by itself without an error"));
            }
            Ok(()) => {}
            Err(failure) => {
                self.count("instance failed");
                self.checker.excuse("an instance failed");
                let may_fail = self.instances.allowed.contains(&failure.kind);
                let is_without_reason = failure.kind == FailureKind::Drain && self.instances.is_quiet;
                if !may_fail || is_without_reason {
                    self.checker.violate(format!("instance {number} failed without a reason: {}", failure.text));
                }
                if self.instances.lasting.contains(&failure.kind) {
                    (is_over, next) = (true, None);
                }
            }
        }
        self.stop_if_violated();
        // The process ends behind its last thread.
        self.after(0, move |world| {
            world.end_process(number, process);
            if is_over {
                world.instances.all[number].state = State::Over;
            }
            if let Some(pause) = next {
                world.after(pause, move |world| world.start_instance(number));
            }
        });
    }
}
