//! What the simulated plugins remember, and what they do beside the script.

use std::collections::BTreeMap;

use crate::scheduler::Nanos;
use crate::script::{Act, Script};
use crate::world::World;

/// The plugins of all instances: what they depend on is outside of them.
#[derive(Default)]
pub struct Plugins {
    /// Until then they want everything again.
    pub outage_until: Nanos,
    /// Until then they refuse everything.
    pub rejects_until: Nanos,
    /// How many of the next calls panic.
    pub panics: u32,
    // How often a record was tried that is to be tried several times.
    tries: BTreeMap<(String, usize), u32>,
}

/// A plugin's word on a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Of the script.
    Act(Act),
    /// It is to be tried again.
    Again,
}

impl World {
    /// What a stage's plugin says of a record.
    pub fn word(&mut self, script: &Script, path: &str, stage: usize) -> Word {
        if self.now() < self.plugins.rejects_until {
            return Word::Act(Act::Reject);
        }
        match script.act(path, stage) {
            Act::Retry(times) => {
                let tries = self.plugins.tries.entry((path.to_owned(), stage)).or_default();
                *tries += 1;
                if *tries <= times { Word::Again } else { Word::Act(Act::Keep) }
            }
            act => Word::Act(act),
        }
    }

    /// Whether plugins want everything again now.
    pub fn has_outage(&self) -> bool {
        self.now() < self.plugins.outage_until
    }

    /// Whether this call is to panic.
    pub fn takes_panic(&mut self) -> bool {
        let panics = self.plugins.panics > 0;
        self.plugins.panics -= u32::from(panics);
        panics
    }
}
