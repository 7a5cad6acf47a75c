//! The summary of a replay: what came of it, what was left and why.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::json;

use super::letters::Pending;
use crate::config::plan::{Plan, Target};
use crate::dlq::list::{generalised, shorten};
use crate::dlq::select::At;
use crate::worker::outcome::ReplayOutcome;

/// Kinds of failures that are told apart; more are counted together.
const MOST_FAILURES: usize = 100;

/// Why a dead letter was left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// It has been replayed as often as is allowed.
    OverCap,
    /// A stage before the one that it failed in is not what it was.
    ChainChanged,
    /// The stages before no longer emit the record that had failed.
    Stray,
    /// Its value was left out when it was written.
    ValueDropped,
    /// A broker refused what came of it as too large.
    TooLarge,
}

impl Left {
    /// The word for it in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Left::OverCap => "over_cap",
            Left::ChainChanged => "chain_changed",
            Left::Stray => "path_lost",
            Left::ValueDropped => "value_dropped",
            Left::TooLarge => "too_large",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Left::OverCap => "replayed too often (see --max-replays)",
            Left::ChainChanged => {
                "an earlier stage has another plugin than then (--from start delivers everything again)"
            }
            Left::Stray => {
                "the earlier stages no longer come to the record that failed (--from start delivers everything again)"
            }
            Left::ValueDropped => "its value was left out when it was dead-lettered",
            Left::TooLarge => "its result is too large for its topic (raise the topic's max.message.bytes)",
        }
    }
}

/// What came of a replay. Only what is committed counts.
#[derive(Debug, Default)]
pub struct Summary {
    /// Dead letters that were replayed.
    pub replayed: u64,
    /// Of these, those that failed again and are in the DLQ once more.
    pub failed_again: u64,
    /// Of these, those that a stage dropped, or that go to an output that drops.
    pub dropped: u64,
    /// Dead letters that had been replayed before.
    pub already: u64,
    /// Dead letters of other pipelines.
    pub other_pipelines: u64,
    /// Records that are no dead letters of sluice.
    pub foreign: u64,
    // Records written, by output.
    outputs: BTreeMap<String, u64>,
    // By stage, class and reason.
    failures: BTreeMap<(String, &'static str, String), u64>,
    left: BTreeMap<Left, (u64, At, String)>,
}

impl Summary {
    /// Counts a dead letter that is left as it is.
    pub fn leave(&mut self, left: Left, at: At, detail: String) {
        let (count, ..) = self.left.entry(left).or_insert((0, at, detail));
        *count += 1;
    }

    /// How many were left.
    pub fn left(&self) -> u64 {
        self.left.values().map(|(count, ..)| count).sum()
    }

    /// Counts a batch with what came of it.
    pub(super) fn add(&mut self, plan: &Plan, batch: &[Pending], outcomes: Vec<(usize, ReplayOutcome)>) {
        let stage = |number: usize| plan.stages.get(number).map_or(String::new(), |stage| stage.name.to_string());
        let (mut wrote, mut failed, mut left) =
            (vec![false; batch.len()], vec![false; batch.len()], vec![false; batch.len()]);
        for (slot, outcome) in outcomes {
            match outcome {
                ReplayOutcome::Output(output) => {
                    let output = &plan.outputs[output];
                    if let Target::Topic(topic) = &output.target {
                        wrote[slot] = true;
                        *self.outputs.entry(format!("{} ({})", output.name, topic.name)).or_default() += 1;
                    }
                }
                ReplayOutcome::DeadLetter { stage: number, class, reason } => {
                    failed[slot] = true;
                    self.count_failure(stage(number), class.as_str(), &reason);
                }
                ReplayOutcome::PathMismatch { stage: number, why } => {
                    left[slot] = true;
                    self.leave(Left::Stray, batch[slot].at, format!("stage \"{}\": {why}", stage(number)));
                }
            }
        }
        for slot in (0..batch.len()).filter(|&slot| !left[slot]) {
            self.replayed += 1;
            self.failed_again += u64::from(failed[slot]);
            self.dropped += u64::from(!failed[slot] && !wrote[slot]);
        }
    }

    fn count_failure(&mut self, stage: String, class: &'static str, reason: &str) {
        let mut kind = (stage, class, generalised(reason));
        if self.failures.len() >= MOST_FAILURES && !self.failures.contains_key(&kind) {
            kind = (kind.0, class, "other reasons".to_owned());
        }
        *self.failures.entry(kind).or_default() += 1;
    }

    /// Writes it for people. `dry_run`: it tells what would be.
    ///
    /// # Errors
    /// `out` fails.
    pub fn write(&self, dry_run: bool, out: &mut dyn Write) -> io::Result<()> {
        let replayed = if dry_run { "would be replayed" } else { "replayed" };
        writeln!(
            out,
            "{replayed}: {}, of these failed again: {}, dropped: {}",
            self.replayed, self.failed_again, self.dropped
        )?;
        for (output, count) in &self.outputs {
            writeln!(out, "    to output {output}: {count}")?;
        }
        for ((stage, class, reason), count) in &self.failures {
            // What cannot be decoded or encoded fails in none.
            let place = if stage.is_empty() { String::new() } else { format!(" in stage \"{stage}\"") };
            writeln!(out, "    failed again: {count}: {class}{place}: {}", shorten(reason))?;
        }
        for (what, count) in [
            ("replayed before, and not again", self.already),
            ("of other pipelines, and not touched", self.other_pipelines),
            ("not dead letters of sluice, and not touched", self.foreign),
        ] {
            if count > 0 {
                writeln!(out, "{what}: {count}")?;
            }
        }
        for (left, (count, at, detail)) in &self.left {
            writeln!(out, "left: {count}: {}\n    such as {at}: {}", left.sentence(), shorten(detail))?;
        }
        Ok(())
    }

    /// Writes it as one JSON object on a line.
    ///
    /// # Errors
    /// `out` fails.
    pub fn write_json(&self, dry_run: bool, out: &mut dyn Write) -> io::Result<()> {
        let failures = self.failures.iter().map(|((stage, class, reason), count)| {
            json!({ "stage": stage, "class": class, "reason": reason, "count": count })
        });
        let left = self.left.iter().map(|(left, (count, at, detail))| {
            json!({ "because": left.as_str(), "count": count, "example": at.to_string(), "detail": detail })
        });
        let line = json!({
            "dry_run": dry_run, "replayed": self.replayed, "failed_again": self.failed_again, "dropped": self.dropped,
            "outputs": self.outputs, "failures": failures.collect::<Vec<_>>(), "already": self.already,
            "other_pipelines": self.other_pipelines, "foreign": self.foreign, "left": left.collect::<Vec<_>>(),
        });
        writeln!(out, "{line}")
    }
}
