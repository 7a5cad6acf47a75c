//! `sluice sql`: one SQL query on a pipeline's topics.

use std::cell::RefCell;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use serde_json::{Map, Value};

use super::output::{Output, tell};
use super::plan::without_plugins;
use super::signals::on_signals;
use super::{FAILED, WrongUse};
use crate::dlq::select;
use crate::sql::{self, Columns, Read, Start};

/// Rows by which the columns of a table are fitted.
const FITTED_BY: usize = 1000;

const EXAMPLES: &str = "\
Examples:
  sluice sql orders.yaml \"SELECT order_id, status FROM input WHERE status = 'paid' LIMIT 10\"
  sluice sql orders.yaml \"SELECT status, count(*) FROM input GROUP BY status ORDER BY 2 DESC\" --from 2h
  sluice sql orders.yaml \"SELECT __headers['sluice.error.reason'] AS reason, count(*) FROM dlq GROUP BY reason\"
  sluice sql orders.yaml \"SELECT * FROM default WHERE total > 1000\" --from latest --follow";

/// Query a pipeline's topics with SQL
///
/// Reads the topics of `input` or `dlq`, or that of an output by its name, outside of any consumer group; nothing is
/// written. The read ends where the topics ended when it began, so GROUP BY, ORDER BY and aggregates work.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Sql {
    /// The pipeline file, for its brokers and its topics
    pipeline: PathBuf,
    /// The query: SELECT ... FROM input, dlq or an output's name
    query: String,
    /// Where to start: earliest, latest, a time such as 2026-01-31T08:00:00Z, or a duration ago such as 2h
    #[arg(long, value_name = "earliest|latest|TIME", default_value = "earliest", value_parser = start)]
    from: Start,
    /// Go on with what comes, until stopped
    #[arg(long)]
    follow: bool,
    /// Print at most this many rows
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    /// Format of the rows [default: table on a terminal, otherwise json]
    #[arg(long, value_name = "FORMAT", value_enum)]
    output: Option<Format>,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table, fitted to the terminal
    Table,
    /// One JSON object per line
    Json,
    /// CSV with a header
    Csv,
}

fn start(text: &str) -> Result<Start, String> {
    match text {
        "earliest" => Ok(Start::Earliest),
        "latest" => Ok(Start::Latest),
        other => select::time(other)
            .map(|time| Start::Time(time.as_millisecond()))
            .map_err(|error| format!("{error}, or earliest or latest")),
    }
}

impl Sql {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        let plan = without_plugins(&self.pipeline)?;
        let (mut query, table) = sql::prepare(&plan, &self.query).map_err(|error| WrongUse(error.to_string()))?;
        for warning in query.warnings() {
            tell(format_args!("warning: {warning}"));
        }
        if self.follow && query.waits_for_the_end() {
            let message = "--follow has no end, and GROUP BY, ORDER BY and aggregates come at the end";
            return Err(WrongUse(format!("{message}: leave one of them out")).into());
        }
        let stop = stop_at_a_signal()?;
        let printer = RefCell::new(Printer::new(self.output, self.limit)?);
        let read = Read { plan: &plan, table, start: self.from, follow: self.follow };
        let mut take = |row: &[u8]| {
            let mut printer = printer.borrow_mut();
            printer.take(row);
            if printer.is_done() {
                stop.store(true, Ordering::Release);
            }
        };
        let result = read.run(&mut query, &stop, &mut take, &mut || printer.borrow_mut().flush());
        let is_done = printer.borrow().is_done();
        // What a read that was stopped has seen so far is shown, too, and the rows before one that fails.
        let finished = if result.is_ok() && !is_done { query.finish(&mut take) } else { Ok(()) };
        printer.into_inner().finish()?;
        let progressed = result?;
        finished.map_err(anyhow::Error::msg)?;
        if let Some(first) = &progressed.first_unreadable {
            let count = progressed.unreadable;
            let records = if count == 1 { "record was" } else { "records were" };
            tell(format_args!("warning: {count} {records} left out, which the query cannot read: {first}"));
        }
        if progressed.was_stopped && !is_done && !self.follow {
            tell(format_args!("stopped after {} records, before the end: the rows are of these", progressed.read));
            return Ok(FAILED);
        }
        Ok(0)
    }
}

/// Returns what is set at a signal. The first one ends the read, so that what there is can be printed; the second ends
/// the process.
fn stop_at_a_signal() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = stop.clone();
    on_signals(move || {
        told.store(true, Ordering::Release);
        for signal in [libc::SIGINT, libc::SIGTERM] {
            // SAFETY: the default of a signal takes no handler of ours.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        false
    })?;
    Ok(stop)
}

/// Writes rows.
struct Printer {
    out: Output,
    format: Format,
    width: Option<usize>,
    left: Option<u64>,
    /// Rows by which the columns are fitted, until they are.
    waiting: Vec<Map<String, Value>>,
    columns: Option<Columns>,
    has_missed: bool,
    error: Option<anyhow::Error>,
}

impl Printer {
    fn new(format: Option<Format>, limit: Option<u64>) -> anyhow::Result<Printer> {
        let out = Output::standard()?;
        let format = format.unwrap_or(if out.is_terminal() { Format::Table } else { Format::Json });
        let width = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
        let width = width.filter(|_| out.is_terminal());
        let (waiting, columns) = (Vec::new(), None);
        Ok(Printer { out, format, width, left: limit, waiting, columns, has_missed: false, error: None })
    }

    /// Whether no more rows are wanted.
    fn is_done(&self) -> bool {
        self.left == Some(0) || self.error.is_some() || self.out.is_closed()
    }

    fn take(&mut self, row: &[u8]) {
        if self.is_done() {
            return;
        }
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
        if let Err(error) = self.write(row) {
            self.error = Some(error);
        }
    }

    fn write(&mut self, row: &[u8]) -> anyhow::Result<()> {
        if self.format == Format::Json {
            self.out.write_all(row)?;
            return Ok(self.out.write_all(b"\n")?);
        }
        let row: Map<String, Value> = serde_json::from_slice(row)?;
        if self.columns.is_some() {
            return self.write_fitted(&row);
        }
        self.waiting.push(row);
        if self.waiting.len() >= FITTED_BY { self.fit() } else { Ok(()) }
    }

    /// Fits the columns to the rows so far, and writes these.
    fn fit(&mut self) -> anyhow::Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        if rows.is_empty() {
            return Ok(());
        }
        let columns = Columns::of(&rows, self.width);
        let header = if self.format == Format::Csv { columns.csv_header() } else { columns.header() };
        self.columns = Some(columns);
        self.out.write_all(header.as_bytes())?;
        rows.iter().try_for_each(|row| self.write_fitted(row))
    }

    fn write_fitted(&mut self, row: &Map<String, Value>) -> anyhow::Result<()> {
        let Some(columns) = &self.columns else { return Ok(()) };
        if let Some(name) = columns.missing(row).filter(|_| !self.has_missed) {
            let name = name.to_owned();
            self.has_missed = true;
            tell(format_args!(
                "warning: rows have fields that no column was made for, such as {name}: name the fields in the query, \
                 or use --output json"
            ));
        }
        let line = if self.format == Format::Csv { columns.csv_row(row) } else { columns.row(row) };
        Ok(self.out.write_all(line.as_bytes())?)
    }

    /// Shows what there is.
    fn flush(&mut self) {
        let shown = if self.columns.is_none() { self.fit() } else { Ok(()) };
        if let Err(error) = shown.and_then(|()| Ok(self.out.flush()?)) {
            self.error = Some(error);
        }
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.flush();
        self.error.map_or(Ok(()), Err)
    }
}
