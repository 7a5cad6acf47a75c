//! The program itself is killed or told to stop.

use std::time::Instant;

use sluicebox_tests::Mix;

use crate::report::Report;
use crate::trial::Trial;

/// Killed again and again under load, at moments that the seed decides.
pub fn kill(mut trial: Trial) -> Report {
    let kills = if trial.is_whole { 10 } else { 3 };
    trial.load(Mix::usual());
    for _ in 0..kills {
        let mut sluice = trial.start();
        trial.go_on_for_a_while();
        sluice.kill();
        trial.may_repeat_from(Instant::now());
    }
    let last = trial.start();
    trial.go_on(1_000);
    trial.finish(vec![last])
}

/// Told to stop under load, and started again: nothing is repeated.
pub fn stop(mut trial: Trial) -> Report {
    trial.load(Mix::usual());
    for _ in 0..3 {
        let mut sluice = trial.start();
        trial.go_on_for_a_while();
        trial.stop(&mut sluice, Some(0));
    }
    let last = trial.start();
    trial.go_on(1_000);
    trial.finish(vec![last])
}
