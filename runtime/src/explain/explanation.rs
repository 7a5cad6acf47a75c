//! An explanation: what became of a record, as JSON that programs read. Bytes of records are masked in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::show::ShownRecord;

/// What the chain makes of one record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// The pipeline.
    pub pipeline: String,
    /// The record as the pipeline reads it.
    pub record: ShownRecord,
    /// What each stage makes of each record that reaches it, in order.
    pub stages: Vec<StageExplained>,
    /// What becomes of the record.
    pub result: Outcome,
    /// The same in words.
    pub outcome: String,
    /// What comes out, in the order in which it is written.
    pub outputs: Vec<Produced>,
    /// The dead letters that come of it.
    pub dead_letters: Vec<DeadLetterExplained>,
    /// Of a dead letter, what it had failed of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<EarlierFailure>,
    /// What may have been otherwise when the pipeline processed it.
    pub notes: Vec<String>,
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Something comes out, and nothing fails.
    Delivered,
    /// Nothing comes out, and nothing fails.
    Dropped,
    /// There is a dead letter. Something may come out besides.
    DeadLettered,
    /// The pipeline stops.
    Stops,
}

/// What a stage makes of one record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageExplained {
    /// The stage's name.
    pub stage: String,
    /// Its number, from 0.
    pub number: usize,
    /// Which emitted record of each earlier stage this is, such as `0/2`; empty in the first stage.
    pub path: String,
    /// What the stage says of it.
    pub verdict: StageVerdict,
    /// How long the stage's calls took.
    pub seconds: f64,
    /// The record as the stage gets it.
    pub before: ShownRecord,
    /// What the stage makes of it.
    pub after: Vec<Produced>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<FailureExplained>,
    /// What may have been otherwise when the pipeline processed it.
    pub notes: Vec<String>,
}

/// What a stage says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageVerdict {
    /// It goes on as it came.
    Keep,
    /// It ends here.
    Drop,
    /// Others go on in its place.
    Emit,
    /// The plugin refuses it.
    Reject,
    /// The plugin asks for it again, more often than it may.
    Retry,
    /// The plugin fails on it: a trap, a time or memory limit, or an answer that breaks the interface.
    Fail,
}

impl StageVerdict {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            StageVerdict::Keep => "keep",
            StageVerdict::Drop => "drop",
            StageVerdict::Emit => "emit",
            StageVerdict::Reject => "reject",
            StageVerdict::Retry => "retry",
            StageVerdict::Fail => "fail",
        }
    }
}

/// A record that a stage or the chain makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Produced {
    /// The output that it goes to; null: on to the next stage.
    pub output: Option<String>,
    /// The topic of that output; null where it goes on, or where what goes to the output is dropped.
    pub topic: Option<String>,
    /// In what it differs from the record that it was made of.
    pub changed: Vec<Change>,
    /// The record.
    pub record: ShownRecord,
}

/// A part of a record that was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The key.
    Key,
    /// The value.
    Value,
    /// The headers.
    Headers,
    /// The timestamp.
    Timestamp,
}

/// Why a record failed in a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureExplained {
    /// The class.
    pub class: String,
    /// The reason.
    pub reason: String,
    /// Calls that were made with it.
    pub attempts: u32,
    /// What the pipeline does then: `dlq`, `drop` or `stop`.
    pub then: String,
}

/// A dead letter that would be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetterExplained {
    /// The stage; null where the pipeline has none.
    pub stage: Option<String>,
    /// The class.
    pub class: String,
    /// The reason.
    pub reason: String,
    /// Which emitted record of each earlier stage failed, such as `0/2`.
    pub path: String,
}

/// What a dead letter had failed of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EarlierFailure {
    /// The stage; null where the pipeline had none.
    pub stage: Option<String>,
    /// The class.
    pub class: String,
    /// The reason.
    pub reason: String,
    /// Which emitted record of each earlier stage failed.
    pub path: String,
    /// Calls that were made with it.
    pub attempts: u32,
    /// When, as RFC 3339 has it.
    pub failed_at: String,
}
