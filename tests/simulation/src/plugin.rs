//! The simulated plugins: what they do by the script, what they remember, and what they do beside it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sluicebox::batch::{Arena, Record, Source};
use sluicebox::plugin::{
    Answer, CallError, Change, Counters, Fields, HeadersChange, OutputName, PluginInstance, Produced, StageSetup,
    StartError, StartPlugin, TICK, Verdict,
};
use sluicebox::rt;

use crate::scheduler::Nanos;
use crate::script::{Act, Script, child, path_of};
use crate::world::{self, World};

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
    fn has_outage(&self) -> bool {
        self.now() < self.plugins.outage_until
    }

    /// Whether this call is to panic.
    fn takes_panic(&mut self) -> bool {
        let panics = self.plugins.panics > 0;
        self.plugins.panics -= u32::from(panics);
        panics
    }
}

/// A plugin that does what the script says of a stage.
#[derive(Clone)]
pub struct Scripted {
    /// The script.
    pub script: Arc<Script>,
    /// The stage's number.
    pub stage: usize,
}

impl StartPlugin for Scripted {
    fn digest(&self) -> &str {
        "sha256:0000000000000000000000000000000000000000000000000000000000000000"
    }

    fn start(&self, setup: &StageSetup, cancel: Arc<AtomicBool>) -> Result<Box<dyn PluginInstance>, StartError> {
        let (limit, counters) = (setup.limits.time, Counters::default());
        Ok(Box::new(ScriptedInstance { plugin: self.clone(), limit, cancel, counters }))
    }
}

/// One of its instances.
struct ScriptedInstance {
    plugin: Scripted,
    limit: Duration,
    cancel: Arc<AtomicBool>,
    counters: Counters,
}

impl ScriptedInstance {
    /// Takes its time, which the pipeline's end cuts short.
    fn take_time(&self, time: Duration) -> Result<(), CallError> {
        let until = rt::now() + time;
        while rt::now() < until {
            if self.cancel.load(Ordering::Acquire) {
                return Err(CallError::Cancelled);
            }
            rt::sleep((until - rt::now()).min(TICK));
        }
        Ok(())
    }

    fn call(&self, arena: &mut Arena, records: &[Record], answer: &mut Answer) -> Result<(), CallError> {
        let (panics, outage, time) = world::with(|world| {
            let time = if world.rng.u8(..8) == 0 { world.rng.u64(..20) } else { 0 };
            (world.takes_panic(), world.has_outage(), time)
        });
        assert!(!panics, "the simulated plugin panics");
        self.take_time(Duration::from_millis(time))?;
        if outage {
            return Err(CallError::Retry("an outage".to_owned()));
        }
        for (number, record) in records.iter().enumerate() {
            let path = path_of(arena.get(record.value).unwrap_or_default()).to_owned();
            let verdict = self.verdict(arena, number as u32, &path, answer)?;
            answer.verdicts.push(verdict);
        }
        Ok(())
    }

    fn verdict(&self, arena: &mut Arena, record: u32, path: &str, answer: &mut Answer) -> Result<Verdict, CallError> {
        let Scripted { script, stage } = &self.plugin;
        let word = world::with(|world| world.word(script, path, *stage));
        let mut produce = |output, value| {
            let (key, headers) = (Change::Inherit, HeadersChange::Inherit);
            answer.produced.push(Produced { record, output, key, value, headers, timestamp: None });
        };
        let act = match word {
            Word::Act(act) => act,
            Word::Again => {
                produce(OutputName::Next, Change::Set(arena.push(b"not now")));
                return Ok(Verdict::Retry);
            }
        };
        Ok(match act {
            Act::Keep | Act::Retry(_) => Verdict::Keep,
            Act::Drop => Verdict::Drop,
            Act::Emit(count) => {
                for number in 0..count {
                    let value = script.value(&child(path, number));
                    produce(OutputName::Next, Change::Set(arena.push(&value)));
                }
                Verdict::Emit
            }
            Act::Divert(output) => {
                produce(OutputName::Declared(output as u32), Change::Inherit);
                Verdict::Emit
            }
            Act::Undeclared => {
                let name = arena.push(b"nowhere");
                produce(OutputName::Undeclared(name), Change::Inherit);
                Verdict::Emit
            }
            Act::Reject => {
                produce(OutputName::Next, Change::Set(arena.push(b"refused")));
                Verdict::Reject
            }
            Act::Trap => return Err(CallError::Trap("a trap".to_owned())),
            Act::Memory => return Err(CallError::Memory),
            Act::Answer => return Err(CallError::Answer("too few verdicts".to_owned())),
            Act::Slow => {
                self.take_time(self.limit)?;
                return Err(CallError::Time);
            }
        })
    }
}

impl PluginInstance for ScriptedInstance {
    fn process(
        &mut self,
        arena: &mut Arena,
        _sources: &[Source],
        records: &[Record],
        answer: &mut Answer,
    ) -> Result<(), CallError> {
        answer.clear();
        let before = arena.len();
        let result = self.call(arena, records, answer);
        if result.is_err() {
            answer.clear();
            arena.truncate(before);
        }
        result
    }

    fn restart(&mut self) -> Result<(), StartError> {
        Ok(())
    }

    fn needs(&self) -> Fields {
        Fields::VALUE
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn memory(&self) -> usize {
        0
    }
}
