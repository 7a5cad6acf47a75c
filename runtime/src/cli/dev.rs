//! `sluice dev`: runs one pipeline on the embedded broker.

mod page;
mod watch;

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::ValueEnum;

use super::output::{Output, tell};
use super::plan::warn;
use super::{PluginPath, WrongUse, engine, report};
use crate::config::PlanOptions;
use crate::config::plan::Plan;
use crate::dev::{Bench, Summary};
use crate::ready::load_one;
use crate::record_text::DevRecord;

/// Lines that are read ahead of what is fed.
const READ_AHEAD: usize = 1024;
/// So many records are fed one by one, so that their results come in order across topics; those behind them in chunks.
const IN_TURN: usize = 100;
/// Records that are fed at a time, at the most.
const CHUNK: usize = 2000;
/// Bytes of records that are fed at a time, but for one that is larger.
const CHUNK_BYTES: usize = 1 << 20;
/// How long a chunk waits for more lines once it has one.
const CHUNK_WAIT: Duration = Duration::from_millis(20);
/// How much of a value is shown on a terminal, in characters.
const SHOWN: usize = 160;

const EXAMPLES: &str = "\
Examples:
  echo '{\"status\":\"paid\"}' | sluice dev orders.yaml
  sluice dev orders.yaml --records sample.txt --watch
  sluice dev orders.yaml --page
  sluice dlq show orders.yaml 2/4711 --json --as-input | sluice dev orders.yaml --records-format record";

/// Run one pipeline on sample records, without Kafka.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Dev {
    /// The pipeline file
    pipeline: PathBuf,
    /// File with the records, or - for standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    records: PathBuf,
    /// What a line of the records is
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Plain)]
    records_format: Format,
    /// Run again whenever the pipeline, the records or a plugin changes, until Ctrl-C
    #[arg(long, conflicts_with = "page")]
    watch: bool,
    /// Open a page on a free port of this machine, with a box to type a record in, one for a jq program and one for an
    /// SQL query, and show what each stage makes of it, until Ctrl-C. Records of --records are there to begin with
    #[arg(long)]
    page: bool,
    #[command(flatten)]
    plugin_path: PluginPath,
}

/// What a line of records is.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The value of a record, which goes to the first topic of the input
    Plain,
    /// A JSON object: {"topic", "key"|"key_base64", "value"|"value_base64", "headers": [[name, value]], "timestamp":
    /// ms}
    #[value(alias = "json")]
    Record,
}

/// The reader of the results has seen enough.
#[derive(Debug, thiserror::Error)]
#[error("standard output is closed")]
struct Closed;

impl Dev {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        if self.page {
            return page::serve(self);
        }
        if self.watch { watch::run_and_watch(self) } else { Ok(self.run(|_| Ok(()))) }
    }

    fn options(&self) -> PlanOptions {
        PlanOptions { embedded: true, ..self.plugin_path.options() }
    }

    /// Runs it once. Returns the exit code. `loaded` gets the plan, once there is one.
    fn run(&self, loaded: impl FnOnce(&Plan) -> anyhow::Result<()>) -> u8 {
        match self.feed_all(loaded) {
            Ok(()) => 0,
            Err(error) if error.is::<Closed>() => 0,
            Err(error) => report(&error),
        }
    }

    fn feed_all(&self, loaded: impl FnOnce(&Plan) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let (ready, warnings) = load_one(&engine()?, &self.pipeline, &self.options())?;
        loaded(&ready.plan)?;
        warn(warnings);
        let lines = read_lines(&self.records)?;
        let begun = Instant::now();
        let mut printer = Printer::new()?;
        let mut bench = Bench::start(ready)?;
        let fed = self.feed_chunks(&mut bench, &lines, &mut printer);
        let ended = bench.end(&mut |result| printer.print(&result));
        printer.finish(&bench.summary(), begun.elapsed(), fed.is_err())?;
        fed.and(ended)
    }

    fn feed_chunks(
        &self,
        bench: &mut Bench,
        lines: &Receiver<io::Result<Vec<u8>>>,
        printer: &mut Printer,
    ) -> anyhow::Result<()> {
        let mut number = 0;
        while let Ok(first) = lines.recv() {
            let most = if number < IN_TURN { 1 } else { CHUNK };
            let (mut chunk, mut bytes, mut line) = (Vec::new(), 0, Some(first));
            while let Some(text) = line.take() {
                number += 1;
                let text = text.with_context(|| format!("{}", self.records.display()))?;
                let record = self.parse(&text, number)?;
                bench.takes(&record).map_err(|error| self.wrong(number, &error))?;
                bytes += record.size();
                chunk.push(record);
                if chunk.len() < most && bytes < CHUNK_BYTES {
                    line = lines.recv_timeout(CHUNK_WAIT).ok();
                }
            }
            bench.feed(&chunk, &mut |result| printer.print(&result))?;
            printer.progress(&bench.summary())?;
        }
        Ok(())
    }

    fn parse(&self, line: &[u8], number: usize) -> Result<DevRecord, WrongUse> {
        match self.records_format {
            Format::Plain => Ok(DevRecord::plain(line)),
            Format::Record => DevRecord::from_json(line).map_err(|error| {
                self.wrong(
                    number,
                    &format_args!("{error}\nhelp: with one plain value per line, leave --records-format out"),
                )
            }),
        }
    }

    fn wrong(&self, number: usize, error: &dyn std::fmt::Display) -> WrongUse {
        WrongUse(format!("{}:{number}: {error}", self.records.display()))
    }
}

