//! The plan: a pipeline file resolved, validated and typed. After the plan nothing is checked again.

mod format;
mod traces;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::format::{
    Format, IdIn, InputFormat, KeyValue, Logical, Login, OutputFormat, OutputSchema, SchemaFile, SchemaRegistry,
    SubjectName, UnknownFields,
};
pub use self::traces::Traces;
use super::beside::{AsWritten, Beside};
use super::error::Position;
use super::places::Places;
use super::secret::redact;

/// One pipeline, ready to start.
#[derive(Clone, PartialEq)]
pub struct Plan {
    /// The file it came from, as it was named.
    pub file: PathBuf,
    /// The pipeline's name.
    pub name: Arc<str>,
    /// librdkafka properties of the consumer: `kafka:`, then `consumer:`, over our defaults.
    pub consumer: BTreeMap<String, String>,
    /// librdkafka properties of the producer: `kafka:`, then `producer:`, over our defaults.
    pub producer: BTreeMap<String, String>,
    /// Whether records are sent at once where little is on its way: the file sets no `linger.ms`.
    pub sends_at_once: bool,
    /// Where schemas are kept.
    pub schema_registry: Option<SchemaRegistry>,
    /// What is read.
    pub input: Input,
    /// The delivery guarantee.
    pub delivery: Delivery,
    /// The name that no other running instance has.
    pub instance: Option<String>,
    /// Worker threads.
    pub workers: NonZeroUsize,
    /// When a batch is full.
    pub batch: BatchLimits,
    /// The chain, in order.
    pub stages: Vec<Stage>,
    /// The outputs, in the order of the file; `default` among them.
    pub outputs: Vec<Output>,
    /// The dead-letter topic; none only where nothing can lead to it.
    pub dlq: Option<Dlq>,
    /// The circuit breaker; none: off.
    pub breaker: Option<Breaker>,
    /// How often offsets are committed; under exactly_once, how long a transaction lasts at most.
    pub commit_interval: Duration,
    /// After which time the broker aborts a transaction.
    pub transaction_timeout: Duration,
    /// The deadline on revoke and at stop.
    pub drain: Duration,
    /// How long rights that are missing while it runs are waited for.
    pub kafka_patience: Duration,
    /// What people are shown of its records.
    pub show: Show,
    /// What is traced; none: nothing.
    pub traces: Option<Traces>,
    /// Whether the broker is the embedded one.
    pub embedded: bool,
    /// A digest of what the files hold that properties and `${file:PATH}` name.
    pub files: String,
    /// How the file says all this.
    pub as_written: Beside<AsWritten>,
}

impl Plan {
    /// Returns whether records of open and aborted transactions are left out of what is read.
    pub fn reads_committed(&self) -> bool {
        self.consumer.get("isolation.level").is_none_or(|level| level != "read_uncommitted")
    }

    /// Returns whether records are decoded or encoded.
    pub fn has_formats(&self) -> bool {
        !self.input.formats.is_empty() || self.outputs.iter().any(|output| !output.formats.is_empty())
    }

    /// Properties of a client (`consumer` or `producer`) as a log may show them.
    fn redacted<'p>(&'p self, client: &str, properties: &'p BTreeMap<String, String>) -> BTreeMap<&'p str, &'p str> {
        let values = &self.as_written.0.values;
        redact(properties, |name| values.get(&format!("{client}.{name}")).is_some_and(|text| text.contains("${file:")))
    }
}

/// Shows what identifies the plan, and no secret.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("file", &self.file)
            .field("name", &self.name)
            .field("consumer", &self.redacted("consumer", &self.consumer))
            .field("producer", &self.redacted("producer", &self.producer))
            .finish_non_exhaustive()
    }
}

/// What a pipeline reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Topic names, or `^regex`.
    pub topics: Vec<String>,
    /// The consumer group.
    pub group: String,
    /// Where to start where the group has no offset.
    pub start: Start,
    /// What to do where the committed offset is gone.
    pub on_lost_offset: OnLostOffset,
    /// How keys and values are decoded.
    pub formats: KeyValue<InputFormat>,
}

/// Where to start where the group has no offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// At the oldest record.
    Earliest,
    /// At what comes next.
    Latest,
}

/// What to do where the committed offset is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnLostOffset {
    /// Stop the pipeline and name the gap.
    Stop,
    /// Log the gap and go on from the oldest record.
    Earliest,
    /// Log the gap and go on from what comes next.
    Latest,
}

/// What a pipeline promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Nothing is lost; after a crash something may come twice.
    AtLeastOnce,
    /// Outputs, dead letters and offsets in one Kafka transaction.
    ExactlyOnce,
}

