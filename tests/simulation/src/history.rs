//! One history: a world, the threads in it, and how it came out.

use std::collections::BTreeMap;
use std::rc::Rc;

use sluicebox::rt::{self, Simulation};

use crate::check::{Checker, Task};
use crate::cluster::Cluster;
use crate::network::{MS, Network};
use crate::scheduler::{Halt, SCENARIO, Scheduler, Style};
use crate::world::{self, World};

/// What a history runs in.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// What the pipeline is to do.
    pub task: Task,
    /// How threads take turns.
    pub style: Style,
    /// How long messages take.
    pub network: Network,
    /// How many brokers there are.
    pub brokers: usize,
    /// More turns than these no history takes.
    pub most_steps: u64,
}

impl Default for Style {
    fn default() -> Self {
        Style { stalls_per_mille: 0, longest_stall: 0, longest_slice: MS / 50, spurious_per_mille: 5 }
    }
}

/// How a history came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was wrong; nothing in a history that is as it should be.
    pub faults: Vec<String>,
    /// Equal for two runs of the same history.
    pub hash: u64,
    /// Turns that were taken.
    pub steps: u64,
    /// Virtual milliseconds that it took.
    pub millis: u64,
    /// How often each kind of event has happened.
    pub counts: BTreeMap<&'static str, u64>,
    /// What happened, where that is written.
    pub trace: Vec<String>,
}

/// Runs a history. `scenario` is its first thread; the history is over when all threads have ended.
pub fn run(seed: u64, surroundings: &Surroundings, scenario: impl FnOnce() + 'static) -> Outcome {
    let scheduler = Scheduler::new(seed, surroundings.style);
    let cluster = Cluster::new(surroundings.brokers);
    let checker = Checker::new(surroundings.task.clone());
    world::enter(World::new(scheduler.clone(), seed, surroundings.network, cluster, checker));
    let simulation: Rc<dyn Simulation> = scheduler.clone();
    let halt = rt::enter(simulation, || {
        scheduler.start(SCENARIO, "scenario", scenario);
        scheduler.run(surroundings.most_steps)
    });
    let waiting = scheduler.waiting();
    let mut world = world::leave();
    let mut faults = world.checker.violations().to_vec();
    faults.extend(scheduler.panics().into_iter().map(|panic| format!("a thread panicked: {panic}")));
    match halt {
        Ok(()) | Err(Halt::Stopped) => {}
        Err(Halt::Deadlock(_)) => faults.push(format!("nobody can go on: {}", waiting.join("; "))),
        Err(Halt::Steps(_)) => {
            faults.push(format!("no end after {} turns: {}", surroundings.most_steps, waiting.join("; ")));
        }
    }
    Outcome {
        faults,
        hash: scheduler.hash(),
        steps: scheduler.steps(),
        millis: scheduler.time() / MS,
        counts: std::mem::take(&mut world.counts),
        trace: world.take_trace(),
    }
}
