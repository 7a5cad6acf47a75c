//! What the API says beside pipelines: errors, health, the log, and what is asked of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pipeline::{Pipeline, State};
use super::rules::FILTER;

/// An error, as RFC 9457 has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// `about:blank`: the status says all.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What, where, and what to do.
    pub detail: String,
}

/// Whether every pipeline is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Readiness {
    /// Whether all are.
    pub ready: bool,
    /// One for each pipeline.
    pub pipelines: Vec<ReadinessOf>,
}

/// Whether a pipeline is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadinessOf {
    /// The pipeline's name.
    pub name: String,
    /// In which part of its life it is.
    pub state: State,
}

/// What changed since the event before; all pipelines at first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelinesEvent {
    /// Those that changed.
    pub pipelines: Vec<Pipeline>,
    /// Those that are gone, by name.
    pub removed: Vec<String>,
}

/// Events that were left out because the reader was too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsShed {
    /// How many.
    pub count: u64,
}

/// The last warnings and errors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogLines {
    /// The lines, the oldest first.
    pub lines: Vec<LogLine>,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogLine {
    /// When.
    pub time: String,
    /// How severe.
    pub level: Level,
    /// The pipeline, where it is about one.
    pub pipeline: Option<String>,
    /// The stage, where it is about one.
    pub stage: Option<String>,
    /// What is said.
    pub message: String,
    /// What else is said, by name.
    pub fields: serde_json::Map<String, serde_json::Value>,
}

/// Levels of the log that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Something is odd, or will be tried again.
    Warn,
    /// Something has failed.
    Error,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogFilter {
    /// The filter: levels, or targets and levels, with commas between, such as `info,kafka=debug`.
    #[schemars(regex(pattern = FILTER))]
    pub filter: String,
}
