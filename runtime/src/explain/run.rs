//! One record through the chain.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tracing::subscriber::{NoSubscriber, with_default};

use super::explanation::Explanation;
use super::recorder::{Recorder, Step};
use super::show::shown;
use crate::batch::{Arena, Batch, Offset};
use crate::config::plan::{self, KeyValue, Plan, Target};
use crate::dlq::headers::DeadLetterHeaders;
use crate::error::PipelineError;
use crate::failure::{Class, Failure};
use crate::formats::Formats;
use crate::kafka::TopicPartition;
use crate::kafka::librdkafka::Librdkafka;
use crate::pipeline::topics::look_up_topics;
use crate::pipeline::workers::{default_output, setup};
use crate::pipeline::{local_schemas, registry};
use crate::plugin::Plugin;
use crate::record_text::DevRecord;
use crate::rt;
use crate::sink::{Forecast, Known};
use crate::stage::Stage;
use crate::worker::trial::{Left, LeftOutput, Trial};

/// The topic of a record that comes from none.
const NO_TOPIC: &str = "explain";

/// A record to explain.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The record as the pipeline reads it.
    pub record: DevRecord,
    /// Where it is in the input; none: it was given by hand.
    pub at: Option<(TopicPartition, Offset)>,
    /// Whether it was given by hand, and may be JSON already.
    pub by_hand: bool,
    /// What the headers of a dead letter say; none of other records.
    pub letter: Option<DeadLetterHeaders>,
}

/// What is known of the topics that a pipeline writes to.
pub struct Destinations {
    pub(super) outputs: Vec<Option<Known>>,
}

impl Destinations {
    /// Asks the brokers what each topic takes; what they do not tell is assumed to be their default.
    ///
    /// # Errors
    /// Properties that the client refuses.
    pub fn ask(plan: &Plan) -> anyhow::Result<Destinations> {
        let (outputs, _) = look_up_topics(&Librdkafka, plan)?;
        Ok(Destinations { outputs })
    }
}

/// What came of a record.
pub(super) struct Traced {
    pub(super) steps: Vec<Step>,
    pub(super) outputs: Vec<(usize, DevRecord)>,
    pub(super) letters: Vec<Failure>,
    /// What would stop the pipeline.
    pub(super) error: Option<String>,
    /// Bytes of a record that its topic may not take, by the number of the output.
    pub(super) large: Vec<(usize, usize)>,
    /// The number of the first stage that said something else when it was called with the same record again.
    pub(super) differs: Option<usize>,
}

/// Takes a record through the chain, with plugin instances of its own, and tells what each stage makes of it. Takes as
/// long as the stages do: up to twice their limits of time, and again where they ask for retries, which are not waited
/// for. `destinations`: what is known of the outputs' topics; none: nothing.
///
/// # Errors
/// A stage does not start.
pub fn explain(
    plan: &Plan,
    plugins: &[Plugin],
    asked: &Asked,
    destinations: Option<&Destinations>,
) -> anyhow::Result<Explanation> {
    // What plugins log here would stand among what they log at work.
    let traced = with_default(NoSubscriber::default(), || trace(plan, plugins, asked, destinations))?;
    let digests: Vec<&str> = plugins.iter().map(Plugin::digest).collect();
    Ok(shown(plan, &digests, asked, &traced, destinations.is_some()))
}

