//! Showing one dead letter, whole, to a person.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::headers::{DeadLetterHeaders, NotALetter};
use super::select::At;
use crate::batch::NO_TIMESTAMP;
use crate::config::plan::{Format, InputFormat, KeyValue, Plan};
use crate::formats::{DecodedParts, RecordDecoder};
use crate::pipeline::registry;
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
    /// Its key and value as plugins see them, where the input has a format.
    pub decoded: KeyValue<DecodedPart>,
}

/// A key or a value as plugins see it.
pub struct DecodedPart {
    /// What it was decoded from.
    pub format: Format,
    /// JSON text, or why it cannot be decoded.
    pub json: Result<Vec<u8>, String>,
}

/// Decodes the key and the value of a dead letter by the formats of its pipeline's input. May ask the registry, and
/// waits so long for each of the two while none answers.
pub fn decode(plan: &Plan, record: &DevRecord, patience: Duration) -> KeyValue<DecodedPart> {
    let part = |format: &Option<InputFormat>, bytes: &Option<Vec<u8>>, is_key: bool| {
        let (format, bytes) = (format.as_ref()?, bytes.as_deref()?);
        let (key, value) = if is_key { (Some(bytes), None) } else { (None, Some(bytes)) };
        let json = decode_part(plan, format, record, DecodedParts { key, value }, patience);
        Some(DecodedPart { format: format.format, json })
    };
    let KeyValue { key, value } = &plan.input.formats;
    KeyValue { key: part(key, &record.key, true), value: part(value, &record.value, false) }
}

/// Each by itself: one of them may be what could not be decoded.
fn decode_part(
    plan: &Plan,
    format: &InputFormat,
    record: &DevRecord,
    parts: DecodedParts<'_>,
    patience: Duration,
) -> Result<Vec<u8>, String> {
    let format = Some(format.clone());
    let formats = match parts.key {
        Some(_) => KeyValue { key: format, value: None },
        None => KeyValue { key: None, value: format },
    };
    let registry = registry(plan, &Arc::default()).map_err(|error| format!("{error:#}"))?;
    let decoder = RecordDecoder::new(&plan.name, formats, registry)?;
    let mut decoder = decoder.ok_or("it has no format")?.with_patience(patience);
    let headers = record.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref()));
    // Whoever waits too long ends the program.
    let decoded = decoder.decode(parts, headers, &AtomicBool::new(false)).map_err(|error| error.to_string())?;
    Ok(decoded.key.or(decoded.value).unwrap_or_default().to_vec())
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
        write_part("key", record.key.as_deref(), self.decoded.key.as_ref(), out)?;
        write_part("value", record.value.as_deref(), self.decoded.value.as_ref(), out)
    }

    fn write_letter(&self, letter: &DeadLetterHeaders, out: &mut dyn Write) -> io::Result<()> {
        let DeadLetterHeaders { stage, plugin, digest, pipeline, attempts, replays, failed_at, .. } = letter;
        let mut line = |name: &str, value: &str| writeln!(out, "  {name:<10} {}", in_a_line(value.as_bytes()));
        line("class", letter.class.as_str())?;
        line("reason", &letter.reason)?;
        if letter.class.has_stage() {
            line("stage", &format!("{stage} of pipeline {pipeline}"))?;
            line("plugin", &format!("{plugin} {digest}"))?;
        } else {
            line("pipeline", pipeline)?;
        }
        if let Some(output) = &letter.output {
            line("output", output)?;
        }
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

/// Writes a key or a value: decoded where that is possible, else its bytes and why not.
fn write_part(name: &str, bytes: Option<&[u8]>, decoded: Option<&DecodedPart>, out: &mut dyn Write) -> io::Result<()> {
    match decoded {
        None => write_bytes(name, bytes, out),
        Some(DecodedPart { format, json: Ok(json) }) => {
            let count = bytes.map_or(0, <[u8]>::len);
            let name = format!("{name}, decoded from {count} bytes of {}", format.as_str());
            write_bytes(&name, Some(json), out)
        }
        Some(DecodedPart { format, json: Err(why) }) => {
            let why = in_a_line(why.as_bytes());
            writeln!(out, "{name} is shown as it is: it cannot be decoded from {}: {why}", format.as_str())?;
            write_bytes(name, bytes, out)
        }
    }
}
