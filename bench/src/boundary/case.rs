//! A case: one plugin and its records, and the same work done natively where there is such.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use sluicebox::batch::{Arena, Batch};
use sluicebox::config::plan;
use sluicebox::plugin::{Answer, Change, Engine, Instance, OutputName, Produced, StageSetup, Verdict};

use super::batch::Template;
use super::native::{Job, Outcome};
use crate::figures::Rounds;
use crate::usage::thread_time;

/// What a case must do to its records.
pub enum Expected {
    /// Every record is kept.
    Kept,
    /// Every record's value comes back as it was.
    Echoed,
    /// What a native job does, up to the way JSON is written.
    LikeNative(Job),
    /// What stands here for each record: its results as JSON.
    Results(Vec<Vec<Value>>),
}

/// One plugin at work on one batch.
pub struct Case {
    /// What is measured.
    pub name: String,
    /// Nanoseconds a record of the plugin's calls, one figure a round.
    pub plugin: Rounds,
    /// Nanoseconds a record of the same work in native code, one figure a round.
    pub native: Rounds,
    expected: Expected,
    instance: Instance,
    template: Template,
    batch: Batch,
    answer: Answer,
    /// What the plugin answered when it was verified: every later call must answer the same.
    verified: Answer,
}

impl Case {
    /// Starts the plugin of a stage, calls it once and checks what it answers.
    ///
    /// # Errors
    /// The plugin does not start, fails, or does not do what is expected.
    pub fn new(
        engine: &Engine,
        stage: &plan::Stage,
        outputs: &[Arc<str>],
        name: String,
        template: Template,
        expected: Expected,
    ) -> Result<Case> {
        let setup = StageSetup {
            pipeline: "bench".into(),
            stage: stage.name.clone(),
            config: stage.config.clone(),
            outputs: outputs.to_vec(),
            limits: stage.limits,
            env: Vec::new(),
            show: Default::default(),
        };
        let instance = engine.load(&stage.path, &stage.grants)?.instantiate(&setup, Arc::default())?;
        let (plugin, native, batch, answer) = Default::default();
        let verified = Answer::default();
        let mut case = Case { name, plugin, native, expected, instance, template, batch, answer, verified };
        case.call()?;
        case.verify().with_context(|| format!("{}: the plugin's answer is wrong", case.name))?;
        std::mem::swap(&mut case.verified, &mut case.answer);
        Ok(case)
    }

    /// Whether the same work is done natively too.
    pub fn has_native(&self) -> bool {
        matches!(self.expected, Expected::LikeNative(_))
    }

    /// Measures one round: calls for about `time` each.
    ///
    /// # Errors
    /// The plugin fails, or answers otherwise than when it was verified.
    pub fn round(&mut self, time: Duration) -> Result<()> {
        let (mut spent, mut calls) = (Duration::ZERO, 0);
        while spent < time {
            spent += self.call()?;
            calls += 1;
            ensure!(self.answer == self.verified, "{}: the plugin changed its mind", self.name);
        }
        self.plugin.push(self.a_record(spent, calls));
        if let Expected::LikeNative(job) = self.expected {
            let (mut spent, mut calls) = (Duration::ZERO, 0);
            while spent < time {
                let start = thread_time();
                for value in self.template.values() {
                    std::hint::black_box(job(std::hint::black_box(value))?);
                }
                spent += thread_time() - start;
                calls += 1;
            }
            self.native.push(self.a_record(spent, calls));
        }
        Ok(())
    }

    /// Forgets the rounds so far: they were to warm up.
    pub fn forget(&mut self) {
        (self.plugin, self.native) = Default::default();
    }

    /// One call on the batch, and how long it took. The batch is gathered afresh, and that is not counted.
    fn call(&mut self) -> Result<Duration> {
        self.template.fill(&mut self.batch);
        let Batch { arena, records, sources } = &mut self.batch;
        let start = thread_time();
        self.instance.process(arena, sources, records, &mut self.answer)?;
        Ok(thread_time() - start)
    }

