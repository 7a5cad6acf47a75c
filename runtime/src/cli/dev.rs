//! `sluice dev`: one pipeline on the embedded broker.

mod watch;

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::ValueEnum;

use super::{FAILED, Planning, WRONG_USE, engine};
use crate::config::plan::Plan;
use crate::counters::Totals;
use crate::dev::Bench;
use crate::kafka::librdkafka::embedded::SAFE_BACKLOG;
use crate::ready::load_one;
use crate::record_text::DevRecord;

/// Lines that are read ahead of what is fed.
const READ_AHEAD: usize = 1024;
/// Records that are fed at a time, at the most.
const CHUNK: usize = 2000;
/// How long a chunk waits for more lines once it has one.
const CHUNK_WAIT: Duration = Duration::from_millis(20);
/// How much of a value is shown on a terminal, in characters.
const SHOWN: usize = 160;

/// One pipeline on an embedded broker, fed from sample records, with the results printed.
#[derive(clap::Args)]
pub struct Dev {
    /// The pipeline file.
    pipeline: PathBuf,
    /// The records: a file, or - for standard input.
    #[arg(long, value_name = "FILE|-", default_value = "-")]
    records: PathBuf,
    /// What a line of the records is.
    #[arg(long, value_enum, default_value_t = Format::Plain)]
    records_format: Format,
    /// Runs it again whenever the pipeline, the records or a plugin changes, until Ctrl-C.
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    planning: Planning,
}

/// What a line of records is.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The value.
    Plain,
    /// A JSON object: {"key"|"key_base64", "value"|"value_base64", "headers": [[name, value]], "timestamp": ms}.
    Record,
}

/// Input that cannot be used: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongInput(String);

impl Dev {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        if self.watch { watch::run_and_watch(self) } else { Ok(self.run(|_| Ok(()))) }
    }

    /// Runs it once. Answers the exit code. `loaded` is told the plan, once there is one.
    fn run(&self, loaded: impl FnOnce(&Plan) -> anyhow::Result<()>) -> u8 {
        match self.feed_all(loaded) {
            Ok(()) => 0,
            Err(error) if error.is::<WrongInput>() => {
                eprintln!("{error}");
                WRONG_USE
            }
            // Whoever read the results has seen enough.
            Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => 0,
            Err(error) => {
                eprintln!("error: {error:#}");
                FAILED
            }
        }
    }

    fn feed_all(&self, loaded: impl FnOnce(&Plan) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let (ready, warnings) = load_one(&engine()?, &self.pipeline, &self.planning.options(true))
            .map_err(|broken| WrongInput(broken.to_string()))?;
        loaded(&ready.plan)?;
        for warning in warnings {
            eprintln!("{warning}");
        }
        let dlq = ready.plan.dlq.as_ref().map(|dlq| dlq.topic.name.clone());
        let lines = read_lines(&self.records)?;
        let begun = Instant::now();
        let mut printer = Printer::new(dlq);
        let mut bench = Bench::start(ready)?;
        let fed = self.feed_chunks(&mut bench, &lines, &mut printer);
        let tally = bench.tally();
        let ended = bench.end();
        printer.finish(&tally, begun.elapsed())?;
        fed?;
        Ok(ended?)
    }

    fn feed_chunks(
        &self,
        bench: &mut Bench,
        lines: &Receiver<io::Result<Vec<u8>>>,
        printer: &mut Printer,
    ) -> anyhow::Result<()> {
        let mut number = 0;
        while let Ok(first) = lines.recv() {
            let (mut chunk, mut bytes, mut line) = (Vec::new(), 0, Some(first));
            while let Some(text) = line.take() {
                number += 1;
                let text = text.with_context(|| format!("{}", self.records.display()))?;
                let record = self.parse(&text, number)?;
                bytes += record.size();
                chunk.push(record);
                if chunk.len() < CHUNK && bytes < SAFE_BACKLOG {
                    line = lines.recv_timeout(CHUNK_WAIT).ok();
                }
            }
            bench.feed(&chunk, &mut |result| printer.print(&result))?;
            printer.progress(&bench.tally())?;
        }
        Ok(())
    }

    fn parse(&self, line: &[u8], number: usize) -> Result<DevRecord, WrongInput> {
        match self.records_format {
            Format::Plain => Ok(DevRecord::plain(line)),
            Format::Record => DevRecord::from_json(line).map_err(|error| {
                let help = "with plain values, one a line, leave --records-format out";
                WrongInput(format!("{}:{number}: {error}\nhelp: {help}", self.records.display()))
            }),
        }
    }
}

/// Lines of a file or of standard input, read on a thread of its own so that what is there is fed at once.
fn read_lines(path: &Path) -> anyhow::Result<Receiver<io::Result<Vec<u8>>>> {
    let reader: Box<dyn BufRead + Send> = if path == Path::new("-") {
        if io::stdin().is_terminal() {
            eprintln!("records from standard input, one a line; end with Ctrl-D");
        }
        Box::new(BufReader::new(io::stdin()))
    } else {
        let file = File::open(path).map_err(|error| WrongInput(format!("--records {}: {error}", path.display())))?;
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

/// Results on standard output: readable on a terminal, JSON lines in a pipe. Progress and the summary on standard
/// error.
struct Printer {
    dlq: Option<String>,
    readable: bool,
    progress: bool,
    out: io::StdoutLock<'static>,
}

impl Printer {
    fn new(dlq: Option<String>) -> Printer {
        let readable = io::stdout().is_terminal();
        Printer { dlq, readable, progress: !readable && io::stderr().is_terminal(), out: io::stdout().lock() }
    }

    fn print(&mut self, record: &DevRecord) -> anyhow::Result<()> {
        if !self.readable {
            return Ok(writeln!(self.out, "{}", record.to_json())?);
        }
        let topic = record.topic.as_deref().unwrap_or_default();
        let text = |bytes: &Option<Vec<u8>>| {
            bytes.as_deref().map_or("null".into(), |bytes| shorten(&String::from_utf8_lossy(bytes)))
        };
        let (key, value) = (text(&record.key), text(&record.value));
        if self.dlq.as_deref() == Some(topic) {
            let header = |name| record.header(name).unwrap_or_default();
            let (class, stage, reason) =
                (header("sluice.error.class"), header("sluice.error.stage"), header("sluice.error.reason"));
            return Ok(writeln!(
                self.out,
                "x {topic}  {key}  {value}\n    {class} in stage \"{stage}\": {}",
                shorten(reason)
            )?);
        }
        Ok(writeln!(self.out, "> {topic}  {key}  {value}")?)
    }

    fn progress(&mut self, tally: &Totals) -> anyhow::Result<()> {
        self.out.flush()?;
        if self.progress {
            eprint!("\r{}", sentence(tally));
        }
        Ok(())
    }

    fn finish(&mut self, tally: &Totals, took: Duration) -> anyhow::Result<()> {
        self.out.flush()?;
        let clear = if self.progress { "\r" } else { "" };
        eprintln!("{clear}{} ({:.1} s)", sentence(tally), took.as_secs_f64());
        Ok(())
    }
}

fn sentence(tally: &Totals) -> String {
    let Totals { records, out, dead_letters, dropped } = tally;
    format!("summary: records in: {records}, out: {out}, dead letters: {dead_letters}, dropped: {dropped}")
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
