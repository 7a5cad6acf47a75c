//! A subject: what a case is run on, the stages of a pipeline or one stage by itself, and what comes of its records.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::Offset;
use crate::config::plan::{OnError, Plan, Target};
use crate::failure::Class;
use crate::formats::Formats;
use crate::pipeline::local_schemas;
use crate::pipeline::workers::{default_output, setup};
use crate::plugin::{Plugin, StageSetup, StartError};
use crate::record_text::DevRecord;
use crate::stage::Stage;
use crate::worker::trial::{Left, LeftOutput, Trial};

/// The topic of records that come from none.
const TOPIC: &str = "test";

/// What cases are run on. Each run starts instances of its own.
pub struct Subject {
    /// The chain.
    pub stages: Vec<SubjectStage>,
    /// The outputs: their names, and whether what goes there comes out.
    pub outputs: Vec<(Arc<str>, bool)>,
    /// What its outputs have to fit.
    pub formats: Option<Arc<Formats>>,
    /// The number of the output `default`.
    pub default_output: u32,
    /// The topic that records come from.
    pub topic: Arc<str>,
    /// Records in a batch, at the most.
    pub max_records: usize,
}

/// One stage, not started.
pub struct SubjectStage {
    /// Its plugin.
    pub plugin: Plugin,
    /// What it is started with.
    pub setup: StageSetup,
    /// What becomes of what fails.
    pub on_error: OnError,
}

/// What came of a case.
#[derive(Debug, Default)]
pub struct Came {
    /// Of each output to which anything came its records, in the order of the input.
    pub outputs: BTreeMap<String, Vec<DevRecord>>,
    /// The dead letters, in the order of the input.
    pub letters: Vec<CameLetter>,
    /// Records that were dropped.
    pub dropped: u64,
    /// What the plugins counted.
    pub metrics: BTreeMap<String, u64>,
    /// What stopped it.
    pub error: Option<String>,
}

/// A dead letter that came.
#[derive(Debug)]
pub struct CameLetter {
    /// The class of the failure.
    pub class: Class,
    /// Its reason.
    pub reason: String,
    /// The name of the stage; empty where a format has failed.
    pub stage: Arc<str>,
    /// The input record.
    pub record: DevRecord,
}

impl Subject {
    /// A pipeline's chain, with its limits and retries.
    ///
    /// # Errors
    /// The plan has no output `default`, or a schema file cannot be used.
    pub fn of_pipeline(plan: &Plan, plugins: &[Plugin]) -> anyhow::Result<Subject> {
        let stages = std::iter::zip(&plan.stages, plugins).map(|(stage, plugin)| SubjectStage {
            plugin: plugin.clone(),
            setup: setup(plan, stage),
            on_error: stage.on_error,
        });
        let outputs = plan.outputs.iter();
        let topic = plan.input.topics.iter().find(|topic| !topic.starts_with('^'));
        Ok(Subject {
            stages: stages.collect(),
            outputs: outputs.map(|output| (output.name.clone(), output.target != Target::Drop)).collect(),
            formats: Formats::by_hand(plan, local_schemas(plan, None)?, &mut |_| {}).map_err(anyhow::Error::msg)?,
            default_output: default_output(plan)?,
            topic: topic.map_or(TOPIC, String::as_str).into(),
            max_records: plan.batch.max_records,
        })
    }

    /// One plugin with these outputs, `default` among them.
    pub fn of_plugin(stage: SubjectStage) -> Subject {
        let outputs = &stage.setup.outputs;
        let default = outputs.iter().position(|output| &**output == "default").unwrap_or_default();
        Subject {
            outputs: outputs.iter().map(|output| (output.clone(), true)).collect(),
            formats: None,
            default_output: default as u32,
            topic: TOPIC.into(),
            max_records: usize::MAX,
            stages: vec![stage],
        }
    }

    /// Runs records through fresh instances.
    pub fn run(&self, records: &[DevRecord]) -> Came {
        let mut came = Came::default();
        let stages = match self.start() {
            Ok(stages) => stages,
            Err(error) => {
                came.error = Some(error.to_string());
                return came;
            }
        };
        let mut trial = Trial::new(stages, self.formats.clone(), self.default_output, &self.topic);
        for records in records.chunks(self.max_records.max(1)) {
            let fill = |batch: &mut _, first: Offset| {
                for (record, offset) in std::iter::zip(records, first.0..) {
                    record.push_to(batch, Offset(offset), 0);
                }
            };
            let taken = trial.take(fill, &mut |arena, left| match left {
                Left::Output(LeftOutput { output, record, .. }) => {
                    let (name, comes_out) = &self.outputs[output];
                    if *comes_out {
                        let records = came.outputs.entry(name.to_string()).or_default();
                        records.push(DevRecord::from_batch(arena, record));
                    } else {
                        came.dropped += 1;
                    }
                }
                Left::DeadLetter(record, failure) => came.letters.push(CameLetter {
                    class: failure.class,
                    reason: failure.kept_reason().to_owned(),
                    stage: self.stages.get(failure.stage).map_or_else(|| "".into(), |stage| stage.setup.stage.clone()),
                    record: DevRecord::from_batch(arena, record),
                }),
            });
            if let Err(error) = taken {
                came.error = Some(error.to_string());
                break;
            }
        }
        came.dropped += trial.dropped();
        for (name, value) in trial.counters().flat_map(|counters| counters.iter()) {
            let sum = came.metrics.entry(name.to_owned()).or_default();
            *sum = sum.saturating_add(value);
        }
        came
    }

    fn start(&self) -> Result<Vec<Stage>, StartError> {
        let start = |stage: &SubjectStage| Stage::start(&stage.plugin, &stage.setup, stage.on_error, Arc::default());
        self.stages.iter().map(start).collect()
    }
}
