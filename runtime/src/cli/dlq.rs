//! `sluice dlq`: inspects and replays dead letters.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};

use super::output::{Output, tell};
use super::plan::{warn, without_plugins};
use super::signals::on_signals;
use super::{FAILED, PluginPath, WrongUse, engine};
use crate::config::plan::{KeyValue, Plan};
use crate::dlq::headers::strip;
use crate::dlq::list::List;
use crate::dlq::marks::Marks;
use crate::dlq::replay::{Control, From, Options, Replay};
use crate::dlq::scan::{Flow, Scan, topic};
use crate::dlq::select::{At, Selection};
use crate::dlq::show::{Shown, decode};
use crate::kafka::reader::{Ends, Extent};
use crate::ready::load_one;
use crate::record_text::DevRecord;
use crate::source::{self, Event};

const EXAMPLES: &str = "\
Examples:
  sluice dlq list orders.yaml --since 2h
  sluice dlq show orders.yaml 2/4711
  sluice dlq replay orders.yaml --stage only-paid --dry-run";

/// Inspect and replay dead letters.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Dlq {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Count dead letters by pipeline, stage, class and reason
    List(ListArguments),
    /// Show one dead letter in full
    Show(ShowArguments),
    /// Run dead letters through the chain again and write the results to the outputs
    ///
    /// A dead letter that has been replayed is not replayed again.
    Replay(ReplayArguments),
}

/// Which topic, seen from which pipeline.
#[derive(clap::Args)]
struct Place {
    /// The pipeline file, for its brokers and its dead-letter topic
    pipeline: PathBuf,
    /// Dead-letter topic to use in place of the pipeline's
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
}

#[derive(clap::Args)]
struct ListArguments {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    selection: Selection,
    /// Do not group reasons that differ only in numbers or quoted text
    #[arg(long)]
    exact: bool,
    /// Print JSON, one object per line
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct ShowArguments {
    #[command(flatten)]
    place: Place,
    /// Its place in the dead-letter topic
    #[arg(value_name = "PARTITION/OFFSET")]
    at: At,
    /// Print only the bytes of its key or value
    #[arg(long, value_name = "PART", value_enum, conflicts_with = "json")]
    raw: Option<Part>,
    /// Print the record as one line of JSON, as `sluice dev --records-format record` reads it
    #[arg(long)]
    json: bool,
    /// With --json: leave out the headers that sluice added
    #[arg(long, requires = "json")]
    as_input: bool,
}

/// How long `show` waits for a schema while no registry answers.
const PATIENCE: Duration = Duration::from_secs(15);
/// The header that names the topic that a dead letter was read from.
const TOPIC: &str = "sluice.error.topic";

/// A part of a record.
#[derive(Clone, Copy, ValueEnum)]
enum Part {
    Key,
    Value,
}

#[derive(clap::Args)]
struct ReplayArguments {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    selection: Selection,
    /// Stage of the chain to start at
    #[arg(long, value_name = "STAGE", value_enum, default_value_t = From::FailedStage)]
    from: From,
    /// Write nothing, and report what would be written
    #[arg(long)]
    dry_run: bool,
    /// Skip records that have been replayed this often and have failed each time
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    max_replays: u32,
    /// Maximum number of dead letters per second
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Also replay what has been replayed before
    #[arg(long)]
    again: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    plugin_path: PluginPath,
}

impl Dlq {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        match self.command {
            Command::List(arguments) => list(&arguments).map(|()| 0),
            Command::Show(arguments) => show(&arguments).map(|()| 0),
            Command::Replay(arguments) => replay(arguments),
        }
    }
}

impl Place {
    /// The plan, without its plugins, and the topic.
    fn plan(&self) -> anyhow::Result<(Plan, String)> {
        let plan = without_plugins(&self.pipeline)?;
        let topic = self.topic(&plan)?;
        Ok((plan, topic))
    }

    fn topic(&self, plan: &Plan) -> Result<String, WrongUse> {
        topic(plan, self.topic.as_deref()).map_err(|error| WrongUse(error.to_string()))
    }
}

/// What has been replayed, as far as that can be told: whoever looks on may have fewer rights.
fn marks(plan: &Plan, topic: &str, scan: &Scan) -> Marks {
    Marks::read(plan, topic, scan.extents(), Ends::Committed).unwrap_or_else(|error| {
        tell(format_args!("warning: what has been replayed is not known: {error:#}"));
        Marks::default()
    })
}

