//! The shapes of the API. Names are snake_case, times RFC 3339 text, durations seconds, counts integers.

mod action;
mod inspect;
mod pipeline;
mod rules;

pub use self::action::{
    EventsShed, Level, LogFilter, LogLine, LogLines, PipelinesEvent, Problem, Readiness, ReadinessOf,
};
pub use self::inspect::{
    DeadLetter, DeadLetterError, DeadLetterGroup, DeadLetters, Decoded, ExplainRequest, InputPlace, Place, Replay,
    ReplayFrom, ReplayRequest, ReplayState, Replays, TapEnded, TapParams, TapShed,
};
pub use self::pipeline::{
    Balance, BottleneckView, DeadLetterTopic, History, InputTopic, OutputView, Overview, Partition, Partitions,
    PausedBy, Pipeline, Pipelines, Point, Stage, StageRecords, State, Transaction, Worker, WorkerSeconds,
};
pub(crate) use self::rules::is_filter;
