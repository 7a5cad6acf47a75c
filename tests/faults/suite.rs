//! Runs what is selected, one scenario after the other, each with a deadline.

use std::any::Any;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use sluicebox_tests::{Traffic, give_up_waiting, target, waited_for};

use crate::options::Options;
use crate::report::{Line, Report, table};
use crate::scenario::{Delivery, Ground, Scenario, selected};
use crate::site::Site;
use crate::trial::Trial;

/// How long a scenario may take to end when its deadline has passed and it waits for nothing any more.
const GRACE: Duration = Duration::from_secs(90);

/// Runs everything that is selected, and prints the table. Answers whether all of it holds.
pub fn run(options: &Options) -> bool {
    let mut suite = Suite { is_whole: options.is_whole, shared: None, lines: Vec::new() };
    for seed in options.seed..options.seed + options.repeat {
        for (scenario, mode) in selected(options) {
            if suite.run_one(scenario, mode, seed) == Outcome::Hangs {
                suite.finish();
                return false;
            }
        }
    }
    suite.finish()
}

struct Suite {
    is_whole: bool,
    /// The broker that scenarios share.
    shared: Option<Arc<Site>>,
    lines: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Ended,
    /// Its thread does not come back: nothing can be run after it.
    Hangs,
}

impl Suite {
    fn run_one(&mut self, scenario: &'static Scenario, mode: Delivery, seed: u64) -> Outcome {
        eprintln!("== {} seed {seed}", scenario.title(mode));
        let logs = target().join("faults").join(format!("{}-{}-{seed}", scenario.name, mode.name()));
        // What an earlier run has left; mostly there is nothing.
        let _ = fs::remove_dir_all(&logs);
        fs::create_dir_all(&logs).unwrap_or_else(|error| panic!("{}: {error}", logs.display()));
        let started = Instant::now();
        let site = match catch_unwind(AssertUnwindSafe(|| self.site(scenario.ground))) {
            Ok(site) => site,
            Err(panic) => {
                self.note(scenario, mode, seed, started.elapsed(), Err(text_of(panic.as_ref())), &logs);
                return Outcome::Ended;
            }
        };
        let (answer, ended) = channel();
        let (own_site, own_logs, is_whole) = (site.clone(), logs.clone(), self.is_whole);
        let thread = thread::spawn(move || {
            let trial = || (scenario.run)(Trial::begin(scenario.name, mode, seed, is_whole, own_site, own_logs));
            let report = catch_unwind(AssertUnwindSafe(trial)).map_err(|panic| text_of(panic.as_ref()));
            // Nobody listens any more when it comes far too late.
            let _ = answer.send(report);
        });
        let (result, outcome) = wait_for_end(&ended, scenario.limit);
        if outcome == Outcome::Ended {
            // It has sent its last word.
            let _ = thread.join();
        }
        site.set_traffic(Traffic::Pass);
        if !self.note(scenario, mode, seed, started.elapsed(), result, &logs) {
            site.keep_logs(&logs);
            // Whatever state it is in, the next one is not to find it.
            self.shared = None;
        }
        outcome
    }

    fn site(&mut self, ground: Ground) -> Arc<Site> {
        match ground {
            Ground::Shared => self.shared.get_or_insert_with(|| Arc::new(Site::start(ground))).clone(),
            Ground::Own { .. } | Ground::Guarded => {
                self.shared = None;
                Arc::new(Site::start(ground))
            }
        }
    }

    /// Adds a line, and says how it went; the logs of what has passed are removed. Answers whether it has.
    fn note(
        &mut self,
        scenario: &'static Scenario,
        mode: Delivery,
        seed: u64,
        took: Duration,
        result: Result<Report, String>,
        logs: &Path,
    ) -> bool {
        let (report, faults) = match result {
            Ok(report) => {
                let faults = report.faults();
                (Some(report), faults)
            }
            Err(panic) => (None, vec![panic]),
        };
        let line = Line { name: scenario.name, mode, seed, took, report, faults };
        let has_passed = line.has_passed();
        eprintln!("{}", table(std::slice::from_ref(&line)));
        if has_passed {
            let _ = fs::remove_dir_all(logs);
        } else {
            let text = line.faults.join("\n");
            eprintln!("{text}\nlogs: {}\n", logs.display());
            if let Err(error) = fs::write(logs.join("faults.txt"), text) {
                eprintln!("{}: {error}", logs.display());
            }
        }
        self.lines.push(line);
        has_passed
    }

    fn finish(self) -> bool {
        println!("{}", table(&self.lines));
        let failed: Vec<&Line> = self.lines.iter().filter(|line| !line.has_passed()).collect();
        for Line { name, mode, seed, .. } in &failed {
            println!("FAILED: {name}/{} (again: cargo xtask faults --seed {seed} {name})", mode.name());
        }
        println!("{} scenarios, {} failed", self.lines.len(), failed.len());
        failed.is_empty()
    }
}

/// Waits for a scenario's end, until its deadline and the grace after it.
fn wait_for_end(ended: &Receiver<Result<Report, String>>, limit: Duration) -> (Result<Report, String>, Outcome) {
    match ended.recv_timeout(limit) {
        Ok(result) => return (result, Outcome::Ended),
        Err(RecvTimeoutError::Disconnected) => {
            return (Err("its thread has ended without a result".to_owned()), Outcome::Ended);
        }
        Err(RecvTimeoutError::Timeout) => {}
    }
    let said = format!("not done within {} s; it waited for: {}", limit.as_secs(), waited_for().join("; "));
    give_up_waiting(true);
    let late = ended.recv_timeout(GRACE);
    give_up_waiting(false);
    match late {
        Ok(Ok(_)) => (Err(said), Outcome::Ended),
        Ok(Err(panic)) => (Err(format!("{said}\n{panic}")), Outcome::Ended),
        Err(_) => (Err(format!("{said}\nit hangs")), Outcome::Hangs),
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
}