fn list(arguments: &ListArguments) -> anyhow::Result<()> {
    let (plan, topic) = arguments.place.plan()?;
    let scan = Scan::new(&plan, &topic)?;
    let marks = marks(&plan, &topic, &scan);
    let (mut list, mut taken) = (List::new(arguments.exact), 0);
    let selection = &arguments.selection;
    scan.run(selection, &mut |found| {
        let Some(found) = found else { return Ok(Flow::On) };
        match found.letter {
            Ok(letter) if selection.takes(&letter) => {
                let replayed = marks.contain(found.at, &letter);
                list.add(found.at, letter, replayed);
                taken += 1;
            }
            Ok(_) => {}
            Err(why) => list.add_foreign(found.at, why),
        }
        Ok(if selection.limit.is_some_and(|limit| taken >= limit) { Flow::Enough } else { Flow::On })
    })?;
    let mut out = Output::standard()?;
    if arguments.json {
        list.write_json(&mut out)?;
    } else if list.is_empty() {
        tell(format_args!("no such dead letters in {topic}"));
    } else {
        list.write_table(&mut out)?;
    }
    Ok(out.flush()?)
}

fn show(arguments: &ShowArguments) -> anyhow::Result<()> {
    let (plan, topic) = arguments.place.plan()?;
    let scan = Scan::new(&plan, &topic)?;
    let marks = marks(&plan, &topic, &scan);
    let held = scan.extents().iter().find(|extent| extent.partition == arguments.at.partition);
    let held = held.map_or_else(|| "it has no such partition".to_owned(), Extent::describe);
    let mut shown = None;
    scan.run(&Selection::one(arguments.at), &mut |found| {
        let Some(found) = found else { return Ok(Flow::On) };
        let replayed = found.letter.as_ref().is_ok_and(|letter| marks.contain(found.at, letter));
        let record = DevRecord::from_fetched(&found.record);
        shown = Some(Shown { at: found.at, record, letter: found.letter, replayed, decoded: KeyValue::default() });
        Ok(Flow::Enough)
    })?;
    let Some(mut shown) = shown else {
        anyhow::bail!("there is no record at {} of topic \"{topic}\": {held}", arguments.at)
    };
    let mut out = Output::standard()?;
    if let Some(part) = arguments.raw {
        let bytes = match part {
            Part::Key => shown.record.key,
            Part::Value => shown.record.value,
        };
        out.write_all(&bytes.unwrap_or_default())?;
    } else if arguments.json {
        if arguments.as_input {
            shown.record.topic = shown.record.header(TOPIC).map(str::to_owned);
            shown.record.headers = strip(shown.record.headers);
        }
        writeln!(out, "{}", shown.record.to_json())?;
    } else {
        // The formats are those of its own pipeline.
        if shown.letter.as_ref().is_ok_and(|letter| *letter.pipeline == *plan.name) {
            shown.decoded = decode(&plan, &shown.record, PATIENCE);
        }
        shown.write(&mut out)?;
    }
    Ok(out.flush()?)
}

fn replay(arguments: ReplayArguments) -> anyhow::Result<u8> {
    let ReplayArguments { place, selection, from, dry_run, max_replays, rate, again, json, plugin_path } = arguments;
    let (ready, warnings) = load_one(&engine()?, &place.pipeline, &plugin_path.options())?;
    warn(warnings);
    let options = Options { topic: place.topic(&ready.plan)?, from, max_replays, rate, dry_run, again };
    let (mut replay, scan, control) = Replay::start(ready, options, selection)?;
    obey_signals(control)?;
    let result = replay.run(scan);
    let summary = replay.summary();
    let mut out = Output::standard()?;
    if json {
        summary.write_json(dry_run, &mut out)?;
    } else {
        summary.write(dry_run, &mut out)?;
    }
    out.flush()?;
    let complete = summary.left() == 0 && !replay.was_stopped();
    if replay.was_stopped() {
        tell("stopped: run the same command again for the rest");
    }
    if let Err(error) = &result {
        tell(format_args!(
            "error: {error:#}\nhelp: what has been replayed is committed and marked; fix the cause and run the same \
             command again"
        ));
    }
    replay.close();
    Ok(if result.is_ok() && complete { 0 } else { FAILED })
}

/// The first signal ends a replay after the transaction that is open, the second at once.
fn obey_signals(control: Control) -> anyhow::Result<()> {
    let mut is_first = true;
    on_signals(move || {
        if is_first {
            control.events.send(Event::Command(source::Command::Stop { asked: std::time::Instant::now() }));
        } else {
            control.cut_off.store(true, Ordering::Release);
        }
        std::mem::take(&mut is_first)
    })
}