    /// Bytes of memory that the plugin has.
    pub fn memory(&self) -> usize {
        self.instance.memory()
    }

    fn a_record(&self, spent: Duration, calls: u32) -> f64 {
        spent.as_nanos() as f64 / f64::from(calls) / self.template.len() as f64
    }

    fn verify(&self) -> Result<()> {
        let records = self.template.len();
        ensure!(self.answer.verdicts.len() == records, "{} verdicts on {records} records", self.answer.verdicts.len());
        let mut produced = self.answer.produced.as_slice();
        for (number, (verdict, value)) in self.answer.verdicts.iter().zip(self.template.values()).enumerate() {
            let own = produced.iter().take_while(|produced| produced.record as usize == number).count();
            let (own, rest) = produced.split_at(own);
            produced = rest;
            let outcome = outcome(*verdict, own, &self.batch.arena).with_context(|| format!("record {number}"))?;
            if let Expected::Results(results) = &self.expected {
                let found = results_of(&outcome, value)?;
                let expected = results.get(number).map(Vec::as_slice).unwrap_or_default();
                ensure!(are_equal(&found, expected), "record {number}: {found:?} in place of {expected:?}");
                continue;
            }
            let expected = match &self.expected {
                Expected::Kept => Outcome::Keep,
                Expected::Echoed => Outcome::Value(value.to_vec()),
                Expected::LikeNative(job) => job(value)?,
                Expected::Results(_) => continue,
            };
            ensure!(same(&outcome, &expected), "record {number}: {outcome:?} in place of {expected:?}");
        }
        Ok(())
    }
}

/// What an answer says of one record, where it is something that these cases know.
fn outcome(verdict: Verdict, produced: &[Produced], arena: &Arena) -> Result<Outcome> {
    Ok(match (verdict, produced) {
        (Verdict::Keep, []) => Outcome::Keep,
        (Verdict::Drop, []) => Outcome::Drop,
        (Verdict::Emit, [one]) => match (one.output, one.value) {
            (OutputName::Next, Change::Set(value)) => Outcome::Value(arena.get(value).unwrap_or_default().to_vec()),
            (OutputName::Declared(output), Change::Inherit) => Outcome::Output(output),
            other => bail!("emitted as {other:?}"),
        },
        other => bail!("answered with {other:?}"),
    })
}

/// Values may differ in how their JSON is written, not in what it says.
fn same(one: &Outcome, other: &Outcome) -> bool {
    match (one, other) {
        (Outcome::Value(one), Outcome::Value(other)) if one != other => {
            match (serde_json::from_slice::<Value>(one), serde_json::from_slice::<Value>(other)) {
                (Ok(one), Ok(other)) => one == other,
                _ => false,
            }
        }
        _ => one == other,
    }
}

/// The results that an outcome says, as JSON.
fn results_of(outcome: &Outcome, value: &[u8]) -> Result<Vec<Value>> {
    Ok(match outcome {
        Outcome::Keep => vec![serde_json::from_slice(value)?],
        Outcome::Drop => Vec::new(),
        Outcome::Value(value) => vec![serde_json::from_slice(value)?],
        Outcome::Output(output) => bail!("it went to the output {output}"),
    })
}

/// Whether values are the same, numbers being doubles however they are written.
fn are_equal(one: &[Value], other: &[Value]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|pair| match pair {
            (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
            (Value::Array(one), Value::Array(other)) => are_equal(one, other),
            (Value::Object(one), Value::Object(other)) => {
                one.len() == other.len()
                    && one.iter().all(|(key, value)| {
                        other
                            .get(key)
                            .is_some_and(|other| are_equal(std::slice::from_ref(value), std::slice::from_ref(other)))
                    })
            }
            (one, other) => one == other,
        })
}
