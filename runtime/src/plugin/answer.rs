//! What a plugin says of a batch: a verdict for each record, and what it produced.

use crate::batch::{Field, HeaderList};

/// A plugin's verdicts on a batch. All fields lie in the batch's arena. Reused from call to call.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// One for each record, in order.
    pub verdicts: Vec<Verdict>,
    /// In the order of their records: one for each record that an emit produces, exactly one for each reject and retry.
    pub produced: Vec<Produced>,
}

impl Answer {
    /// Empties it; the memory stays for the next call.
    pub fn clear(&mut self) {
        self.verdicts.clear();
        self.produced.clear();
    }
}

/// What a plugin says of one record. The numbers are those of the packed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Verdict {
    /// The record goes on as it came.
    Keep = 0,
    /// The record ends here.
    Drop = 1,
    /// What was produced goes on in its place; where nothing was, it ends here.
    Emit = 2,
    /// The plugin refuses it.
    Reject = 3,
    /// Not now.
    Retry = 4,
}

/// One record that an emit produces, or the reason of a reject or retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Produced {
    /// The number of the record it came of, in the slice that was handed to the plugin.
    pub record: u32,
    /// Where it goes. `Next` for a reject or retry.
    pub output: OutputName,
    /// The key. `Inherit` for a reject or retry.
    pub key: Change,
    /// The value, or the reason (UTF-8, always `Set`, never null) of a reject or retry.
    pub value: Change,
    /// The headers. `Inherit` for a reject or retry.
    pub headers: HeadersChange,
    /// Milliseconds since the epoch; none: inherited.
    pub timestamp: Option<i64>,
}

/// Where a produced record goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputName {
    /// On to the next stage.
    Next,
    /// To the output with this index in [`StageSetup::outputs`](super::StageSetup::outputs).
    Declared(u32),
    /// To a name (UTF-8, in the arena) that no output has: class `output`.
    Undeclared(Field),
}

/// What becomes of a key or value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// As it came in.
    Inherit,
    /// These bytes; [`Field::NULL`] is null.
    Set(Field),
}

/// What becomes of the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadersChange {
    /// As they came in.
    Inherit,
    /// The whole list.
    Set(HeaderList),
}