/// Lines of a file or of standard input, read on a thread of its own so that what is there is fed at once.
fn read_lines(path: &Path) -> anyhow::Result<Receiver<io::Result<Vec<u8>>>> {
    let reader: Box<dyn BufRead + Send> = if path == Path::new("-") {
        if io::stdin().is_terminal() {
            tell("reading records from standard input, one per line; end with Ctrl-D");
        }
        Box::new(BufReader::new(io::stdin()))
    } else {
        let file = File::open(path).map_err(|error| WrongUse(format!("--records {}: {error}", path.display())))?;
        Box::new(BufReader::new(file))
    };
    let (sender, receiver) = sync_channel(READ_AHEAD);
    std::thread::spawn(move || {
        for line in reader.split(b'\n') {
            let line = line.map(|mut line| {
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                line
            });
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

/// Results on standard output: readable on a terminal, JSON lines elsewhere. Progress and the summary on standard
/// error.
struct Printer {
    out: Output,
    progress: bool,
}

impl Printer {
    fn new() -> io::Result<Printer> {
        let out = Output::standard()?;
        let progress = !out.is_terminal() && io::stderr().is_terminal();
        Ok(Printer { out, progress })
    }

    fn print(&mut self, record: &DevRecord) -> anyhow::Result<()> {
        if self.out.is_closed() {
            return Err(Closed.into());
        }
        if !self.out.is_terminal() {
            return Ok(writeln!(self.out, "{}", record.to_json())?);
        }
        let topic = record.topic.as_deref().unwrap_or_default();
        let text = |bytes: &Option<Vec<u8>>| {
            bytes.as_deref().map_or("null".into(), |bytes| shorten(&String::from_utf8_lossy(bytes)))
        };
        let (key, value) = (text(&record.key), text(&record.value));
        if record.dead_letter {
            let header = |name| record.header(name).unwrap_or_default();
            let (class, stage, reason) =
                (header("sluice.error.class"), header("sluice.error.stage"), header("sluice.error.reason"));
            // What cannot be decoded or encoded fails in none.
            let place = if stage.is_empty() { String::new() } else { format!(" in stage \"{stage}\"") };
            return Ok(writeln!(self.out, "x {topic}  {key}  {value}\n    {class}{place}: {}", shorten(reason))?);
        }
        Ok(writeln!(self.out, "> {topic}  {key}  {value}")?)
    }

    fn progress(&mut self, summary: &Summary) -> anyhow::Result<()> {
        self.out.flush()?;
        if self.out.is_closed() {
            return Err(Closed.into());
        }
        if self.progress {
            // What standard error does not take is lost.
            let _ = write!(io::stderr(), "\r{}", sentence(summary));
        }
        Ok(())
    }

    fn finish(&mut self, summary: &Summary, took: Duration, is_stopped: bool) -> anyhow::Result<()> {
        self.out.flush()?;
        let clear = if self.progress { "\r" } else { "" };
        let stopped = if is_stopped { ", stopped" } else { "" };
        tell(format_args!("{clear}{}{stopped} ({:.1} s)", sentence(summary), took.as_secs_f64()));
        Ok(())
    }
}

fn sentence(summary: &Summary) -> String {
    let Summary { fed, out, dead_letters, dropped } = summary;
    format!("summary: records in: {fed}, out: {out}, dead letters: {dead_letters}, dropped: {dropped}")
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
