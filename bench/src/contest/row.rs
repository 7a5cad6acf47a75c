//! What the rounds of one contender have shown.

use std::time::Duration;

use serde::Serialize;

use super::run::Measured;
use crate::figures::{Figure, Rounds};
use crate::orders;

/// The rounds of one contender.
pub struct Row {
    name: String,
    records: u64,
    cpu: Rounds,
    user: Rounds,
    system: Rounds,
    rate: Rounds,
    peak: Rounds,
}

/// What is said of them.
#[derive(Serialize)]
pub struct Figures<'a> {
    /// Whose they are.
    pub variant: &'a str,
    /// Records of its input.
    pub records: u64,
    /// Bytes of the value of a record that is not broken.
    pub value_bytes: usize,
    /// Processor time in all.
    pub cpu_us_per_record: Figure,
    /// Of that in its own code.
    pub user_us_per_record: Figure,
    /// Of that in the kernel.
    pub system_us_per_record: Figure,
    /// Records of the input a second.
    pub records_per_second: Figure,
    /// The most memory that it had.
    pub peak_mib: Figure,
}

impl Row {
    /// A contender that has not run yet.
    pub fn new(name: String, records: u64) -> Row {
        let (cpu, user, system, rate, peak) = Default::default();
        Row { name, records, cpu, user, system, rate, peak }
    }

    /// Adds a round, and says so.
    pub fn push(&mut self, round: usize, measured: &Measured) {
        let Measured { rate, usage, peak } = measured;
        let a_record = |time: Duration| time.as_secs_f64() * 1e6 / self.records as f64;
        let (user, system) = (a_record(usage.user), a_record(usage.system));
        eprintln!("round {round}, {}: {:.2} us, {rate:.0}/s", self.name, user + system);
        self.cpu.push(user + system);
        self.user.push(user);
        self.system.push(system);
        self.rate.push(*rate);
        self.peak.push(*peak as f64 / f64::from(1 << 20));
    }

    /// Processor time of each round, in microseconds a record.
    pub fn cpu(&self) -> &Rounds {
        &self.cpu
    }

    /// Records a second of each round.
    pub fn rate(&self) -> &Rounds {
        &self.rate
    }

    /// What is said of the rounds.
    pub fn figures(&self) -> Figures<'_> {
        Figures {
            variant: &self.name,
            records: self.records,
            value_bytes: orders::VALUE,
            cpu_us_per_record: self.cpu.figure(),
            user_us_per_record: self.user.figure(),
            system_us_per_record: self.system.figure(),
            records_per_second: self.rate.figure(),
            peak_mib: self.peak.figure(),
        }
    }
}
