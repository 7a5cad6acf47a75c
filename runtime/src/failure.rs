//! Failures: the classes of what can go wrong with one record, and one failure as a dead letter tells of it.

use std::sync::Arc;

/// How much of a reason is kept, in bytes.
const MAX_REASON: usize = 1024;

/// Why a record is dead-lettered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The plugin refused it.
    Reject,
    /// The plugin trapped on it.
    Trap,
    /// The plugin took too long.
    Time,
    /// The plugin was refused memory.
    Memory,
    /// The record's retries are used up.
    Retries,
    /// The plugin named an output that is not declared.
    Output,
    /// The plugin's answer breaks the interface.
    Answer,
    /// What came of it is over its topic's limit.
    Oversize,
    /// The topic cannot take what came of it.
    Refused,
    /// The record does not fit the format of the input.
    Decode,
    /// What came of it does not fit the format of its output.
    Encode,
}

impl Class {
    /// All classes, in the order of their numbers.
    pub const ALL: [Class; 11] = [
        Class::Reject,
        Class::Trap,
        Class::Time,
        Class::Memory,
        Class::Retries,
        Class::Output,
        Class::Answer,
        Class::Oversize,
        Class::Refused,
        Class::Decode,
        Class::Encode,
    ];

    /// Returns the class that this word stands for.
    pub fn parse(word: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.as_str() == word)
    }

    /// Returns whether a stage has failed, and not a format.
    pub fn has_stage(self) -> bool {
        !matches!(self, Class::Decode | Class::Encode)
    }

    /// Returns the word for it in headers and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Reject => "reject",
            Class::Trap => "trap",
            Class::Time => "time",
            Class::Memory => "memory",
            Class::Retries => "retries",
            Class::Output => "output",
            Class::Answer => "answer",
            Class::Oversize => "oversize",
            Class::Refused => "refused",
            Class::Decode => "decode",
            Class::Encode => "encode",
        }
    }
}

/// One failure of one record.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What kind.
    pub class: Class,
    /// In whose words: the plugin's, the host's or the broker's.
    pub reason: String,
    /// The number of the stage; the number of stages where it failed before the first or behind the last one.
    pub stage: usize,
    /// Which emitted record of each earlier stage it was, e.g. `0/2`.
    pub path: String,
    /// How often the record was given to the plugin.
    pub attempts: u32,
    /// The output that it could not be encoded for.
    pub output: Option<Arc<str>>,
}

impl Failure {
    /// Returns its reason as a dead letter has it: cut where it is long.
    pub fn kept_reason(&self) -> &str {
        cut_reason(&self.reason)
    }
}

/// Returns what is kept of a reason: its longest start of at most 1 KiB that ends with a whole character.
pub fn cut_reason(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(MAX_REASON)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let text = format!("{}é", "x".repeat(1023));
        assert_eq!(cut_reason(&text), "x".repeat(1023));
        assert_eq!(cut_reason("short"), "short");
    }
}
