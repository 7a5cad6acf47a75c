//! From what came of a record to what is shown of it: masked, and in words.

use super::explanation::{
    Change, DeadLetterExplained, EarlierFailure, Explanation, FailureExplained, Outcome, Produced, StageExplained,
    StageVerdict,
};
use super::notes;
use super::recorder::{Step, Verdict};
use super::run::{Asked, Traced};
use crate::batch::{Offset, Partition};
use crate::config::plan::{Output, Plan, Target, Then};
use crate::dlq::headers::DeadLetterHeaders;
use crate::failure::Class;
use crate::record_text::DevRecord;
use crate::show::{Hidden, Mask, ShownRecord};

/// Returns the explanation of a record. `digests` are those of the stages' plugins.
pub(super) fn shown(plan: &Plan, digests: &[&str], asked: &Asked, traced: &Traced, asked_brokers: bool) -> Explanation {
    let mask = Mask::new(&plan.show);
    let mut hidden = Hidden::default();
    mask.collect(&asked.record, &mut hidden);
    traced.steps.iter().for_each(|step| mask.collect(&step.before, &mut hidden));
    traced.outputs.iter().for_each(|(_, record)| mask.collect(record, &mut hidden));
    let page = Page { plan, digests, asked, traced, mask, hidden };
    let record = DevRecord { topic: page.topic(), ..page.mask.record(&asked.record, &page.hidden) };
    let words = |words: String| page.hidden.scrub(&words);
    Explanation {
        pipeline: plan.name.to_string(),
        record: ShownRecord::new(&record, page.place()),
        stages: traced.steps.iter().map(|step| page.step(step)).collect(),
        result: page.result(),
        outcome: words(page.outcome()),
        outputs: traced.outputs.iter().filter_map(|(number, record)| page.output(*number, record)).collect(),
        dead_letters: traced
            .letters
            .iter()
            .map(|failure| DeadLetterExplained {
                stage: plan.stages.get(failure.stage).map(|stage| stage.name.to_string()),
                class: failure.class.as_str().to_owned(),
                reason: words(failure.kept_reason().to_owned()),
                path: failure.path.clone(),
            })
            .collect(),
        before: asked.letter.as_ref().map(|letter| page.before(letter)),
        notes: notes::of_record(plan, digests, asked, traced, asked_brokers).into_iter().map(words).collect(),
    }
}

struct Page<'a> {
    plan: &'a Plan,
    digests: &'a [&'a str],
    asked: &'a Asked,
    traced: &'a Traced,
    mask: Mask,
    hidden: Hidden,
}

