//! Writing an explanation for people: one stage after the other, with what it changes.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use similar::{ChangeTag, TextDiff};

use super::explanation::{Change, Explanation, Outcome, Produced, StageExplained, StageVerdict};
use super::tapped::Tapped;
use crate::batch::NO_TIMESTAMP;
use crate::readable;
use crate::show::{HeaderText, ShownRecord};

/// Lines that stay the same, shown around one that does not.
const CONTEXT: usize = 2;

/// Whether to use colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Text alone.
    Plain,
    /// With colors of a terminal.
    Colors,
}

/// Colors of a terminal.
#[derive(Clone, Copy)]
enum Color {
    Bold = 1,
    Red = 31,
    Green = 32,
    Yellow = 33,
}

/// Writes an explanation.
///
/// # Errors
/// `out` fails.
pub fn write(explanation: &Explanation, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page { paint, out };
    page.record(&explanation.record)?;
    if let Some(before) = &explanation.before {
        let stage = before.stage.as_deref().map(|stage| format!(" in stage \"{stage}\"")).unwrap_or_default();
        let (class, reason, at) = (&before.class, line(&before.reason), &before.failed_at);
        writeln!(page.out, "failed before{stage} at {at}, after {}: {class}: {reason}", calls(before.attempts))?;
    }
    for stage in &explanation.stages {
        page.stage(stage)?;
    }
    // What is delivered, and nothing else, is said by each output.
    if explanation.result != Outcome::Delivered {
        page.line(Color::Bold, "", &line(&explanation.outcome))?;
    }
    for output in &explanation.outputs {
        page.output(output, &explanation.record)?;
    }
    for note in &explanation.notes {
        page.line(Color::Yellow, "note: ", &line(note))?;
    }
    Ok(())
}

/// Writes a tapped record.
///
/// # Errors
/// `out` fails.
pub fn write_tapped(tapped: &Tapped, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page { paint, out };
    page.record(&tapped.before)?;
    let verdict = verdict(tapped.verdict, &tapped.after);
    page.line(Color::Bold, "  ", &format!("{verdict} ({})", time(tapped.seconds)))?;
    if let Some(error) = &tapped.error {
        page.line(Color::Red, "    ", &line(error))?;
    }
    tapped.after.iter().try_for_each(|produced| page.produced(&tapped.before, produced))
}

struct Page<'a> {
    paint: Paint,
    out: &'a mut dyn Write,
}

