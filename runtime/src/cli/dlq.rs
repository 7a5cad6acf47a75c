//! `sluice dlq`: looking into dead letters, and replaying them.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::{Subcommand, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use super::{FAILED, Planning, WRONG_USE, engine};
use crate::config::plan::Plan;
use crate::config::{self, Errors};
use crate::dlq::headers::strip;
use crate::dlq::list::List;
use crate::dlq::marks::Marks;
use crate::dlq::replay::{Control, From, Options, Replay};
use crate::dlq::scan::{Flow, Scan, topic};
use crate::dlq::select::{At, Selection};
use crate::dlq::show::Shown;
use crate::kafka::reader::Ends;
use crate::ready::load_one;
use crate::record_text::DevRecord;
use crate::source::{self, Event};

/// Looking into dead letters, and replaying them.
#[derive(clap::Args)]
pub struct Dlq {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// What there is: counts by pipeline, stage, class and reason, since when, and one for an example.
    List(ListArguments),
    /// One dead letter, whole.
    Show(ShowArguments),
    /// Takes dead letters through the chain once more, and writes what comes of them to the outputs. What has been
    /// replayed is not replayed again.
    Replay(ReplayArguments),
}

/// Which topic, seen from which pipeline.
#[derive(clap::Args)]
struct Place {
    /// The pipeline file: its brokers, its DLQ.
    pipeline: PathBuf,
    /// Another dead-letter topic than the pipeline's.
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    #[command(flatten)]
    planning: Planning,
}

#[derive(clap::Args)]
struct ListArguments {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    selection: Selection,
    /// Tell reasons apart that differ only in numbers or in quoted text.
    #[arg(long)]
    exact: bool,
    /// JSON, an object on a line.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct ShowArguments {
    #[command(flatten)]
    place: Place,
    /// Where it is in the dead-letter topic.
    #[arg(value_name = "PARTITION/OFFSET")]
    at: At,
    /// Write nothing but the bytes of this.
    #[arg(long, value_enum, conflicts_with = "json")]
    raw: Option<Part>,
    /// The record on a line of JSON, as `sluice dev --records-format record` reads it.
    #[arg(long)]
    json: bool,
    /// With --json: without the headers that sluice added, as the pipeline had read it.
    #[arg(long, requires = "json")]
    as_input: bool,
}

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
    /// Where in the chain to take a record up.
    #[arg(long, value_enum, default_value_t = From::FailedStage)]
    from: From,
    /// Write nothing, and tell what would come of it.
    #[arg(long)]
    dry_run: bool,
    /// Leave a record that has been replayed so often and has failed again each time.
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    max_replays: u32,
    /// At most so many dead letters a second.
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Replay what has been replayed before, too.
    #[arg(long)]
    again: bool,
    /// The summary as JSON.
    #[arg(long)]
    json: bool,
}

/// Use that is wrong: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongUse(String);

impl Dlq {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        let result = match self.command {
            Command::List(arguments) => list(&arguments).map(|()| 0),
            Command::Show(arguments) => show(&arguments).map(|()| 0),
            Command::Replay(arguments) => replay(arguments),
        };
        match result {
            Ok(code) => Ok(code),
            Err(error) if error.is::<WrongUse>() => {
                eprintln!("{error}");
                Ok(WRONG_USE)
            }
            // Whoever read the results has seen enough.
            Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }
}

impl Place {
    fn plan(&self) -> anyhow::Result<(Plan, String)> {
        let environment = |name: &str| std::env::var(name).ok();
        let planned = config::load(&self.pipeline, &environment, &self.planning.options(false));
        let (plan, warnings) = planned.map_err(wrong_use)?;
        tell(warnings);
        let topic = self.topic(&plan)?;
        Ok((plan, topic))
    }

    fn topic(&self, plan: &Plan) -> anyhow::Result<String> {
        topic(plan, self.topic.as_deref()).map_err(|error| WrongUse(format!("error: {error}")).into())
    }
}

fn wrong_use(errors: Errors) -> WrongUse {
    WrongUse(errors.to_string())
}

fn tell<W: Display>(warnings: Vec<W>) {
    for warning in warnings {
        eprintln!("{warning}");
    }
}

/// What has been replayed, as far as that can be told: whoever looks on may have fewer rights.
fn marks(plan: &Plan, topic: &str, scan: &Scan) -> Marks {
    Marks::read(plan, topic, scan.extents(), Ends::Committed).unwrap_or_else(|error| {
        eprintln!("warning: what has been replayed cannot be told: {error:#}");
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
    let mut out = io::stdout().lock();
    if arguments.json {
        list.write_json(&mut out)?;
    } else if list.is_empty() {
        eprintln!("no such dead letters in {topic}");
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
    let held = held.map_or_else(
        || "it has no such partition".to_owned(),
        |extent| format!("the partition holds {} up to but without {}", extent.from, extent.to),
    );
    let mut shown = None;
    scan.run(&Selection::one(arguments.at), &mut |found| {
        let Some(found) = found else { return Ok(Flow::On) };
        let replayed = found.letter.as_ref().is_ok_and(|letter| marks.contain(found.at, letter));
        let record = DevRecord::from_fetched(&found.record);
        shown = Some(Shown { at: found.at, record, letter: found.letter, replayed });
        Ok(Flow::Enough)
    })?;
    let Some(mut shown) = shown else {
        anyhow::bail!("there is no record at {} of topic \"{topic}\": {held}", arguments.at)
    };
    let mut out = io::stdout().lock();
    if let Some(part) = arguments.raw {
        let bytes = match part {
            Part::Key => shown.record.key,
            Part::Value => shown.record.value,
        };
        out.write_all(&bytes.unwrap_or_default())?;
    } else if arguments.json {
        if arguments.as_input {
            shown.record.headers = strip(shown.record.headers);
        }
        writeln!(out, "{}", shown.record.to_json())?;
    } else {
        shown.write(&mut out)?;
    }
    Ok(out.flush()?)
}

fn replay(arguments: ReplayArguments) -> anyhow::Result<u8> {
    let ReplayArguments { place, selection, from, dry_run, max_replays, rate, again, json } = arguments;
    let (ready, warnings) = load_one(&engine()?, &place.pipeline, &place.planning.options(false)).map_err(wrong_use)?;
    tell(warnings);
    let options = Options { topic: place.topic(&ready.plan)?, from, max_replays, rate, dry_run, again };
    let (mut replay, scan, control) = Replay::start(ready, options, selection)?;
    obey_signals(control)?;
    let result = replay.run(scan);
    let summary = replay.summary();
    let mut out = io::stdout().lock();
    if json {
        summary.write_json(dry_run, &mut out)?;
    } else {
        summary.write(dry_run, &mut out)?;
    }
    out.flush()?;
    let complete = summary.left() == 0 && !replay.was_stopped();
    if replay.was_stopped() {
        eprintln!("stopped as told: run the same command again for the rest");
    }
    if let Err(error) = &result {
        eprintln!("error: {error:#}");
        eprintln!(
            "help: what is replayed so far is committed and marked; mend the cause and run the same command again"
        );
    }
    replay.close();
    Ok(if result.is_ok() && complete { 0 } else { FAILED })
}

/// The first signal ends a replay after the transaction that is open, the second at once.
fn obey_signals(control: Control) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut terminate, mut interrupt) = {
        let _context = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut wait = || {
            runtime.block_on(async {
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            });
        };
        wait();
        control.events.send(Event::Command(source::Command::Stop { asked: std::time::Instant::now() }));
        wait();
        control.cut_off.store(true, Ordering::Release);
    })?;
    Ok(())
}
