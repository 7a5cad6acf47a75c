//! The world of one history: the scheduler, the cluster and its clients, and what is written down of all that happens.
//! Clients know it by a thread-local variable, so that they hold nothing but their numbers.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use crate::check::Checker;
use crate::client::Clients;
use crate::cluster::Cluster;
use crate::instance::Instances;
use crate::network::Network;
use crate::plugin::Plugins;
use crate::scheduler::{Nanos, Process, Scheduler, ThreadId};

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
    static SCHEDULER: RefCell<Option<Rc<Scheduler>>> = const { RefCell::new(None) };
    static TRACES: Cell<bool> = const { Cell::new(false) };
}

/// Everything outside of the program under test.
pub struct World {
    /// Who runs when.
    pub scheduler: Rc<Scheduler>,
    /// For all choices of the world.
    pub rng: fastrand::Rng,
    /// How long messages take.
    pub network: Network,
    /// The brokers.
    pub cluster: Cluster,
    /// The clients.
    pub clients: Clients,
    /// What plugins do beside the script.
    pub plugins: Plugins,
    /// The program under test.
    pub instances: Instances,
    /// What is watched for.
    pub checker: Checker,
    /// How often each kind of event has happened, to see what histories reach.
    pub counts: BTreeMap<&'static str, u64>,
    trace: Vec<String>,
    // Called when the world is not in use: what the program under test is told.
    outbox: Vec<Box<dyn FnOnce()>>,
}

impl World {
    /// A world whose choices follow from `seed`.
    pub fn new(scheduler: Rc<Scheduler>, seed: u64, network: Network, cluster: Cluster, checker: Checker) -> World {
        World {
            scheduler,
            rng: fastrand::Rng::with_seed(seed ^ 0x5157_1ce5),
            network,
            cluster,
            clients: Clients::default(),
            plugins: Plugins::default(),
            instances: Instances::default(),
            checker,
            counts: BTreeMap::new(),
            trace: Vec::new(),
            outbox: Vec::new(),
        }
    }

    /// Returns the virtual time.
    pub fn now(&self) -> Nanos {
        self.scheduler.time()
    }

    /// Calls `act` with the world after a while.
    pub fn after(&self, delay: Nanos, act: impl FnOnce(&mut World) + 'static) {
        self.scheduler.after(delay, move || with(act));
    }

    /// Calls `call` as soon as the world is not in use.
    pub fn tell(&mut self, call: impl FnOnce() + 'static) {
        self.outbox.push(Box::new(call));
    }

    /// Counts an event.
    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Writes a line of the trace, where one is wanted.
    pub fn trace(&mut self, line: fmt::Arguments<'_>) {
        if TRACES.get() {
            let ms = self.now() as f64 / 1e6;
            self.trace.push(format!("{ms:12.3} {line}"));
        }
    }

    /// Takes the trace out.
    pub fn take_trace(&mut self) -> Vec<String> {
        std::mem::take(&mut self.trace)
    }
}

/// Whether histories on this thread write a trace.
pub fn set_traces(on: bool) {
    TRACES.set(on);
}

/// Writes what a process has logged into the trace, where one is wanted; nothing outside of a history.
pub fn trace_log(line: &str) {
    if !TRACES.get() {
        return;
    }
    WORLD.with(|world| {
        // Whoever logs while the world is in use is the simulation itself.
        if let Ok(mut world) = world.try_borrow_mut()
            && let Some(world) = world.as_mut()
        {
            let process = world.scheduler.current_process().0;
            world.trace(format_args!("process {process} logs {line}"));
        }
    });
}

/// Makes a world that of this thread.
pub fn enter(world: World) {
    SCHEDULER.set(Some(world.scheduler.clone()));
    WORLD.set(Some(world));
}

/// Takes the world of this thread away.
///
/// # Panics
/// There is none.
pub fn leave() -> World {
    SCHEDULER.set(None);
    WORLD.take().expect("a history leaves the world that it entered")
}

/// Whether a history is under way on this thread.
pub fn exists() -> bool {
    SCHEDULER.with_borrow(Option::is_some)
}

/// The scheduler of this thread's history.
///
/// # Panics
/// There is none.
pub fn scheduler() -> Rc<Scheduler> {
    SCHEDULER.with_borrow(Clone::clone).expect("a simulated client is used within a history")
}

/// Calls `act` with the world of this thread.
///
/// # Panics
/// There is none, or it is in use: `act` must not call what calls this.
pub fn with<T>(act: impl FnOnce(&mut World) -> T) -> T {
    let (result, outbox) = WORLD.with_borrow_mut(|world| {
        let world = world.as_mut().expect("a simulated client is used within a history");
        let result = act(world);
        (result, std::mem::take(&mut world.outbox))
    });
    outbox.into_iter().for_each(|call| call());
    result
}

/// Where an answer for a thread that waits goes.
pub struct Reply<T> {
    slot: Rc<RefCell<Option<T>>>,
    thread: ThreadId,
}

impl<T> Reply<T> {
    /// Answers. Whoever has given up does not hear it.
    pub fn send(self, world: &World, answer: T) {
        *self.slot.borrow_mut() = Some(answer);
        world.scheduler.unpark(self.thread);
    }
}

/// Asks something of the world and waits for the answer, up to `timeout`; none where it does not come in time.
pub fn ask<T: 'static>(timeout: Option<Nanos>, start: impl FnOnce(&mut World, Reply<T>)) -> Option<T> {
    let scheduler = scheduler();
    let slot = Rc::new(RefCell::new(None));
    let reply = Reply { slot: slot.clone(), thread: scheduler.current_thread() };
    let deadline = timeout.map(|timeout| scheduler.time() + timeout);
    with(|world| start(world, reply));
    loop {
        if let Some(answer) = slot.borrow_mut().take() {
            return Some(answer);
        }
        if deadline.is_some_and(|deadline| scheduler.time() >= deadline) {
            return None;
        }
        scheduler.park(deadline);
    }
}

/// The process that calls.
pub fn process() -> Process {
    scheduler().current_process()
}
