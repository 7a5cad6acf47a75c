//! From what a pipeline publishes and counts to what the API shows.

use std::time::Instant;

use super::registry::Entry;
use super::{api, bottleneck};
use crate::config::plan::{Delivery, Target};
use crate::counters::{StageCounters, Traffic};
use crate::failure::Class;
use crate::plugin::Verdict;
use crate::rt;
use crate::view::{PartitionView, Phase, PipelineView};

/// Partitions that a pipeline shows; all of them are to be had by themselves.
const PARTITIONS: usize = 100;

impl api::State {
    /// Returns whether the pipeline does what it is there for: it has its assignment, which may be empty.
    pub fn is_ready(self) -> bool {
        use api::State;
        match self {
            State::Running | State::Rebalancing | State::Paused | State::CircuitOpen => true,
            State::Starting | State::Draining | State::Stopped | State::Restarting | State::Failed => false,
        }
    }
}

/// In which part of its life a pipeline is.
pub(super) fn state(view: &PipelineView) -> api::State {
    match view.phase {
        Phase::Starting => api::State::Starting,
        Phase::Paused => api::State::CircuitOpen,
        Phase::Running if view.is_paused => api::State::Paused,
        Phase::Running if view.is_rebalancing => api::State::Rebalancing,
        Phase::Running => api::State::Running,
        Phase::Draining => api::State::Draining,
        Phase::Stopped => api::State::Stopped,
        Phase::Failed => api::State::Failed,
        Phase::Restarting => api::State::Restarting,
    }
}

/// Who has paused a pipeline.
fn paused_by(entry: &Entry, state: api::State) -> Option<api::PausedBy> {
    match state {
        _ if entry.view.pauses.is_all() => Some(api::PausedBy::Operator),
        api::State::CircuitOpen => Some(api::PausedBy::Breaker),
        _ => None,
    }
}

/// A pipeline in short.
pub(super) fn overview(name: &str, entry: &Entry) -> api::Overview {
    let pipeline = pipeline(name, entry);
    api::Overview {
        name: pipeline.name,
        file: pipeline.file,
        state: pipeline.state,
        reason: pipeline.reason,
        delivery: pipeline.delivery,
        paused_by: pipeline.paused_by,
        input_records: pipeline.input_records,
        output_records: pipeline.output_records,
        dead_letters: pipeline.dead_letters,
        lag: pipeline.lag,
        lag_seconds: pipeline.lag_seconds,
        restarts: pipeline.restarts,
        assigned_partitions: pipeline.assigned_partitions,
    }
}

/// A pipeline, and what holds it up.
pub(super) fn pipeline_with(name: &str, entry: &Entry, history: &api::History) -> api::Pipeline {
    let pipeline = pipeline(name, entry);
    let workers = entry.plan.workers.get();
    // What is paused waits for nothing that could be quicker.
    let is_fetching = pipeline.paused_by.is_none();
    let found = || bottleneck::find(&history.points, history.interval_seconds, workers, pipeline.lag);
    let bottleneck = is_fetching.then(found).flatten();
    api::Pipeline { bottleneck, ..pipeline }
}

/// A pipeline.
pub(super) fn pipeline(name: &str, entry: &Entry) -> api::Pipeline {
    let view = entry.view.get();
    let totals = entry.counters.totals();
    let state = state(&view);
    let mut partitions = partitions(&view);
    let partitions_total = partitions.len() as u64;
    let lag_seconds = view.lag_seconds(rt::unix_ms());
    partitions.truncate(PARTITIONS);
    let counts = &view.counts;
    let input_records = counts.input_records();
    api::Pipeline {
        name: name.to_owned(),
        file: entry.file.display().to_string(),
        state,
        reason: view.said_unquoted().map(str::to_owned),
        delivery: match entry.plan.delivery {
            Delivery::AtLeastOnce => "at_least_once".to_owned(),
            Delivery::ExactlyOnce => "exactly_once".to_owned(),
        },
        paused_by: paused_by(entry, state),
        input_records,
        output_records: totals.out,
        dead_letters: totals.dead_letters,
        lag: view.lag(),
        lag_seconds,
        restarts: entry.counters.all_restarts().iter().map(|(_, count)| count.get()).sum(),
        assigned_partitions: partitions_total,
        inputs: counts.inputs.iter().map(input).collect(),
        stages: stages(entry),
        outputs: outputs(entry),
        dlq: entry
            .plan
            .dlq
            .as_ref()
            .map(|dlq| api::DeadLetterTopic { topic: dlq.topic.name.clone(), records: totals.dead_letters }),
        workers: workers(&view, entry),
        balance: api::Balance {
            input_records,
            delivered: counts.delivered,
            dead_lettered: counts.dead_lettered,
            dropped: counts.dropped,
            rewound: counts.rewound,
            in_flight: view.in_flight,
            waiting_for_retry: view.waiting_for_retry,
        },
        transaction: view.transaction.map(|transaction| api::Transaction {
            phase: transaction.phase.to_owned(),
            age_seconds: transaction.age.as_secs_f64(),
        }),
        circuit_breaker: view.breaker_unquoted.clone(),
        timing_out: view.timing_out.clone(),
        bottleneck: None,
        partitions,
        partitions_total,
    }
}

