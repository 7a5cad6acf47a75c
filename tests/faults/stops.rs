//! SIGTERM in states in which nothing can be finished: the program ends all the same, within its deadline.

use std::time::Instant;

use serde_json::json;
use sluicebox_tests::{Mix, Sluice, Traffic};

use crate::report::Report;
use crate::trial::Trial;

/// A plugin is in a call that will not end.
pub fn in_a_loop(mut trial: Trial) -> Report {
    trial.judge.insert("limits".to_owned(), json!({ "time": "10m" }));
    trial.load(Mix::usual());
    let mut sluice = trial.start();
    trial.go_on_for_a_while();
    trial.stop_load();
    let seen = sluice.lines().len();
    trial.feed("stuck", "!log:in-the-call");
    trial.feed("stuck", "!loop");
    sluice.wait_for_line_from(seen, "the call", |line| line.message().contains("in-the-call"));
    stop(&mut trial, &mut sluice, Some(1));
    // Now the call has a deadline.
    trial.judge.insert("limits".to_owned(), json!({ "time": "300ms" }));
    go_on(trial)
}

/// All brokers are gone.
pub fn without_brokers(mut trial: Trial) -> Report {
    trial.load_backlog();
    let mut sluice = trial.start();
    trial.go_on_for_a_while();
    let site = trial.site.clone();
    site.broker(1).kill().unwrap();
    stop(&mut trial, &mut sluice, None);
    site.broker(1).restart().unwrap();
    go_on(trial)
}

/// Brokers take everything and answer nothing, in the middle of the work: under `exactly_once` with a transaction open.
pub fn half_open(mut trial: Trial) -> Report {
    trial.load(Mix::usual());
    let mut sluice = trial.start();
    trial.go_on_for_a_while();
    trial.site.set_traffic(Traffic::Swallow);
    stop(&mut trial, &mut sluice, None);
    trial.site.set_traffic(Traffic::Pass);
    go_on(trial)
}

/// A stop that cannot commit everything.
fn stop(trial: &mut Trial, sluice: &mut Sluice, code: Option<i32>) {
    let from = Instant::now();
    trial.stop(sluice, code);
    trial.may_repeat_from(from);
}

/// The next start finishes the work. What could not be committed is repeated.
fn go_on(mut trial: Trial) -> Report {
    trial.load(Mix::usual());
    let sluice = trial.start();
    trial.go_on_for_a_while();
    trial.finish(vec![sluice])
}
