//! Pipelines, stages and partitions, as the API shows them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// All pipelines of the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pipelines {
    /// One for each, by name.
    pub pipelines: Vec<Overview>,
}

/// A pipeline in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Overview {
    /// The pipeline's name.
    pub name: String,
    /// The file that it came from.
    pub file: String,
    /// In which part of its life it is.
    pub state: State,
    /// Why it is in that state, where there is more to say.
    pub reason: Option<String>,
    /// `at_least_once` or `exactly_once`.
    pub delivery: String,
    /// Who has paused it.
    pub paused_by: Option<PausedBy>,
    /// Input records that were read.
    pub input_records: u64,
    /// Output records that were acknowledged.
    pub output_records: u64,
    /// Dead letters that were acknowledged.
    pub dead_letters: u64,
    /// Records between what is delivered and the ends of the partitions; null while one of them is not known.
    pub lag: Option<u64>,
    /// The largest lag in time of a partition, in seconds; null where none is known.
    pub lag_seconds: Option<f64>,
    /// How often it was started again after a failure.
    pub restarts: u64,
    /// How many partitions it has.
    pub assigned_partitions: u64,
}

/// The parts of a pipeline's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It loads plugins, asks for topics, joins the group.
    Starting,
    /// It has its assignment.
    Running,
    /// Partitions come or go.
    Rebalancing,
    /// An operator has paused it.
    Paused,
    /// A circuit breaker is open.
    CircuitOpen,
    /// No more intake; what is in flight is delivered and committed.
    Draining,
    /// It ended as it was told.
    Stopped,
    /// It ended with an error, and is started again after a while.
    Restarting,
    /// It ended with an error.
    Failed,
}

impl State {
    /// All of them.
    pub const ALL: [State; 9] = [
        State::Starting,
        State::Running,
        State::Rebalancing,
        State::Paused,
        State::CircuitOpen,
        State::Draining,
        State::Stopped,
        State::Restarting,
        State::Failed,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Running => "running",
            State::Rebalancing => "rebalancing",
            State::Paused => "paused",
            State::CircuitOpen => "circuit_open",
            State::Draining => "draining",
            State::Stopped => "stopped",
            State::Restarting => "restarting",
            State::Failed => "failed",
        }
    }
}

/// Who has paused something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PausedBy {
    /// Somebody who asked for it.
    Operator,
    /// A circuit breaker.
    Breaker,
}

/// A pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// The pipeline's name.
    pub name: String,
    /// The file that it came from.
    pub file: String,
    /// In which part of its life it is.
    pub state: State,
    /// Why it is in that state, where there is more to say.
    pub reason: Option<String>,
    /// `at_least_once` or `exactly_once`.
    pub delivery: String,
    /// Who has paused it.
    pub paused_by: Option<PausedBy>,
    /// Input records that were read.
    pub input_records: u64,
    /// Output records that were acknowledged.
    pub output_records: u64,
    /// Dead letters that were acknowledged.
    pub dead_letters: u64,
    /// Records between what is delivered and the ends of the partitions; null while one of them is not known.
    pub lag: Option<u64>,
    /// The largest lag in time of a partition, in seconds; null where none is known.
    pub lag_seconds: Option<f64>,
    /// How often it was started again after a failure.
    pub restarts: u64,
    /// How many partitions it has.
    pub assigned_partitions: u64,
    /// The topics that are read.
    pub inputs: Vec<InputTopic>,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// The outputs, in the order of the file.
    pub outputs: Vec<OutputView>,
    /// The dead-letter topic; null where nothing can lead to it.
    pub dlq: Option<DeadLetterTopic>,
    /// The workers, by number.
    pub workers: Vec<Worker>,
    /// Where the input records are.
    pub balance: Balance,
    /// The transaction; null under at_least_once.
    pub transaction: Option<Transaction>,
    /// What an open circuit breaker waits for; null: closed.
    pub circuit_breaker: Option<String>,
    /// What a stage times out on, while it does.
    pub timing_out: Option<String>,
    /// What takes most of the time; null where nothing stands out.
    pub bottleneck: Option<BottleneckView>,
    /// The partitions, at most 100.
    pub partitions: Vec<Partition>,
    /// How many partitions there are.
    pub partitions_total: u64,
}

/// A topic that is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputTopic {
    /// The topic.
    pub topic: String,
    /// Records that were read.
    pub records: u64,
    /// Bytes of their keys, values and headers.
    pub bytes: u64,
}

/// An output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputView {
    /// The output's name.
    pub name: String,
    /// The topic; null where the output drops its records.
    pub topic: Option<String>,
    /// Records that were acknowledged.
    pub records: u64,
    /// Bytes of their keys, values and headers.
    pub bytes: u64,
}

