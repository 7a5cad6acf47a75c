//! Playing a scenario: feeds records, lets faults happen, waits until all has come right, and stops.

use std::rc::Rc;
use std::sync::Arc;

use crate::check::end::Ending;
use crate::cluster::log::Message;
use crate::fault::Fault;
use crate::history::{self, Outcome};
use crate::instance::{FailureKind, Instances, Program};
use crate::network::{MS, SECOND};
use crate::scenario::{Fed, OnLost, Scenario, input};
use crate::scheduler::Nanos;
use crate::world::{self, World};

/// How long nothing may be read though nothing goes wrong any more: longer than a circuit breaker waits. Records that
/// wait for retries one after the other may take longer in all.
const PATIENCE: Nanos = 900 * SECOND;
/// How often it is looked whether it has.
const LOOK: Nanos = 250 * MS;

/// Plays a scenario with a program.
pub fn play(scenario: &Scenario, program: Rc<dyn Program>) -> Outcome {
    let surroundings = scenario.surroundings();
    let scenario = Rc::new(scenario.clone());
    history::run(scenario.seed, &surroundings, move || {
        world::with(|world| set_up(world, &scenario, program));
        sleep(scenario.quiet_at);
        world::with(|world| {
            world.calm_down();
            world.scheduler.thaw();
        });
        wait_until_all_is_read(&scenario);
        world::with(|world| {
            world.instances.end();
            if scenario.ends_at_rest() {
                world.instances.be_quiet();
            }
            (0..scenario.instances.len()).for_each(|number| world.stop_instance(number, None));
        });
        // Each has its own deadline, and is found out if it misses that.
        while !world::with(|world| world.instances.are_down()) {
            sleep(LOOK);
        }
        world::with(|world| world.check_end(&ending(world, &scenario)));
    })
}

fn sleep(time: Nanos) {
    let scheduler = world::scheduler();
    let until = scheduler.time() + time;
    while scheduler.time() < until {
        scheduler.park(Some(until));
    }
}

fn set_up(world: &mut World, scenario: &Rc<Scenario>, program: Rc<dyn Program>) {
    world.make_topics(&scenario.setup);
    let setup = Rc::new(scenario.setup.clone());
    let (allowed, lasting) = (allowed(scenario), lasting(scenario));
    world.instances = Instances::new(scenario.instances.len(), program, setup, allowed, lasting);
    for (number, at) in scenario.instances.iter().enumerate() {
        world.after(*at, move |world| world.start_instance(number));
    }
    for fed in &scenario.records {
        let (fed, scenario) = (*fed, scenario.clone());
        world.after(fed.at, move |world| feed(world, &scenario, fed));
    }
    for timed in &scenario.faults {
        let fault = timed.fault;
        world.after(timed.at, move |world| {
            world.inflict(fault);
            match fault {
                Fault::Stop { instance, pause } => world.stop_instance(instance, Some(pause)),
                Fault::Crash { instance, pause } => world.crash_instance(instance, pause),
                Fault::Freeze { instance, time } => world.freeze_instance(instance, time),
                _ => {}
            }
        });
    }
}

fn feed(world: &mut World, scenario: &Scenario, fed: Fed) {
    let at = sluicebox::kafka::TopicPartition::new(&input(fed.topic), fed.partition as i32);
    let message = Arc::new(Message {
        key: fed.key.map(|key| vec![b'k', key]),
        value: Some(scenario.setup.script.value(&fed.number.to_string())),
        headers: Vec::new(),
        timestamp: crate::scheduler::EPOCH_MS + (fed.at / MS) as i64,
    });
    let producer = world.cluster.transactions.new_producer();
    let Some(log) = world.cluster.log(&at) else { return };
    log.skip(i64::from(fed.hole));
    let offset = log.append(message, fed.transaction.map(|_| producer));
    if let Some(commit) = fed.transaction {
        log.end_transaction(producer, commit);
    }
    world.trace(format_args!("{at}: record {} at {offset}", fed.number));
    world.on_append(&at);
}

