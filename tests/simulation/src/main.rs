//! The simulation's program: plays histories, and of one that fails says how.

use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use lexopt::Arg::{Long, Short};
use lexopt::ValueExt as _;
use sluicebox_simulation::draw::{KINDS, draw};
use sluicebox_simulation::history::Outcome;
use sluicebox_simulation::pipeline::Real;
use sluicebox_simulation::play::play;
use sluicebox_simulation::scenario::Scenario;
use sluicebox_simulation::{log, shrink, watchdog, world};

const HELP: &str = "\
Plays histories of the real pipeline on a simulated Kafka, and stops at the first that fails.

  --seed S         the first seed (0); with it alone: one history, with its trace
  --histories N    how many seeds, one after another (1,000)
  --scenario NAME  one kind of scenario alone; `list` names them
  --trace          write what happens in each history
  --no-shrink      leave a failing history as long as it is
  --counts         write how often each kind of event has happened
  --keep-going     play on after a failure, and write one line for each
";

struct Options {
    seed: Option<u64>,
    histories: Option<u64>,
    kind: Option<String>,
    traces: bool,
    shrinks: bool,
    counts: bool,
    keeps_going: bool,
}

fn main() -> ExitCode {
    match parse() {
        Ok(Some(options)) => run(&options),
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

fn parse() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options {
        seed: None,
        histories: None,
        kind: None,
        traces: false,
        shrinks: true,
        counts: false,
        keeps_going: false,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seed") => options.seed = Some(parser.value()?.parse()?),
            Long("histories") => options.histories = Some(parser.value()?.parse()?),
            Long("scenario") => options.kind = Some(parser.value()?.string()?),
            Long("trace") => options.traces = true,
            Long("no-shrink") => options.shrinks = false,
            Long("counts") => options.counts = true,
            Long("keep-going") => options.keeps_going = true,
            Short('h') | Long("help") => {
                print!("{HELP}");
                return Ok(None);
            }
            other => return Err(other.unexpected()),
        }
    }
    if options.kind.as_deref() == Some("list") {
        KINDS.iter().for_each(|kind| println!("{:15} {}", kind.name, kind.about));
        return Ok(None);
    }
    if let Some(kind) = &options.kind {
        draw(0, Some(kind))?;
    }
    Ok(Some(options))
}

fn run(options: &Options) -> ExitCode {
    let first = options.seed.unwrap_or(0);
    let count = options.histories.unwrap_or(if options.seed.is_some() { 1 } else { 1000 });
    let traces = options.traces || (options.seed.is_some() && count == 1);
    world::set_traces(traces);
    if traces {
        log::begin();
    }
    std::panic::set_hook(Box::new(|_| {}));
    let watchdog = watchdog::start();
    let (begun, mut steps, mut failed) = (Instant::now(), 0, 0);
    let mut counts = std::collections::BTreeMap::<&str, u64>::new();
    for seed in first..first.saturating_add(count) {
        let Ok(scenario) = draw(seed, options.kind.as_deref()) else { return ExitCode::from(2) };
        watchdog.watch(seed, scenario.name);
        let outcome = play(&scenario, Rc::new(Real));
        steps += outcome.steps;
        for (what, number) in &outcome.counts {
            *counts.entry(what).or_default() += number;
        }
        if count == 1 || options.traces {
            outcome.trace.iter().for_each(|line| println!("{line}"));
        }
        if !outcome.faults.is_empty() {
            failed += 1;
            if options.keeps_going {
                println!("{} --seed {seed}: {}", scenario.name, outcome.faults[0]);
                continue;
            }
            tell(&scenario, &outcome, options.shrinks);
            return ExitCode::FAILURE;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{count} histories, {failed} failed, {steps} turns, {seconds:.1} s, {:.0} a second",
        count as f64 / seconds
    );
    if options.counts {
        counts.iter().for_each(|(what, number)| println!("{number:10} {what}"));
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(scenario: &Scenario, outcome: &Outcome, shrinks: bool) {
    println!("FAILED: {}", scenario.describe());
    outcome.faults.iter().for_each(|fault| println!("  {fault}"));
    println!("  hash {:016x}, {} turns, {} ms", outcome.hash, outcome.steps, outcome.millis);
    if !shrinks {
        return;
    }
    world::set_traces(false);
    let shortest = shrink::shrink(scenario, |scenario| play(scenario, Rc::new(Real)));
    world::set_traces(true);
    log::begin();
    let outcome = play(&shortest, Rc::new(Real));
    println!("\nthe shortest history that fails:\n{}", shortest.describe());
    outcome.trace.iter().for_each(|line| println!("{line}"));
    outcome.faults.iter().for_each(|fault| println!("  {fault}"));
}
