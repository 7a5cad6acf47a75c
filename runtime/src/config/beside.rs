//! What a plan carries beside what it means: places and texts of its file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::Position;

/// Something of the file that changes nothing of what its plan means: plans that differ in it alone are equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<T>(pub T);

impl<T> PartialEq for Beside<T> {
    fn eq(&self, _: &Beside<T>) -> bool {
        true
    }
}

/// A topic that is written.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Its key: `outputs.audit`.
    pub key: String,
    /// The topic's name.
    pub topic: String,
    /// Where the name is.
    pub at: Position,
}

/// How a file says what its plan means.
#[derive(Clone, Debug, Default)]
pub struct AsWritten {
    /// Where the pipeline's name is.
    pub name: Position,
    /// Where the consumer group is named; where it is not, the pipeline's name.
    pub group: Position,
    /// Whether what the pipeline reads may be what it writes, by way of other pipelines, too.
    pub allow_loop: bool,
    /// The topics that are written.
    pub destinations: Vec<Destination>,
    /// The text of values that came by a `${...}`, and of paths, by their keys: `stages.0.limits.time`.
    pub values: BTreeMap<String, String>,
    /// The files and directories that properties and `${file:PATH}` name.
    pub files: Vec<PathBuf>,
    /// The `config` of each stage as YAML, without what `${...}` stands for.
    pub configs: Vec<Option<String>>,
}