fn wait_until_all_is_read(scenario: &Scenario) {
    let inputs = scenario.inputs();
    let mut deadline = world::scheduler().time() + PATIENCE;
    let mut least = i64::MAX;
    loop {
        sleep(LOOK);
        let (is_read, is_over) = world::with(|world| {
            let (lag, now) = (world.lag(&inputs), world.now());
            if lag < least {
                (least, deadline) = (lag, now + PATIENCE);
            }
            let is_settled = world.instances.are_at_rest() && world.are_groups_settled();
            let is_at_rest = (is_settled || !scenario.ends_at_rest())
                && world.cluster.transactions.are_at_rest()
                && !world.is_held_up(&inputs);
            (is_at_rest && lag == 0, world.instances.is_any_over() && world.instances.are_down())
        });
        if is_read || is_over {
            return;
        }
        if world::scheduler().time() > deadline {
            return world::with(|world| {
                let waiting = world.scheduler.waiting().join("; ");
                let lag = world.lag(&inputs);
                world.checker.violate(format!(
                    "it is stuck or does not come to rest: {lag} records are left to read, and who waits are {waiting}"
                ));
                world.stop_if_violated();
            });
        }
    }
}

fn ending(world: &World, scenario: &Scenario) -> Ending {
    Ending {
        inputs: scenario.inputs(),
        all_is_read: !world.instances.is_any_over(),
        // What is written behind a record that waits for a retry comes again where its partition changes hands.
        may_repeat: scenario.setup.script.retries > 0,
        loses_offsets: scenario.faults.iter().any(|timed| timed.fault.loses_offsets()),
    }
}

/// The failures that a scenario contains a reason for.
fn allowed(scenario: &Scenario) -> Vec<FailureKind> {
    let any = |test: fn(Fault) -> bool| scenario.faults.iter().any(|timed| test(timed.fault));
    let setup = &scenario.setup;
    let mut allowed = Vec::new();
    let mut allow = |kind, is_allowed: bool| {
        if is_allowed {
            allowed.push(kind);
        }
    };
    // Under an instance that is stopped in the middle of something else.
    let stops_in_between = any(|fault| matches!(fault, Fault::Stop { .. }));
    allow(FailureKind::Drain, stops_in_between || !scenario.ends_at_rest());
    allow(FailureKind::OffsetLost, setup.on_lost == OnLost::Stop && any(Fault::loses_offsets));
    allow(FailureKind::Rights, any(Fault::is_denial));
    // A request of the process before may come late, behind those of the one that has its name now.
    let ends = |fault: Fault| matches!(fault, Fault::Crash { .. } | Fault::Stop { .. });
    allow(FailureKind::Fenced, setup.named && any(ends));
    // The group changes when the others leave, and the last transaction meets that.
    allow(FailureKind::Aborted, setup.exactly_once && scenario.instances.len() > 1);
    allow(FailureKind::Aborted, any(|fault| matches!(fault, Fault::Stop { .. })));
    allow(FailureKind::Panic, any(|fault| fault == Fault::Panic));
    allow(FailureKind::Undeliverable, is_refused(scenario) || any(Fault::is_denial));
    allowed
}

/// The failures that come again with each start.
fn lasting(scenario: &Scenario) -> Vec<FailureKind> {
    let mut lasting = vec![FailureKind::OffsetLost, FailureKind::Record, FailureKind::Breaker];
    lasting.extend(is_refused(scenario).then_some(FailureKind::Undeliverable));
    lasting
}

/// Whether there are records that can neither be written nor become dead letters.
fn is_refused(scenario: &Scenario) -> bool {
    let is_refused = scenario.faults.iter().any(|timed| timed.fault.is_refusal());
    (is_refused || scenario.setup.script.oversize > 0) && !scenario.setup.has_dlq
}