impl Page<'_> {
    fn topic(&self) -> Option<String> {
        let at = self.asked.at.as_ref().map(|(at, _)| at.topic.to_string());
        at.or_else(|| self.asked.record.topic.clone())
    }

    fn place(&self) -> Option<(Partition, Offset)> {
        self.asked.at.as_ref().map(|(at, offset)| (at.partition, *offset))
    }

    fn step(&self, step: &Step) -> StageExplained {
        let stage = &self.plan.stages[step.stage];
        let after = match &step.verdict {
            Verdict::Keep => vec![self.produced(None, &step.before, &step.before)],
            Verdict::Emit(emitted) => {
                let produced = |(record, output): &(DevRecord, Option<u32>)| {
                    self.produced(output.map(|output| output as usize), &step.before, record)
                };
                emitted.iter().map(produced).collect()
            }
            Verdict::Drop | Verdict::Failed(_) => Vec::new(),
        };
        let error = match &step.verdict {
            Verdict::Failed(failed) => Some(FailureExplained {
                class: failed.class.as_str().to_owned(),
                reason: self.hidden.scrub(&failed.reason),
                attempts: failed.attempts,
                then: then(stage.on_error.then).to_owned(),
            }),
            Verdict::Keep | Verdict::Drop | Verdict::Emit(_) => None,
        };
        let notes = notes::of_stage(self.plan, self.digests, self.asked, self.traced, step);
        StageExplained {
            stage: stage.name.to_string(),
            number: step.stage,
            path: step.path.clone(),
            verdict: verdict(&step.verdict),
            seconds: step.time.as_secs_f64(),
            before: record(&self.mask, &self.hidden, &step.before),
            after,
            error,
            notes: notes.iter().map(|note| self.hidden.scrub(note)).collect(),
        }
    }

    fn produced(&self, output: Option<usize>, before: &DevRecord, after: &DevRecord) -> Produced {
        let output = output.map(|number| &self.plan.outputs[number]);
        produced(&self.mask, &self.hidden, output, before, after)
    }

    /// A record that is written; none where what goes to its output is dropped.
    fn output(&self, number: usize, record: &DevRecord) -> Option<Produced> {
        topic(&self.plan.outputs[number].target)?;
        Some(self.produced(Some(number), &self.asked.record, record))
    }

    fn before(&self, letter: &DeadLetterHeaders) -> EarlierFailure {
        EarlierFailure {
            stage: Some(letter.stage.clone()).filter(|stage| !stage.is_empty()),
            class: letter.class.as_str().to_owned(),
            reason: self.hidden.scrub(&letter.reason),
            path: letter.path_text(),
            attempts: letter.attempts,
            failed_at: letter.failed_at.to_string(),
        }
    }

    fn written(&self) -> impl Iterator<Item = (&str, &str)> {
        self.traced.outputs.iter().filter_map(|(number, _)| {
            let output = &self.plan.outputs[*number];
            Some((&*output.name, topic(&output.target)?))
        })
    }

    fn result(&self) -> Outcome {
        match self.traced {
            Traced { error: Some(_), .. } => Outcome::Stops,
            Traced { letters, .. } if !letters.is_empty() => Outcome::DeadLettered,
            _ if self.written().next().is_some() => Outcome::Delivered,
            _ => Outcome::Dropped,
        }
    }

    /// What becomes of the record, as a sentence.
    fn outcome(&self) -> String {
        if let Some(error) = &self.traced.error {
            return format!("stops the pipeline: {error}");
        }
        let mut parts = Vec::new();
        let mut outputs: Vec<((&str, &str), usize)> = Vec::new();
        for output in self.written() {
            match outputs.iter_mut().find(|(known, _)| *known == output) {
                Some((_, count)) => *count += 1,
                None => outputs.push((output, 1)),
            }
        }
        for ((name, topic), count) in outputs {
            let records = if count == 1 { "" } else { &format!("{count} records ") };
            parts.push(format!("delivered: {records}to output \"{name}\" (topic {topic})"));
        }
        for failure in &self.traced.letters {
            let stage = self.plan.stages.get(failure.stage);
            let stage = stage.map(|stage| format!(" in stage \"{}\"", stage.name)).unwrap_or_default();
            parts.push(format!("dead-lettered{stage}: {}: {}", failure.class.as_str(), failure.kept_reason()));
        }
        if parts.is_empty() { self.why_nothing_comes_out() } else { parts.join("; ") }
    }

    fn why_nothing_comes_out(&self) -> String {
        if let Some((number, _)) = self.traced.outputs.first() {
            return format!("dropped: output \"{}\" drops what goes to it", self.plan.outputs[*number].name);
        }
        let ends = self.traced.steps.iter().rev().find_map(|step| {
            let name = &self.plan.stages[step.stage].name;
            match &step.verdict {
                Verdict::Drop => Some(format!("dropped by stage \"{name}\"")),
                Verdict::Emit(emitted) if emitted.is_empty() => {
                    Some(format!("dropped by stage \"{name}\", which emits nothing for it"))
                }
                Verdict::Failed(failed) => Some(format!(
                    "dropped: it fails in stage \"{name}\" ({}: {}), which says `on_error.then: drop`",
                    failed.class.as_str(),
                    failed.reason
                )),
                Verdict::Keep | Verdict::Emit(_) => None,
            }
        });
        ends.unwrap_or_else(|| "dropped".to_owned())
    }
}

/// Returns a record that was made of another, masked.
pub(super) fn produced(
    mask: &Mask,
    hidden: &Hidden,
    output: Option<&Output>,
    before: &DevRecord,
    after: &DevRecord,
) -> Produced {
    let changed = [
        (Change::Key, before.key != after.key),
        (Change::Value, before.value != after.value),
        (Change::Headers, before.headers != after.headers),
        (Change::Timestamp, before.timestamp != after.timestamp),
    ];
    Produced {
        output: output.map(|output| output.name.to_string()),
        topic: output.and_then(|output| topic(&output.target)).map(str::to_owned),
        changed: changed.into_iter().filter(|(_, changed)| *changed).map(|(change, _)| change).collect(),
        record: record(mask, hidden, after),
    }
}

fn record(mask: &Mask, hidden: &Hidden, record: &DevRecord) -> ShownRecord {
    ShownRecord::new(&DevRecord { topic: None, ..mask.record(record, hidden) }, None)
}

fn topic(target: &Target) -> Option<&str> {
    match target {
        Target::Topic(topic) => Some(&topic.name),
        Target::Drop => None,
    }
}

fn then(then: Then) -> &'static str {
    match then {
        Then::Dlq => "dlq",
        Then::Drop => "drop",
        Then::Stop => "stop",
    }
}

fn verdict(verdict: &Verdict) -> StageVerdict {
    match verdict {
        Verdict::Keep => StageVerdict::Keep,
        Verdict::Drop => StageVerdict::Drop,
        Verdict::Emit(_) => StageVerdict::Emit,
        Verdict::Failed(failed) => failed_verdict(failed.class),
    }
}

/// Returns what a stage says of a record that fails with this class.
pub(super) fn failed_verdict(class: Class) -> StageVerdict {
    match class {
        Class::Reject => StageVerdict::Reject,
        Class::Retries => StageVerdict::Retry,
        Class::Trap
        | Class::Time
        | Class::Memory
        | Class::Output
        | Class::Answer
        | Class::Oversize
        | Class::Refused
        | Class::Decode
        | Class::Encode => StageVerdict::Fail,
    }
}