/// The dead-letter topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetterTopic {
    /// The topic.
    pub topic: String,
    /// Dead letters that were acknowledged.
    pub records: u64,
}

/// A stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The stage's name.
    pub name: String,
    /// Its number, from 0 on.
    pub number: u64,
    /// The plugin, as the file names it.
    pub plugin: String,
    /// Records by the plugin's verdict.
    pub records: StageRecords,
    /// Dead letters by class.
    pub dead_letters: BTreeMap<String, u64>,
    /// Calls of the plugin.
    pub calls: u64,
    /// How long those took.
    pub seconds: f64,
    /// Memory of all its plugin instances.
    pub memory_bytes: u64,
    /// Restarts of a plugin instance by the class of the failure before.
    pub restarts: BTreeMap<String, u64>,
    /// Records that were called again because they were to be retried.
    pub retries: u64,
    /// Whether its circuit breaker is open.
    pub circuit_breaker_open: bool,
    /// The plugin's own counters.
    pub events: BTreeMap<String, u64>,
}

/// Records by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageRecords {
    /// Kept as they were.
    pub keep: u64,
    /// Dropped.
    pub drop: u64,
    /// Replaced by those that the plugin emitted.
    pub emit: u64,
    /// Rejected.
    pub reject: u64,
    /// To be retried.
    pub retry: u64,
}

/// A worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// Its number.
    pub worker: u64,
    /// Batches that it has: in work, or waiting for it.
    pub batches: u64,
    /// Records that are gathered for its next batch.
    pub gathered: u64,
    /// What it has done with its time.
    pub seconds: WorkerSeconds,
}

/// A worker's time since the pipeline was first started, by activity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerSeconds {
    /// In calls of plugins.
    pub plugin: f64,
    /// Waiting for room at the producer, or for a transaction.
    pub produce_wait: f64,
    /// With nothing to do.
    pub idle: f64,
    /// In codecs.
    pub codec: f64,
    /// In everything else.
    pub other: f64,
}

/// Where the input records are: `input_records` is the sum of all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Balance {
    /// Records that were read.
    pub input_records: u64,
    /// An output record came of them, and no dead letter.
    pub delivered: u64,
    /// A dead letter came of them.
    pub dead_lettered: u64,
    /// Neither came of them.
    pub dropped: u64,
    /// They were given back, and are read again, here or elsewhere.
    pub rewound: u64,
    /// On their way.
    pub in_flight: u64,
    /// Waiting for a retry.
    pub waiting_for_retry: u64,
}

/// The transaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// How far it has come.
    pub phase: String,
    /// How long ago it began.
    pub age_seconds: f64,
}

/// What takes most of the time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BottleneckView {
    /// It, in words.
    pub text: String,
    /// The stage, where it is one.
    pub stage: Option<String>,
    /// Its share of the workers' time, from 0 to 1.
    pub share: f64,
}

/// All partitions of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Partitions {
    /// One for each, by topic and number.
    pub partitions: Vec<Partition>,
}

/// A partition of the input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The worker that processes it.
    pub worker: u64,
    /// The offset of the record to read next; null: the beginning of the log.
    pub next: Option<i64>,
    /// What is delivered: everything below this offset.
    pub position: Option<i64>,
    /// What is committed.
    pub committed: Option<i64>,
    /// The end of the partition as the last fetch saw it.
    pub high_watermark: Option<i64>,
    /// Records between what is delivered and the high watermark.
    pub lag: Option<u64>,
    /// How old the oldest record is that is not committed; 0 where there is none.
    pub lag_seconds: Option<f64>,
    /// Whether records of it wait for a retry.
    pub waiting_for_retry: bool,
    /// Who has paused it.
    pub paused_by: Option<PausedBy>,
    /// Why it is not fetched; empty: it is.
    pub paused_for: Vec<String>,
    /// The offset behind which an open transaction keeps records back; null: none does.
    pub blocked_by_open_transaction: Option<i64>,
}

/// The last 15 minutes of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// The time between two points.
    pub interval_seconds: f64,
    /// The points, the oldest first.
    pub points: Vec<Point>,
}

/// A pipeline's totals at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// When.
    pub time: String,
    /// Input records that were read.
    pub input_records: u64,
    /// Output records that were acknowledged.
    pub output_records: u64,
    /// Dead letters that were acknowledged.
    pub dead_letters: u64,
    /// Records between what is delivered and the ends of the partitions.
    pub lag: Option<u64>,
    /// The time in each stage's plugin.
    pub stage_seconds: BTreeMap<String, f64>,
    /// The time in which workers had nothing to do.
    pub idle_seconds: f64,
    /// The time in which workers waited for the producer.
    pub produce_wait_seconds: f64,
}
