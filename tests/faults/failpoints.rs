//! A crash at the worst moments, in a build that has failpoints.

use std::time::Instant;

use sluicebox_tests::{LIMIT, Mix, program_with_failpoints};

use crate::report::Report;
use crate::scenario::Delivery;
use crate::trial::Trial;

/// Everything is acknowledged, and the offsets are not committed.
pub fn acknowledged(trial: Trial) -> Report {
    crash_at(trial, "acknowledged")
}

/// The transaction has its offsets, and is not committed.
pub fn offsets_sent(trial: Trial) -> Report {
    crash_at(trial, "offsets-sent")
}

fn crash_at(mut trial: Trial, place: &str) -> Report {
    trial.load(Mix::usual());
    for _ in 0..2 {
        let failpoint = format!("{place}:{}", trial.random.usize(2..5));
        let mut sluice = trial.start_program(&program_with_failpoints(), |command| {
            command.env("SLUICE_FAILPOINT", failpoint);
        });
        assert_eq!(sluice.wait_for_crash(LIMIT), libc::SIGABRT);
        trial.may_repeat_from(Instant::now());
    }
    let last = trial.start();
    trial.go_on(1_000);
    let delivery = trial.delivery;
    let mut report = trial.finish(vec![last]);
    if delivery == Delivery::AtLeastOnce && report.findings.duplicated.is_empty() {
        report.broken.push("nothing was repeated: the crash has not come between delivery and commit".to_owned());
    }
    report
}