impl Page<'_> {
    fn line(&mut self, color: Color, before: &str, text: &str) -> io::Result<()> {
        match self.paint {
            Paint::Plain => writeln!(self.out, "{before}{text}"),
            Paint::Colors => writeln!(self.out, "{before}\u{1b}[{}m{text}\u{1b}[0m", color as u8),
        }
    }

    fn record(&mut self, record: &ShownRecord) -> io::Result<()> {
        let place = match (record.partition, record.offset) {
            (Some(partition), Some(offset)) => {
                format!("{}/{partition}/{offset}", record.topic.as_deref().unwrap_or_default())
            }
            _ => "a record given by hand".to_owned(),
        };
        let time = readable::time(record.timestamp.unwrap_or(NO_TIMESTAMP));
        self.line(Color::Bold, "", &format!("{}  {time}", line(&place)))?;
        for (label, lines) in fields(record) {
            writeln!(self.out, "  {label}")?;
            lines.iter().try_for_each(|line| writeln!(self.out, "    {line}"))?;
        }
        Ok(())
    }

    fn stage(&mut self, stage: &StageExplained) -> io::Result<()> {
        let path = if stage.path.split('/').all(|number| matches!(number, "" | "0")) {
            String::new()
        } else {
            format!(" [record {}]", stage.path)
        };
        let verdict = verdict(stage.verdict, &stage.after);
        let name = line(&stage.stage);
        self.line(Color::Bold, "", &format!("{} {name}{path}: {verdict} ({})", stage.number + 1, time(stage.seconds)))?;
        if let Some(error) = &stage.error {
            let then = match error.then.as_str() {
                "dlq" => "to the dead-letter topic",
                "drop" => "dropped (`on_error.then`)",
                _ => "the pipeline stops (`on_error.then`)",
            };
            self.line(Color::Red, "    ", &format!("{}: {}", error.class, line(&error.reason)))?;
            writeln!(self.out, "    after {}: {then}", calls(error.attempts))?;
        }
        stage.after.iter().try_for_each(|produced| self.produced(&stage.before, produced))?;
        stage.notes.iter().try_for_each(|note| self.line(Color::Yellow, "    note: ", &line(note)))
    }

    fn produced(&mut self, before: &ShownRecord, produced: &Produced) -> io::Result<()> {
        if let Some(output) = &produced.output {
            let topic = produced.topic.as_deref().unwrap_or("dropped there");
            writeln!(self.out, "    to output \"{output}\" ({topic})")?;
        }
        self.changes(before, produced)
    }

    fn output(&mut self, output: &Produced, input: &ShownRecord) -> io::Result<()> {
        let name = output.output.as_deref().unwrap_or_default();
        let topic = output.topic.as_deref().unwrap_or_default();
        self.line(Color::Bold, "", &format!("delivered: to output \"{name}\" (topic {topic})"))?;
        if output.changed.is_empty() {
            return writeln!(self.out, "    as it came in");
        }
        self.changes(input, output)
    }

    /// Writes what differs between two records.
    fn changes(&mut self, before: &ShownRecord, after: &Produced) -> io::Result<()> {
        for change in &after.changed {
            let (label, old, new) = match change {
                Change::Key => (
                    "key",
                    content(&before.key, &before.key_base64),
                    content(&after.record.key, &after.record.key_base64),
                ),
                Change::Value => (
                    "value",
                    content(&before.value, &before.value_base64),
                    content(&after.record.value, &after.record.value_base64),
                ),
                Change::Headers => ("headers", headers(before), headers(&after.record)),
                Change::Timestamp => ("timestamp", vec![timestamp(before)], vec![timestamp(&after.record)]),
            };
            writeln!(self.out, "    {label}")?;
            if old == new {
                writeln!(self.out, "        changed where it is masked")?;
            }
            self.difference(&old, &new)?;
        }
        Ok(())
    }

    fn difference(&mut self, old: &[String], new: &[String]) -> io::Result<()> {
        let (old, new): (Vec<&str>, Vec<&str>) =
            (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
        let diff = TextDiff::from_slices(&old, &new);
        for (number, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
            if number > 0 {
                writeln!(self.out, "        ...")?;
            }
            for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
                match change.tag() {
                    ChangeTag::Equal => writeln!(self.out, "        {}", change.value())?,
                    ChangeTag::Delete => self.line(Color::Red, "      ", &format!("- {}", change.value()))?,
                    ChangeTag::Insert => self.line(Color::Green, "      ", &format!("+ {}", change.value()))?,
                }
            }
        }
        Ok(())
    }
}

fn verdict(verdict: StageVerdict, after: &[Produced]) -> String {
    match verdict {
        StageVerdict::Emit => format!("emit {}", after.len()),
        verdict => verdict.as_str().to_owned(),
    }
}

/// How often something was called.
fn calls(attempts: impl Into<u64>) -> String {
    match attempts.into() {
        1 => "1 call".to_owned(),
        count => format!("{count} calls"),
    }
}

/// A text of one line that moves no cursor.
fn line(text: &str) -> String {
    readable::in_a_line(text.as_bytes())
}

fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
        seconds if seconds >= 0.001 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{:.0} us", seconds * 1e6),
    }
}

fn fields(record: &ShownRecord) -> Vec<(String, Vec<String>)> {
    let mut fields = Vec::new();
    if record.key != Some(None) {
        fields.push(("key".to_owned(), content(&record.key, &record.key_base64)));
    }
    fields.push(("value".to_owned(), content(&record.value, &record.value_base64)));
    if !record.headers.is_empty() {
        fields.push(("headers".to_owned(), headers(record)));
    }
    fields
}

/// A key or value, line by line.
fn content(text: &Option<Option<String>>, base64: &Option<String>) -> Vec<String> {
    let bytes = match (text, base64) {
        (_, Some(base64)) => BASE64.decode(base64).unwrap_or_default(),
        (Some(Some(text)), None) => text.clone().into_bytes(),
        (Some(None) | None, None) => return vec!["null".to_owned()],
    };
    let lines: Vec<String> = readable::lines(&bytes).1.lines().map(str::to_owned).collect();
    if lines.is_empty() { vec!["(empty)".to_owned()] } else { lines }
}

fn headers(record: &ShownRecord) -> Vec<String> {
    let part = |text: &HeaderText| match text {
        HeaderText::Text(text) => line(text),
        HeaderText::Bytes(bytes) => readable::in_a_line(&BASE64.decode(&bytes.base64).unwrap_or_default()),
    };
    let header = |(name, value): &(HeaderText, Option<HeaderText>)| {
        format!("{}: {}", part(name), value.as_ref().map_or_else(|| "null".to_owned(), part))
    };
    record.headers.iter().map(header).collect()
}

fn timestamp(record: &ShownRecord) -> String {
    readable::time(record.timestamp.unwrap_or(NO_TIMESTAMP))
}
