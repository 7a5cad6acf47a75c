//! Shapes of what shows records: explanations, taps, dead letters and their replays.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules::{MOST, class_words, given, given_object, offset_with_partition, one_record};
use crate::show::ShownRecord;

/// Which record is to be explained: one of an input topic by `topic`, `partition` and `offset`, a dead letter, or one
/// that is given.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = one_record)]
pub struct ExplainRequest {
    /// The input topic.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "String")]
    pub topic: Option<String>,
    /// The partition.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "i32", range(min = 0, max = i32::MAX))]
    pub partition: Option<i32>,
    /// The offset.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "i64", range(min = 0, max = MOST))]
    pub offset: Option<i64>,
    /// A dead letter of the pipeline.
    #[serde(default, deserialize_with = "given_object")]
    #[schemars(with = "Place")]
    pub dead_letter: Option<Place>,
    /// A record. With a topic, a partition and an offset it has a place that stages may read.
    #[serde(default, deserialize_with = "given_object")]
    #[schemars(with = "ShownRecord")]
    pub record: Option<ShownRecord>,
}

/// A place in the dead-letter topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The partition.
    #[schemars(range(min = 0, max = i32::MAX))]
    pub partition: i32,
    /// The offset.
    #[schemars(range(min = 0, max = MOST))]
    pub offset: i64,
}

/// How a stage is tapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TapParams {
    /// The share of records that are shown, above 0 and at most 1. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<f64>,
    /// How many records are shown, 1 to 10000. Default: 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// For how long, above 0 and at most 600. Default: 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// Records of a tap that were left out, because whoever reads is slower than the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TapShed {
    /// How many since this was told last.
    pub count: u64,
}

/// Why a tap ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TapEnded {
    /// In words.
    pub reason: String,
}

/// Recent dead letters of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetters {
    /// What they have in common, the largest groups first.
    pub groups: Vec<DeadLetterGroup>,
    /// Records of the dead-letter topic that were read: those of the last day, at most 100,000.
    pub scanned: u64,
    /// Of these, those that are in no group: older ones, those of other pipelines, those that are no dead letters of
    /// sluice, and those beyond the first 1,000 groups.
    pub other: u64,
    /// Whether all of the last day was read.
    pub complete: bool,
    /// When they were read, as RFC 3339 has it; they are kept for 30 seconds.
    pub scanned_at: String,
}

/// Dead letters that have failed alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetterGroup {
    /// The stage; null where the pipeline had none.
    pub stage: Option<String>,
    /// The class.
    pub class: String,
    /// The reason, with `N` for each number and `…` for what is quoted.
    pub reason: String,
    /// How many there are.
    pub count: u64,
    /// How many of them have been replayed.
    pub replayed: u64,
    /// When the first had failed, as RFC 3339 has it.
    pub first_failed_at: String,
    /// When the last had failed.
    pub last_failed_at: String,
    /// Where that one is.
    pub last: Place,
}

/// One dead letter.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetter {
    /// The record as it came in, with its place in the dead-letter topic.
    pub record: ShownRecord,
    /// The key as plugins see it, where the input has a format for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoded_key: Option<Decoded>,
    /// The value as plugins see it, where the input has a format for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoded_value: Option<Decoded>,
    /// What had failed; null where it is no dead letter of sluice.
    pub error: Option<DeadLetterError>,
    /// Why it is no dead letter of sluice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign: Option<String>,
}

/// A key or a value that was decoded, or why it cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decoded {
    /// The format of the bytes, such as `avro`.
    pub format: String,
    /// What they say, as JSON text.
    pub json: Option<String>,
    /// Why they cannot be decoded.
    pub error: Option<String>,
}

/// What a dead letter had failed of.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetterError {
    /// The pipeline.
    pub pipeline: String,
    /// The stage; null where the pipeline had none.
    pub stage: Option<String>,
    /// The class.
    pub class: String,
    /// The reason.
    pub reason: String,
    /// The stage's plugin, as the file had it.
    pub plugin: String,
    /// The plugin's digest.
    pub digest: String,
    /// Which emitted record of each earlier stage had failed.
    pub path: String,
    /// The record of the input.
    pub input: InputPlace,
    /// Calls that were made with it.
    pub attempts: u32,
    /// When, as RFC 3339 has it.
    pub failed_at: String,
    /// How often it had been replayed before.
    pub replays: u32,
    /// Whether it has been replayed since; null where that cannot be read.
    pub replayed: Option<bool>,
    /// Whether its value was left out, because the dead letter would have been too large.
    pub value_dropped: bool,
}

/// A record of an input topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputPlace {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// Milliseconds since the epoch; null where it had none.
    pub timestamp: Option<i64>,
}

/// Which dead letters are to be replayed, and how. All that is given has to fit.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = offset_with_partition)]
pub struct ReplayRequest {
    /// The stage that they had failed in.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "String")]
    pub stage: Option<String>,
    /// The class of the failure.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "String", transform = class_words)]
    pub class: Option<String>,
    /// A part of the reason, or the reason of a group as it stands there.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "String")]
    pub reason: Option<String>,
    /// Failed then or later, as RFC 3339 has it.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since: Option<String>,
    /// Failed before, as RFC 3339 has it.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub until: Option<String>,
    /// The partition of the dead-letter topic.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "i32", range(min = 0, max = i32::MAX))]
    pub partition: Option<i32>,
    /// The offset; with a partition.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "i64", range(min = 0, max = MOST))]
    pub offset: Option<i64>,
    /// The largest number, 1 or more.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "u64", range(min = 1, max = u64::MAX))]
    pub limit: Option<u64>,
    /// The stage of the chain to begin at: `failed-stage` (default) or `start`.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "ReplayFrom")]
    pub from: Option<ReplayFrom>,
    /// Whether nothing is written. Default: false.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "bool")]
    pub dry_run: Option<bool>,
    /// Whether what has been replayed is replayed again. Default: false.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "bool")]
    pub again: Option<bool>,
    /// Replays that a record may have had before, 1 or more. Default: 3.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "u32", range(min = 1, max = u32::MAX))]
    pub max_replays: Option<u32>,
    /// Dead letters a second, 1 or more. Default: 1000.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "u32", range(min = 1, max = u32::MAX))]
    pub rate: Option<u32>,
}

/// Where a replay begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayFrom {
    /// At the stage that a record had failed in.
    FailedStage,
    /// At the first stage.
    Start,
}

/// Replays of a pipeline since the process has started, the last ones.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replays {
    /// The newest first.
    pub replays: Vec<Replay>,
}

/// A replay. Counted is what is committed.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// What it is asked for by.
    pub id: String,
    /// How it stands.
    pub state: ReplayState,
    /// Whether nothing is written.
    pub dry_run: bool,
    /// When it was started, as RFC 3339 has it.
    pub started_at: String,
    /// When it ended; null while it runs.
    pub ended_at: Option<String>,
    /// Dead letters that were replayed.
    pub replayed: u64,
    /// Of these, those that have failed again.
    pub failed_again: u64,
    /// Of these, those of which nothing came out.
    pub dropped: u64,
    /// Dead letters that had been replayed before, and were passed over.
    pub already: u64,
    /// Dead letters that were left as they are.
    pub left: u64,
    /// Why it has failed.
    pub error: Option<String>,
}

/// How a replay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplayState {
    /// It asks the brokers what there is.
    Starting,
    /// It replays.
    Running,
    /// It ends after the transaction that is open.
    Stopping,
    /// All that was meant is replayed or left.
    Done,
    /// It was told to stop.
    Stopped,
    /// It could not go on.
    Failed,
}