/// When a batch is full: whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchLimits {
    /// Records in a batch.
    pub max_records: usize,
    /// Bytes of keys, values and headers in a batch; a single larger record makes a batch of its own.
    pub max_bytes: usize,
    /// How long the first record waits for others.
    pub max_wait: Duration,
}

/// One configured use of a plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// The stage's name, unique in the pipeline.
    pub name: Arc<str>,
    /// The plugin as the file has it.
    pub plugin: String,
    /// Where it stands in the file, for what only loading it can find out.
    pub plugin_at: Beside<Position>,
    /// Where the parts of its configuration stand in the file, or the plugin, for what only its start can find out.
    pub config_places: Beside<Places>,
    /// The component's file.
    pub path: PathBuf,
    /// The stage's `config:` as JSON text; `null` where there is none.
    pub config: String,
    /// What a call may use.
    pub limits: Limits,
    /// What the plugin may import.
    pub grants: Grants,
    /// What becomes of what fails.
    pub on_error: OnError,
}

/// What a call may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// For a whole batch.
    pub time: Duration,
    /// Bytes of linear memory of a Store.
    pub memory: usize,
}

/// What a plugin may import beyond the interface's own `log` and `metrics`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// The wall and the monotonic clock.
    pub clock: bool,
    /// Randomness.
    pub random: bool,
    /// Environment variables of the host that it may see, by name.
    pub env: Vec<String>,
}

/// What becomes of what fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnError {
    /// Calls after the first.
    pub retries: u32,
    /// The first wait.
    pub backoff: Duration,
    /// The longest wait.
    pub max_backoff: Duration,
    /// What waits with a record that waits for a retry.
    pub hold: Hold,
    /// What comes after the last call, and of everything that is not retried.
    pub then: Then,
}

/// What waits behind a record that waits for a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// The later records of its partition.
    Partition,
    /// The later records of its key in its partition.
    Key,
}

/// What becomes of a record that a stage could not process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It goes to the DLQ.
    Dlq,
    /// It is dropped, and counted.
    Drop,
    /// The pipeline delivers and commits everything before it, and stops.
    Stop,
}

/// A named output.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The name that plugins use.
    pub name: Arc<str>,
    /// Where it goes.
    pub target: Target,
    /// How keys and values are encoded.
    pub formats: KeyValue<OutputFormat>,
}

/// Where an output goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// To a topic.
    Topic(Topic),
    /// Nowhere, and that is meant.
    Drop,
}

/// A topic that is written to.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// The topic's name.
    pub name: String,
    /// How to create it where it is missing; none: it must exist.
    pub create: Option<CreateTopic>,
}

/// How to create a topic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CreateTopic {
    /// Number of partitions.
    pub partitions: i32,
    /// Replicas of each.
    pub replication: i32,
}

/// The dead-letter topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Dlq {
    /// The topic.
    pub topic: Topic,
    /// What becomes of a dead letter over the topic's limit.
    pub oversize: Oversize,
    /// Whether Kafka Connect's header names are added.
    pub connect_headers: bool,
}

/// What becomes of a dead letter over its topic's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Oversize {
    /// The pipeline stops.
    Stop,
    /// It goes without its value.
    DropValue,
}

/// What is hidden of records that people are shown: by the API, its page, taps and explanations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Show {
    /// The parts that are hidden.
    pub mask: Vec<MaskPath>,
    /// Whether everything is.
    pub off: bool,
}

impl Show {
    /// Returns whether anything is hidden.
    pub fn hides(&self) -> bool {
        !self.mask.is_empty() || self.off
    }
}

/// A part of a record that is hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskPath {
    /// The part that it is in.
    pub part: RecordPart,
    /// Of headers the name of one. Of the key and the value the keys of nested JSON objects, outermost first; arrays on
    /// the way are passed through. Empty: the whole part.
    pub keys: Vec<String>,
}

/// A part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordPart {
    /// The key.
    Key,
    /// The value.
    Value,
    /// The headers.
    Headers,
}

/// As the file has it.
impl fmt::Display for MaskPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.part {
            RecordPart::Key => "key",
            RecordPart::Value => "value",
            RecordPart::Headers => "headers",
        })?;
        self.keys.iter().try_for_each(|key| match self.part {
            RecordPart::Headers => write!(f, ".{key}"),
            RecordPart::Key | RecordPart::Value => write!(f, ".{}", key.replace('\\', r"\\").replace('.', r"\.")),
        })
    }
}

/// When a stage that fails too often pauses the pipeline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breaker {
    /// The failing share of a stage's records, 0 to 1.
    pub share: f64,
    /// Over which time.
    pub window: Duration,
    /// How many records there must be in the window.
    pub min_records: u64,
    /// What happens.
    pub on_break: OnBreak,
}

/// What happens when a breaker opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBreak {
    /// Intake pauses; probes find out when to go on.
    Pause,
    /// The pipeline stops.
    Stop,
}
