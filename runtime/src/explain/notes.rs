//! What may have been otherwise when the pipeline processed a record.

use std::time::Duration;

use super::recorder::{Step, Verdict};
use super::run::{Asked, Traced};
use crate::config::plan::{Plan, Target};
use crate::failure::Class;

/// What may have been otherwise in a stage.
pub(super) fn of_stage(plan: &Plan, digests: &[&str], asked: &Asked, traced: &Traced, step: &Step) -> Vec<String> {
    let stage = &plan.stages[step.stage];
    let mut notes = Vec::new();
    if traced.differs == Some(step.stage) {
        notes.push(
            "it answers otherwise when it is called with the same record again: it remembers what it has seen, or reads \
             a clock or randomness"
                .to_owned(),
        );
    }
    let grants = [(stage.grants.clock, "the clock"), (stage.grants.random, "randomness")];
    let granted: Vec<&str> = grants.iter().filter(|(granted, _)| *granted).map(|(_, what)| *what).collect();
    if !granted.is_empty() {
        notes.push(format!("it may read {}, which it found otherwise then (`grants`)", granted.join(" and ")));
    }
    if !stage.grants.env.is_empty() {
        let names = stage.grants.env.join(", ");
        notes.push(format!("it may read {names} of the environment, here of the process that explains (`grants.env`)"));
    }
    if let Some(letter) = &asked.letter {
        match letter.chain.get(step.stage) {
            Some(then) if then != digests[step.stage] => {
                notes.push(format!("its plugin is another than then: it was {then}, and is {}", digests[step.stage]));
            }
            None => notes.push("the chain had no stage at this place then".to_owned()),
            Some(_) => {}
        }
    }
    if step.rounds > 1 {
        notes.push(format!(
            "it asked for {} more calls, which came at once here and after `on_error.backoff` at work",
            step.rounds - 1
        ));
    }
    notes.extend(of_limits(stage.limits.time, step));
    notes
}

fn of_limits(limit: Duration, step: &Step) -> Option<String> {
    match &step.verdict {
        Verdict::Failed(failed) if failed.class == Class::Time => Some(format!(
            "`limits.time` ({limit:?}) holds for a whole batch, and depends on the machine: at work, among other records, it \
             may end otherwise"
        )),
        Verdict::Failed(failed) if failed.class == Class::Memory => Some(
            "the instance has seen no other record here: at work it may have had more or less memory to spare"
                .to_owned(),
        ),
        _ if step.time > limit / 2 => Some(format!(
            "it took {:.3} s of the {limit:?} that `limits.time` gives a whole batch: at work it may be cut off",
            step.time.as_secs_f64()
        )),
        _ => None,
    }
}

/// What may have been otherwise of the record as a whole. `asked_brokers`: it is known what the outputs' topics take.
pub(super) fn of_record(
    plan: &Plan,
    digests: &[&str],
    asked: &Asked,
    traced: &Traced,
    asked_brokers: bool,
) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(letter) = &asked.letter {
        if letter.chain.len() > digests.len() {
            notes.push(format!("the chain had {} stages then, and has {}", letter.chain.len(), digests.len()));
        }
        if matches!(letter.class, Class::Oversize) && traced.letters.is_empty() {
            notes.push("a broker had refused it as too large, which only a broker can say".to_owned());
        }
        let now = traced.letters.first().map(|failure| (failure.class, failure.kept_reason()));
        if now.is_none() && matches!(letter.class, Class::Time | Class::Memory | Class::Retries) {
            notes.push(format!(
                "it had failed of `{}`, which may depend on the load, on the other records of its batch, or on what was \
                 away then",
                letter.class.as_str()
            ));
        }
    }
    if !plan.stages.is_empty() && traced.differs.is_none() {
        notes.push(
            "the stages begin here without a memory of earlier records; a plugin that keeps one may have answered otherwise"
                .to_owned(),
        );
    }
    for (number, size) in &traced.large {
        notes.push(format!(
            "what goes to output \"{}\" has {size} bytes, which is more than its topic's max.message.bytes: it is \
             dead-lettered (`oversize`) unless it fits when it is compressed, which only a broker can say",
            plan.outputs[*number].name
        ));
    }
    let writes = traced.outputs.iter().any(|(number, _)| matches!(plan.outputs[*number].target, Target::Topic(_)));
    if writes && asked_brokers {
        notes.push("nothing was written: what only a broker refuses is not known".to_owned());
    } else if writes {
        notes.push(
            "nothing was written, and no broker was asked: what the topics refuse for its size, key or timestamp is not known"
                .to_owned(),
        );
    }
    notes
}