fn input(input: &Traffic) -> api::InputTopic {
    api::InputTopic { topic: input.name.to_string(), records: input.records, bytes: input.bytes }
}

fn outputs(entry: &Entry) -> Vec<api::OutputView> {
    let output = |output: &crate::config::plan::Output| {
        let traffic = entry.counters.output(&output.name);
        let topic = match &output.target {
            Target::Topic(topic) => Some(topic.name.clone()),
            Target::Drop => None,
        };
        let (records, bytes) = (traffic.records.get(), traffic.bytes.get());
        api::OutputView { name: output.name.to_string(), topic, records, bytes }
    };
    entry.plan.outputs.iter().map(output).collect()
}

fn workers(view: &PipelineView, entry: &Entry) -> Vec<api::Worker> {
    let now = Instant::now();
    let worker = |(number, worker): (usize, &crate::view::WorkerView)| {
        let times = entry.counters.worker(number).times(now);
        api::Worker {
            worker: number as u64,
            batches: worker.batches as u64,
            gathered: worker.gathered as u64,
            seconds: api::WorkerSeconds {
                plugin: times.plugin.as_secs_f64(),
                produce_wait: times.produce_wait.as_secs_f64(),
                idle: times.idle.as_secs_f64(),
                codec: times.codec.as_secs_f64(),
                other: times.other.as_secs_f64(),
            },
        }
    };
    view.workers.iter().enumerate().map(worker).collect()
}

/// The stages of a pipeline, in order.
pub(super) fn stages(entry: &Entry) -> Vec<api::Stage> {
    let open = entry.view.get().breaker_stage;
    let stage = |(number, stage): (usize, &crate::config::plan::Stage)| {
        let counters = entry.counters.stage(&stage.name);
        let view = one_stage(number, &stage.name, &stage.plugin, &counters);
        api::Stage { circuit_breaker_open: open == Some(number), ..view }
    };
    entry.plan.stages.iter().enumerate().map(stage).collect()
}

fn one_stage(number: usize, name: &str, plugin: &str, counters: &StageCounters) -> api::Stage {
    let by_class = |count: &dyn Fn(Class) -> u64| {
        let counted = |class: &Class| Some((class.as_str().to_owned(), Some(count(*class)).filter(|n| *n > 0)?));
        Class::ALL.iter().filter_map(counted).collect()
    };
    api::Stage {
        name: name.to_owned(),
        number: number as u64,
        plugin: plugin.to_owned(),
        records: api::StageRecords {
            keep: counters.verdicts(Verdict::Keep),
            drop: counters.verdicts(Verdict::Drop),
            emit: counters.verdicts(Verdict::Emit),
            reject: counters.verdicts(Verdict::Reject),
            retry: counters.verdicts(Verdict::Retry),
        },
        dead_letters: by_class(&|class| counters.dead_letters(class)),
        calls: counters.calls.get(),
        seconds: counters.nanoseconds.get() as f64 / 1e9,
        memory_bytes: counters.memory.get(),
        restarts: by_class(&|class| counters.restarts(class)),
        retries: counters.retries.get(),
        circuit_breaker_open: false,
        events: counters.plugin().into_iter().collect(),
    }
}

/// The partitions of a pipeline, by topic and number.
pub(super) fn partitions(view: &PipelineView) -> Vec<api::Partition> {
    let now = rt::unix_ms();
    let mut partitions: Vec<_> = view.partitions.iter().map(|one| partition(one, now)).collect();
    partitions.sort_by(|one, other| (&one.topic, one.partition).cmp(&(&other.topic, other.partition)));
    partitions
}

fn partition(partition: &PartitionView, now: i64) -> api::Partition {
    api::Partition {
        topic: partition.topic.to_string(),
        partition: partition.partition,
        worker: partition.worker as u64,
        next: partition.next,
        position: partition.position,
        committed: partition.committed,
        high_watermark: partition.high_watermark,
        lag: partition.lag,
        lag_seconds: partition.lag_seconds(now),
        waiting_for_retry: partition.is_retrying,
        paused_by: match partition.paused_for.contains(&"breaker") {
            _ if partition.is_paused() => Some(api::PausedBy::Operator),
            true => Some(api::PausedBy::Breaker),
            false => None,
        },
        paused_for: partition.paused_for.iter().map(|reason| (*reason).to_owned()).collect(),
        blocked_by_open_transaction: partition.blocked_by_transaction,
    }
}
