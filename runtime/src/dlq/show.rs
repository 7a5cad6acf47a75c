//! Showing one dead letter, whole, to a person.

use std::io::{self, Write};

use super::headers::{DeadLetterHeaders, NotALetter};
use super::select::At;
use crate::batch::NO_TIMESTAMP;
use crate::readable::{in_a_line, time, write_bytes};
use crate::record_text::DevRecord;

/// A record of the dead-letter topic.
pub struct Shown {
    /// Where it is.
    pub at: At,
    /// The record.
    pub record: DevRecord,
    /// What its headers say, or why it is no dead letter of sluice.
    pub letter: Result<DeadLetterHeaders, NotALetter>,
    /// Whether it has been replayed.
    pub replayed: bool,
}

impl Shown {
    /// Writes all there is to it.
    ///
    /// # Errors
    /// `out` fails.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let record = &self.record;
        writeln!(out, "{} {}", record.topic.as_deref().unwrap_or_default(), self.at)?;
        match &self.letter {
            Ok(letter) => self.write_letter(letter, out)?,
            Err(why) => {
                writeln!(out, "  not a dead letter of sluice: {why}")?;
                writeln!(out, "  timestamp  {}", time(record.timestamp.unwrap_or(NO_TIMESTAMP)))?;
            }
        }
        writeln!(out, "headers ({})", record.headers.len())?;
        for (name, value) in &record.headers {
            let value = value.as_deref().map_or_else(|| "null".to_owned(), in_a_line);
            writeln!(out, "  {}: {value}", in_a_line(name))?;
        }
        write_bytes("key", record.key.as_deref(), out)?;
        write_bytes("value", record.value.as_deref(), out)
    }

    fn write_letter(&self, letter: &DeadLetterHeaders, out: &mut dyn Write) -> io::Result<()> {
        let DeadLetterHeaders { stage, plugin, digest, pipeline, attempts, replays, failed_at, .. } = letter;
        let mut line = |name: &str, value: &str| writeln!(out, "  {name:<10} {}", in_a_line(value.as_bytes()));
        line("class", letter.class.as_str())?;
        line("reason", &letter.reason)?;
        line("stage", &format!("{stage} of pipeline {pipeline}"))?;
        line("plugin", &format!("{plugin} {digest}"))?;
        line("input", &format!("{}, written {}", letter.input(), time(letter.timestamp)))?;
        if !letter.path.is_empty() {
            line("path", &format!("{} (which emitted record of each stage before, from 0)", letter.path_text()))?;
        }
        line("failed at", &failed_at.to_string())?;
        line("attempts", &attempts.to_string())?;
        let replayed = if self.replayed { "yes" } else { "no" };
        line("replayed", &format!("{replayed}; as an earlier dead letter: {replays} times"))?;
        if letter.value_dropped {
            line("value", "left out, because the dead letter would have been too large; the input has it")?;
        }
        Ok(())
    }
}