fn trace(
    plan: &Plan,
    plugins: &[Plugin],
    asked: &Asked,
    destinations: Option<&Destinations>,
) -> anyhow::Result<Traced> {
    let cancel: Arc<AtomicBool> = Arc::default();
    let start = |(stage, plugin): (&plan::Stage, &Plugin)| {
        Stage::start(plugin, &setup(plan, stage), stage.on_error, cancel.clone())
    };
    let stages = std::iter::zip(&plan.stages, plugins).map(start).collect::<Result<Vec<_>, _>>()?;
    let (at, offset) = asked.at.clone().unwrap_or_else(|| {
        let topic = asked.record.topic.as_deref().or_else(|| plan.input.topics.first().map(String::as_str));
        (TopicPartition::new(topic.unwrap_or(NO_TOPIC), 0), Offset(0))
    });
    let recorder: Arc<Recorder> = Arc::default();
    let mut trial =
        Trial::at(stages, formats(plan, asked)?, default_output(plan)?, at, offset).traced(recorder.clone());
    let mut traced = Traced {
        steps: Vec::new(),
        outputs: Vec::new(),
        letters: Vec::new(),
        error: None,
        large: Vec::new(),
        differs: None,
    };
    let fill = |batch: &mut Batch, offset| asked.record.push_to(batch, offset, 0);
    let taken = trial.take(fill, &mut |arena, left| match left {
        Left::Output(output) => traced.output(plan, destinations, arena, output),
        Left::DeadLetter(_, failure) => traced.letters.push(failure.clone()),
    });
    traced.steps = recorder.take();
    traced.error = match taken {
        // That says nothing of the record.
        Err(PipelineError::Other(error)) => return Err(error),
        taken => taken.err().map(|error| error.to_string()),
    };
    if traced.error.is_none() && !traced.takes_long() {
        trial.seek(offset);
        // Whatever stops the second call is a difference.
        let _ = trial.take(fill, &mut |_, _| {});
        traced.differs = traced.differs_from(&recorder.take());
    }
    Ok(traced)
}

/// The formats of a record: what was read from Kafka is decoded; what was given by hand may be JSON already. Nothing is
/// registered.
fn formats(plan: &Plan, asked: &Asked) -> anyhow::Result<Option<Arc<Formats>>> {
    if asked.by_hand {
        return Formats::by_hand(plan, local_schemas(plan, None)?, &mut |_| {}).map_err(anyhow::Error::msg);
    }
    let mut plan = plan.clone();
    for output in &mut plan.outputs {
        let KeyValue { key, value } = &mut output.formats;
        [key, value].into_iter().flatten().for_each(|format| format.register = false);
    }
    let registry = registry(&plan, &Arc::default())?;
    Formats::new(&plan, registry.as_ref()).map_err(anyhow::Error::msg)
}

impl Traced {
    /// Takes note of a record that leaves the chain, as the sink would.
    fn output(&mut self, plan: &Plan, destinations: Option<&Destinations>, arena: &Arena, left: LeftOutput<'_>) {
        let LeftOutput { output: number, record, stage, path } = left;
        let known = destinations.and_then(|destinations| destinations.outputs[number].as_ref());
        let writes = matches!(plan.outputs[number].target, Target::Topic(_));
        match known.map_or(Forecast::Taken, |known| known.forecast(arena, record, rt::unix_ms())) {
            Forecast::Refused(reason) if writes => {
                if plan.dlq.is_some() {
                    return self.letters.push(Failure {
                        class: Class::Refused,
                        reason,
                        stage,
                        output: None,
                        path,
                        attempts: 1,
                    });
                }
                self.error = Some(format!("{reason}, and the pipeline has no `dlq`"));
            }
            Forecast::Large(size) => self.large.push((number, size)),
            Forecast::Refused(_) | Forecast::Taken => {}
        }
        self.outputs.push((number, DevRecord::from_batch(arena, record)));
    }

    /// Whether a stage was cut off: it would be again.
    fn takes_long(&self) -> bool {
        self.letters.iter().any(|failure| matches!(failure.class, Class::Time | Class::Memory))
    }

    /// The first stage that made something else of the same record.
    fn differs_from(&self, again: &[Step]) -> Option<usize> {
        let same = |one: &Step, other: &Step| {
            (one.stage, &one.path, &one.before, &one.verdict)
                == (other.stage, &other.path, &other.before, &other.verdict)
        };
        let pairs = std::iter::zip(&self.steps, again);
        let differing = pairs.clone().find(|(one, other)| !same(one, other)).map(|(one, _)| one.stage);
        let shorter = self.steps.len().min(again.len());
        differing.or_else(|| self.steps.get(shorter).or_else(|| again.get(shorter)).map(|step| step.stage))
    }
}
